//! What can be typed after `folio pages` to change what is in the page cache.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, ValueEnum};

/// The options that say how to show what is cached.
const SHOWING: [&str; 8] = ["sort", "top", "total", "ranges", "long", "csv", "svg", "png"];

/// What to do with the files, beyond looking.
#[derive(Args, Clone, Debug)]
#[command(
    next_help_heading = "What to do with them",
    // What is done is told in words of its own, which those options say nothing about.
    group = ArgGroup::new("action").conflicts_with_all(SHOWING)
)]
pub(crate) struct SteerFlags {
    /// Read in what is absent, and nothing else; stop if memory is short
    #[arg(long, group = "action")]
    pub(crate) warm: bool,

    /// Let them go out of the page cache; say what stayed and why
    #[arg(long, group = "action")]
    pub(crate) evict: bool,

    /// Keep them in memory until folio is ended: now (the default), or fault (each from its first use on)
    #[arg(long, value_enum, value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "now",
        hide_possible_values = true, group = "action")]
    pub(crate) lock: Option<LockWhen>,

    /// Write to FILE which ranges are in the page cache; - is standard output
    #[arg(long, value_name = "FILE", group = "action")]
    pub(crate) save: Option<PathBuf>,

    /// Read in the ranges that --save wrote to FILE; - is standard input
    #[arg(long, value_name = "FILE", group = "action", conflicts_with_all = ["paths", "pid"])]
    pub(crate) restore: Option<PathBuf>,

    /// Write dirty pages to the device first, or alone
    #[arg(long, conflicts_with_all = SHOWING)]
    pub(crate) sync: bool,

    /// With --restore: also files that were changed since, as far as they reach
    #[arg(long, requires = "restore", conflicts_with_all = ["paths", "pid"])]
    pub(crate) changed: bool,
}

/// When a page is kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LockWhen {
    /// All of them at once.
    Now,
    /// Each when it is used first.
    Fault,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action<'a> {
    Warm,
    Evict,
    /// Write dirty pages, and no more.
    Sync,
    Lock(LockWhen),
    Save(&'a Path),
    Restore(&'a Path, Changed),
}

/// Whether dirty pages are written first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sync {
    First,
    No,
}

/// What becomes of files that were changed since they were saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Changed {
    Skip,
    Restore,
}

impl SteerFlags {
    /// What is to be done; `None` for looking alone.
    pub(crate) fn action(&self) -> Option<Action<'_>> {
        let changed = if self.changed { Changed::Restore } else { Changed::Skip };
        if self.warm {
            Some(Action::Warm)
        } else if self.evict {
            Some(Action::Evict)
        } else if let Some(when) = self.lock {
            Some(Action::Lock(when))
        } else if let Some(file) = &self.save {
            Some(Action::Save(file))
        } else if let Some(file) = &self.restore {
            Some(Action::Restore(file, changed))
        } else {
            self.sync.then_some(Action::Sync)
        }
    }

    /// Whether dirty pages are written first.
    pub(crate) fn sync(&self) -> Sync {
        if self.sync { Sync::First } else { Sync::No }
    }
}
