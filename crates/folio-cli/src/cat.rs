//! `folio cat`: the bytes of files, one after the other, on standard output.
//!
//! The output is that of `cat`, byte for byte. What differs: a part of each file can be asked for, and a file that
//! shrinks while it is being read is an error instead of a short output.

use std::io;
use std::ops::Range;

use crate::failure::{Complaints, Failure, InputFailure};
use crate::flags::CatFlags;
use crate::input::{Input, Kind, Opened};
use crate::progress::{Progress, Show};
use crate::pump::Pump;
use crate::stdout::Stdout;
use crate::units::Offset;
use crate::window::Window;

/// Print the inputs.
pub(crate) fn run(flags: CatFlags, complaints: &mut Complaints) -> io::Result<()> {
    let window = flags.window.window();
    let mut out = Stdout::new()?;
    let progress = Progress::new(Show::beside(out.sink()));
    let mut pump = Pump::new(&mut out, &progress);
    for input in Input::from_args(flags.files) {
        let result = input
            .open("is a directory")
            .and_then(|opened| print(&opened, window, &mut pump, &progress));
        complaints.sort(result)?;
    }
    Ok(())
}

/// Print the part of one input that `window` is.
pub(crate) fn print(
    input: &Opened,
    window: Window,
    pump: &mut Pump<'_>,
    progress: &Progress,
) -> Result<(), Failure> {
    match &input.kind {
        Kind::Sized(available) => {
            let range = input.range(window, available.clone())?;
            progress.expect(range.end - range.start);
            let limit = window.len.map(|len| range.start.saturating_add(len));
            refuse_own_output(input, range.start, limit, pump.out())?;
            print_range(input, range, available.end, limit, pump)
        }
        Kind::Stream | Kind::Directory => print_stream(input, window, pump),
    }
}

/// Print from `range.start` to `limit` or the end of the file, which may have moved since it was opened: further away,
/// then the new bytes are printed too, or nearer, then the bytes of `range` are not all there, and that is an error.
fn print_range(
    input: &Opened,
    range: Range<u64>,
    at_open: u64,
    limit: Option<u64>,
    pump: &mut Pump<'_>,
) -> Result<(), Failure> {
    let mut position = range.start;
    loop {
        let reached = pump.range(input, position, limit, range.end)?;
        let stuck = reached == position;
        position = reached;
        input.leave_at(position);
        input.check_reaches(position.max(range.end), at_open)?;
        // Short of the end though the file reaches it: it was cut and has grown back, or, if there is nothing to be
        // read the second time either, it has fewer bytes than it says, like the files of sysfs.
        if position >= range.end || stuck {
            return Ok(());
        }
    }
}

fn print_stream(input: &Opened, window: Window, pump: &mut Pump<'_>) -> Result<(), Failure> {
    let Offset::FromStart(offset) = window.offset else {
        return Err(InputFailure::refused(
            input.name.clone(),
            "cannot count from the end: the length is not known before all is read",
        ));
    };
    let skipped = pump.skip(input, offset)?;
    if skipped < offset {
        return Err(InputFailure::past_end(input.name.clone(), offset, skipped));
    }
    pump.stream(input, window.len)
}

/// Like GNU cat: do not read what this command itself has written, without end.
fn refuse_own_output(
    input: &Opened,
    first: u64,
    limit: Option<u64>,
    out: &Stdout,
) -> Result<(), Failure> {
    if out.identity().is_none() || out.identity() != input.identity() {
        return Ok(());
    }
    let written_at = out.position().map_err(Failure::Output)?;
    if first < written_at && limit.is_none_or(|limit| written_at < limit) {
        return Err(InputFailure::refused(input.name.clone(), "input file is output file"));
    }
    Ok(())
}
