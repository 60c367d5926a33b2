//! Files made from files, and files without a name: what snapshots and safe replacement are built from.

use std::fs::{self, File};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

use super::errno;
use super::figures::{counted, duration, size};
use super::parts::unwritten;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::place::Place;

pub(super) const REFLINK: Experiment = Experiment {
    name: "reflink",
    about: "clone a file without copying it",
    source: "ioctl_ficlone(2)",
    run: reflink,
};

pub(super) const COPY_FILE_RANGE: Experiment = Experiment {
    name: "copy-file-range",
    about: "copy from file to file inside the kernel",
    source: "copy_file_range(2)",
    run: copy_file_range,
};

pub(super) const TMPFILE: Experiment = Experiment {
    name: "tmpfile",
    about: "make a file without a name, and name it when it is complete",
    source: "open(2), O_TMPFILE",
    run: tmpfile,
};

/// Large enough that a copy would take visibly longer than a clone.
const CLONED: u64 = 1 << 20;
const COPIED: u64 = 256 << 10;
/// As many as there are pages of the smallest size.
const MOST_CALLS: u64 = 64;

fn reflink(place: &Place) -> Result<Vec<Finding>, Unable> {
    const PROMISED: &str = "FICLONE shares the blocks; later changes stay apart";
    let file = place.file("cloned", CLONED)?;
    file.sync_all().map_err(unwritten)?;
    let clone = place.file("clone", 0)?;
    let start = Instant::now();
    let cloned = rustix::fs::ioctl_ficlone(&clone, &file);
    let took = start.elapsed();
    let finding = match cloned {
        Ok(()) => match changes_stay_apart(&file, &clone)? {
            None => Finding::ok(
                PROMISED,
                format!("{} cloned in {}, changes stay apart", size(CLONED), duration(took)),
            )
            .measured("clone_us", micros(took)),
            Some(seen) => Finding::differs(PROMISED, seen, "a clone here is no snapshot"),
        },
        Err(why @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => {
            return Err(unwritten(why.into()));
        }
        Err(why) => Finding::not_here(
            PROMISED,
            format!("FICLONE gives {}", errno::name(&why.into())),
            "no reflink: snapshots copy, and take the time and the space of the whole file",
        ),
    };
    Ok(vec![finding])
}

/// What is wrong with the clone, after each of the two has been changed.
fn changes_stay_apart(file: &File, clone: &File) -> Result<Option<&'static str>, Unable> {
    let len = clone.metadata().map_err(|error| Unable::failed("ask for the length", error))?.len();
    if len != CLONED {
        return Ok(Some("the clone has another length than the file"));
    }
    let mut content = vec![0; as_len(CLONED)];
    file.read_exact_at(&mut content, 0).map_err(unwritten)?;
    file.write_all_at(&[0; 2], 100).map_err(unwritten)?;
    clone.write_all_at(&[0; 3], 5000).map_err(unwritten)?;
    let mut expected = content.clone();
    expected[5000..5003].fill(0);
    let mut of_clone = vec![1; as_len(CLONED)];
    clone.read_exact_at(&mut of_clone, 0).map_err(unwritten)?;
    if of_clone != expected {
        return Ok(Some("the clone has other bytes than the file had"));
    }
    let mut of_file = [0; 3];
    file.read_exact_at(&mut of_file, 5000).map_err(unwritten)?;
    Ok((of_file != content[5000..5003]).then_some("a change of the clone is seen in the file"))
}

fn copy_file_range(place: &Place) -> Result<Vec<Finding>, Unable> {
    const PROMISED: &str = "the kernel copies between two files of one file system";
    let from = place.file("from", COPIED)?;
    let to = place.file("to", 0)?;
    let mut offset = 0;
    let mut calls = 0;
    while offset < COPIED && calls < MOST_CALLS {
        let mut into = offset;
        let left = as_len(COPIED - offset);
        match rustix::fs::copy_file_range(&from, Some(&mut offset), &to, Some(&mut into), left) {
            Ok(0) => break,
            Ok(_) => calls += 1,
            Err(Errno::INTR) => {}
            Err(why @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => {
                return Err(unwritten(why.into()));
            }
            Err(why) => {
                let seen = format!("copy_file_range gives {}", errno::name(&why.into()));
                return Ok(vec![Finding::not_here(
                    PROMISED,
                    seen,
                    "copies go through user memory; sendfile or read and write do the same, slower",
                )]);
            }
        }
    }
    let failed = |error| Unable::failed("read the copy", error);
    let mut copy = Vec::new();
    std::io::Read::read_to_end(&mut &to, &mut copy).map_err(failed)?;
    let same = copy.len() as u64 == COPIED
        && (0u64..).zip(&copy).all(|(at, &byte)| byte == Place::byte_at(at));
    Ok(vec![if same {
        Finding::ok(PROMISED, format!("{} in {}", size(COPIED), counted(calls, "call")))
    } else {
        Finding::differs(
            PROMISED,
            format!("the copy has {} or other bytes", counted(copy.len() as u64, "byte")),
            "do not copy with copy_file_range here: a snapshot of it is wrong",
        )
    }])
}

fn tmpfile(place: &Place) -> Result<Vec<Finding>, Unable> {
    let scratch = place.scratch()?;
    let opened = open_unnamed(scratch, OFlags::empty());
    let unnamed = match opened {
        Ok(unnamed) => unnamed,
        Err(why @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => {
            return Err(unwritten(why.into()));
        }
        Err(why) => {
            return Ok(vec![Finding::not_here(
                "O_TMPFILE makes a file without a name",
                format!("O_TMPFILE gives {}", errno::name(&why.into())),
                "a new version needs a temporary name, which a crash leaves behind",
            )]);
        }
    };
    Ok(vec![no_name(scratch, &unnamed)?, named_later(scratch, &unnamed)?, never_named(scratch)?])
}

fn open_unnamed(dir: &Path, more: OFlags) -> rustix::io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC | more;
    rustix::fs::open(dir, flags, Mode::RUSR | Mode::WUSR).map(File::from)
}

/// Give the file a name, without the right to search everything that linkat's AT_EMPTY_PATH wants.
fn link(unnamed: &File, name: &Path) -> rustix::io::Result<()> {
    let path = format!("/proc/self/fd/{}", unnamed.as_raw_fd());
    rustix::fs::linkat(CWD, path, CWD, name, AtFlags::SYMLINK_FOLLOW)
}

fn no_name(scratch: &Path, unnamed: &File) -> Result<Finding, Unable> {
    const PROMISED: &str = "O_TMPFILE makes a file without a name";
    let entries =
        fs::read_dir(scratch).map_err(|error| Unable::failed("list the directory", error))?;
    let names = entries.count();
    let links =
        unnamed.metadata().map_err(|error| Unable::failed("ask for the links", error))?.nlink();
    let finding = if names == 0 && links == 0 {
        Finding::ok(PROMISED, "no name, no link")
    } else {
        Finding::differs(
            PROMISED,
            format!("{}, {}", counted(names as u64, "name"), counted(links, "link")),
            "others can open a snapshot while it is made, and a crash leaves it behind",
        )
    };
    Ok(finding.part("unnamed"))
}

fn named_later(scratch: &Path, unnamed: &File) -> Result<Finding, Unable> {
    const PROMISED: &str = "linkat names it when it is complete, never over an old name";
    rustix::io::pwrite(unnamed, b"complete", 0).map_err(|why| unwritten(why.into()))?;
    let name = scratch.join("named");
    let finding = match (link(unnamed, &name), link(unnamed, &name)) {
        (Ok(()), Err(Errno::EXIST)) => {
            let content = fs::read(&name).map_err(|error| Unable::failed("read it", error))?;
            if content == b"complete" {
                Finding::ok(PROMISED, "named, complete; a second time gives EEXIST")
            } else {
                Finding::differs(
                    PROMISED,
                    "named, with other content",
                    "write to a temporary name and rename",
                )
            }
        }
        (Ok(()), second) => Finding::differs(
            PROMISED,
            format!(
                "a second time gives {}",
                second.map_or_else(|why| errno::name(&why.into()), |()| "success".to_owned())
            ),
            "naming a new file may replace another: take names that nobody has",
        ),
        (Err(why), _) => Finding::not_here(
            PROMISED,
            format!("linkat gives {}", errno::name(&why.into())),
            "a file without a name cannot get one here: write to a temporary name and rename",
        ),
    };
    Ok(finding.part("named-later"))
}

fn never_named(scratch: &Path) -> Result<Finding, Unable> {
    const PROMISED: &str = "with O_EXCL it never gets a name";
    let unnamed = open_unnamed(scratch, OFlags::EXCL)
        .map_err(|why| Unable::failed("open with O_EXCL", why))?;
    let finding = match link(&unnamed, &scratch.join("never")) {
        Err(Errno::NOENT) => Finding::ok(PROMISED, "linkat gives ENOENT"),
        Err(why) => Finding::ok(PROMISED, format!("linkat gives {}", errno::name(&why.into()))),
        Ok(()) => Finding::differs(
            PROMISED,
            "linkat gives it a name",
            "a snapshot may get a name that others open",
        ),
    };
    Ok(finding.part("never-named"))
}

fn as_len(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Blocks of 512 bytes that a file takes up.
pub(super) fn blocks(file: &File) -> Result<u64, Unable> {
    let metadata = file.metadata().map_err(|error| Unable::failed("ask for the blocks", error))?;
    Ok(metadata.blocks())
}
