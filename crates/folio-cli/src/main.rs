//! The `folio` command.
//!
//! This file turns a result into an exit code. [`flags`] is what can be typed; each subcommand has a module that makes
//! it a plan and carries it out; [`input`], [`window`] and [`stdout`] are what they share.
#![forbid(unsafe_code)]

mod bench;
mod buffer;
mod cat;
mod count;
mod docs;
mod doctor;
mod draft;
mod failure;
mod flags;
mod input;
mod maps;
mod name;
mod pages;
mod picture;
mod progress;
mod pump;
mod scratch;
mod stdout;
mod threads;
mod units;
mod view;
mod window;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use failure::Complaints;
use flags::{Command, Flags};
use stdout::Stdout;

fn main() -> ExitCode {
    if let Some(role) = doctor::Role::of_this_process() {
        return role.play();
    }
    let (outcome, mut complaints) = match Flags::try_parse() {
        Ok(flags) => {
            let mut complaints = Complaints::new(flags.color.wanted(&io::stderr()));
            (run(flags, &mut complaints), complaints)
        }
        Err(usage) if usage.use_stderr() => usage.exit(),
        // Help or the version, which are output like any other.
        Err(help) => (help.print().and_then(|()| io::stdout().flush()), Complaints::new(false)),
    };
    match outcome {
        Ok(()) => {}
        // Whoever read the output has enough of it.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => {
            complaints.tell(&format!("standard output: cannot write: {}", failure::why(&error)));
        }
    }
    if complaints.any() { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

/// Carry out the subcommand. An error is one of standard output; all others were told.
fn run(flags: Flags, complaints: &mut Complaints) -> io::Result<()> {
    match flags.command {
        Command::Cat(cat) => cat::run(cat, complaints),
        Command::Count(count) => count::run(count, complaints),
        Command::View(view) => view::run(view, flags.color, complaints),
        Command::Pages(pages) => pages::run(&pages, flags.color, complaints),
        Command::Bench(bench) => bench::run(&bench, flags.color, complaints),
        Command::Doctor(doctor) => doctor::run(&doctor, flags.color, complaints),
        Command::Maps(maps) => maps::run(&maps, flags.color, complaints),
        Command::Completions(completions) => docs::completions(&completions, &mut Stdout::new()?),
        Command::Man(man) => docs::man(&man, complaints, &mut Stdout::new()?),
    }
}
