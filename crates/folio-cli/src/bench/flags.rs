//! What can be typed after `folio bench`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::picture::flags::PictureFlags;
use crate::threads;
use crate::units::{self, Size};

use super::plan::Pattern;
use super::way::{Cache, Way, find};

/// Measure which way to read is best here, and say why
#[derive(Args, Debug)]
#[command(after_help = "\
A FILE is only read. In a DIR a file of bench's own is made, which has no name and is gone when bench ends, however it \
ends; and writing is measured, too. All ways read the same bytes, look at every one of them, and must find the same \
sum. They take turns, round after round; a figure is the median of the rounds, and the spread goes from the lowest to \
the highest. Two ways differ only where these do not touch; * marks the best, and all that cannot be told from it.\n\n\
cold: what is dirty is written out and the file's pages are dropped, without root, and the kernel is asked whether any \
stayed. What the device or a hypervisor keeps is not dropped. warm: all pages are in memory, and that is asked, too.\n\n\
Sizes: 4096, 4K = 4KiB = 4096, 4KB = 4000; and so with M, G, T.\n\n\
Examples:
  folio bench .                        read and write here, in half a minute
  folio bench --quick data.bin         a first look at a file
  folio bench --ways pread,map,direct --patterns random --cache cold /srv/db
  folio bench --only write --record 512,4K /var/lib
  folio bench --json . | jq -r '.advice[]'
  folio bench --png here.png .         a plot
  folio bench --list                   what each way and pattern is")]
pub(crate) struct BenchFlags {
    /// A file or block device to read, or a directory to make a file in
    #[arg(value_name = "PATH", required_unless_present = "list")]
    pub(crate) path: Option<PathBuf>,

    /// Only these ways to read, by commas; --list has them
    #[arg(long, value_name = "WAY", value_delimiter = ',', value_parser = way)]
    pub(super) ways: Vec<Way>,

    /// Only these patterns: sequential, strided, random, hot
    #[arg(long, value_name = "PATTERN", value_delimiter = ',', value_parser = pattern)]
    pub(super) patterns: Vec<Pattern>,

    /// Only cold or only warm
    #[arg(long, value_name = "STATE", value_delimiter = ',', value_parser = cache)]
    pub(super) cache: Vec<Cache>,

    /// Numbers of threads, by commas; by default 1 and as many as there are cores to run on
    #[arg(short = 'j', long, value_name = "N", value_delimiter = ',', value_parser = threads::parse)]
    pub(super) threads: Vec<NonZeroUsize>,

    /// Measure so much of FILE, or make a file that long in DIR; by default 1 GiB, less if memory or space is short
    #[arg(long, value_name = "BYTES")]
    pub(super) size: Option<Size>,

    /// Take about so many seconds, 25 by default
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub(super) time: Option<Duration>,

    /// A first look: a fifth of the time, a quarter of the size, 3 rounds
    #[arg(long)]
    pub(super) quick: bool,

    /// Rounds in which the ways take turns, 5 by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub(super) rounds: Option<u32>,

    /// Reads that io_uring has under way, 32 by default
    #[arg(long, value_name = "N", default_value_t = 32, hide_default_value = true, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub(super) depth: u32,

    /// Measure only: read, write. Writing needs a directory
    #[arg(long, value_name = "WHAT", value_enum, hide_possible_values = true)]
    pub(super) only: Option<Only>,

    /// Sizes of records to write, up to 1M, by commas; 64, 512, 4K, 16K and 64K by default
    #[arg(long, value_name = "BYTES", value_delimiter = ',', value_parser = record)]
    pub(super) record: Vec<Size>,

    /// Print what the ways and patterns are
    #[arg(long)]
    pub(super) list: bool,

    /// Print one JSON object: place, method, costs, reads, writes, advice
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) picture: PictureFlags,
}

/// What to measure, if not everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Only {
    Read,
    Write,
}

fn way(typed: &str) -> Result<Way, String> {
    find(&Way::ALL, Way::name, typed)
}

fn pattern(typed: &str) -> Result<Pattern, String> {
    find(&Pattern::ALL, Pattern::name, typed)
}

fn cache(typed: &str) -> Result<Cache, String> {
    find(&[Cache::Cold, Cache::Warm], Cache::name, typed)
}

/// The file that is written holds enough of the longest to write at random places.
fn record(typed: &str) -> Result<Size, String> {
    let size: Size = typed.parse().map_err(|mistake: units::Mistake| mistake.to_string())?;
    if !(1..=1 << 20).contains(&size.0) {
        return Err("from 1 byte to 1M".to_owned());
    }
    Ok(size)
}

fn seconds(typed: &str) -> Result<Duration, String> {
    let seconds: f64 =
        typed.parse().map_err(|_| "a number of seconds, as in 10 or 0.5".to_owned())?;
    if !(0.1..=86_400.0).contains(&seconds) {
        return Err("from 0.1 to 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}
