//! What the fuzz target `model` does, on random bytes: for everybody who has no fuzzer at hand.

mod model;

use std::io;

use folio_model::{Bytes, File, FileKind, Op};
use folio_oracle::{Answer, Bench, Folio, Oracle, Processes, System};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn bytes_are_programs_that_agree(bytes in prop::collection::vec(any::<u8>(), 0..1000)) {
        model::run(&bytes);
    }
}

/// What a fuzzer finds goes here, so that it is tried in every run.
#[test]
fn what_was_found_once_stays_away() {
    for bytes in [&[][..], &[0xFF; 300], &[0; 300], &[1; 300]] {
        model::run(bytes);
    }
}

/// folio, where the last byte of each file is another at the end.
struct Changed(Folio);

struct ChangedAtTheEnd<S>(S);

impl Bench for Changed {
    type Seen = Answer;

    fn files(&self) -> u8 {
        self.0.files()
    }

    fn begin(&mut self) -> io::Result<(impl System<Answer>, impl Oracle<Answer>)> {
        let (system, oracle) = self.0.begin()?;
        Ok((ChangedAtTheEnd(system), oracle))
    }
}

impl<S: System<Answer>> System<Answer> for ChangedAtTheEnd<S> {
    fn step(&mut self, op: &Op) -> io::Result<Answer> {
        self.0.step(op)
    }

    fn content(&mut self, file: File) -> io::Result<Vec<u8>> {
        let mut bytes = self.0.content(file)?;
        if let Some(last) = bytes.last_mut() {
            *last ^= 1;
        }
        Ok(bytes)
    }
}

/// The body is a check that can fail.
#[test]
#[should_panic(expected = "the content of file")]
fn a_byte_changed_behind_the_oracle_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let folio = Folio::new(dir.path(), &[FileKind::Memory, FileKind::Disk], Processes::Here);
    let mut changed = Changed(folio.unwrap());
    let bytes: Vec<u8> = (0..600u32).map(|at| u8::try_from(at * 151 % 256).unwrap()).collect();
    let program = changed.0.repertoire().program(&mut Bytes::new(&bytes), 100);
    model::check(&mut changed, &program);
}
