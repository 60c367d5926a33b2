//! Making a program that shows something as short and as plain as it gets.
//!
//! ```text
//! until nothing changes any more:
//!     leave out halves, quarters, …, single steps
//!     give all steps of one process, descriptor or mapping to a lower one
//!     in each step: lower each number, and take the plainer of each pair of variants
//! keep each change with which the program still shows it
//! ```
//!
//! It works because every part of a program is a program (see [`Op`]).

use crate::{
    Access, Allocation, Content, Descriptor, FileSync, LockMode, LockOwner, Mapping, Msync, Op,
    Process, Program, Protection, Seals,
};

/// What a position is rounded down to on the way to a plainer one; a wrong guess of the page size costs a try.
const PAGE: u64 = 4096;

/// The plainest program found of those that `shows` is true for, beginning with `program`, for which it is. `shows` must answer
/// the same for the same program; it is asked `most` times at most.
///
/// ```
/// use folio_model::{Descriptor, Op, Process, Program, shrink};
/// let (process, descriptor) = (Process(0), Descriptor(0));
/// let long = Program((0..100).map(|len| Op::Truncate { process, descriptor, len }).collect());
/// let short = shrink(long, 1000, |program| {
///     program.iter().any(|op| matches!(op, Op::Truncate { len: 30.., .. }))
/// });
/// assert_eq!(short.to_string(), "1: truncate d0 to 30\n");
/// ```
#[must_use]
pub fn shrink(program: Program, most: usize, shows: impl FnMut(&Program) -> bool) -> Program {
    let mut search = Search { best: program, left: most, shows };
    loop {
        let before = search.best.clone();
        search.leave_out();
        search.merge_slots();
        search.simplify();
        if search.best == before || search.left == 0 {
            return search.best;
        }
    }
}

struct Search<F> {
    best: Program,
    left: usize,
    shows: F,
}

impl<F: FnMut(&Program) -> bool> Search<F> {
    /// Take `candidate` if it shows it too.
    fn try_out(&mut self, candidate: Program) -> bool {
        if self.left == 0 || candidate == self.best {
            return false;
        }
        self.left -= 1;
        let better = (self.shows)(&candidate);
        if better {
            self.best = candidate;
        }
        better
    }

    fn leave_out(&mut self) {
        let mut size = self.best.len().div_ceil(2);
        while size > 0 {
            // From the end: what comes late depends on what comes early.
            let mut end = self.best.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut steps = self.best.0.clone();
                steps.drain(start..end.min(steps.len()));
                self.try_out(Program(steps));
                end = start;
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    fn merge_slots(&mut self) {
        for slot in Slot::ALL {
            for from in (1..=self.highest(slot)).rev() {
                for to in 0..from {
                    let steps = self.best.iter().map(|&op| renamed(op, slot, from, to)).collect();
                    if self.try_out(Program(steps)) {
                        break;
                    }
                }
            }
        }
    }

    fn highest(&self, slot: Slot) -> u8 {
        let mut highest = 0;
        for &op in self.best.iter() {
            for_each_slot(op, &mut |found, number| {
                if found == slot {
                    highest = highest.max(*number);
                }
            });
        }
        highest
    }

    fn simplify(&mut self) {
        for at in 0..self.best.len() {
            // Each success begins anew: what was refused before may do now.
            while plainer(self.best[at]).into_iter().any(|op| {
                let mut steps = self.best.0.clone();
                steps[at] = op;
                self.try_out(Program(steps))
            }) {}
        }
    }
}

/// What is numbered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Process,
    Descriptor,
    Mapping,
    File,
}

impl Slot {
    const ALL: [Self; 4] = [Self::Process, Self::Descriptor, Self::Mapping, Self::File];
}

fn renamed(op: Op, slot: Slot, from: u8, to: u8) -> Op {
    for_each_slot(op, &mut |found, number| {
        if found == slot && *number == from {
            *number = to;
        }
    })
}

/// `op` after `change` has seen each of its slots.
fn for_each_slot(mut op: Op, change: &mut dyn FnMut(Slot, &mut u8)) -> Op {
    if let Some(Process(number)) = process_of(&mut op) {
        change(Slot::Process, number);
    }
    if let Op::Fork { child: Process(number), .. } = &mut op {
        change(Slot::Process, number);
    }
    if let Some(Descriptor(number)) = descriptor_of(&mut op) {
        change(Slot::Descriptor, number);
    }
    if let Some(Mapping(number)) = mapping_of(&mut op) {
        change(Slot::Mapping, number);
    }
    if let Op::Open { file, .. } = &mut op {
        change(Slot::File, &mut file.0);
    }
    op
}

fn process_of(op: &mut Op) -> Option<&mut Process> {
    Some(match op {
        Op::Open { process, .. }
        | Op::Close { process, .. }
        | Op::Read { process, .. }
        | Op::Write { process, .. }
        | Op::Truncate { process, .. }
        | Op::Allocate { process, .. }
        | Op::Length { process, .. }
        | Op::Sync { process, .. }
        | Op::Map { process, .. }
        | Op::Unmap { process, .. }
        | Op::Remap { process, .. }
        | Op::Protect { process, .. }
        | Op::Load { process, .. }
        | Op::Store { process, .. }
        | Op::Flush { process, .. }
        | Op::Advise { process, .. }
        | Op::Fork { process, .. }
        | Op::Exit { process }
        | Op::Seal { process, .. }
        | Op::Lease { process, .. }
        | Op::Lock { process, .. } => process,
    })
}

fn descriptor_of(op: &mut Op) -> Option<&mut Descriptor> {
    match op {
        Op::Open { descriptor, .. }
        | Op::Close { descriptor, .. }
        | Op::Read { descriptor, .. }
        | Op::Write { descriptor, .. }
        | Op::Truncate { descriptor, .. }
        | Op::Allocate { descriptor, .. }
        | Op::Length { descriptor, .. }
        | Op::Sync { descriptor, .. }
        | Op::Seal { descriptor, .. }
        | Op::Lease { descriptor, .. }
        | Op::Lock { descriptor, .. }
        | Op::Map { backing: crate::Backing::File(descriptor), .. } => Some(descriptor),
        _ => None,
    }
}

fn mapping_of(op: &mut Op) -> Option<&mut Mapping> {
    match op {
        Op::Map { mapping, .. }
        | Op::Unmap { mapping, .. }
        | Op::Remap { mapping, .. }
        | Op::Protect { mapping, .. }
        | Op::Load { mapping, .. }
        | Op::Store { mapping, .. }
        | Op::Flush { mapping, .. }
        | Op::Advise { mapping, .. } => Some(mapping),
        _ => None,
    }
}

/// The operations that differ from `op` in one place, where they are plainer, the plainest first.
fn plainer(op: Op) -> Vec<Op> {
    let mut found = Vec::new();
    for part in Number::ALL {
        let mut copy = op;
        let Some(&mut number) = part.of(&mut copy) else { continue };
        for lower in lower(number) {
            if let Some(place) = part.of(&mut copy) {
                *place = lower;
            }
            found.push(copy);
        }
    }
    found.extend(plainer_variant(op));
    found
}

/// The numbers of an operation.
#[derive(Clone, Copy)]
enum Number {
    Len,
    Offset,
}

impl Number {
    const ALL: [Self; 2] = [Self::Len, Self::Offset];

    fn of(self, op: &mut Op) -> Option<&mut u64> {
        match (self, op) {
            (
                Self::Len,
                Op::Read { len, .. }
                | Op::Write { len, .. }
                | Op::Truncate { len, .. }
                | Op::Allocate { len, .. }
                | Op::Map { len, .. }
                | Op::Unmap { len, .. }
                | Op::Remap { len, .. }
                | Op::Protect { len, .. }
                | Op::Load { len, .. }
                | Op::Store { len, .. }
                | Op::Flush { len, .. }
                | Op::Advise { len, .. }
                | Op::Lock { len, .. },
            ) => Some(len),
            (
                Self::Offset,
                Op::Read { offset, .. }
                | Op::Write { offset, .. }
                | Op::Allocate { offset, .. }
                | Op::Map { offset, .. }
                | Op::Unmap { offset, .. }
                | Op::Protect { offset, .. }
                | Op::Load { offset, .. }
                | Op::Store { offset, .. }
                | Op::Flush { offset, .. }
                | Op::Advise { offset, .. }
                | Op::Lock { offset, .. },
            ) => Some(offset),
            _ => None,
        }
    }
}

/// Numbers below `number`: 0, 1, the page's beginning, then closer and closer.
fn lower(number: u64) -> Vec<u64> {
    let mut found = vec![0, 1, number / PAGE * PAGE];
    let mut gap = number / 2;
    while gap > 0 {
        found.push(number - gap);
        gap /= 2;
    }
    found.retain(|&lower| lower < number);
    found
}

/// The plainer ones of the rest: the first variant of an enum, 1 to store, reading and writing allowed.
fn plainer_variant(op: Op) -> Vec<Op> {
    let mut candidates = Vec::new();
    match op {
        Op::Open { process, descriptor, file, .. } => {
            let (access, content) = (Access::ReadWrite, Content::Keep);
            candidates.push(Op::Open { process, descriptor, file, access, content });
            if let Op::Open { access, .. } = op {
                candidates.push(Op::Open { process, descriptor, file, access, content });
            }
        }
        Op::Write { process, descriptor, offset, len, .. } => {
            candidates.push(Op::Write { process, descriptor, offset, len, fill: 1 });
        }
        Op::Store { process, mapping, offset, len, .. } => {
            candidates.push(Op::Store { process, mapping, offset, len, fill: 1 });
        }
        Op::Allocate { process, descriptor, offset, len, .. } => {
            let how = Allocation::Extend;
            candidates.push(Op::Allocate { process, descriptor, how, offset, len });
        }
        Op::Sync { process, descriptor, .. } => {
            candidates.push(Op::Sync { process, descriptor, how: FileSync::All });
        }
        Op::Flush { process, mapping, offset, len, .. } => {
            candidates.push(Op::Flush { process, mapping, how: Msync::Sync, offset, len });
        }
        Op::Map { process, mapping, backing, sharing, offset, len, protection } => {
            let both = Protection::READ | Protection::WRITE;
            for plain in [both, Protection::READ] {
                if plain != protection && protection != both {
                    let protection = plain;
                    candidates.push(Op::Map {
                        process,
                        mapping,
                        backing,
                        sharing,
                        protection,
                        offset,
                        len,
                    });
                }
            }
        }
        Op::Seal { process, descriptor, seals } => {
            for (_, one) in Seals::all().iter_names() {
                let fewer = seals - one;
                if fewer != seals && !fewer.is_empty() {
                    candidates.push(Op::Seal { process, descriptor, seals: fewer });
                }
            }
        }
        Op::Lock { process, descriptor, mode, offset, len, .. } => {
            let owner = LockOwner::OpenFile;
            candidates.push(Op::Lock { process, descriptor, owner, mode, offset, len });
            if let Op::Lock { owner, mode: LockMode::Shared, .. } = op {
                let mode = LockMode::Exclusive;
                candidates.push(Op::Lock { process, descriptor, owner, mode, offset, len });
            }
        }
        _ => {}
    }
    candidates.retain(|&candidate| candidate != op);
    candidates
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Repertoire, Seeded};

    /// A random program for which `shows` is true, shrunk.
    fn minimal(shows: impl Fn(&Program) -> bool) -> String {
        let repertoire = Repertoire { processes: 3, ..Repertoire::kernel(4096) };
        let program = (0..)
            .map(|seed| repertoire.program(&mut Seeded::new(seed), 200))
            .find(|program| shows(program))
            .unwrap();
        shrink(program, 20_000, shows).to_string()
    }

    #[test]
    fn one_step_is_left_of_a_program_that_needs_one() {
        assert_eq!(
            minimal(|program| program.iter().any(|op| matches!(op, Op::Store { len: 3.., .. }))),
            "1: store m0 0..3 = 01\n"
        );
        assert_eq!(
            minimal(|program| program
                .iter()
                .any(|op| matches!(op, Op::Load { offset: 4095.., len: 2.., .. }))),
            "1: load m0 4095..4097\n"
        );
    }

    #[test]
    fn steps_that_need_each_other_stay_in_order() {
        let shows = |program: &Program| {
            let opened = program.iter().position(|op| matches!(op, Op::Open { .. }));
            let cut = program.iter().rposition(|op| matches!(op, Op::Truncate { len: 7.., .. }));
            let mapped = program.iter().rposition(|op| {
                matches!(op, Op::Map { sharing: crate::Sharing::Private, len: 1.., .. })
            });
            matches!((opened, cut, mapped), (Some(a), Some(b), Some(c)) if a < b && b < c)
        };
        assert_eq!(
            minimal(shows),
            "1: open d0 = file 0, read and write\n\
             2: truncate d0 to 7\n\
             3: map m0 = d0 0..1, private, rw\n"
        );
    }

    /// Two processes are needed, not three; and the same descriptor in both.
    #[test]
    fn slots_are_merged_together() {
        let shows = |program: &Program| {
            program.iter().any(|op| {
                let Op::Open { process, descriptor, file, .. } = *op else { return false };
                program.iter().any(|other| {
                    matches!(*other, Op::Close { process: second, descriptor: closed }
                        if second != process && closed == descriptor && file.0 < 9)
                })
            })
        };
        let short = minimal(shows);
        assert_eq!(short.lines().count(), 2, "{short}");
        assert!(short.contains("open d0 = file 0, read and write"), "{short}");
        assert!(short.contains("p1: ") && !short.contains("p2: "), "{short}");
    }

    #[test]
    fn it_stops_when_it_may_ask_no_more() {
        let (process, descriptor) = (Process(0), Descriptor(0));
        let program = Program(vec![Op::Length { process, descriptor }; 64]);
        let mut asked = 0;
        let shrunk = shrink(program, 3, |program| {
            asked += 1;
            program.len() >= 10
        });
        assert_eq!((asked, shrunk.len()), (3, 16), "both halves, and a quarter of the one left");
    }
}
