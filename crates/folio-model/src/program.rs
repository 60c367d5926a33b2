//! A program: steps in order, and how it is written down.
//!
//! ```text
//! 1: open d0 = file 0, read and write
//! 2: map m0 = d0 0..4096, shared, rw
//! 3: p1: truncate d0 to 0
//! 4: store m0 4095..4096 = 2a
//! ```
//!
//! Process 0 is not named. What is meant by a slot or a length that is not there, [`Op`] says.

use std::fmt;
use std::ops::Deref;

use crate::{
    Access, Advice, Allocation, Backing, Content, Descriptor, FileSync, Lease, LockMode, LockOwner,
    Mapping, Msync, Op, Process, Protection, Seals, Sharing,
};

/// Operations to do one after the other. Every part of a program is a program.
///
/// ```
/// use folio_model::{Access, Content, Descriptor, File, Op, Process, Program};
/// let (process, descriptor) = (Process(0), Descriptor(0));
/// let program = Program(vec![
///     Op::Open { process, descriptor, file: File(0), access: Access::ReadWrite, content: Content::Keep },
///     Op::Truncate { process: Process(1), descriptor, len: 5000 },
/// ]);
/// assert_eq!(program.to_string(), "1: open d0 = file 0, read and write\n2: p1: truncate d0 to 5000\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Program(pub Vec<Op>);

impl Deref for Program {
    type Target = [Op];

    fn deref(&self) -> &[Op] {
        &self.0
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, op) in self.0.iter().enumerate() {
            writeln!(f, "{}: {op}", index + 1)?;
        }
        Ok(())
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.process() != Process(0) {
            write!(f, "{}: ", self.process())?;
        }
        match *self {
            Self::Open { .. }
            | Self::Close { .. }
            | Self::Read { .. }
            | Self::Write { .. }
            | Self::Truncate { .. }
            | Self::Allocate { .. }
            | Self::Length { .. }
            | Self::Sync { .. }
            | Self::Seal { .. }
            | Self::Lease { .. }
            | Self::Lock { .. } => self.of_a_file(f),
            Self::Map { .. }
            | Self::Unmap { .. }
            | Self::Remap { .. }
            | Self::Protect { .. }
            | Self::Load { .. }
            | Self::Store { .. }
            | Self::Flush { .. }
            | Self::Advise { .. } => self.of_a_mapping(f),
            Self::Fork { child, .. } => write!(f, "fork {child}"),
            Self::Exit { .. } => f.write_str("exit"),
        }
    }
}

impl Op {
    /// What is done through a descriptor.
    fn of_a_file(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Open { descriptor, file, access, content, .. } => {
                write!(f, "open {descriptor} = file {}, {access}", file.0)?;
                f.write_str(if content == Content::Truncate { ", truncated" } else { "" })
            }
            Self::Close { descriptor, .. } => write!(f, "close {descriptor}"),
            Self::Read { descriptor, offset, len, .. } => {
                write!(f, "read {descriptor} {}", Span(offset, len))
            }
            Self::Write { descriptor, offset, len, fill, .. } => {
                write!(f, "write {descriptor} {} = {fill:02x}", Span(offset, len))
            }
            Self::Truncate { descriptor, len, .. } => write!(f, "truncate {descriptor} to {len}"),
            Self::Allocate { descriptor, how, offset, len, .. } => {
                let how = match how {
                    Allocation::Extend => "allocate",
                    Allocation::KeepSize => "allocate, keeping the size,",
                    Allocation::PunchHole => "punch",
                };
                write!(f, "{how} {descriptor} {}", Span(offset, len))
            }
            Self::Length { descriptor, .. } => write!(f, "length {descriptor}"),
            Self::Sync { descriptor, how, .. } => {
                let how = match how {
                    FileSync::All => "fsync",
                    FileSync::Content => "fdatasync",
                };
                write!(f, "{how} {descriptor}")
            }
            Self::Seal { descriptor, seals, .. } => write!(f, "seal {descriptor} {seals}"),
            Self::Lease { descriptor, lease, .. } => {
                let lease = match lease {
                    Lease::None => "none",
                    Lease::Read => "read",
                    Lease::Write => "write",
                };
                write!(f, "lease {descriptor} {lease}")
            }
            Self::Lock { descriptor, owner, mode, offset, len, .. } => {
                let owner = match owner {
                    LockOwner::OpenFile => "open file's",
                    LockOwner::Process => "process's",
                    LockOwner::Whole => "flock",
                };
                let mode = match mode {
                    LockMode::Shared => "shared",
                    LockMode::Exclusive => "exclusive",
                    LockMode::Unlock => "unlock",
                };
                write!(f, "lock {descriptor} ")?;
                match len {
                    0 => write!(f, "{offset}..")?,
                    _ => write!(f, "{}", Span(offset, len))?,
                }
                write!(f, ", {owner}, {mode}")
            }
            _ => Ok(()),
        }
    }

    /// What is done to a mapping.
    fn of_a_mapping(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Map { mapping, backing, sharing, protection, offset, len, .. } => {
                let sharing = match sharing {
                    Sharing::Shared => "shared",
                    Sharing::Private => "private",
                };
                write!(f, "map {mapping} = {backing} {}", Span(offset, len))?;
                write!(f, ", {sharing}, {protection}")
            }
            Self::Unmap { mapping, offset, len, .. } => {
                write!(f, "unmap {mapping} {}", Span(offset, len))
            }
            Self::Remap { mapping, len, .. } => write!(f, "remap {mapping} to {len}"),
            Self::Protect { mapping, protection, offset, len, .. } => {
                write!(f, "protect {mapping} {} {protection}", Span(offset, len))
            }
            Self::Load { mapping, offset, len, .. } => {
                write!(f, "load {mapping} {}", Span(offset, len))
            }
            Self::Store { mapping, offset, len, fill, .. } => {
                write!(f, "store {mapping} {} = {fill:02x}", Span(offset, len))
            }
            Self::Flush { mapping, how, offset, len, .. } => {
                let how = match how {
                    Msync::Sync => "flush",
                    Msync::Async => "flush, not waiting,",
                };
                write!(f, "{how} {mapping} {}", Span(offset, len))
            }
            Self::Advise { mapping, advice, offset, len, .. } => {
                let advice = match advice {
                    Advice::WillNeed => "willneed",
                    Advice::DontNeed => "dontneed",
                    Advice::Remove => "remove",
                    Advice::PopulateRead => "populate for reading",
                    Advice::PopulateWrite => "populate for writing",
                };
                write!(f, "advise {mapping} {} {advice}", Span(offset, len))
            }
            _ => Ok(()),
        }
    }
}

/// `offset..end` of an offset and a length, whose sum may be too large for an offset.
struct Span(u64, u64);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0, u128::from(self.0) + u128::from(self.1))
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

impl fmt::Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "d{}", self.0)
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "read and write",
        })
    }
}

impl fmt::Display for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(descriptor) => descriptor.fmt(f),
            Self::Anonymous => f.write_str("anonymous"),
        }
    }
}

impl fmt::Display for Protection {
    /// As /proc/PID/maps has it, without the dashes; `none` for `PROT_NONE`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        for (flag, letter) in [(Self::READ, "r"), (Self::WRITE, "w"), (Self::EXEC, "x")] {
            f.write_str(if self.contains(flag) { letter } else { "" })?;
        }
        Ok(())
    }
}

impl fmt::Display for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (index, (name, _)) in self.iter_names().enumerate() {
            let between = if index == 0 { "" } else { "+" };
            write!(f, "{between}{}", name.to_lowercase())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::File;

    #[test]
    fn a_program_is_written_one_step_a_line() {
        let (process, other) = (Process(0), Process(1));
        let (descriptor, mapping) = (Descriptor(0), Mapping(1));
        let program = Program(vec![
            Op::Open {
                process,
                descriptor,
                file: File(2),
                access: Access::ReadWrite,
                content: Content::Truncate,
            },
            Op::Map {
                process: other,
                mapping,
                backing: Backing::File(descriptor),
                sharing: Sharing::Private,
                protection: Protection::READ | Protection::WRITE,
                offset: 4096,
                len: 5000,
            },
            Op::Store { process: other, mapping, offset: 4095, len: 2, fill: 0x2a },
            Op::Seal { process, descriptor, seals: Seals::WRITE | Seals::FUTURE_WRITE },
            Op::Lock {
                process,
                descriptor,
                owner: LockOwner::Whole,
                mode: LockMode::Shared,
                offset: 3,
                len: 0,
            },
            Op::Read { process, descriptor, offset: u64::MAX, len: 1 },
        ]);
        assert_eq!(
            program.to_string(),
            "1: open d0 = file 2, read and write, truncated\n\
             2: p1: map m1 = d0 4096..9096, private, rw\n\
             3: p1: store m1 4095..4097 = 2a\n\
             4: seal d0 write+future_write\n\
             5: lock d0 3.., flock, shared\n\
             6: read d0 18446744073709551615..18446744073709551616\n"
        );
    }
}
