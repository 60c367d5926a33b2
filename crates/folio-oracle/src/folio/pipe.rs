//! Processes that do operations when told to, over their standard input and output.
//!
//! A message is its length, as four bytes with the lowest first, and then what serde and postcard make of it.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{self, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use folio_model::Op;
use rustix::event::{PollFd, PollFlags, Timespec};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::WORKER;
use super::answer::Answer;
use super::worker::{Place, Worker};

/// How long an operation may take. Whoever waits for a lease waits for a copy of a few pages.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
enum Request {
    /// Forget everything; these are the files.
    Begin(Vec<Place>),
    Step(Op),
}

/// A process that was started.
pub(super) struct Child {
    process: process::Child,
    requests: ChildStdin,
    answers: ChildStdout,
}

impl Child {
    pub(super) fn start(exe: &Path) -> io::Result<Self> {
        let mut process =
            Command::new(exe).arg(WORKER).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(requests), Some(answers)) => Ok(Self { process, requests, answers }),
            _ => Err(io::Error::other("the process has no pipes")),
        }
    }

    /// Make it forget everything.
    ///
    /// # Errors
    /// It has ended.
    pub(super) fn begin(&mut self, files: &[Place]) -> io::Result<()> {
        match self.ask(&Request::Begin(files.to_vec()))? {
            Answer::Died(how) => Err(io::Error::other(how)),
            _ => Ok(()),
        }
    }

    pub(super) fn step(&mut self, op: &Op) -> io::Result<Answer> {
        self.ask(&Request::Step(*op))
    }

    fn ask(&mut self, request: &Request) -> io::Result<Answer> {
        let sent = send(&mut self.requests, request);
        if sent.is_err() || !self.has_answer()? {
            return self.died();
        }
        match receive(&mut self.answers)? {
            Some(answer) => Ok(answer),
            None => self.died(),
        }
    }

    /// Wait for an answer or the end; `false` if there is neither in time, after which there is the end.
    fn has_answer(&mut self) -> io::Result<bool> {
        let patience = Timespec::try_from(PATIENCE).map_err(io::Error::other)?;
        loop {
            match rustix::event::poll(
                &mut [PollFd::new(&self.answers, PollFlags::IN)],
                Some(&patience),
            ) {
                Ok(0) => {
                    self.process.kill()?;
                    return Ok(false);
                }
                Ok(_) => return Ok(true),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    fn died(&mut self) -> io::Result<Answer> {
        let status = self.process.wait()?;
        Ok(Answer::Died(match status.signal() {
            Some(9) => format!("no answer in {} s, killed", PATIENCE.as_secs()),
            _ => status.to_string(),
        }))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // If it has ended already there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Do what is asked for on standard input, until its end, and answer on standard output.
///
/// ```no_run
/// // The beginning of a `main`.
/// let arguments = std::env::args().skip(1);
/// if arguments.eq([folio_oracle::WORKER]) {
///     return folio_oracle::serve(); // for the program that started this one, until it ends
/// }
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// If that cannot be read or written.
pub fn serve() -> io::Result<()> {
    let (mut requests, mut answers) = (io::stdin().lock(), io::stdout().lock());
    let mut worker = Worker::default();
    while let Some(request) = receive(&mut requests)? {
        let answer = match request {
            Request::Begin(files) => {
                worker = Worker::new(files);
                Answer::Done
            }
            Request::Step(op) => worker.step(&op),
        };
        send(&mut answers, &answer)?;
    }
    Ok(())
}

fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    bytes = postcard::to_extend(message, bytes).map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&len.to_le_bytes());
    to.write_all(&bytes)?;
    to.flush()
}

/// The next message; `None` at the end.
fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut len = [0; 4];
    match from.read_exact(&mut len) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let mut bytes = vec![0; usize::try_from(u32::from_le_bytes(len)).map_err(io::Error::other)?];
    match from.read_exact(&mut bytes) {
        Ok(()) => postcard::from_bytes(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}
