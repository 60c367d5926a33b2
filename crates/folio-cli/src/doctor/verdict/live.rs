//! `Shared` and `SharedMut`: bytes that others change, and what happens when they are gone.

use std::os::unix::fs::FileExt as _;

use folio::{ErrorKind, MapOptions, SharedMut};

use super::{Question, Ruling, is_own, refused};
use crate::doctor::experiment::Unable;
use crate::doctor::filesystem::Keeper;
use crate::doctor::place::Place;
use crate::failure::reason;

pub(super) const SHARED: Question = Question {
    name: "shared",
    label: "Shared",
    about: "follow what others write, and survive when they truncate",
    source: "folio::Shared; soundness.md, L1 to L4",
    rests_on: &["shared-processes", "shared-read-write", "sigbus", "blocked-sigbus"],
    answer: shared,
};

pub(super) const SHARED_MUT: Question = Question {
    name: "shared-mut",
    label: "SharedMut",
    about: "store to a file through a mapping, grow it, flush it",
    source: "folio::SharedMut",
    rests_on: &["shared-processes", "shared-read-write", "full-disk", "msync"],
    answer: shared_mut,
};

/// The offset that is written to.
const AT: usize = 5000;
/// How often a mapping and read(2) are compared if they do not give the same.
const TRIES: usize = 5;

fn shared(place: &Place) -> Result<Ruling, Unable> {
    let (path, file) = place.readable()?;
    // One that was found may be of any length.
    let mapping = match MapOptions::new().len(2 * place.page_size()).open_shared(&path) {
        Ok(mapping) => mapping,
        Err(error) => return Ok(refused("cannot be mapped", &error)),
    };
    let (mut seen, mut read) = ([0], [0]);
    // Somebody may be writing a file that was found.
    for _ in 0..TRIES {
        if let Err(error) = mapping.read_at(AT, &mut seen) {
            return Ok(refused("can be mapped, but not read", &error));
        }
        file.read_exact_at(&mut read, AT as u64).map_err(|error| Unable::failed("read", error))?;
        if seen == read {
            break;
        }
    }
    if seen != read {
        return Ok(Ruling::broken("a mapping shows other bytes than read(2) gives"));
    }
    let mut ruling = Ruling::yes("copies that survive the fault", "");
    if !is_own(place, &path) {
        ruling.why = vec!["files can be read; nobody could be made to write or truncate".into()];
        return Ok(ruling);
    }
    let writer = std::fs::File::options().write(true).open(&path);
    let writer = writer.map_err(|error| Unable::failed("open for writing", error))?;
    writer.write_all_at(&[!read[0]], AT as u64).map_err(|error| Unable::failed("write", error))?;
    let followed = mapping.read_at(AT, &mut seen).is_ok() && seen == [!read[0]];
    writer.set_len(0).map_err(|error| Unable::failed("truncate", error))?;
    match mapping.read_at(AT, &mut seen).map_err(|error| error.kind()) {
        Err(ErrorKind::Truncated { .. }) => {}
        Err(other) => return Ok(Ruling::broken(format!("a truncation is told as {other:?}"))),
        Ok(()) => return Ok(Ruling::broken("a truncation is not noticed")),
    }
    if followed {
        ruling.why = vec!["what others write is seen at once, and a truncation is an error".into()];
    } else {
        ruling.why = vec!["a truncation is an error".into()];
        ruling.limit("what is written to the file is not seen at once");
    }
    if place.file_system().keeper() == Keeper::Server {
        ruling.limit("what other machines write is seen when the network file system looks for it");
    }
    Ok(ruling)
}

fn shared_mut(place: &Place) -> Result<Ruling, Unable> {
    let file = place.file("shared-mut", 4 * place.page_size())?;
    let mut mapping = match SharedMut::from_file(&file) {
        Ok(mapping) => mapping,
        Err(error) => return Ok(refused("cannot be mapped for writing", &error)),
    };
    let mut read = [0; 6];
    let stored = mapping.write_at(AT, b"stored").and_then(|()| mapping.flush());
    if let Err(error) = stored {
        return Ok(refused("can be mapped, but not stored to", &error));
    }
    file.read_exact_at(&mut read, AT as u64).map_err(|error| Unable::failed("read", error))?;
    let mut ruling =
        Ruling::yes("copies that survive the fault", "stores reach the file, and it grows");
    if read != *b"stored" {
        ruling.limit("what is stored is not what read(2) gives");
    }
    let larger = 16 * rustix::param::page_size();
    match mapping.grow(larger).map(|()| mapping.allocate(..)) {
        Err(error) => ruling.limit(format!("it does not grow: {}", reason(&error))),
        Ok(Err(error)) => ruling.limit(format!(
            "no space can be had ahead of the stores ({}): a full disk is an error at each",
            reason(&error)
        )),
        Ok(Ok(())) => {}
    }
    match place.file_system().keeper() {
        Keeper::Device => ruling.why.push("flush reaches the disk".into()),
        Keeper::Layers => {
            ruling.why.push("flush reaches the file system of the upper layer".into())
        }
        Keeper::Memory => {
            ruling.why.push("the file system is in memory, so flush does nothing".into())
        }
        Keeper::Server => {
            ruling.limit("flush reaches the server, and other machines see stores after it")
        }
        Keeper::Program => ruling.limit("flush reaches the program that serves the file system"),
        Keeper::Unknown => {}
    }
    Ok(ruling)
}
