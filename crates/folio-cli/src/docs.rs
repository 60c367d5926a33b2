//! `folio completions` and `folio man`: what clap knows about the command line, for shells and for man(1).

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::failure::{Complaints, Failure, InputFailure};
use crate::flags::{CompletionsFlags, Flags, ManFlags};
use crate::name::quoted;

/// Print the completions for a shell.
pub(crate) fn completions(flags: &CompletionsFlags, out: &mut impl Write) -> io::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut Flags::command(), "folio", &mut script);
    out.write_all(&script)
}

/// Write all manual pages to a directory, or print one.
pub(crate) fn man(
    flags: &ManFlags,
    complaints: &mut Complaints,
    out: &mut impl Write,
) -> io::Result<()> {
    if let Some(dir) = &flags.dir {
        return complaints.sort(write_pages(dir));
    }
    let wanted = flags.page.as_deref().map_or("folio".to_owned(), |page| format!("folio-{page}"));
    match pages().into_iter().find(|page| page.get_name() == wanted) {
        Some(page) => out.write_all(&rendered(page)?),
        None => {
            complaints.tell(&format!("{wanted}: there is no such page"));
            Ok(())
        }
    }
}

/// The command and each subcommand, as `folio-cat` and so on.
fn pages() -> Vec<clap::Command> {
    // `folio help` has no page of its own.
    let mut folio = Flags::command().disable_help_subcommand(true);
    folio.build();
    let named = |command: &clap::Command| {
        let name = format!("folio-{}", command.get_name());
        command.clone().name(name.clone()).display_name(name)
    };
    let subcommands: Vec<_> = folio.get_subcommands().map(named).collect();
    [vec![folio], subcommands].concat()
}

fn rendered(page: clap::Command) -> io::Result<Vec<u8>> {
    let notes = page.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_subcommands = page.get_subcommands().next().is_some();
    let man = Man::new(page);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    let (notes, examples) = notes.split_once("Examples:\n").unwrap_or((&notes, ""));
    if !notes.is_empty() {
        writeln!(text, ".SH DESCRIPTION")?;
        for paragraph in notes.trim_end().split("\n\n") {
            writeln!(text, ".PP\n{}", roff(paragraph))?;
        }
    }
    man.render_options_section(&mut text)?;
    if has_subcommands {
        man.render_subcommands_section(&mut text)?;
    }
    if !examples.is_empty() {
        writeln!(text, ".SH EXAMPLES\n.nf")?;
        for example in examples.lines() {
            writeln!(text, "{}", roff(example.trim_start()))?;
        }
        writeln!(text, ".fi")?;
    }
    Ok(text)
}

/// The text as roff takes it literally: backslashes and hyphens escaped, and no line that begins with a command.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn write_pages(dir: &Path) -> Result<(), Failure> {
    let failed = |path: &Path, error: &io::Error| InputFailure::os(quoted(path), "write", error);
    fs::create_dir_all(dir).map_err(|error| failed(dir, &error))?;
    for page in pages() {
        let path = dir.join(format!("{}.1", page.get_name()));
        rendered(page)
            .and_then(|text| fs::write(&path, text))
            .map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}
