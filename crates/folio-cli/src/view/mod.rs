//! `folio view`: the bytes of a file in hexadecimal.
//!
//! Bytes come from [`source`] in blocks of whole rows; [`squeeze`] sorts out the rows that repeat the one before; a
//! [`Format`] ([`text`] or [`json`]) writes what is left, on several threads if there is much ([`press`]).

mod json;
mod press;
mod source;
mod squeeze;
mod text;

use std::io;

use crate::cat;
use crate::failure::{Complaints, Failure};
use crate::flags::{Colour, ViewFlags};
use crate::input::{Input, Kind, Opened};
use crate::progress::{Progress, Show};
use crate::pump::Pump;
use crate::stdout::Stdout;
use crate::window::Window;

use json::Json;
use press::Press;
use source::{Blocks, Stream};
use squeeze::{Rows, Squeezer};
use text::Text;

/// How rows are written.
trait Format: Sync {
    /// The rows that hold `bytes`, the first of them at `offset`. Only the last row of all may be short.
    fn rows(&self, offset: u64, bytes: &[u8], out: &mut Vec<u8>);

    /// In place of `len` bytes at `offset` that are all `row`, again and again.
    fn repeat(&self, offset: u64, len: u64, row: &[u8], out: &mut Vec<u8>);

    /// After the last byte, at `offset`; `shown` is how many bytes there were.
    fn end(&self, offset: u64, shown: u64, out: &mut Vec<u8>);
}

/// What to show, and how.
#[derive(Clone, Copy, Debug)]
struct Plan {
    window: Window,
    /// Bytes a row.
    width: usize,
    rows: Rows,
}

/// Show the input.
pub(crate) fn run(flags: ViewFlags, colour: Colour, complaints: &mut Complaints) -> io::Result<()> {
    let plan = Plan {
        window: flags.window.window(),
        width: usize::from(flags.width),
        rows: if flags.no_squeeze { Rows::All } else { Rows::Squeezed },
    };
    let input = flags.file.map_or(Input::Implied, Input::from_arg);
    let mut out = Stdout::new()?;
    let progress = Progress::new(Show::beside(out.sink()));
    let result = input.open("is a directory").and_then(|opened| {
        if flags.raw {
            cat::print(&opened, plan.window, &mut Pump::new(&mut out, &progress), &progress)
        } else if flags.json {
            show(&opened, plan, Json::new(plan.width), &mut out, &progress)
        } else {
            let text = Text::new(plan.width, last_offset(&opened), colour.wanted(&io::stdout()));
            show(&opened, plan, text, &mut out, &progress)
        }
    });
    drop(progress);
    complaints.sort(result)
}

/// The largest offset that a row can have, as far as that is known.
fn last_offset(input: &Opened) -> u64 {
    match &input.kind {
        Kind::Sized(range) => range.end,
        _ => 0,
    }
}

fn show(
    input: &Opened,
    plan: Plan,
    format: impl Format,
    out: &mut Stdout,
    progress: &Progress,
) -> Result<(), Failure> {
    let squeezer = Squeezer::new(plan.width, plan.rows);
    match &input.kind {
        Kind::Sized(available) => {
            let range = input.range(plan.window, available.clone())?;
            progress.expect(range.end - range.start);
            let blocks = Blocks::open(input, range.clone(), available.end, plan.width, plan.rows);
            Press::new(&format, squeezer, out, progress).run(blocks, range)
        }
        Kind::Stream | Kind::Directory => {
            let mut stream = Stream::new(input, plan.width);
            let start = stream.start_at(plan.window)?;
            Press::new(&format, squeezer, out, progress).run_stream(stream, start)
        }
    }
}
