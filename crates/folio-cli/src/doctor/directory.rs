//! What the directory itself does for those who replace files in it.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::time::Instant;

use super::experiment::{Experiment, Finding, Unable};
use super::place::Place;
use crate::failure::{reason, why};
use crate::name::quoted;

/// In the order of the report.
pub(crate) const EXPERIMENTS: &[Experiment] = &[MOUNT, SAME_BYTES, REPLACE];

const MOUNT: Experiment = Experiment {
    name: "mount",
    about: "whether files can be made here",
    source: "mount(8)",
    run: mount,
};

const SAME_BYTES: Experiment = Experiment {
    name: "same-bytes",
    about: "map a file, and compare with what read(2) gives",
    source: "mmap(2)",
    run: same_bytes,
};

const REPLACE: Experiment = Experiment {
    name: "replace",
    about: "rename over a file that is mapped, and sync the directory",
    source: "rename(2), fsync(2)",
    run: replace,
};

/// The length of the old file and the new one.
const LEN: u64 = 20_000;

fn mount(place: &Place) -> Result<Vec<Finding>, Unable> {
    let promised = "files can be made here";
    let Err(Unable::NotHere { why, .. }) = place.scratch() else {
        return Ok(vec![Finding::ok(promised, "they can")]);
    };
    let finding = Finding::not_here(
        promised,
        why,
        "only what can be tried by reading is tried; nothing that is written can be put here",
    );
    let read_only = place.file_system().has_option("ro");
    Ok(vec![if read_only {
        let dir = quoted(place.dir());
        finding.with_root(format!(
            "mount -o remount,rw on the file system of {dir}, if it can be written"
        ))
    } else {
        finding
    }])
}

/// So much of a file that is found is compared.
const COMPARED: usize = 1 << 20;

/// When it was changed for the last time: seconds and nanoseconds.
fn changed(file: &File) -> Result<(i64, i64), Unable> {
    let metadata = file.metadata().map_err(|error| Unable::failed("ask for the time", error))?;
    Ok((metadata.ctime(), metadata.ctime_nsec()))
}

fn written_meanwhile() -> Unable {
    Unable::not_here(
        "somebody is writing the file that is read here",
        "another run may find one that is left alone",
    )
}

fn read_beginning(file: &File, len: usize) -> Result<Vec<u8>, Unable> {
    let mut read = vec![0; len];
    file.read_exact_at(&mut read, 0).map(|()| read).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => written_meanwhile(),
        _ => Unable::failed("read the file", error),
    })
}

fn mapped_beginning(file: &File, len: usize) -> folio::Result<Vec<u8>> {
    let mapping = folio::MapOptions::new().len(len as u64).map_shared(file)?;
    let mut mapped = vec![0; len];
    mapping.read_at(0, &mut mapped).map(|()| mapped)
}

fn same_bytes(place: &Place) -> Result<Vec<Finding>, Unable> {
    let promised = "a mapping shows the bytes that read(2) gives";
    let (path, file) = place.readable()?;
    let len = file.metadata().map_err(|error| Unable::failed("ask for the length", error))?.len();
    let len = usize::try_from(len).unwrap_or(COMPARED).min(COMPARED);
    let before = changed(&file)?;
    let read = read_beginning(&file, len)?;
    let start = Instant::now();
    let mapped = mapped_beginning(&file, len);
    let took = start.elapsed().as_secs_f64() * 1e6;
    let name = quoted(Path::new(path.file_name().unwrap_or_default()));
    Ok(vec![match mapped {
        Ok(mapped) if mapped == read => {
            Finding::ok(promised, format!("the same {len} bytes of {name}"))
                .measured("map_and_read_us", took)
        }
        // A file that was found may be anybody's to write.
        Ok(_) if changed(&file)? != before => return Err(written_meanwhile()),
        Ok(mapped) => {
            let at = mapped.iter().zip(&read).take_while(|(a, b)| a == b).count();
            let seen = format!("byte {at} of {name} is another");
            Finding::differs(promised, seen, "bytes of mappings cannot be relied on here")
        }
        Err(error) => {
            let seen = format!("{name}: {}", reason(&error));
            Finding::not_here(promised, seen, "files here can be read, but not mapped")
        }
    }])
}

fn replace(place: &Place) -> Result<Vec<Finding>, Unable> {
    let old = place.file("file", LEN)?;
    let mapping = folio::Shared::from_file(&old)
        .map_err(|error| Unable::unmapped_by_folio("map the old file", &error));
    let (old_path, new_path) = (place.path("file")?, place.path("new")?);
    fs::write(&new_path, [b'n'; 100])
        .map_err(|error| Unable::failed("write the new file", error))?;
    let renamed = fs::rename(&new_path, &old_path);
    renamed.map_err(|error| Unable::failed("rename", error))?;
    Ok(vec![under_the_name(&old_path)?, in_the_mapping(mapping)?, synced(place)?])
}

fn under_the_name(path: &Path) -> Result<Finding, Unable> {
    let promised = "the name leads to the new file at once";
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.map_err(|error| Unable::failed("read the new file", error))?;
    Ok(if bytes == [b'n'; 100] {
        Finding::ok(promised, "the new file's 100 bytes")
    } else {
        Finding::differs(
            promised,
            format!("{} bytes, not the new file's", bytes.len()),
            "a file cannot be replaced as a whole here: readers may find it half old and half new",
        )
    }
    .part("name"))
}

fn in_the_mapping(mapping: Result<folio::Shared, Unable>) -> Result<Finding, Unable> {
    let promised = "a mapping of the old file keeps its bytes";
    let mapping = match mapping {
        Err(Unable::NotHere { why, means }) => {
            return Ok(Finding::not_here(promised, why, means).part("mapping"));
        }
        mapping => mapping?,
    };
    let mut last = [0];
    let offset = mapping.len() - 1;
    let finding = match mapping.read_at(offset, &mut last) {
        Ok(()) if last[0] == Place::byte_at(LEN - 1) => Finding::ok(promised, "the old bytes"),
        Ok(()) => Finding::differs(
            promised,
            "other bytes",
            "readers that have mapped a file see it change when it is replaced",
        ),
        Err(error) => Finding::differs(
            promised,
            reason(&error),
            "readers that have mapped a file lose it when it is replaced",
        ),
    };
    Ok(finding.part("mapping"))
}

fn synced(place: &Place) -> Result<Finding, Unable> {
    let promised = "fsync of the directory makes the new name last";
    let dir = File::open(place.scratch()?)
        .map_err(|error| Unable::failed("open the directory", error))?;
    Ok(match dir.sync_all() {
        Ok(()) => Finding::ok(promised, "done"),
        Err(error) => Finding::not_here(
            promised,
            format!("fsync: {}", why(&io::Error::from(error.kind()))),
            "after a power cut a file that was replaced may be the old one, or a new one may have no name",
        ),
    }
    .part("sync"))
}
