//! `folio maps`: how a process is mapped, what it shares and what it costs.
//!
//! [`look`] asks the kernel once, [`kind`] says what each mapping is for, [`group`] adds up, [`pages`] looks at single pages and
//! [`both`] at those of two processes. [`text`], [`beside`] and [`json`] print, [`draw`] fills in a picture.
//! [`exe`] is the other half: how a program will be mapped, by its file alone.

mod beside;
mod both;
mod draw;
pub(crate) mod exe;
pub(crate) mod flags;
mod group;
mod json;
pub(crate) mod kind;
mod layout;
mod look;
mod pages;
mod text;
mod words;

use std::io::{self, Write as _};

use folio::process::Frames;

use crate::failure::{Complaints, Failure, InputFailure};
use crate::flags::Colour;
use crate::stdout::Stdout;

use beside::Beside;
use both::{Comparison, Side};
use flags::{MapsFlags, PageDetail, Pid, Sort};
use json::Json;
use layout::Layout;
use look::{Look, Mapped};
use text::{Detail, Rows, Text};

/// Why a list of mappings ended early.
#[derive(Debug)]
enum Listed {
    /// The process does not answer any more.
    Lost(folio::Error),
    /// The output cannot be written.
    Output(io::Error),
}

/// Look at one process, or at two, and print.
pub(crate) fn run(
    flags: &MapsFlags,
    colour: Colour,
    complaints: &mut Complaints,
) -> io::Result<()> {
    if let Some(file) = &flags.exe {
        return exe::run(file, flags, colour, complaints);
    }
    let mut out = Stdout::new()?;
    let layout = Layout::of_stdout(colour);
    let shown = match flags.pids[..] {
        [pid] if flags.total => totals(pid, flags, &layout, &mut out),
        [pid] => one(pid, flags, &layout, &mut out),
        [first, second] => two([first, second], flags, &layout, &mut out),
        _ => Ok(()),
    };
    complaints.sort(shown)?;
    out.flush()
}

fn totals(pid: Pid, flags: &MapsFlags, layout: &Layout, out: &mut Stdout) -> Result<(), Failure> {
    let look = look::look_at_totals(pid)?;
    if flags.json {
        let mut json = Json::new(out);
        return json.process(&look).and_then(|()| json.flush()).map_err(Failure::Output);
    }
    let mut text = Text { layout, sort: flags.sort, text: String::new() };
    text.totals(&look);
    text.write(out).map_err(Failure::Output)
}

fn one(pid: Pid, flags: &MapsFlags, layout: &Layout, out: &mut Stdout) -> Result<(), Failure> {
    let look = look::look(pid)?;
    let wanted = wanted(&look, &flags.only);
    if wanted.is_empty() && !flags.only.is_empty() {
        return Err(nothing_named(format!("process {}", pid.0)));
    }
    let ordered = group::ordered(wanted.iter().copied(), flags.sort.unwrap_or(Sort::Address));
    // A thread of the kernel has none.
    let pages = flags.pages.filter(|_| !look.is_kernel_thread());
    let map = pages.map(|detail| look.pages(flags.via).map(|map| (detail, map))).transpose()?;
    let detail = map.as_ref().map(|(detail, map)| Detail {
        map,
        via: flags.via,
        detail: *detail,
        frames: (*detail == PageDetail::Each).then(|| Frames::open().ok()).flatten(),
    });
    for output in flags.picture.outputs() {
        let map = look.pages(flags.via)?;
        let sort = flags.sort.unwrap_or(Sort::Share);
        let picture = draw::one(&look, &wanted, &map, flags.via, sort);
        picture.map_err(|error| look.lost(&error))?.draw(&output)?;
        if output.is_stdout() {
            return Ok(());
        }
    }
    let listed = |listed: Listed| match listed {
        Listed::Lost(error) => look.lost(&error),
        Listed::Output(error) => Failure::Output(error),
    };
    if flags.json {
        let mut json = Json::new(out);
        json.process(&look).map_err(Failure::Output)?;
        json.groups(&wanted, flags.sort.unwrap_or(Sort::Share)).map_err(Failure::Output)?;
        json.mappings(&ordered, detail.as_ref()).map_err(listed)?;
        return json.flush().map_err(Failure::Output);
    }
    let mut text = Text { layout, sort: flags.sort, text: String::new() };
    text.totals(&look);
    if !wanted.is_empty() {
        text.groups(&wanted, if flags.all { Rows::All } else { Rows::Most });
    }
    if !wanted.is_empty() && (flags.all || detail.is_some()) {
        text.mappings(&ordered, detail.as_ref(), out).map_err(listed)?;
    }
    text.write(out).map_err(Failure::Output)
}

fn two(
    pids: [Pid; 2],
    flags: &MapsFlags,
    layout: &Layout,
    out: &mut Stdout,
) -> Result<(), Failure> {
    let looks = [look::look(pids[0])?, look::look(pids[1])?];
    if !flags.only.is_empty() && looks.iter().all(|look| wanted(look, &flags.only).is_empty()) {
        return Err(nothing_named(format!("processes {} and {}", pids[0].0, pids[1].0)));
    }
    let comparison = compare(&looks, flags)?;
    let rows = if flags.total { Rows::None } else { Rows::All };
    let page = rustix::param::page_size() as u64;
    for output in flags.picture.outputs() {
        draw::two(looks.each_ref(), &comparison).draw(&output)?;
        if output.is_stdout() {
            return Ok(());
        }
    }
    if flags.json {
        let mut json = Json::new(out);
        let told = looks.iter().try_for_each(|look| json.process(look));
        let told = told.and_then(|()| json.both(&comparison, rows, flags.pages, page));
        return told.and_then(|()| json.flush()).map_err(Failure::Output);
    }
    let looks = looks.each_ref();
    let beside = Beside { layout, looks, sort: flags.sort, rows, pages: flags.pages, page };
    out.write_all(beside.text(&comparison).as_bytes()).map_err(Failure::Output)
}

fn compare(looks: &[Look; 2], flags: &MapsFlags) -> Result<Comparison, Failure> {
    let [first, second] = looks;
    let sides = [
        Side { look: first, map: first.pages(flags.via)? },
        Side { look: second, map: second.pages(flags.via)? },
    ];
    let is_wanted = |mapped: &Mapped| is_wanted(mapped, &flags.only);
    both::compare(&sides, flags.via, is_wanted)
        .map_err(|(number, error)| looks[number].lost(&error))
}

fn is_wanted(mapped: &Mapped, only: &[String]) -> bool {
    only.is_empty() || only.iter().any(|text| mapped.is_about(text))
}

/// The mappings that were asked for.
fn wanted<'a>(look: &'a Look, only: &[String]) -> Vec<&'a Mapped> {
    look.mappings.iter().filter(|mapped| is_wanted(mapped, only)).collect()
}

fn nothing_named(name: String) -> Failure {
    let why = "no mapping is of a file or of a kind with that in its name";
    InputFailure::failed(name, "find what --only names", why)
}
