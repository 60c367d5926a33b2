//! Making programs: which operations, in which slots, at which positions.
//!
//! A step is built from choices alone ([`Choices`]), so that a seed, a fuzzer's bytes and an odometer all drive the same code.
//! What is chosen from is a [`Repertoire`]. Programs of mere chance would spend their steps on empty slots and on bytes
//! far from any edge; here a step uses what is open and mapped, positions are those where something begins or ends, and
//! after a truncation a touch is likely.

use crate::outline::{Mapped, Opened, Outline, may_map};
use crate::repertoire::READ_WRITE;
use crate::{
    Access, Backing, Choices, Descriptor, Exhaustive, File, FileSync, Lease, LockMode, Mapping,
    Msync, Op, Positions, Process, Program, Protection, Repertoire, Sharing, Verb,
};

impl Repertoire {
    /// A program of `steps` steps after the opening, or fewer if there are no more choices.
    ///
    /// ```
    /// use folio_model::{Repertoire, Seeded};
    /// let repertoire = Repertoire::kernel(4096);
    /// let program = repertoire.program(&mut Seeded::new(7), 20);
    /// assert_eq!(program.len(), 20);
    /// assert_eq!(program, repertoire.program(&mut Seeded::new(7), 20));
    /// ```
    pub fn program(&self, choices: &mut impl Choices, steps: usize) -> Program {
        let mut outline = self.outline();
        let mut program = Program(self.opening.clone());
        for op in &self.opening {
            outline.step(op);
        }
        for _ in 0..steps {
            let step = Step { choices, repertoire: self, outline: &outline };
            let Some(op) = step.op() else { break };
            outline.step(&op);
            program.0.push(op);
        }
        program
    }

    /// Every program of `steps` steps after the opening, each once. Their number grows with the power of `steps`: list few
    /// [positions](Positions::Listed).
    ///
    /// ```
    /// use folio_model::{Positions, Repertoire, Verb};
    /// let mut repertoire = Repertoire::kernel(4096).only(&[Verb::Truncate]);
    /// repertoire.positions = Positions::Listed { offsets: vec![], lens: vec![0, 4096] };
    /// assert_eq!(repertoire.every_program(3).count(), 0, "nothing is open");
    /// ```
    pub fn every_program(&self, steps: usize) -> impl Iterator<Item = Program> + '_ {
        let mut choices = Some(Exhaustive::default());
        let whole = self.opening.len() + steps;
        std::iter::from_fn(move || {
            let odometer = choices.as_mut()?;
            let program = self.program(odometer, steps);
            if !odometer.advance() {
                choices = None;
            }
            Some(program)
        })
        // One that ended early, because there was nothing to do, is a shorter one.
        .filter(move |program| program.len() == whole)
    }

    fn outline(&self) -> Outline {
        let slots = (self.descriptors, self.mappings);
        Outline::new(self.processes, self.processes_at_first, self.files, slots)
    }
}

/// The making of one step.
struct Step<'a, C> {
    choices: &'a mut C,
    repertoire: &'a Repertoire,
    outline: &'a Outline,
}

impl<C: Choices> Step<'_, C> {
    fn op(mut self) -> Option<Op> {
        let weights: Vec<u32> =
            self.repertoire.verbs.iter().map(|&(verb, weight)| self.weight(verb, weight)).collect();
        let (verb, _) = self.repertoire.verbs[self.choices.weighted(&weights)?];
        match verb {
            Verb::Open | Verb::Fork | Verb::Exit => self.of_a_process(verb),
            Verb::Map => self.map(),
            Verb::Close
            | Verb::Read
            | Verb::Write
            | Verb::Truncate
            | Verb::Allocate
            | Verb::Length
            | Verb::Sync
            | Verb::Seal
            | Verb::Lease
            | Verb::Lock => self.of_a_file(verb),
            Verb::Unmap
            | Verb::Remap
            | Verb::Protect
            | Verb::Load
            | Verb::Store
            | Verb::Flush
            | Verb::Advise => self.of_a_mapping(verb),
        }
    }

    /// How likely `verb` is now: not at all where there is nothing to do it to, more where it leads on.
    fn weight(&self, verb: Verb, weight: u32) -> u32 {
        let outline = self.outline;
        let nothing_open = outline.opened().is_empty();
        let nothing_mapped = outline.mapped().is_empty();
        weight
            * match verb {
                Verb::Open if outline.alive().is_empty() => 0,
                Verb::Open if !outline.may_write() => 8,
                Verb::Open => 1,
                Verb::Fork => {
                    u32::from(!outline.unborn().is_empty() && !outline.alive().is_empty())
                }
                Verb::Exit => u32::from(outline.alive().len() > 1),
                Verb::Map if nothing_open => 0,
                Verb::Map if nothing_mapped && !outline.is_empty() => 6,
                Verb::Map => 1,
                Verb::Write if !nothing_open && outline.is_empty() => 8,
                Verb::Close
                | Verb::Read
                | Verb::Write
                | Verb::Truncate
                | Verb::Allocate
                | Verb::Length
                | Verb::Sync
                | Verb::Seal
                | Verb::Lease
                | Verb::Lock => u32::from(!nothing_open),
                Verb::Load | Verb::Store if outline.is_stirred() && !nothing_mapped => 6,
                Verb::Unmap
                | Verb::Remap
                | Verb::Protect
                | Verb::Load
                | Verb::Store
                | Verb::Flush
                | Verb::Advise => u32::from(!nothing_mapped),
            }
    }

    fn of_a_process(&mut self, verb: Verb) -> Option<Op> {
        let process = self.choices.one_of(&self.outline.alive())?;
        Some(match verb {
            Verb::Fork => Op::Fork { process, child: self.choices.one_of(&self.outline.unborn())? },
            Verb::Exit => Op::Exit { process },
            _ => Op::Open {
                process,
                descriptor: Descriptor(self.slot(self.repertoire.descriptors)?),
                file: File(self.slot(self.repertoire.files)?),
                access: self.choices.one_of(&self.repertoire.accesses)?,
                content: self.choices.one_of(&self.repertoire.contents)?,
            },
        })
    }

    fn of_a_file(&mut self, verb: Verb) -> Option<Op> {
        let (process, descriptor, open) = self.descriptor_for(verb)?;
        let end = self.outline.len_of(open.file);
        Some(match verb {
            Verb::Close => Op::Close { process, descriptor },
            Verb::Truncate => Op::Truncate { process, descriptor, len: self.file_len(open.file)? },
            Verb::Length => Op::Length { process, descriptor },
            Verb::Sync => {
                let how = self.choices.one_of(&[FileSync::Content, FileSync::All])?;
                Op::Sync { process, descriptor, how }
            }
            Verb::Seal => {
                let seals = self.choices.one_of(&self.repertoire.seals)?;
                Op::Seal { process, descriptor, seals }
            }
            Verb::Lease => {
                let lease = self.choices.one_of(&[Lease::Read, Lease::Write, Lease::None])?;
                Op::Lease { process, descriptor, lease }
            }
            Verb::Allocate => {
                let how = self.choices.one_of(&self.repertoire.allocations)?;
                let (offset, len) = self.range(self.repertoire.longest, &[end])?;
                Op::Allocate { process, descriptor, how, offset, len }
            }
            Verb::Lock => {
                let owner = self.choices.one_of(&self.repertoire.owners)?;
                let modes = [LockMode::Exclusive, LockMode::Shared, LockMode::Unlock];
                let mode = self.choices.one_of(&modes)?;
                let (offset, len) = self.range(self.repertoire.longest, &[end])?;
                Op::Lock { process, descriptor, owner, mode, offset, len }
            }
            Verb::Write => {
                // Sometimes many bytes from the beginning, because what is zero shows little.
                let (offset, len) = match self.is_random() && self.one_in(2)? {
                    true => (0, self.position(self.repertoire.longest, &[end])?),
                    false => self.range(self.repertoire.longest, &[end])?,
                };
                Op::Write { process, descriptor, offset, len, fill: self.fill()? }
            }
            _ => {
                let (offset, len) = self.range(self.repertoire.longest, &[end])?;
                Op::Read { process, descriptor, offset, len }
            }
        })
    }

    fn map(&mut self) -> Option<Op> {
        let (sharing, protection) = self.choices.one_of(&self.repertoire.kinds)?;
        let all = self.outline.opened();
        let fit: Vec<_> = all
            .iter()
            .copied()
            .filter(|(_, _, open)| self.outline.len_of(open.file) > 0)
            .filter(|(_, _, open)| may_map(open.access, sharing, protection))
            .collect();
        let (process, descriptor, open) =
            match self.is_random() && !fit.is_empty() && !self.one_in(8)? {
                true => self.choices.one_of(&fit)?,
                false => self.choices.one_of(&all)?,
            };
        let mapping = Mapping(self.slot(self.repertoire.mappings)?);
        let end = self.outline.len_of(open.file);
        let repertoire = self.repertoire;
        let (offset, len) = match repertoire.positions {
            Positions::Listed { .. } => self.range(self.repertoire.longest, &[])?,
            // Mostly what there is, and a little more; sometimes anything.
            _ if self.one_in(8)? => self.range(self.repertoire.longest, &[end])?,
            Positions::Pages => {
                let page = self.repertoire.page_size;
                let pages = self.repertoire.longest / page;
                let first = if self.one_in(2)? { 0 } else { self.choices.below(pages)? };
                let offset = first * page + u64::from(self.one_in(16)?);
                (offset, self.len_from(self.repertoire.longest - first * page, &[])?)
            }
            Positions::Bytes => {
                let last = end.saturating_sub(1);
                let offset = if self.one_in(2)? { 0 } else { self.position(last, &[end])? };
                let rest = end - offset;
                (offset, if self.one_in(2)? { rest } else { self.position(rest, &[rest])? })
            }
        };
        let backing = if self.is_random() && self.one_in(16)? {
            Backing::Anonymous
        } else {
            Backing::File(descriptor)
        };
        Some(Op::Map { process, mapping, backing, sharing, protection, offset, len })
    }

    fn of_a_mapping(&mut self, verb: Verb) -> Option<Op> {
        let (verb, (process, mapping, mapped)) = self.mapping_for(verb)?;
        if verb == Verb::Remap {
            let len = match mapped.file {
                Some(_) => self.len_from(self.repertoire.longest, &[self.end_in(&mapped)])?,
                None => self.len_from(self.repertoire.longest, &[])?,
            };
            return Some(Op::Remap { process, mapping, len });
        }
        let (offset, len) = match verb {
            // A library's mapping is dropped whole.
            Verb::Unmap if self.repertoire.positions == Positions::Bytes => (0, mapped.len),
            Verb::Load | Verb::Store => self.touched(&mapped)?,
            _ => self.pages(&mapped)?,
        };
        Some(match verb {
            Verb::Unmap => Op::Unmap { process, mapping, offset, len },
            Verb::Protect => {
                let protections = [READ_WRITE, Protection::READ, Protection::empty()];
                let protection = self.choices.one_of(&protections)?;
                Op::Protect { process, mapping, protection, offset, len }
            }
            Verb::Store => Op::Store { process, mapping, offset, len, fill: self.fill()? },
            Verb::Flush => {
                let how = self.choices.one_of(&[Msync::Sync, Msync::Async])?;
                Op::Flush { process, mapping, how, offset, len }
            }
            Verb::Advise => {
                let advice = self.choices.one_of(&self.repertoire.advice)?;
                Op::Advise { process, mapping, advice, offset, len }
            }
            _ => Op::Load { process, mapping, offset, len },
        })
    }

    /// A descriptor to do it by; to write, mostly one that may.
    fn descriptor_for(&mut self, verb: Verb) -> Option<(Process, Descriptor, Opened)> {
        let all = self.outline.opened();
        let access = match verb {
            Verb::Write | Verb::Truncate | Verb::Allocate | Verb::Seal => Access::Read,
            Verb::Read => Access::Write,
            _ => return self.choices.one_of(&all),
        };
        // All but those that are open for the other alone.
        let fit: Vec<_> =
            all.iter().copied().filter(|(_, _, open)| open.access != access).collect();
        match self.is_random() && !fit.is_empty() && !self.one_in(8)? {
            true => self.choices.one_of(&fit),
            false => self.choices.one_of(&all),
        }
    }

    /// A mapping to do it to; to store, mostly one that can be stored to.
    fn mapping_for(&mut self, verb: Verb) -> Option<(Verb, (Process, Mapping, Mapped))> {
        let all = self.outline.mapped();
        let stores = matches!(verb, Verb::Store | Verb::Remap | Verb::Flush);
        // A library grows what it shares.
        let grows = verb == Verb::Remap && self.repertoire.positions == Positions::Bytes;
        let fit: Vec<_> = all
            .iter()
            .copied()
            .filter(|(_, _, mapped)| mapped.len > 0 || verb == Verb::Remap)
            .filter(|(_, _, mapped)| !stores || mapped.protection.contains(Protection::WRITE))
            .filter(|(_, _, mapped)| !grows || mapped.sharing == Sharing::Shared)
            .collect();
        if !self.is_random() || self.one_in(32)? {
            return Some((verb, self.choices.one_of(&all)?));
        }
        match self.choices.one_of(&fit) {
            Some(mapping) => Some((verb, mapping)),
            // A load is always possible.
            None => Some((Verb::Load, self.choices.one_of(&all)?)),
        }
    }

    fn slot(&mut self, count: u8) -> Option<u8> {
        u8::try_from(self.choices.below(u64::from(count).max(1))?).ok()
    }

    fn fill(&mut self) -> Option<u8> {
        self.choices.one_of(&self.repertoire.fills)
    }

    /// Whether chance has it, of which small bounds know none.
    fn is_random(&self) -> bool {
        !matches!(self.repertoire.positions, Positions::Listed { .. })
    }

    fn one_in(&mut self, n: u64) -> Option<bool> {
        Some(self.choices.below(n)? == n - 1)
    }

    /// Where the file ends, counted from the mapping's first byte.
    fn end_in(&self, mapped: &Mapped) -> u64 {
        let end = mapped.file.map_or(0, |file| self.outline.len_of(file));
        end.saturating_sub(mapped.offset)
    }

    /// A length for `file`.
    fn file_len(&mut self, file: File) -> Option<u64> {
        let end = self.outline.len_of(file);
        let mut marks = vec![end];
        // Where mappings of it end.
        for (_, _, mapped) in self.outline.mapped() {
            if mapped.file == Some(file) {
                marks.push(mapped.offset.saturating_add(mapped.len));
            }
        }
        self.len_from(self.repertoire.longest, &marks)
    }

    /// A length of at most `most` bytes.
    fn len_from(&mut self, most: u64, marks: &[u64]) -> Option<u64> {
        match &self.repertoire.positions {
            Positions::Listed { lens, .. } => self.choices.one_of(lens),
            _ => self.position(most, marks),
        }
    }

    /// A range of a file.
    fn range(&mut self, most: u64, marks: &[u64]) -> Option<(u64, u64)> {
        match &self.repertoire.positions {
            Positions::Listed { offsets, lens } => {
                Some((self.choices.one_of(offsets)?, self.choices.one_of(lens)?))
            }
            _ => {
                // Seldom at the end, where there is nothing.
                let last = if self.one_in(16)? { most } else { most.saturating_sub(1) };
                let offset = self.position(last, marks)?;
                let rest = most - offset;
                Some((offset, self.extent(rest, offset, marks)?))
            }
        }
    }

    /// A range of a mapping to load or store.
    fn touched(&mut self, mapped: &Mapped) -> Option<(u64, u64)> {
        let page = self.repertoire.page_size;
        let whole = match self.repertoire.positions {
            Positions::Pages => mapped.len.next_multiple_of(page),
            _ => mapped.len,
        };
        let repertoire = self.repertoire;
        let beyond = match repertoire.positions {
            Positions::Bytes if self.one_in(12)? => whole + page,
            _ => whole,
        };
        self.range(
            beyond,
            &[whole, self.end_in(mapped), self.end_in(mapped).next_multiple_of(page)],
        )
    }

    /// A range of a mapping to do something to its pages.
    fn pages(&mut self, mapped: &Mapped) -> Option<(u64, u64)> {
        if self.repertoire.positions != Positions::Pages || self.one_in(16)? {
            return self.touched(mapped);
        }
        let page = self.repertoire.page_size;
        let whole = mapped.len.div_ceil(page);
        if self.one_in(3)? {
            return Some((0, whole * page));
        }
        let first = self.choices.below(whole.max(1))?;
        let count = self.choices.below(whole - first.min(whole) + 1)?;
        Some((first * page, count * page))
    }

    /// How long a range from `offset` on is: often up to a mark, or short.
    fn extent(&mut self, most: u64, offset: u64, marks: &[u64]) -> Option<u64> {
        let page = self.repertoire.page_size;
        let short = [1, 2, 4, 8, page];
        let ends = marks.iter().filter_map(|mark| mark.checked_sub(offset));
        let mut lens: Vec<u64> =
            short.into_iter().chain(ends).filter(|&len| len > 0 && len <= most).collect();
        lens.push(most);
        match self.one_in(8)? {
            true => self.choices.below(most + 1),
            false => self.choices.one_of(&lens),
        }
    }

    /// A position up to `most`: where something begins or ends, and one byte to either side; sometimes anywhere.
    fn position(&mut self, most: u64, marks: &[u64]) -> Option<u64> {
        if self.one_in(8)? {
            return self.choices.below(most + 1);
        }
        let page = self.repertoire.page_size;
        let edges = (0..=most / page).map(|at| at * page).chain(marks.iter().copied());
        let mut positions: Vec<u64> = edges
            .flat_map(|edge| [edge.saturating_sub(1), edge, edge.saturating_add(1)])
            .chain([5000, most])
            .filter(|&position| position <= most)
            .collect();
        positions.sort_unstable();
        positions.dedup();
        self.choices.one_of(&positions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bytes, Content, Seeded};
    use std::collections::{HashMap, HashSet};

    const PAGE: u64 = 4096;
    const PROCESS: Process = Process(0);

    /// One process with one slot of each kind, and few positions.
    fn tiny(verbs: &[Verb]) -> Repertoire {
        Repertoire {
            processes: 1,
            files: 1,
            descriptors: 1,
            mappings: 1,
            positions: Positions::Listed { offsets: vec![0], lens: vec![0, 1, PAGE] },
            accesses: vec![Access::ReadWrite],
            contents: vec![Content::Keep],
            kinds: vec![(Sharing::Shared, READ_WRITE), (Sharing::Private, READ_WRITE)],
            fills: vec![1],
            ..Repertoire::kernel(PAGE)
        }
        .only(verbs)
    }

    /// Each step is 1 way to open, and once open 3 to truncate, and 1 to close, after which there is only opening.
    #[test]
    fn exhaustive_programs_are_all_there_once() {
        let repertoire = tiny(&[Verb::Open, Verb::Truncate, Verb::Close]);
        let (mut closed, mut open) = (1u64, 0u64);
        for steps in 0..7 {
            let programs: Vec<_> = repertoire.every_program(steps).collect();
            let distinct: HashSet<_> = programs.iter().cloned().collect();
            assert_eq!(programs.len() as u64, closed + open, "{steps} steps");
            assert_eq!(distinct.len(), programs.len(), "each once");
            (closed, open) = (open, closed + open + 3 * open);
        }
    }

    /// With everything open and mapped, the ways multiply: 2 kinds by 3 lengths to map, 3 ranges to load, 3 to store.
    #[test]
    fn exhaustive_programs_multiply() {
        let mut repertoire = tiny(&[Verb::Map, Verb::Load, Verb::Store]);
        let descriptor = Descriptor(0);
        repertoire.opening = vec![
            Op::Open {
                process: PROCESS,
                descriptor,
                file: File(0),
                access: Access::ReadWrite,
                content: Content::Keep,
            },
            Op::Map {
                process: PROCESS,
                mapping: Mapping(0),
                backing: Backing::File(descriptor),
                sharing: Sharing::Shared,
                protection: READ_WRITE,
                offset: 0,
                len: PAGE,
            },
        ];
        for steps in 0..4u32 {
            let count = repertoire.every_program(steps as usize).count();
            assert_eq!(count, 12usize.pow(steps), "{steps} steps");
        }
        assert!(repertoire.every_program(1).all(|program| program[..2] == repertoire.opening));
    }

    #[test]
    fn every_verb_is_used_and_programs_repeat() {
        let repertoire = Repertoire { processes: 3, ..Repertoire::kernel(PAGE) };
        let mut used = HashMap::new();
        for seed in 0..50 {
            let program = repertoire.program(&mut Seeded::new(seed), 100);
            assert_eq!(program, repertoire.program(&mut Seeded::new(seed), 100));
            assert_eq!(program.len(), 100);
            for op in program.iter() {
                *used.entry(std::mem::discriminant(op)).or_insert(0) += 1;
            }
        }
        assert_eq!(used.len(), repertoire.verbs.len(), "{used:?}");
    }

    /// What makes a random program worth running: touches of mapped bytes close behind a truncation of their file.
    #[test]
    fn touches_follow_truncations() {
        let repertoire = Repertoire::kernel(PAGE);
        let (mut truncations, mut following) = (0, 0);
        for seed in 0..100 {
            let program = repertoire.program(&mut Seeded::new(seed), 40);
            for pair in program.windows(2) {
                let [Op::Truncate { .. }, next] = pair else { continue };
                truncations += 1;
                following += usize::from(matches!(next, Op::Load { .. } | Op::Store { .. }));
            }
        }
        assert!(following > 100 && following * 3 > truncations, "{following} of {truncations}");
    }

    #[test]
    fn as_the_kernel_takes_them_touches_stay_within_their_mapping() {
        let repertoire = Repertoire::kernel(PAGE).only(&[
            Verb::Open,
            Verb::Write,
            Verb::Map,
            Verb::Load,
            Verb::Store,
        ]);
        for seed in 0..50 {
            let program = repertoire.program(&mut Seeded::new(seed), 60);
            let mut outline = repertoire.outline();
            for op in program.iter() {
                if let Op::Load { process, mapping, offset, len } = *op {
                    let all = outline.mapped();
                    let &(.., mapped) =
                        all.iter().find(|(p, m, _)| (*p, *m) == (process, mapping)).unwrap();
                    assert!(offset + len <= mapped.len.next_multiple_of(PAGE), "{program}");
                }
                outline.step(op);
            }
        }
    }

    #[test]
    fn a_fuzzers_bytes_are_a_program() {
        let repertoire = Repertoire::kernel(PAGE);
        let bytes: Vec<u8> = (0..200u8).map(|at| at.wrapping_mul(151)).collect();
        let program = repertoire.program(&mut Bytes::new(&bytes), 1000);
        assert!((10..200).contains(&program.len()), "{program}");
        assert!(repertoire.program(&mut Bytes::new(&[]), 1000).is_empty());
    }
}
