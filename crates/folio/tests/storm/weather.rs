//! The other process, and what it does to the file.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::pattern::{self, Dice, HEAD, LEN};

/// What becomes of the file in each round, after it was cut somewhere behind its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// It is stretched to its length again, which makes a hole, and then the bytes are written back.
    Holes,
    /// The bytes are appended again: it never has a hole.
    Appends,
    /// As [`Weather::Appends`], and then the readers have a moment.
    Lulls,
    /// It is stretched to its length, and the file system filled up so that the hole gets no page.
    Full,
    /// It is left alone: the device under it fails.
    Failing,
}

const JOB: &str = "FOLIO_STORM_JOB";

/// Whether this process was started by [`start`]. If so, it has done its work when this returns.
pub(crate) fn is_the_other_process() -> bool {
    let Ok(job) = std::env::var(JOB) else { return false };
    let (weather, job) = job.split_once(' ').expect("weather, rounds and directory");
    let (rounds, dir) = job.split_once(' ').expect("rounds and directory");
    let weather = match weather {
        "Holes" => Weather::Holes,
        "Appends" => Weather::Appends,
        "Lulls" => Weather::Lulls,
        "Full" => Weather::Full,
        other => panic!("no such weather: {other}"),
    };
    let rounds = rounds.parse().expect("a number of rounds");
    rage(weather, rounds, Path::new(dir)).expect("the file can be truncated and written");
    true
}

/// The other process: this test binary again, which runs `test` alone. It is killed if it is dropped before it ends.
#[derive(Debug)]
pub(crate) struct OtherProcess(Child);

pub(crate) fn start(test: &str, weather: Weather, rounds: u64, dir: &Path) -> OtherProcess {
    let child = Command::new(std::env::current_exe().expect("a test knows its binary"))
        .args(["--exact", test])
        .env(JOB, format!("{weather:?} {rounds} {}", dir.display()))
        .stdout(Stdio::null())
        .spawn()
        .expect("the test binary can be started");
    OtherProcess(child)
}

impl OtherProcess {
    /// Wait for it, and see that it did its work.
    pub(crate) fn finish(mut self) {
        let status = self.0.wait().expect("it is a child");
        assert!(status.success(), "the other process failed: {status}");
    }
}

impl Drop for OtherProcess {
    fn drop(&mut self) {
        // Both fail if it has ended and was waited for.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The file that all is about, below `dir`.
pub(crate) fn file(dir: &Path) -> PathBuf {
    dir.join("file")
}

/// A file that holds the number of rounds done, a u64.
pub(crate) fn clock(dir: &Path) -> PathBuf {
    dir.join("clock")
}

fn rage(weather: Weather, rounds: u64, dir: &Path) -> io::Result<()> {
    let path = file(dir);
    let clock = File::options().write(true).open(clock(dir))?;
    let mut dice = Dice::new(1);
    for round in 1..=rounds {
        let cut = HEAD + dice.below(LEN - HEAD);
        // Opened anew each time: an open for writing is what a lease holds back.
        File::options().write(true).open(&path)?.set_len(cut as u64)?;
        if round % 8 == 1 {
            // On one processor, or beside others that are busy, nobody else might ever see it cut.
            std::thread::yield_now();
        }
        match weather {
            Weather::Holes => {
                let file = File::options().write(true).open(&path)?;
                file.set_len(LEN as u64)?;
                file.write_all_at(pattern::bytes(cut, LEN - cut), cut as u64)?;
            }
            Weather::Appends | Weather::Lulls => append(&path, cut, &mut dice)?,
            Weather::Full if round % 8 == 0 => refill(dir, cut)?,
            Weather::Full => {
                File::options().write(true).open(&path)?.set_len(LEN as u64)?;
                fill(dir)?;
            }
            Weather::Failing => {}
        }
        clock.write_all_at(&round.to_ne_bytes(), 0)?;
        if weather == Weather::Lulls {
            // Nobody has the file open for writing now: a lease can be had.
            std::thread::yield_now();
        }
    }
    Ok(())
}

/// Append the bytes from `cut` on in pieces.
fn append(path: &Path, mut cut: usize, dice: &mut Dice) -> io::Result<()> {
    let mut file = File::options().append(true).open(path)?;
    while cut < LEN {
        let len = (1 + dice.below(LEN)).min(LEN - cut);
        file.write_all(pattern::bytes(cut, len))?;
        cut += len;
    }
    Ok(())
}

/// Take all the space that is left.
pub(crate) fn fill(dir: &Path) -> io::Result<()> {
    let mut filler = File::options().create(true).append(true).open(dir.join("filler"))?;
    let zeros = [0; pattern::PAGE];
    loop {
        match filler.write(&zeros) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error),
        }
    }
}

/// Make room, give the file all its bytes again, and take what is left.
fn refill(dir: &Path, cut: usize) -> io::Result<()> {
    File::create(dir.join("filler"))?;
    let file = File::options().write(true).open(file(dir))?;
    // The holes of earlier rounds are filled as well. Readers may take the space for pages of zeros: that is no failure.
    match file.write_all_at(pattern::bytes(HEAD, LEN - HEAD), HEAD as u64) {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => {
            file.set_len(LEN.max(cut) as u64)?
        }
        other => other?,
    }
    fill(dir)
}
