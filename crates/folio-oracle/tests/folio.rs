//! Random programs on folio and on the bare kernel, on each file system; and checks of what checks.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;

use folio_model::{File, FileKind, Op};
use folio_oracle::{
    Answer, Bench, Folio, Oracle, Processes, Reason, System, Until, random, seeded,
};

const KINDS: [FileKind; 3] = [FileKind::Disk, FileKind::Memory, FileKind::Disk];

/// How many seconds to run random programs on each file system.
fn seconds() -> String {
    std::env::var("FOLIO_ORACLE_SECONDS").unwrap_or_else(|_| "5".into())
}

/// The command, which must find that all agree.
#[track_caller]
fn agrees(arguments: &[&str], dir: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_folio-oracle"));
    let output = command.args(arguments).arg(dir).output().unwrap();
    let (told, error) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && told.contains("all agreed"), "{told}{error}");
    let left: Vec<_> = std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != "lost+found")
        .collect();
    assert!(left.is_empty(), "{left:?} is left behind");
}

#[test]
fn folio_keeps_its_promises() {
    testfs::each(testfs::DISKS, |fs| {
        agrees(&["--system", "folio", "--seed", "1", "--seconds", &seconds()], fs.path());
    });
}

#[test]
fn the_kernel_does_what_the_model_says() {
    testfs::each(testfs::DISKS, |fs| {
        agrees(&["--system", "kernel", "--seed", "1", "--seconds", &seconds()], fs.path());
    });
}

#[test]
fn every_small_program_agrees() {
    testfs::each(&[testfs::Kind::Tmpfs], |fs| {
        agrees(&["--system", "folio", "--exhaustive", "2"], fs.path());
        agrees(&["--system", "kernel", "--exhaustive", "2"], fs.path());
    });
}

fn leases_are_to_be_had(dir: &Path) -> bool {
    let path = dir.join("leased");
    std::fs::write(&path, vec![1; 100_000]).unwrap();
    let lease = folio::MapOptions::new().guarantees(folio::Guarantees::LEASE).open_frozen(&path);
    std::fs::remove_file(&path).unwrap();
    lease.is_ok()
}

/// Programs that never met a truncation, or spent their steps on empty slots, would find nothing.
#[test]
fn programs_meet_what_there_is_to_meet() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Folio::new(dir.path(), &KINDS, Processes::Here).unwrap();
    let repertoires = bench.repertoires();
    let mut met = BTreeMap::new();
    for seed in 0..200 {
        let program = seeded(&repertoires, seed, 60);
        let (mut system, _) = bench.begin().unwrap();
        for op in program.iter() {
            let verb = format!("{op:?}").split(' ').next().unwrap().to_owned();
            let answer = match system.step(op).unwrap() {
                Answer::Kernel(_) => "kernel".to_owned(),
                Answer::Refused { reason: Reason::Truncated { .. }, .. } => "Truncated".into(),
                Answer::Refused { reason, .. } => format!("{reason:?}"),
                Answer::Bytes(_) => "bytes".into(),
                Answer::Kept { guarantee, .. } => guarantee,
                Answer::Changed(_) => "changed".into(),
                Answer::Flushed(_) => "flushed".into(),
                other => format!("{other:?}"),
            };
            *met.entry(format!("{verb} {answer}")).or_insert(0u32) += 1;
        }
    }
    for expected in [
        "Load bytes",
        "Load OutOfRange",
        "Load Truncated",
        "Store done",
        "Store OutOfRange",
        "Store Truncated",
        "Flush flushed",
        "Flush Truncated",
        "Flush changed",
        "Flush bytes",
        "Flush Conflict",
        "Flush NotFound",
        "Remap done",
        "Remap InvalidInput",
        "Remap Truncated",
        "Map sealed",
        "Map snapshot",
        "Map copied",
        "Map done",
        "Map OpenMode",
        "Map OutOfRange",
        "Map PermissionDenied",
        "Advise done",
        "Advise Truncated",
        "Seal done",
        "Seal Busy",
        "Lock done",
        "Lock Busy",
    ] {
        assert!(met.contains_key(expected), "{expected} is not of {met:#?}");
    }
    // An overlay gives none; then the default has to be another guarantee.
    assert_eq!(met.contains_key("Map lease"), leases_are_to_be_had(dir.path()), "{met:#?}");
    let nothing: u32 =
        met.iter().filter(|(met, _)| met.ends_with("nothing")).map(|(_, count)| count).sum();
    assert!(nothing * 5 < met.values().sum(), "many steps do nothing: {met:#?}");
}

/// folio, but for one byte: what is loaded from byte 4096 of a mapping on is wrong once the mapping was stored to there.
struct Liar<B>(B);

struct Lying<S> {
    system: S,
    stored: bool,
}

impl<B: Bench<Seen = Answer>> Bench for Liar<B> {
    type Seen = Answer;

    fn files(&self) -> u8 {
        self.0.files()
    }

    fn begin(&mut self) -> io::Result<(impl System<Answer>, impl Oracle<Answer>)> {
        let (system, oracle) = self.0.begin()?;
        Ok((Lying { system, stored: false }, oracle))
    }
}

impl<S: System<Answer>> System<Answer> for Lying<S> {
    fn step(&mut self, op: &Op) -> io::Result<Answer> {
        let mut answer = self.system.step(op)?;
        match (op, &mut answer) {
            (Op::Store { offset: 4096.., len: 1.., .. }, Answer::Done) => self.stored = true,
            (Op::Load { offset: 4096.., .. }, Answer::Bytes(bytes)) if self.stored => {
                if let Some(first) = bytes.first_mut() {
                    *first ^= 1;
                }
            }
            _ => {}
        }
        Ok(answer)
    }

    fn content(&mut self, file: File) -> io::Result<Vec<u8>> {
        self.system.content(file)
    }
}

#[test]
fn a_lie_is_found_and_made_plain() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = Liar(Folio::new(dir.path(), &KINDS, Processes::Here).unwrap());
    let repertoires = bench.0.repertoires();
    let outcome = random(&mut bench, &repertoires, 1, 60, Until::Programs(500)).unwrap();
    let disagreement = outcome.found.expect("it lies").disagreement;
    let program = disagreement.program();
    // Memory that has no file, and is mapped, stored to and loaded from; nothing else is needed.
    assert!(program.len() <= 5, "{program}");
    let lines: Vec<_> = program.iter().map(ToString::to_string).collect();
    assert!(lines.last().is_some_and(|last| last.starts_with("load m0 4096..4097")), "{program}");
    assert!(lines[lines.len() - 2].starts_with("store m0 4096..4097"), "{program}");
    let told = disagreement.to_string();
    assert!(told.contains("WRONG    folio must answer"), "{told}");
}
