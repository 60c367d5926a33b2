//! What the kernel and the file system offer around mappings.
//!
//! Each file here is a group of experiments on one subject. What was seen is judged by functions that ask nobody, where
//! it can be. [`errno`] and [`figures`] put answers into words; [`parts`] and [`rights`] say what becomes of an
//! experiment where a file or a right is missing.

mod advice;
mod cache;
mod clones;
mod code;
mod cost;
mod durability;
mod errno;
mod figures;
mod full;
mod huge;
mod leases;
mod limits;
mod locks;
mod parts;
mod rights;
mod seals;
mod space;
mod tracking;

use super::experiment::Experiment;

pub(super) use figures::median;

/// In the order of the report.
pub(crate) const EXPERIMENTS: &[Experiment] = &[
    full::FULL_DISK,
    space::FALLOCATE,
    space::HOLE_PUNCH,
    durability::MSYNC,
    cost::MSYNC_COST,
    durability::SYNC_FILE_RANGE,
    durability::DAX,
    leases::LEASE,
    leases::LEASE_BREAK_TIME,
    seals::SEALS,
    locks::LOCKS,
    clones::REFLINK,
    clones::COPY_FILE_RANGE,
    clones::TMPFILE,
    cache::CACHESTAT,
    cache::MINCORE_OWNER,
    cache::FADVISE_DONTNEED,
    huge::HUGE_PAGES,
    advice::POPULATE,
    advice::GUARD_PAGES,
    advice::MSEAL,
    tracking::PAGEMAP_SCAN,
    tracking::USERFAULTFD,
    limits::MLOCK,
    limits::OVERCOMMIT,
    limits::MAX_MAP_COUNT,
    limits::OPEN_FILES,
    code::NOEXEC,
];
