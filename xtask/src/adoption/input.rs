//! The files that jobs work on: two of each, with different content, and the right answer for either.

use std::fs::{self, File, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::package::{Side, Workshop, run};
use super::programs::{Input, Job, Program};
use super::weather;

const MIB: usize = 1 << 20;
const TEXT: usize = 128 * MIB;
const BLOBS: u64 = 64;

/// An input as it was made, and what the program answers when nobody disturbs it.
#[derive(Debug)]
pub struct Sample {
    /// The directory that holds it.
    pub dir: PathBuf,
    /// What the program says of it.
    pub answer: Vec<u8>,
    /// What it writes to standard error then, to tell complaints from habits.
    pub stderr: String,
    /// How it ends.
    pub code: Option<i32>,
}

/// The input that a job begins with, and the one that it is rewritten with.
#[derive(Debug)]
pub struct Samples {
    /// What is there when the program opens it.
    pub old: Sample,
    /// What somebody writes over it.
    pub new: Sample,
}

/// Make both inputs of `job`, unless they are there, and ask the program as it is for the answers.
///
/// # Errors
/// They could not be made, or the program failed on the first with nobody disturbing it.
pub fn make(workshop: &Workshop, program: &Program, job: &Job) -> Result<Samples, String> {
    let bench = workshop.bench(program);
    let sample = |seed: u64| {
        let dir = bench.join(format!("input-{seed}"));
        if !dir.exists() {
            let unfinished = bench.join("unfinished");
            let _ = fs::remove_dir_all(&unfinished);
            fs::create_dir_all(&unfinished)
                .map_err(|error| format!("{}: {error}", unfinished.display()))?;
            fill(workshop, program, job.input, seed, &unfinished)?;
            fs::rename(&unfinished, &dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        }
        weather::undisturbed(workshop, program, job, &dir)
    };
    let (old, new) = (sample(1)?, sample(2)?);
    if old.code != Some(0) || old.answer.is_empty() {
        return Err(format!(
            "{}: no answer with nobody disturbing it: {}",
            program.package, old.stderr
        ));
    }
    if old.answer == new.answer {
        return Err(format!("{}: the same answer for different files", program.package));
    }
    Ok(Samples { old, new })
}

/// The largest file below `dir`: the one that a job spends its time on.
///
/// # Errors
/// The directory cannot be read, or holds no file.
pub fn largest(dir: &Path) -> io::Result<PathBuf> {
    let (mut best, mut open) = (None, vec![dir.to_owned()]);
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                open.push(entry.path());
            } else {
                best = best.max(Some((metadata.len(), entry.path())));
            }
        }
    }
    best.map(|(_, path)| path).ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn fill(
    workshop: &Workshop,
    program: &Program,
    input: Input,
    seed: u64,
    dir: &Path,
) -> Result<(), String> {
    let io = |done: io::Result<()>| done.map_err(|error| format!("{}: {error}", dir.display()));
    match input {
        Input::Text => io(text(&dir.join("text"), seed)),
        Input::Debuggable => io(debuggable(&dir.join("program"), seed)),
        Input::Object => object(dir, seed),
        Input::Repository => repository(dir, seed),
        Input::Made => {
            let made = workshop.binary(program, Side::Memmap2);
            run(Command::new(made).arg("make").arg(seed.to_string()).arg(dir)).map(drop)
        }
    }
}

/// Numbers without an end, the same for the same seed (splitmix64).
struct Noise(u64);

impl Iterator for Noise {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(word ^ (word >> 31))
    }
}

/// Lines of four words of sixteen letters and digits.
fn text(path: &Path, seed: u64) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for (word, place) in Noise(seed).zip(1..=TEXT / 17) {
        write!(file, "{word:016x}{}", if place % 4 == 0 { '\n' } else { ' ' })?;
    }
    file.flush()
}

/// This program, which has debug information; for another seed its bytes in reverse, which is no program at all.
fn debuggable(path: &Path, seed: u64) -> io::Result<()> {
    let mut bytes = fs::read("/proc/self/exe")?;
    if seed != 1 {
        bytes.reverse();
    }
    fs::write(path, bytes)
}

/// An object file that defines `_start`, which refers to a large piece of data so that no linker leaves it out.
fn object(dir: &Path, seed: u64) -> Result<(), String> {
    let blob = dir.join("blob");
    let bytes: Vec<u8> = Noise(seed).take(TEXT / 8).flat_map(u64::to_le_bytes).collect();
    fs::write(&blob, bytes).map_err(|error| format!("{}: {error}", blob.display()))?;
    let source = dir.join("object.s");
    let assembly = ".globl _start\n.text\n_start:\n.quad blob\n.section .rodata\nblob:\n.incbin \"blob\"\n.section .note.GNU-stack\n";
    fs::write(&source, assembly).map_err(|error| format!("{}: {error}", source.display()))?;
    run(Command::new("cc").current_dir(dir).args(["-c", "object.s", "-o", "object.o"]))?;
    fs::remove_file(blob).map_err(|error| format!("{}: {error}", dir.display()))
}

/// A repository with one commit of many files that do not compress, all of them in one pack.
fn repository(dir: &Path, seed: u64) -> Result<(), String> {
    let git = |arguments: &[&str]| {
        let who = [
            "-c",
            "user.name=nobody",
            "-c",
            "user.email=nobody@localhost",
            "-c",
            "commit.gpgSign=false",
        ];
        run(Command::new("git").current_dir(dir).args(who).args(arguments)).map(drop)
    };
    git(&["init", "--quiet"])?;
    let mut noise = Noise(seed);
    for number in 0..BLOBS + seed {
        let bytes: Vec<u8> = noise.by_ref().take(MIB / 8).flat_map(u64::to_le_bytes).collect();
        let path = dir.join(format!("blob-{number}"));
        fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    git(&["add", "."])?;
    git(&["commit", "--quiet", "--message", "blobs"])?;
    git(&["gc", "--quiet"])?;
    // The pack is all that is verified.
    for number in 0..BLOBS + seed {
        let _ = fs::remove_file(dir.join(format!("blob-{number}")));
    }
    // Which git makes read-only, and whoever rewrites it does not care.
    largest(dir)
        .and_then(|pack| fs::set_permissions(pack, Permissions::from_mode(0o644)))
        .map_err(|error| format!("{}: {error}", dir.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_depends_on_its_seed_alone() {
        assert!(Noise(1).take(100).eq(Noise(1).take(100)));
        assert!(Noise(1).take(100).zip(Noise(2)).all(|(one, two)| one != two));
    }

    #[test]
    fn the_largest_file_is_found_below_directories() {
        let dir = std::env::temp_dir().join(format!("xtask-largest-{}", std::process::id()));
        fs::create_dir_all(dir.join("a/b")).unwrap();
        assert_eq!(largest(&dir).unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::write(dir.join("small"), "x").unwrap();
        fs::write(dir.join("a/b/large"), "xyz").unwrap();
        fs::write(dir.join("a/middle"), "xy").unwrap();
        assert_eq!(largest(&dir).unwrap(), dir.join("a/b/large"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
