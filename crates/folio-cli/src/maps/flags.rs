//! What can be typed after `folio maps`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};

use crate::picture::flags::PictureFlags;

/// A process, as typed: its number, or `self`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pid(pub(crate) u32);

impl FromStr for Pid {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "self" {
            return Ok(Self(std::process::id()));
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            // The kernel counts processes from 1 and not beyond 2²².
            Ok(pid) if digits && pid > 0 => Ok(Self(pid)),
            _ => Err("a process is given by its number, as ps and pgrep print it, or as self"),
        }
    }
}

/// How much to say about pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PageDetail {
    /// A line for each run of pages that are alike.
    Ranges,
    /// A line for each page.
    Each,
}

/// What the greatest of comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sort {
    /// By proportional share (PSS).
    Share,
    /// By what nobody else has (USS).
    Own,
    Resident,
    Shared,
    Copied,
    Dirty,
    Swapped,
    Locked,
    Huge,
    Size,
    /// By name, the first letters first.
    Name,
    /// By address, the lowest first.
    Address,
}

/// How the kernel is asked: what older ones have can be tried on newer ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// By PROCMAP_QUERY and PAGEMAP_SCAN where there are.
    Best,
    /// By /proc/PID/maps and /proc/PID/pagemap.
    Text,
}

/// How many bytes a page has, on the machines that Linux runs programs on.
fn page_bytes(text: &str) -> Result<u64, &'static str> {
    match text {
        "4096" => Ok(4096),
        "16384" => Ok(16384),
        "65536" => Ok(65536),
        _ => Err("a page has 4096, 16384 or 65536 bytes"),
    }
}

/// Show how a process is mapped: what it shares, what it copied, what it costs
#[derive(Args, Debug)]
#[command(after_help = "\
Own is what nobody else has mapped and what is free again when the process ends (USS). Share divides each page by the \
number of mappings that have it, so that shares of all processes add up to the memory in use (PSS). Resident counts shared pages \
in full (RSS). Huge pages from the pool, which the kernel leaves out of PSS and RSS, are counted, too; in share only those that \
nobody else has. Copied are pages of a private mapping of a file that were written and so are the process's own now; the \
others are still the file's.\n\n\
With two processes, the pages that both have, by file and by mapping; --pages lists them. That a page of a file is the same in both \
everybody can tell; whether two processes still have the same anonymous page after a fork, root alone.\n\n\
A stack is told by its thread's stack pointer, which the kernel tells while the thread waits; that of a thread that runs just now counts as \
anonymous.\n\n\
A process can be looked at by its own user, and by root. With --json each line is an object, and `what` says of what: process, \
kind, file, mapping, pages; or both, with two processes. Sizes are in bytes.\n\n\
With --exe, no process is looked at: an ELF file says which of its bytes are mapped where, and this is what the kernel, or ld.so for a library, \
makes of it. Exit code 1 if they would refuse it. Pages are as large as here, unless --page-size says otherwise; other machines may have \
larger ones. --json then prints one object: `segments` are as the file has them, with the pages that they become; `areas` what /proc/PID/maps will show, without the address that is added if `relative` is true.\n\n\
Examples:
  folio maps $$                        what this shell costs, by kind and by file
  folio maps --all $(pidof sshd)       every mapping
  folio maps --pages 1234 --only libc  which pages of libc's data were copied, and which are the file's
  folio maps 1234 1300                 what both share
  folio maps --exe /bin/sleep          which memory a program becomes, and which of it is shared
  folio maps --json 1 | jq 'select(.what == \"mapping\" and .locked > 0)'")]
pub(crate) struct MapsFlags {
    /// The process to show: its number, or self; a second one to compare it with
    #[arg(value_name = "PID", num_args = 1..=2, required_unless_present = "exe")]
    pub(crate) pids: Vec<Pid>,

    /// Show how this program or library is mapped when it is run or loaded
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pids", "all", "pages", "only", "total", "sort"])]
    pub(crate) exe: Option<PathBuf>,

    /// With --exe: how many bytes a page has where the program is to run, 4096, 16384 or 65536 [default: as here]
    #[arg(long, value_name = "BYTES", value_parser = page_bytes, conflicts_with = "pids")]
    pub(crate) page_size: Option<u64>,

    /// Show every mapping, with its flags
    #[arg(short, long)]
    pub(crate) all: bool,

    /// Show pages: ranges of those that are alike (the default), or each
    #[arg(short, long, value_name = "DETAIL", value_enum, num_args = 0..=1, require_equals = true, default_missing_value = "ranges", hide_possible_values = true)]
    pub(crate) pages: Option<PageDetail>,

    /// Show only mappings whose file or kind has this text in its name; can be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,

    /// Show the totals alone
    #[arg(long, conflicts_with_all = ["all", "pages", "only", "svg", "png"])]
    pub(crate) total: bool,

    /// What comes first: share, own, resident, shared, copied, dirty, swapped, locked, huge, size, name or address
    #[arg(short, long, value_name = "KEY", value_enum, hide_possible_values = true)]
    pub(crate) sort: Option<Sort>,

    /// Print JSON objects, one a line
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) picture: PictureFlags,

    /// How to ask the kernel: best, or text as before Linux 6.7
    #[arg(long, value_name = "WAY", value_enum, default_value_t = Via::Best, hide = true)]
    pub(crate) via: Via,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_as_large_as_machines_have_them() {
        assert_eq!(page_bytes("16384"), Ok(16384));
        for text in ["", "0", "4095", "8191", "64K", "-4096", "1048576"] {
            assert!(page_bytes(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_process_is_a_number_or_self() {
        assert_eq!("1".parse(), Ok(Pid(1)));
        assert_eq!("self".parse(), Ok(Pid(std::process::id())));
        for text in ["", "0", "-1", "+1", "1.5", "4294967296", "init", " 1"] {
            assert!(text.parse::<Pid>().is_err(), "{text:?}");
        }
    }
}
