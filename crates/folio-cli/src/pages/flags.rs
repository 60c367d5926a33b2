//! What can be typed after `folio pages`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::steer::flags::SteerFlags;
use super::watch::Interval;
use crate::picture::flags::PictureFlags;
use crate::threads;
use crate::units::Size;

/// Show what of files is in the page cache
#[derive(Args, Debug)]
#[command(after_help = "\
A file gets a line: a bar of where in it pages are cached, the share, the bytes cached and its length. Files in \
directories are found however deep; a file that has several names, or is named twice, counts once. Symbolic links are \
followed where they are named themselves, and not in directories. Nothing is read in, and nothing changes, but by the last \
group of options: they do one thing with all of these files, and say what came of it. The exit code is 1 if a page stayed that was to \
go, or is not there that was to come.\n\n\
Of files of others that the caller may not write the kernel does not tell what is cached; they are shown as unknown, \
are not in the sum of what is cached, and the exit code is 1.\n\n\
With --json an object has file (and file_hex, if that is not UTF-8), dev, ino, len and allocated in bytes, and in pages: pages, \
cached (null and unknown, a reason, where it is not told), dirty, writeback, evicted, recently_evicted; with --ranges a list of ranges \
with start, end and state, with --folios pages by the size of their folio in bytes. The sum has total, files, holes in bytes, unknown_files \
and unknown_pages. CSV has the same columns and no sum.\n\n\
Examples:
  folio pages /usr/lib                 what of it is cached: the 30 files with the most, and the total
  folio pages --total only .           the sum alone
  folio pages --top 10 --sort dirty /  the ten files with the most to be written
  folio pages --pid 1234               the files that a process has open or mapped
  folio pages --watch /var/lib/db      a screen of it, live; --watch=0.2 --json for a program
  folio pages --svg disk.svg disk.img  the same as a picture, for a browser
  folio pages --ranges disk.img        which parts are cached, absent, or holes
  folio pages --json -x / | jq .file   a JSON object a line
  folio pages --warm db                read in what is absent
  folio pages --evict --sync db        make cold what can be, and see what cannot
  folio pages --lock index             keep it in memory until Ctrl-C, or a kill
  folio pages --save hot /srv          before a reboot; then:
  folio pages --restore hot            read in the same ranges again")]
pub(crate) struct PagesFlags {
    #[command(flatten)]
    pub(crate) select: SelectFlags,

    #[command(flatten)]
    pub(crate) show: ShowFlags,

    #[command(flatten)]
    pub(crate) picture: PictureFlags,

    #[command(flatten)]
    pub(crate) steer: SteerFlags,
}

/// Which files.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Which files")]
pub(crate) struct SelectFlags {
    /// Files, and directories with all that is in them
    #[arg(value_name = "PATH", required_unless_present_any = ["pid", "restore"])]
    pub(crate) paths: Vec<PathBuf>,

    /// The files that this process has open or mapped; can be repeated
    #[arg(short, long, value_name = "PID", value_parser = clap::value_parser!(i32).range(1..))]
    pub(crate) pid: Vec<i32>,

    /// Stay on the file system of each PATH
    #[arg(short = 'x', long)]
    pub(crate) one_file_system: bool,

    /// Only files of at least this length
    #[arg(long, value_name = "SIZE")]
    pub(crate) min_size: Option<Size>,

    /// Only files of at most this length
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_size: Option<Size>,

    /// Threads to use; by default as many as there are cores to run on
    #[arg(short = 'j', long, value_name = "N", value_parser = threads::parse)]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// What to show of them.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "What to show")]
pub(crate) struct ShowFlags {
    /// Order: size, cached, absent, percent, dirty, writeback, evicted, holes, name, or found (as they come)
    #[arg(short, long, value_enum, value_name = "BY", hide_possible_values = true)]
    pub(crate) sort: Option<Sort>,

    /// Show the first N only, or all; by default 30 of what is in directories
    #[arg(short, long, value_name = "N", value_parser = Top::parse)]
    pub(crate) top: Option<Top>,

    /// Show the sum: auto (if there is more than one file, or none and no error), always, only, never
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Total::Auto, hide_possible_values = true, hide_default_value = true)]
    pub(crate) total: Total,

    /// Show which ranges of each file are cached, absent, or holes
    #[arg(short, long, conflicts_with_all = ["sort", "top"])]
    pub(crate) ranges: bool,

    /// Show how large the folios are that hold the pages of each file, as far as the kernel tells
    #[arg(long, conflicts_with_all = ["sort", "top", "csv"])]
    pub(crate) folios: bool,

    /// Add a line for dirty and evicted pages and for holes, where there are any
    #[arg(short, long)]
    pub(crate) long: bool,

    /// Print a JSON object a line: a file each, then total
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,

    /// Print comma-separated values with a header
    #[arg(long)]
    pub(crate) csv: bool,

    /// Show it on a screen as it changes, looking every SECONDS (1 by default), with keys to warm, evict and sync: ? lists
    /// them; with --json, print what changes
    #[arg(
        short,
        long,
        value_name = "SECONDS",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "1",
        conflicts_with_all = ["csv", "ranges", "sort", "top", "total", "long", "threads", "action", "sync", "svg", "png"]
    )]
    pub(crate) watch: Option<Interval>,
}

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// The longest.
    Size,
    /// The most pages in the page cache.
    Cached,
    /// The most pages that are not.
    Absent,
    /// The largest share.
    Percent,
    /// The most pages to be written.
    Dirty,
    /// The most pages being written.
    Writeback,
    /// The most pages that were evicted.
    Evicted,
    /// The most bytes without space on the device.
    Holes,
    /// By the bytes of the names.
    Name,
    /// As they are found, which is in no order where several threads look.
    Found,
}

/// How many to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Top {
    All,
    First(usize),
}

impl Top {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "all" => Ok(Self::All),
            number => number.parse().map(Self::First).map_err(|_| "a number, or all"),
        }
    }
}

/// When to show the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Total {
    /// If there is more than one file, or none though nothing failed.
    Auto,
    Always,
    /// The sum and nothing else.
    Only,
    Never,
}
