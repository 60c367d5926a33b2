//! A durable append-only log over mapped segments: what it needs of the directory.

use std::fs::{self, File};
use std::time::Instant;

use folio::SharedMut;

use super::{Question, Ruling, refused};
use crate::doctor::experiment::Unable;
use crate::doctor::filesystem::Keeper;
use crate::doctor::place::Place;
use crate::failure::{reason, why};

pub(super) const LOG: Question = Question {
    name: "log",
    label: "log",
    about: "append records to a mapped segment, flush each, and give the segment its name",
    source: "msync(2), fallocate(2), rename(2), fsync(2)",
    rests_on: &["msync", "fallocate", "full-disk", "replace"],
    answer: log,
};

/// The length of a segment.
const SEGMENT: usize = 1 << 20;
/// Records of this length are appended …
const RECORD: usize = 256;
/// … so many of them.
const RECORDS: usize = 64;

fn log(place: &Place) -> Result<Ruling, Unable> {
    let (new, named) = (place.path("segment.new")?, place.path("segment")?);
    let file = place.file("segment.new", 0)?;
    let mut segment = match SharedMut::from_file(&file) {
        Ok(segment) => segment,
        Err(error) => return Ok(refused("a segment cannot be mapped for writing", &error)),
    };
    if let Err(error) = segment.grow(SEGMENT) {
        return Ok(refused("a segment cannot grow", &error));
    }
    let allocated = segment.allocate(..);
    let named_and_synced = fs::rename(&new, &named)
        .and_then(|()| File::open(place.scratch().unwrap_or(place.dir()))?.sync_all());
    let start = Instant::now();
    for record in 0..RECORDS {
        let range = record * RECORD..(record + 1) * RECORD;
        let appended = segment.fill(range.clone(), b'r').and_then(|()| segment.flush_range(range));
        if let Err(error) = appended {
            return Ok(refused("a record cannot be appended and flushed", &error));
        }
    }
    let each = start.elapsed().as_secs_f64() * 1e6 / RECORDS as f64;
    drop(segment);
    let found = fs::read(&named).map_err(|error| Unable::failed("read the segment", error))?;
    let (records, rest) = found.split_at(RECORD * RECORDS);
    if records.iter().any(|&byte| byte != b'r') || rest.iter().any(|&byte| byte != 0) {
        return Ok(Ruling::broken("the segment does not hold what was appended"));
    }
    let mut ruling =
        Ruling::yes("mapped segments", format!("append and flush of a record takes {each:.0} µs"));
    judge_flush(place, &mut ruling);
    match allocated {
        Err(error) => ruling.limit(format!(
            "space cannot be had ahead ({}), so a full disk is an error in the middle of a record",
            reason(&error)
        )),
        Ok(()) if place.file_system().copies_on_write() => ruling.limit(
            "space that was allocated is used up by the first store to it: an append to a page that was flushed before needs more",
        ),
        Ok(()) => ruling.why.push("space is allocated ahead, so that no append meets a full disk".into()),
    }
    if let Err(error) = named_and_synced {
        ruling.limit(format!("a new segment's name may not last: {}", why(&error)));
    }
    Ok(ruling.measured("append_and_flush_us", each))
}

fn judge_flush(place: &Place, ruling: &mut Ruling) {
    match place.file_system().keeper() {
        Keeper::Device => ruling.why.push("a flush reaches the disk".into()),
        Keeper::Layers => ruling
            .limit("a flush is as good as that of the upper layer's file system: run doctor there"),
        Keeper::Memory => {
            ruling.limit("nothing is kept through a restart: the file system is in memory")
        }
        Keeper::Server => {
            ruling.limit("a flush reaches the server; whether it reaches its disk is the server's")
        }
        Keeper::Program => ruling.limit(
            "a flush reaches the program that serves the file system; what it keeps is its own",
        ),
        Keeper::Unknown => {
            ruling.limit("whether a flush reaches a disk is not known of this file system")
        }
    }
}
