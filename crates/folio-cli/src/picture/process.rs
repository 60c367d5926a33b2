//! The picture of `folio maps PID`: the mappings of a process, or what two processes share.

use std::ops::Range;

use super::cells::{Class, Strip};

/// One process or two.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    /// `process 1234: cat`, `processes 1234 (cat) and 1300 (cat)`.
    pub(crate) title: String,
    /// Sentences below the title: USS, PSS and RSS; what root would add.
    pub(crate) notes: Vec<String>,
    /// Pages over all mappings: the bar on top.
    pub(crate) totals: Vec<(Class, u64)>,
    /// Bytes of a page.
    pub(crate) page_size: u64,
    /// Mappings under one heading each, dearest first.
    pub(crate) groups: Vec<Group>,
    /// Mappings that are not shown: how many, and their bytes.
    pub(crate) more: Option<(u64, u64)>,
}

/// The mappings of one file, or of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The file's name, or `[heap]`, `anonymous`, …
    pub(crate) name: String,
    /// What it costs, in words: `1.2 MiB resident, 160.0 KiB of it this process's own`.
    pub(crate) cost: String,
    pub(crate) mappings: Vec<Mapping>,
}

/// One mapping.
#[derive(Clone, Debug)]
pub(crate) struct Mapping {
    pub(crate) addresses: Range<u64>,
    /// Where in the file it begins, if it has one.
    pub(crate) offset: Option<u64>,
    /// As /proc/PID/maps writes it: `r-xp`.
    pub(crate) protection: String,
    /// In words: `program text`, `constants`, `initialised data`, `stack`, …
    pub(crate) kind: String,
    /// Bytes that are present, as told by the kernel; `None` where it does not tell.
    pub(crate) resident: Option<u64>,
    /// Its pages; `start` is its first address. At most [`CELLS`] of them.
    pub(crate) strip: Strip,
}

/// How many mappings are drawn at most.
pub(crate) const MAPPINGS: usize = 200;

/// How many cells a mapping has at most.
pub(crate) const CELLS: u64 = 64;
