//! Seals: a file in memory that nobody can change any more.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use folio::raw::{MapFlags, Mapping, Protection, Sharing};
use rustix::fs::{FallocateFlags, MemfdFlags, SealFlags};
use rustix::io::Errno;

use super::errno;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::place::Place;

pub(super) const SEALS: Experiment = Experiment {
    name: "seals",
    about: "make a memory file that nobody can write, shrink or grow any more",
    source: "F_ADD_SEALS(2const), memfd_create(2)",
    run: seals,
};

const NOT_SEALED: &str = "a sealed file may still change: copy what others send before you use it";

fn seals(place: &Place) -> Result<Vec<Finding>, Unable> {
    let file = memfd(place)?;
    let beside_a_mapping = beside_a_mapping(&file)?.part("writable-mapping");
    let future = future_write(place)?.part("future-write");
    let all = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, all).map_err(|why| Unable::failed("seal the file", why))?;
    Ok(vec![
        unchangeable(&file, place).part("sealed"),
        beside_a_mapping,
        future,
        no_more_seals(&file).part("for-good"),
        read_only_shared(&file).part("read-only-shared"),
    ])
}

fn memfd(place: &Place) -> Result<File, Unable> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = match rustix::fs::memfd_create("folio-doctor", flags) {
        Ok(file) => File::from(file),
        Err(why) => {
            return Err(Unable::not_here(
                format!("memfd_create gives {}", errno::name(&why.into())),
                "memory for IPC needs a file, and nothing keeps its other users from changing it",
            ));
        }
    };
    file.set_len(2 * place.page_size())
        .map_err(|error| Unable::failed("make a memory file", error))?;
    Ok(file)
}

fn map(file: &File, access: Protection, sharing: Sharing) -> std::io::Result<Mapping> {
    Mapping::file(file, 0, 1, access, sharing, MapFlags::empty())
}

fn writable() -> Protection {
    Protection::READ | Protection::WRITE
}

fn beside_a_mapping(file: &File) -> Result<Finding, Unable> {
    const PROMISED: &str = "F_SEAL_WRITE is refused while somebody can write by a mapping";
    let mapping =
        map(file, writable(), Sharing::Shared).map_err(|error| Unable::failed("map it", error))?;
    let sealed = rustix::fs::fcntl_add_seals(file, SealFlags::WRITE);
    drop(mapping);
    Ok(match sealed {
        Err(Errno::BUSY) => Finding::ok(PROMISED, "EBUSY"),
        Err(why) => {
            Finding::differs(PROMISED, errno::name(&why.into()), "sealing fails for another reason")
        }
        Ok(()) => Finding::differs(PROMISED, "sealed", NOT_SEALED),
    })
}

/// F_SEAL_FUTURE_WRITE leaves the mappings alone that there are: no guarantee on its own.
fn future_write(place: &Place) -> Result<Finding, Unable> {
    const PROMISED: &str = "F_SEAL_FUTURE_WRITE stops new writers; old mappings still write";
    let file = memfd(place)?;
    let mapping =
        map(&file, writable(), Sharing::Shared).map_err(|error| Unable::failed("map it", error))?;
    if let Err(why) = rustix::fs::fcntl_add_seals(&file, SealFlags::FUTURE_WRITE) {
        let seen = errno::name(&why.into());
        return Ok(Finding::not_here(
            PROMISED,
            seen,
            "a writer cannot keep its mapping and lock others out",
        ));
    }
    mapping.store(0, 9);
    let mut byte = [0];
    file.read_exact_at(&mut byte, 0).map_err(|error| Unable::failed("read it", error))?;
    let new = map(&file, writable(), Sharing::Shared).is_err();
    let write = file.write_at(&[1], 1).is_err();
    Ok(if byte == [9] && new && write {
        Finding::ok(PROMISED, "new ones are refused, the old mapping writes")
    } else {
        let seen = format!(
            "old stores: {}; new mapping refused: {new}; write refused: {write}",
            byte == [9]
        );
        Finding::differs(PROMISED, seen, NOT_SEALED)
    })
}

fn unchangeable(file: &File, place: &Place) -> Finding {
    const PROMISED: &str = "it cannot be written, truncated, grown or punched any more";
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    let page = place.page_size();
    let tried = [
        ("write", file.write_at(&[1], 0).map(drop)),
        ("truncate", file.set_len(0)),
        ("grow", file.set_len(3 * page)),
        ("punch", rustix::fs::fallocate(file, punch, 0, page).map_err(Into::into)),
        ("writable mapping", map(file, writable(), Sharing::Shared).map(drop)),
    ];
    let otherwise: Vec<_> = tried
        .iter()
        .filter_map(|(what, done)| match done {
            Ok(()) => Some(format!("{what} is allowed")),
            Err(error) if errno::is(error, Errno::PERM) => None,
            Err(error) => Some(format!("{what} gives {}", errno::name(error))),
        })
        .collect();
    if otherwise.is_empty() {
        Finding::ok(PROMISED, "all refused with EPERM, a writable mapping too")
    } else {
        Finding::differs(PROMISED, otherwise.join(", "), NOT_SEALED)
    }
}

fn no_more_seals(file: &File) -> Finding {
    const PROMISED: &str = "F_SEAL_SEAL is for good";
    match rustix::fs::fcntl_add_seals(file, SealFlags::GROW) {
        Err(Errno::PERM) => Finding::ok(PROMISED, "EPERM"),
        Err(why) => {
            Finding::differs(PROMISED, errno::name(&why.into()), "another answer than promised")
        }
        Ok(()) => {
            Finding::differs(PROMISED, "seals can be added", "others can seal what you share")
        }
    }
}

fn read_only_shared(file: &File) -> Finding {
    const PROMISED: &str = "a sealed file can be mapped shared and read-only";
    match map(file, Protection::READ, Sharing::Shared) {
        Ok(mapping) => match mapping.protect(0..mapping.len(), writable()) {
            Err(_) => Finding::ok(PROMISED, "mapped, and not to be made writable"),
            Ok(()) => {
                Finding::differs(PROMISED, "mapped, and made writable afterwards", NOT_SEALED)
            }
        },
        Err(error) => Finding::not_here(
            PROMISED,
            format!("mmap gives {}; allowed from Linux 6.7 on", errno::name(&error)),
            "map sealed files privately",
        ),
    }
}
