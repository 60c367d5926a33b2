//! Random programs on folio, on each file system, and checks of what checks.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use folio_model::{File, FileKind, Op, Repertoire, Seeded};
use folio_oracle::{
    Answer, Bench, Folio, Oracle, Processes, Reason, System, Until, compare, random,
};

const KINDS: [FileKind; 3] = [FileKind::Disk, FileKind::Memory, FileKind::Disk];

fn folio(dir: &Path) -> Folio {
    let exe = env!("CARGO_BIN_EXE_folio-oracle").into();
    Folio::new(dir, &KINDS, Processes::Apart(exe)).unwrap()
}

/// How long to run random programs on each file system.
fn time() -> Duration {
    let seconds = std::env::var("FOLIO_ORACLE_SECONDS");
    Duration::from_secs(seconds.map_or(5, |seconds| seconds.parse().unwrap()))
}

#[test]
fn random_programs_do_on_folio_what_it_promises() {
    testfs::each(testfs::DISKS, |fs| {
        let mut bench = folio(fs.path());
        let repertoire = bench.repertoire();
        let outcome = random(&mut bench, &repertoire, 1, 60, Until::Time(time())).unwrap();
        if let Some(found) = outcome.found {
            panic!("--seed {:?}\n{}", found.seed, found.disagreement);
        }
        assert!(outcome.programs > 10, "{} programs", outcome.programs);
    });
}

/// Programs that never met a truncation, or spent their steps on empty slots, would find nothing.
#[test]
fn programs_meet_what_there_is_to_meet() {
    let dir = tempfile::tempdir().unwrap();
    let mut bench = folio(dir.path());
    let repertoire = bench.repertoire();
    let mut met = BTreeMap::new();
    for seed in 0..40 {
        let program = repertoire.program(&mut Seeded::new(seed), 60);
        let (mut system, _) = bench.begin().unwrap();
        for op in program.iter() {
            let verb = format!("{op:?}").split(' ').next().unwrap().to_owned();
            let answer = match system.step(op).unwrap() {
                Answer::Kernel(_) => "kernel".to_owned(),
                Answer::Refused { reason: Reason::Truncated { .. }, .. } => "Truncated".into(),
                Answer::Refused { reason, .. } => format!("{reason:?}"),
                other => format!("{other:?}").split([' ', ':']).next().unwrap().to_owned(),
            };
            *met.entry(format!("{verb} {answer}")).or_insert(0) += 1;
        }
    }
    for expected in ["Load Truncated"] {
        assert!(met.get(expected).is_some_and(|&count| count >= 5), "{expected} of {met:#?}");
    }
    panic!("{met:#?}");
}
