//! `folio count`: how many newlines, or any other byte, there are in files.
//!
//! [`tree`] finds the files of directories, [`crew`] shares them among threads, [`scan`] counts a range of one, and
//! [`table`] prints what comes out, in the order of the inputs.
//!
//! A count is of the bytes that a file has when it is opened, no more if it grows and never fewer: a file that shrinks
//! meanwhile is an error instead.

mod crew;
mod scan;
mod table;
mod tree;

use std::io::{self, Write as _};
use std::num::NonZeroUsize;

use crate::failure::Complaints;
use crate::flags::{CountFlags, Via};
use crate::input::Input;
use crate::progress::{Progress, Show};
use crate::stdout::Stdout;
use crate::threads::cores;

use crew::Crew;
use table::{Form, Table};

/// What to count, and how.
#[derive(Clone, Copy, Debug)]
struct Plan {
    byte: u8,
    via: Via,
    threads: usize,
}

/// What was counted in one input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    /// How often the byte occurs.
    count: u64,
    /// In how many bytes.
    len: u64,
}

/// Count and print.
pub(crate) fn run(flags: CountFlags, complaints: &mut Complaints) -> io::Result<()> {
    let plan = Plan {
        byte: flags.byte.0,
        via: flags.via,
        threads: flags.threads.map_or_else(cores, NonZeroUsize::get),
    };
    let form = if flags.json { Form::Json } else { Form::Text };
    let inputs = inputs(flags.files, flags.recursive, complaints);
    let mut out = Stdout::new()?;
    let show = Show::between_rows(out.sink());
    let mut table = Table::new(&mut out, form, plan.byte, flags.total, &inputs);
    let progress = Progress::new(show);
    Crew::new(plan, &inputs, &progress).count(|index, result| {
        progress.aside(|| match result {
            Ok(counted) => table.row(&inputs[index], counted),
            Err(failure) => complaints.sort(Err(failure)),
        })
    })?;
    drop(progress);
    table.end()?;
    out.flush()
}

/// The files that the arguments name, those in directories included if that is asked for.
fn inputs(
    files: Vec<std::ffi::OsString>,
    recursive: bool,
    complaints: &mut Complaints,
) -> Vec<Input> {
    if !recursive {
        return Input::from_args(files);
    }
    let roots = if files.is_empty() { vec![".".into()] } else { files };
    let mut found = Vec::new();
    for root in roots {
        match Input::from_arg(root) {
            Input::Path(path) => tree::files_below(path, &mut found, complaints),
            stdin => found.push(stdin),
        }
    }
    found
}
