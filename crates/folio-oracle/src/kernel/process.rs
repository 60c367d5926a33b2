//! A process of a program.
//!
//! It answers one request after the other on its socket, and ends when it is told to or the socket is closed. It waits for the
//! processes that it forked before it ends itself, so that the first one's end is the end of all.

use std::collections::BTreeMap;
use std::io;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use folio::raw::{Child, Fork, Signal, exit, fork, ignore_signal};
use folio_model::{Descriptor, Mapping, Op, Outcome};

use super::slot::Slot;
use super::wire::{self, Answer, Request};
use super::{failed, files, pages, touch};

/// What a process has.
#[derive(Debug)]
pub(super) struct State {
    /// Paths that open the files, by number.
    pub(super) paths: Vec<PathBuf>,
    pub(super) descriptors: BTreeMap<Descriptor, std::fs::File>,
    pub(super) mappings: BTreeMap<Mapping, Slot>,
}

/// The whole life of the first process.
pub(super) fn serve(stream: UnixStream, paths: Vec<PathBuf>) -> ! {
    // The frames below are copies of another process's: nothing unwinds into them.
    let life = AssertUnwindSafe(|| {
        // A lease that is broken is told with a signal that would end its holder.
        if ignore_signal(Signal::Io).is_err() {
            exit(1);
        }
        let state = State { paths, descriptors: BTreeMap::new(), mappings: BTreeMap::new() };
        Worker { stream, state, children: Vec::new() }.run()
    });
    match catch_unwind(life) {
        Ok(code) => exit(code),
        Err(_) => exit(101),
    }
}

struct Worker {
    stream: UnixStream,
    state: State,
    children: Vec<Child>,
}

impl Worker {
    /// Do what is asked for until the end; gives the exit code.
    fn run(mut self) -> i32 {
        // Without a socket there is nobody to tell why.
        while let Ok(request) = wire::receive(&mut self.stream) {
            let answer = match request {
                Request::End => break,
                Request::Step(Op::Exit { .. }) => {
                    self.clear();
                    let _ = wire::send(&mut self.stream, &Answer::Seen(Outcome::Done));
                    break;
                }
                Request::Step(Op::Fork { .. }) => match self.fork() {
                    Some(answer) => answer,
                    None => continue,
                },
                Request::Step(op) => self.state.step(&op),
                Request::DropLeases => self.state.drop_leases(),
            };
            let answer = match answer {
                Ok(outcome) => Answer::Seen(outcome),
                Err(error) => Answer::Broken(error.to_string()),
            };
            if wire::send(&mut self.stream, &answer).is_err() {
                break;
            }
        }
        self.end()
    }

    /// Divide. The child, which gets `None`, goes on in the same loop with a socket of its own; the parent answers.
    fn fork(&mut self) -> Option<io::Result<Outcome>> {
        let theirs = match wire::receive_descriptor(&self.stream) {
            Ok(descriptor) => UnixStream::from(descriptor),
            Err(error) => return Some(Err(error)),
        };
        match fork() {
            Ok(Fork::Child) => {
                self.stream = theirs;
                self.children.clear();
                None
            }
            Ok(Fork::Parent(child)) => {
                self.children.push(child);
                Some(Ok(Outcome::Done))
            }
            Err(error) => Some(failed(error)),
        }
    }

    /// Give up everything, as the end of the process would.
    fn clear(&mut self) {
        self.state.mappings.clear();
        self.state.descriptors.clear();
    }

    fn end(mut self) -> i32 {
        self.clear();
        drop(self.stream);
        let ended: io::Result<Vec<_>> = self.children.into_iter().map(Child::wait).collect();
        i32::from(ended.is_err())
    }
}

impl State {
    /// Everything but forking and ending.
    fn step(&mut self, op: &Op) -> io::Result<Outcome> {
        match *op {
            Op::Open { .. }
            | Op::Close { .. }
            | Op::Read { .. }
            | Op::Write { .. }
            | Op::Truncate { .. }
            | Op::Allocate { .. }
            | Op::Length { .. }
            | Op::Sync { .. }
            | Op::Seal { .. }
            | Op::Lease { .. }
            | Op::Lock { .. } => files::step(self, op),
            Op::Map { .. }
            | Op::Unmap { .. }
            | Op::Remap { .. }
            | Op::Protect { .. }
            | Op::Flush { .. }
            | Op::Advise { .. } => pages::step(self, op),
            Op::Load { .. } | Op::Store { .. } => touch::step(self, op),
            Op::Fork { .. } | Op::Exit { .. } => Ok(Outcome::Nothing),
        }
    }

    fn drop_leases(&self) -> io::Result<Outcome> {
        for file in self.descriptors.values() {
            // Most have none.
            let _ = folio::raw::lease(file, folio::raw::Lease::None);
        }
        Ok(Outcome::Done)
    }
}
