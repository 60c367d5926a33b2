//! Leases: the kernel holds writers back, and tells.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

use folio::raw::{self, Fork, Lease, MapFlags, Mapping, Protection, Sharing, Signal};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

use super::errno;
use super::figures;
use super::parts::part;
use super::rights::Rights;
use crate::doctor::experiment::{Experiment, Finding, Unable};
use crate::doctor::filesystem::Keeper;
use crate::doctor::place::Place;

pub(super) const LEASE: Experiment = Experiment {
    name: "lease",
    about: "take a read lease, and see who is held back by it",
    source: "F_SETLEASE(2const), fcntl(2)",
    run: lease,
};

pub(super) const LEASE_BREAK_TIME: Experiment = Experiment {
    name: "lease-break-time",
    about: "how long the kernel holds a writer back for the holder of a lease",
    source: "proc_sys_fs(5), lease-break-time",
    run: lease_break_time,
};

/// How long another process may take to come as far as it should.
const PATIENCE: Duration = Duration::from_secs(5);

fn lease(place: &Place) -> Result<Vec<Finding>, Unable> {
    // Whoever breaks a lease raises SIGIO in its holder, which would end this process.
    raw::ignore_signal(Signal::Io).map_err(|error| Unable::failed("ignore SIGIO", error))?;
    let file = place.file("leased", place.page_size())?;
    let path = place.path("leased")?;
    let open = File::open(&path).map_err(|error| Unable::failed("open the file", error))?;
    let writer = beside_a_writer(&open)?.part("writer");
    drop(file);
    let taken = taken(&open);
    if taken.means.is_some() {
        return Ok(vec![taken.part("taken")]);
    }
    let findings = vec![
        taken.part("taken"),
        writer,
        nonblocking_writer(&open, &path)?.part("nonblocking-writer"),
        waiting_writer(&open, &path)?.part("waiting-writer"),
        part("writable-mapping", MAPPED, beside_a_mapping(&open, &path))?,
    ];
    Ok(match place.file_system().keeper() {
        Keeper::Server | Keeper::Program => {
            findings.into_iter().chain([beyond_this_kernel().part("server")]).collect()
        }
        Keeper::Device | Keeper::Memory | Keeper::Layers | Keeper::Unknown => findings,
    })
}

const NO_LEASE: &str = "no lease: a file that shall stay as it is has to be cloned or copied";
const PROVES_NOTHING: &str =
    "a lease proves nothing: a file that shall stay as it is has to be cloned or copied";

fn taken(open: &File) -> Finding {
    const PROMISED: &str = "the owner of a file that nobody writes gets a read lease";
    match raw::lease(open, Lease::Read).and_then(|()| raw::lease_of(open)) {
        Ok(Lease::Read) => Finding::ok(PROMISED, "granted"),
        Ok(other) => {
            Finding::differs(PROMISED, format!("granted, and it is {other:?}"), PROVES_NOTHING)
        }
        Err(error) => Finding::not_here(
            PROMISED,
            format!("F_SETLEASE gives {}", errno::name(&error)),
            NO_LEASE,
        ),
    }
}

/// `open` is a description of a file that another has open for writing.
fn beside_a_writer(open: &File) -> Result<Finding, Unable> {
    const PROMISED: &str = "no read lease while somebody has the file open for writing";
    Ok(refused(open, PROMISED))
}

fn refused(open: &File, promised: &str) -> Finding {
    match raw::lease(open, Lease::Read) {
        Err(error) if errno::is(&error, Errno::AGAIN) => {
            Finding::ok(promised, "refused with EAGAIN")
        }
        Err(error) => Finding::not_here(
            promised,
            format!("F_SETLEASE gives {}", errno::name(&error)),
            NO_LEASE,
        ),
        Ok(()) => Finding::differs(promised, "granted", PROVES_NOTHING),
    }
}

fn nonblocking_writer(open: &File, path: &Path) -> Result<Finding, Unable> {
    const PROMISED: &str = "a writer with O_NONBLOCK gets EWOULDBLOCK, the holder is told";
    let flags = OFlags::RDWR | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(path, flags, Mode::empty());
    let told = raw::lease_of(open).map_err(|error| Unable::failed("ask for the lease", error))?;
    let finding = match (opened, told) {
        (Err(Errno::WOULDBLOCK), Lease::None) => {
            Finding::ok(PROMISED, "EWOULDBLOCK; the lease is to be given up")
        }
        (Err(why), told) => Finding::differs(
            PROMISED,
            format!("{}; the lease is {told:?}", errno::name(&why.into())),
            PROVES_NOTHING,
        ),
        (Ok(_), told) => Finding::differs(
            PROMISED,
            format!("it is opened; the lease is {told:?}"),
            PROVES_NOTHING,
        ),
    };
    give_up(open)?;
    Ok(finding)
}

fn give_up(open: &File) -> Result<(), Unable> {
    raw::lease(open, Lease::None).map_err(|error| Unable::failed("give the lease up", error))
}

/// Whether another process waits in open(2) until the lease is given up.
fn waiting_writer(open: &File, path: &Path) -> Result<Finding, Unable> {
    const PROMISED: &str = "a writer waits in open until the holder gives the lease up";
    raw::lease(open, Lease::Read).map_err(|error| Unable::failed("take the lease again", error))?;
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
        .map_err(|why| Unable::failed("make a pipe", why))?;
    let child = match raw::fork().map_err(|error| Unable::failed("fork", error))? {
        Fork::Child => {
            // The description is shared; this process only opens.
            drop(reader);
            let opened = File::options().read(true).write(true).open(path).is_ok();
            let told = rustix::io::write(&writer, &[u8::from(opened)]);
            raw::exit(i32::from(told.is_err()));
        }
        Fork::Parent(child) => child,
    };
    drop(writer);
    let mut reader = File::from(reader);
    let told = until(|| Ok(raw::lease_of(open)? == Lease::None))?;
    let early = answer(&mut reader)?;
    give_up(open)?;
    let mut late = early;
    until(|| {
        late = late.or(answer_or_end(&mut reader)?);
        Ok(late.is_some())
    })?;
    child.wait().map_err(|error| Unable::failed("wait for the other process", error))?;
    Ok(match (told, early, late) {
        (true, None, Some(1)) => Finding::ok(PROMISED, "it waits, and goes on when it is given up"),
        (true, None, _) => Finding::differs(
            PROMISED,
            "it waits, and fails",
            "writers may fail because of a reader",
        ),
        (false, _, _) => Finding::differs(PROMISED, "the holder is not told", PROVES_NOTHING),
        (true, Some(_), _) => Finding::differs(PROMISED, "it does not wait", PROVES_NOTHING),
    })
}

/// Wait until `holds`.
fn until(mut holds: impl FnMut() -> io::Result<bool>) -> Result<bool, Unable> {
    let start = Instant::now();
    loop {
        if holds().map_err(|error| Unable::failed("wait for the other process", error))? {
            return Ok(true);
        }
        if start.elapsed() > PATIENCE {
            return Ok(false);
        }
        rustix::thread::sched_yield();
    }
}

/// What the other process has said so far.
fn answer(reader: &mut File) -> Result<Option<u8>, Unable> {
    answer_or_end(reader).map_err(|error| Unable::failed("read from the pipe", error))
}

fn answer_or_end(reader: &mut File) -> io::Result<Option<u8>> {
    let mut byte = [0];
    match reader.read(&mut byte) {
        Ok(1) => Ok(Some(byte[0])),
        // It ended without a word.
        Ok(_) => Ok(Some(0)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

const MAPPED: &str = "nor while somebody has it mapped for writing, descriptor closed";

fn beside_a_mapping(open: &File, path: &Path) -> Result<Finding, Unable> {
    let file = File::options().read(true).write(true).open(path);
    let file = file.map_err(|error| Unable::failed("open the file for writing", error))?;
    let access = Protection::READ | Protection::WRITE;
    let mapping = Mapping::file(&file, 0, 1, access, Sharing::Shared, MapFlags::empty());
    let mapping = mapping.map_err(|error| Unable::unmapped("map the file", error))?;
    drop(file);
    let finding = refused(open, MAPPED);
    drop(mapping);
    Ok(finding)
}

fn beyond_this_kernel() -> Finding {
    Finding::not_here(
        "every change of the file asks the holder of the lease",
        "a server keeps the file and changes it without asking",
        PROVES_NOTHING,
    )
}

fn lease_break_time(_: &Place) -> Result<Vec<Finding>, Unable> {
    const PATH: &str = "/proc/sys/fs/lease-break-time";
    Ok(vec![judged_time(figures::setting(PATH))])
}

/// What can be put elsewhere in less time is little.
const SHORT: u64 = 10;

fn judged_time(seconds: Option<u64>) -> Finding {
    const PROMISED: &str = "a writer is held back for 45 s, unless set otherwise";
    match seconds {
        None => Finding::not_here(
            PROMISED,
            "/proc/sys/fs/lease-break-time cannot be read",
            "how long a lease lasts against a writer is not known",
        ),
        Some(seconds @ SHORT..) => Finding::ok(PROMISED, format!("{seconds} s"))
            .measured("lease_break_s", f64::from(u32::try_from(seconds).unwrap_or(u32::MAX))),
        Some(seconds) => Rights::now().add(Finding::differs(
            PROMISED,
            format!("{seconds} s"),
            "too short to copy a large file in: whoever relies on a lease may be ended by a writer",
        ), "fs.lease-break-time can be set"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::experiment::Verdict;

    #[test]
    fn a_short_time_differs() {
        assert_eq!(judged_time(Some(45)).verdict, Verdict::Ok);
        assert_eq!(judged_time(Some(2)).verdict, Verdict::Differs);
        assert_eq!(judged_time(None).verdict, Verdict::NotHere);
    }
}
