//! A process of a program: its open files, its mappings by folio, and what each operation is to them.
//!
//! | operation | on `Shared` | on `SharedMut` | on `Frozen` | on `Private` |
//! |---|---|---|---|---|
//! | load | `read_at`, `load`, `chunks`, `reader` | the same | the slice | the slice |
//! | store | – | `write_at`, `store`, `fill`, atomics | – | the slice |
//! | flush | – | `flush_range` | – | `commit`, `commit_in_place` |
//! | flush, not waiting | – | `flush_async` | – | `changed` |
//! | remap | – | `grow`, `shrink` | – | – |
//! | advise `DONTNEED` | `Cold` | `Cold` | `Cold` | `revert` |
//! | advise `REMOVE` | `PageOut` | `PageOut` | `PageOut` | `PageOut` |
//! | unmap | drop | drop | drop | drop |
//!
//! What has no dash but no mapping either, as open and truncate, is the system call.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use folio::{
    Advice, ErrorKind, Frozen, Guarantees, LockMode, MapOptions, Memfd, PopulateFor, Private,
    RangeLock, Shared, SharedMut,
};
use folio_model::{
    self as model, Access, Allocation, Backing, Content, Descriptor, Errno, FileKind, FileSync,
    Mapping, Msync, Op, Outcome, Protection, Sharing,
};
use rustix::fs::FallocateFlags;
use serde::{Deserialize, Serialize};

use super::answer::Answer;
use super::ways::{self, CommitWay};

/// A file of a program, and how a process comes by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) path: PathBuf,
    pub(crate) kind: FileKind,
}

/// A mapping of each kind.
enum Map {
    Shared(Shared),
    SharedMut(SharedMut),
    Frozen(Frozen),
    Private(Private),
}

impl Map {
    /// All bytes, if nobody else changes them.
    fn kept(&self) -> Option<Answer> {
        let (guarantee, bytes) = match self {
            Self::Shared(_) | Self::SharedMut(_) => return None,
            Self::Frozen(map) => (map.guarantee(), map.to_vec()),
            Self::Private(map) => (map.guarantee(), map.to_vec()),
        };
        Some(Answer::Kept { guarantee: guarantee.to_string(), bytes })
    }
}

/// A process of a program.
#[derive(Default)]
pub(crate) struct Worker {
    files: Vec<Place>,
    descriptors: HashMap<Descriptor, (File, FileKind)>,
    mappings: HashMap<Mapping, Map>,
    locks: HashMap<Descriptor, RangeLock>,
    /// How often a commit has replaced a file.
    replaced: usize,
}

impl Worker {
    /// A process that has opened and mapped nothing.
    pub(crate) fn new(files: Vec<Place>) -> Self {
        Self { files, ..Self::default() }
    }

    /// Do `op`, whoever is named in it.
    pub(crate) fn step(&mut self, op: &Op) -> Answer {
        self.of_a_file(op).or_else(|| self.of_a_mapping(op)).unwrap_or(Answer::Nothing)
    }

    /// `None` if it is no operation on a file, or there is no such descriptor.
    fn of_a_file(&mut self, op: &Op) -> Option<Answer> {
        let outcome = match *op {
            Op::Open { descriptor, file, access, content, .. } => {
                let place = self.files.get(usize::from(file.0))?;
                match open(place, access, content) {
                    Ok(opened) => {
                        self.descriptors.insert(descriptor, (opened, place.kind));
                        Outcome::Done
                    }
                    Err(error) => failed(&error),
                }
            }
            Op::Close { descriptor, .. } => {
                self.descriptors.remove(&descriptor)?;
                Outcome::Done
            }
            Op::Read { descriptor, offset, len, .. } => {
                let mut bytes = vec![0xEE; usize::try_from(len).ok()?];
                match self.file(descriptor)?.read_at(&mut bytes, offset) {
                    Ok(read) => {
                        bytes.truncate(read);
                        Outcome::Bytes(bytes)
                    }
                    Err(error) => failed(&error),
                }
            }
            Op::Write { descriptor, offset, len, fill, .. } => {
                let bytes = vec![fill; usize::try_from(len).ok()?];
                match self.file(descriptor)?.write_at(&bytes, offset) {
                    Ok(written) => Outcome::Count(written as u64),
                    Err(error) => failed(&error),
                }
            }
            Op::Truncate { descriptor, len, .. } => done(self.file(descriptor)?.set_len(len)),
            Op::Allocate { descriptor, how, offset, len, .. } => {
                done(allocate(self.file(descriptor)?, how, offset, len))
            }
            Op::Length { descriptor, .. } => match self.file(descriptor)?.metadata() {
                Ok(metadata) => Outcome::Count(metadata.len()),
                Err(error) => failed(&error),
            },
            Op::Sync { descriptor, how: FileSync::All, .. } => {
                done(self.file(descriptor)?.sync_all())
            }
            Op::Sync { descriptor, how: FileSync::Content, .. } => {
                done(self.file(descriptor)?.sync_data())
            }
            Op::Seal { descriptor, seals, .. } => return self.seal(descriptor, seals),
            Op::Lock { descriptor, mode, offset, len, .. } => {
                return self.lock(descriptor, mode, offset, len);
            }
            _ => return None,
        };
        Some(Answer::Kernel(outcome))
    }

    fn file(&self, descriptor: Descriptor) -> Option<&File> {
        self.descriptors.get(&descriptor).map(|(file, _)| file)
    }

    fn seal(&self, descriptor: Descriptor, seals: model::Seals) -> Option<Answer> {
        let (file, FileKind::Memory) = self.descriptors.get(&descriptor)? else { return None };
        let seals = folio::Seals::from_bits_retain(u32::from(seals.bits()));
        let memory = Memfd::try_from(file.as_fd().try_clone_to_owned().ok()?);
        Some(Answer::done(memory.and_then(|memory| memory.seal(seals))))
    }

    /// A guard belongs to the descriptor's slot, and a new one takes the place of an old one.
    fn lock(
        &mut self,
        descriptor: Descriptor,
        mode: model::LockMode,
        offset: u64,
        len: u64,
    ) -> Option<Answer> {
        self.file(descriptor)?;
        self.locks.remove(&descriptor);
        let mode = match mode {
            model::LockMode::Shared => LockMode::Shared,
            model::LockMode::Exclusive => LockMode::Exclusive,
            model::LockMode::Unlock => return Some(Answer::Done),
        };
        let file = self.file(descriptor)?;
        let lock = match len {
            0 => RangeLock::try_acquire(file, offset.., mode),
            _ => RangeLock::try_acquire(file, offset..offset.saturating_add(len), mode),
        };
        Some(Answer::done(lock.map(|lock| {
            self.locks.insert(descriptor, lock);
        })))
    }

    /// `None` if it is no operation on a mapping, or there is no such mapping, or it has no such operation.
    fn of_a_mapping(&mut self, op: &Op) -> Option<Answer> {
        match *op {
            Op::Map { mapping, backing, sharing, protection, offset, len, .. } => {
                self.mappings.remove(&mapping);
                let mapped = self.map(backing, sharing, protection, offset, len)?;
                Some(match mapped {
                    Ok(map) => {
                        let answer = map.kept().unwrap_or(Answer::Done);
                        self.mappings.insert(mapping, map);
                        answer
                    }
                    Err(error) => Answer::refused(&error, Vec::new()),
                })
            }
            Op::Unmap { mapping, .. } => self.mappings.remove(&mapping).map(|_| Answer::Done),
            Op::Remap { mapping, len, .. } => match self.mappings.get_mut(&mapping)? {
                Map::SharedMut(map) => {
                    let len = usize::try_from(len).ok()?;
                    Some(Answer::done(if len < map.len() {
                        map.shrink(len)
                    } else {
                        map.grow(len)
                    }))
                }
                _ => None,
            },
            Op::Load { mapping, offset, len, .. } => {
                Some(load(self.mappings.get(&mapping)?, offset, len))
            }
            Op::Store { mapping, offset, len, fill, .. } => {
                store(self.mappings.get_mut(&mapping)?, offset, len, fill)
            }
            Op::Flush { mapping, how, offset, len, .. } => {
                let map = self.mappings.get_mut(&mapping)?;
                match (map, how) {
                    (Map::Private(map), Msync::Sync) => {
                        Some(commit(map, offset, len, &mut self.replaced))
                    }
                    (map, how) => flush(map, how, offset, len),
                }
            }
            Op::Advise { mapping, advice, offset, len, .. } => {
                Some(advise(self.mappings.get_mut(&mapping)?, advice, offset, len))
            }
            _ => None,
        }
    }

    fn map(
        &self,
        backing: Backing,
        sharing: Sharing,
        protection: Protection,
        offset: u64,
        len: u64,
    ) -> Option<folio::Result<Map>> {
        let options = MapOptions::new().offset(offset).len(len);
        let writable = protection.contains(Protection::WRITE);
        let file = match backing {
            Backing::File(descriptor) => self.file(descriptor)?,
            Backing::Anonymous => {
                // That which is shared is a memory file, of which there are others.
                return Some(MapOptions::new().len(len).anonymous_private().map(Map::Private));
            }
        };
        Some(match (sharing, writable) {
            (Sharing::Shared, false) => options.map_shared(file).map(Map::Shared),
            (Sharing::Shared, true) => options.map_shared_mut(file).map(Map::SharedMut),
            (Sharing::Private, false) => {
                guaranteed(&options, offset ^ len, |options| options.map_frozen(file))
                    .map(Map::Frozen)
            }
            (Sharing::Private, true) => {
                guaranteed(&options, offset ^ len, |options| options.map_private(file))
                    .map(Map::Private)
            }
        })
    }
}

/// Map with one guarantee or another, of which the default would take the cheapest; with any where that one is not to be had.
fn guaranteed<T>(
    options: &MapOptions,
    choice: u64,
    map: impl Fn(&MapOptions) -> folio::Result<T>,
) -> folio::Result<T> {
    let allowed = match choice % 4 {
        0 => Guarantees::all(),
        1 => Guarantees::SEALED | Guarantees::LEASE,
        2 => Guarantees::SNAPSHOT,
        _ => Guarantees::all() - Guarantees::COPIED,
    };
    match map(&options.clone().guarantees(allowed)) {
        Err(error) if error.kind() == ErrorKind::NoGuarantee => map(options),
        answer => answer,
    }
}

fn open(place: &Place, access: Access, content: Content) -> io::Result<File> {
    File::options()
        .read(access != Access::Write)
        .write(access != Access::Read)
        .truncate(content == Content::Truncate && access != Access::Read)
        .open(&place.path)
}

fn allocate(file: &File, how: Allocation, offset: u64, len: u64) -> io::Result<()> {
    let flags = match how {
        Allocation::Extend => FallocateFlags::empty(),
        Allocation::KeepSize => FallocateFlags::KEEP_SIZE,
        Allocation::PunchHole => FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
    };
    Ok(rustix::fs::fallocate(file, flags, offset, len)?)
}

fn load(map: &Map, offset: u64, len: u64) -> Answer {
    let range = positions(offset, len);
    match map {
        Map::Shared(map) => ways::load(map, offset, len),
        Map::SharedMut(map) => ways::load(map, offset, len),
        Map::Frozen(map) => match map.slice(range).and_then(|part| map.check().map(|()| part)) {
            Ok(part) => Answer::Bytes(part.to_vec()),
            Err(error) => Answer::refused(&error, Vec::new()),
        },
        Map::Private(map) => match (map.check(), map.get(range)) {
            (Err(error), _) => Answer::refused(&error, Vec::new()),
            (Ok(()), Some(part)) => Answer::Bytes(part.to_vec()),
            (Ok(()), None) => Answer::Nothing,
        },
    }
}

fn store(map: &mut Map, offset: u64, len: u64, fill: u8) -> Option<Answer> {
    match map {
        Map::SharedMut(map) => Some(ways::store(map, offset, len, fill)),
        Map::Private(map) => {
            map.get_mut(positions(offset, len))?.fill(fill);
            Some(Answer::done(map.check()))
        }
        Map::Shared(_) | Map::Frozen(_) => None,
    }
}

fn flush(map: &mut Map, how: Msync, offset: u64, len: u64) -> Option<Answer> {
    let range = positions(offset, len);
    Some(match (map, how) {
        (Map::SharedMut(map), Msync::Async) => Answer::done(map.flush_async(range)),
        (Map::SharedMut(map), Msync::Sync) => match map.flush_range(range.clone()) {
            // What a flush that does nothing leaves behind, cachestat(2) counts. Where there is no device, or no such
            // call, it cannot be seen.
            Ok(()) if is_on_a_device(map) && !range.is_empty() => {
                let states = map.pages().cache_counts(range).ok().map(|counts| counts.states);
                Answer::Flushed(states.map(|states| states.dirty + states.writeback))
            }
            Ok(()) => Answer::Flushed(None),
            Err(error) => Answer::refused(&error, Vec::new()),
        },
        (Map::Private(map), Msync::Async) => match map.changed() {
            Ok(ranges) => {
                let wide = |range: std::ops::Range<usize>| range.start as u64..range.end as u64;
                Answer::Changed(ranges.into_iter().map(wide).collect())
            }
            Err(error) => Answer::refused(&error, Vec::new()),
        },
        (Map::Shared(_) | Map::Frozen(_) | Map::Private(_), _) => return None,
    })
}

/// All bytes, if something was committed: the file is mapped anew then.
fn commit(map: &mut Private, offset: u64, len: u64, replaced: &mut usize) -> Answer {
    let way = CommitWay::of(offset, len, *replaced);
    let committed = map.changed().and_then(|changed| {
        match way {
            CommitWay::InPlace => map.commit_in_place()?,
            CommitWay::Replace => map.commit()?,
        }
        Ok(!changed.is_empty())
    });
    match committed {
        Ok(true) => {
            *replaced += usize::from(way == CommitWay::Replace);
            Answer::Bytes(map.to_vec())
        }
        Ok(false) => Answer::Done,
        Err(error) => Answer::refused(&error, Vec::new()),
    }
}

/// Whether the mapping's file has a device under it: tmpfs, where memory files live too, keeps its pages dirty for good.
fn is_on_a_device(map: &SharedMut) -> bool {
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    rustix::fs::fstatfs(map).is_ok_and(|fs| fs.f_type != TMPFS_MAGIC)
}

fn advise(map: &mut Map, advice: model::Advice, offset: u64, len: u64) -> Answer {
    let range = positions(offset, len);
    if let (Map::Private(map), model::Advice::DontNeed) = (&mut *map, advice) {
        return Answer::done(map.revert(range));
    }
    let (pages, writable) = match map {
        Map::Shared(map) => (map.pages(), false),
        Map::SharedMut(map) => (map.pages(), true),
        Map::Frozen(map) => (map.pages(), false),
        Map::Private(map) => (map.pages(), true),
    };
    Answer::done(match advice {
        model::Advice::WillNeed => pages.advise(range, Advice::WillNeed),
        model::Advice::DontNeed => pages.advise(range, Advice::Cold),
        model::Advice::Remove => pages.advise(range, Advice::PageOut),
        model::Advice::PopulateWrite if writable => pages.populate(range, PopulateFor::Write),
        model::Advice::PopulateRead | model::Advice::PopulateWrite => {
            pages.populate(range, PopulateFor::Read)
        }
    })
}

/// Positions for calls that check them.
fn positions(offset: u64, len: u64) -> std::ops::Range<usize> {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    start..start.saturating_add(usize::try_from(len).unwrap_or(usize::MAX))
}

fn done(result: io::Result<()>) -> Outcome {
    match result {
        Ok(()) => Outcome::Done,
        Err(error) => failed(&error),
    }
}

fn failed(error: &io::Error) -> Outcome {
    Outcome::Failed(Errno(error.raw_os_error().unwrap_or(0)))
}
