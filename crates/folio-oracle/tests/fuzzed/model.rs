//! Bytes as a program, run on folio in this process, and compared with what it promises.

use folio_model::{Bytes, FileKind, Program};
use folio_oracle::{Bench, Disagreement, Folio, Processes, compare, explain};

/// The longest program.
const STEPS: usize = 200;

/// Do what `bytes` say.
pub(crate) fn run(bytes: &[u8]) {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let kinds = [FileKind::Memory, FileKind::Disk];
    let mut folio = Folio::new(dir.path(), &kinds, Processes::Here).expect("no process is started");
    let program = folio.repertoire().program(&mut Bytes::new(bytes), STEPS);
    check(&mut folio, &program);
}

/// Run `program` on `bench`.
pub(crate) fn check<B: Bench>(bench: &mut B, program: &Program) {
    if let Some(found) = compare(bench, program).expect("files can be made") {
        let plain: Disagreement<_> = explain(bench, found).expect("files can be made");
        panic!("{}\n{plain}", plain.program());
    }
}
