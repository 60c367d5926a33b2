//! Threads that share the counting: small files one each, a large file all of them together.
//!
//! Tasks stand on a board. Whoever is free takes the first. A thread that opens a large file splits it into segments
//! and posts an invitation for each of the others, at the front; those who take one count segments until there are no
//! more, and who finishes the last hands in the result. Results are given to the caller in the order of the inputs.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::scan::{Counter, Scan};
use super::{Counted, Plan};
use crate::failure::{Failure, InputFailure};
use crate::flags::Via;
use crate::input::{Input, Kind, Opened};
use crate::progress::Progress;

/// What a thread takes of a large file at a time.
const SEGMENT: u64 = 4 << 20;
/// A file is worth sharing from this length on.
const LARGE: u64 = 2 * SEGMENT;

/// The result for one input, with its place among them.
type Report = (usize, Result<Counted, Failure>);

/// The threads, and what they work on.
#[derive(Debug)]
pub(super) struct Crew<'a> {
    plan: Plan,
    inputs: &'a [Input],
    progress: &'a Progress,
    board: Mutex<Board>,
    posted: Condvar,
    stop: AtomicBool,
}

#[derive(Debug)]
struct Board {
    tasks: VecDeque<Task>,
    /// How many threads are at work, and may still post something.
    busy: usize,
}

#[derive(Debug)]
enum Task {
    /// Count in this input.
    Input(usize),
    /// Count in standard input, once for each time that it was named, one after the other.
    Stdin(Vec<usize>),
    /// Help with this one.
    Join(Arc<Split>),
}

impl<'a> Crew<'a> {
    pub(super) fn new(plan: Plan, inputs: &'a [Input], progress: &'a Progress) -> Self {
        let (stdin, files): (Vec<_>, Vec<_>) =
            (0..inputs.len()).partition(|&index| inputs[index].is_stdin());
        let stdin = (!stdin.is_empty()).then_some(Task::Stdin(stdin));
        let tasks = stdin.into_iter().chain(files.into_iter().map(Task::Input)).collect();
        Self {
            plan,
            inputs,
            progress,
            board: Mutex::new(Board { tasks, busy: 0 }),
            posted: Condvar::new(),
            stop: AtomicBool::new(false),
        }
    }

    /// Count in all inputs, and give each result to `take` in the order of the inputs. An error of `take` ends it all.
    pub(super) fn count(
        &self,
        mut take: impl FnMut(usize, Result<Counted, Failure>) -> io::Result<()>,
    ) -> io::Result<()> {
        thread::scope(|scope| {
            let (reports, inbox) = mpsc::channel::<Report>();
            for _ in 0..self.useful_threads() {
                let reports = reports.clone();
                scope.spawn(move || self.work(&reports));
            }
            drop(reports);
            let mut early = BTreeMap::new();
            let mut next = 0;
            for (index, result) in inbox {
                early.insert(index, result);
                while let Some(result) = early.remove(&next) {
                    if let Err(error) = take(next, result) {
                        self.stop.store(true, Ordering::Relaxed);
                        return Err(error);
                    }
                    next += 1;
                }
            }
            Ok(())
        })
    }

    /// No more threads than there are files and segments for.
    fn useful_threads(&self) -> usize {
        let mut useful = 0u64;
        for input in self.inputs {
            let len = match input {
                Input::Path(path) => fs::metadata(path).map_or(0, |metadata| metadata.len()),
                // Its length may be anything.
                Input::Implied | Input::Dash => u64::MAX,
            };
            useful = useful.saturating_add(len.div_ceil(SEGMENT).max(1));
            if useful >= self.plan.threads as u64 {
                return self.plan.threads;
            }
        }
        usize::try_from(useful).unwrap_or(self.plan.threads)
    }

    fn work(&self, reports: &Sender<Report>) {
        let mut counter = Counter::new(self.plan, self.progress, &self.stop);
        while let Some(task) = self.take_task() {
            match task {
                Task::Input(index) => self.begin(index, &mut counter, reports),
                Task::Stdin(indices) => {
                    for index in indices {
                        self.begin(index, &mut counter, reports);
                    }
                }
                Task::Join(split) => split.help(&mut counter, reports),
            }
            self.task_done();
        }
    }

    /// Count in an input, or at least begin to.
    fn begin(&self, index: usize, counter: &mut Counter<'_>, reports: &Sender<Report>) {
        let done = match self.open(index) {
            Err(failure) => Err(failure),
            Ok((opened, Kind::Sized(range))) => {
                return self.begin_range(index, opened, range, counter, reports);
            }
            Ok((opened, _)) => counter.stream(&opened),
        };
        report(reports, index, done);
    }

    fn open(&self, index: usize) -> Result<(Opened, Kind), Failure> {
        let opened = self.inputs[index].open("is a directory: count -r counts the files in it")?;
        let kind = opened.kind.clone();
        if kind == Kind::Stream && matches!(self.plan.via, Via::Map | Via::Frozen) {
            return Err(InputFailure::refused(
                opened.name,
                "cannot be mapped: it does not tell its length, it has to be read",
            ));
        }
        Ok((opened, kind))
    }

    fn begin_range(
        &self,
        index: usize,
        opened: Opened,
        range: Range<u64>,
        counter: &mut Counter<'_>,
        reports: &Sender<Report>,
    ) {
        // A position that somebody left after the end leaves nothing to count.
        let range = range.start.min(range.end)..range.end;
        self.progress.expect(range.end - range.start);
        let large = range.end - range.start >= LARGE;
        match Scan::open(self.plan.via, &opened, &range) {
            Err(failure) => report(reports, index, Err(failure)),
            Ok(scan) => {
                let split = Arc::new(Split::new(index, opened, scan, range));
                if large {
                    self.invite(&split);
                }
                split.help(counter, reports);
            }
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ask all others to help.
    fn invite(&self, split: &Arc<Split>) {
        let mut board = self.board();
        for _ in 1..self.plan.threads {
            board.tasks.push_front(Task::Join(Arc::clone(split)));
        }
        self.posted.notify_all();
    }

    /// The next task; none when there is nothing left and nobody could post anything.
    fn take_task(&self) -> Option<Task> {
        let mut board = self.board();
        loop {
            if self.stop.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(task) = board.tasks.pop_front() {
                board.busy += 1;
                return Some(task);
            }
            if board.busy == 0 {
                return None;
            }
            board = self.posted.wait(board).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn task_done(&self) {
        let mut board = self.board();
        board.busy -= 1;
        if board.busy == 0 {
            self.posted.notify_all();
        }
    }
}

/// A file that several threads count in.
#[derive(Debug)]
struct Split {
    index: usize,
    input: Opened,
    scan: Scan,
    range: Range<u64>,
    /// The position that the next thread starts at.
    next: AtomicU64,
    /// How many segments are not finished.
    left: AtomicU64,
    count: AtomicU64,
    failure: Mutex<Option<Failure>>,
}

impl Split {
    fn new(index: usize, input: Opened, scan: Scan, range: Range<u64>) -> Self {
        let segments = (range.end - range.start).div_ceil(SEGMENT).max(1);
        Self {
            index,
            input,
            scan,
            next: AtomicU64::new(range.start),
            left: AtomicU64::new(segments),
            count: AtomicU64::new(0),
            failure: Mutex::new(None),
            range,
        }
    }

    /// Count segments until there are none left; whoever finishes the last reports.
    fn help(&self, counter: &mut Counter<'_>, reports: &Sender<Report>) {
        loop {
            let start = self.next.fetch_add(SEGMENT, Ordering::Relaxed);
            // An empty file has one segment all the same, an empty one.
            if start >= self.range.end && start > self.range.start {
                return;
            }
            let segment = start..start.saturating_add(SEGMENT).min(self.range.end);
            if self.failure().is_none() {
                match counter.range(&self.input, &self.scan, segment, self.range.end) {
                    Ok(count) => {
                        self.count.fetch_add(count, Ordering::Relaxed);
                    }
                    Err(failure) => {
                        self.failure().get_or_insert(failure);
                    }
                }
            }
            // AcqRel: the last one sees what all the others have counted.
            if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
                report(reports, self.index, self.verdict());
                return;
            }
        }
    }

    fn failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The count, if the file still has every byte that was counted.
    fn verdict(&self) -> Result<Counted, Failure> {
        if let Some(failure) = self.failure().take() {
            return Err(failure);
        }
        let Range { start, end } = self.range;
        // Bytes under a guarantee are the file's as it was when it was opened, whatever became of it.
        if !matches!(self.scan, Scan::Frozen(..)) {
            self.input.check_reaches(end, end)?;
        }
        self.input.leave_at(end);
        Ok(Counted { count: self.count.load(Ordering::Relaxed), len: end - start })
    }
}

/// Hand in a result. Nobody listens any more once the output is closed.
fn report(reports: &Sender<Report>, index: usize, result: Result<Counted, Failure>) {
    let _ = reports.send((index, result));
}
