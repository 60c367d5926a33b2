//! `folio maps --exe`: how an ELF file is mapped when it is run or loaded.
//!
//! [`header`] reads what the file says, [`layout`] computes where a loader puts it, [`program`] is both for one file. [`look`] reads
//! all there is to tell, with [`sections`], [`findings`] and [`here`]; [`text`], [`json`] and [`picture`] tell it.
//!
//! Nothing is run. What is computed is compared with processes of programs of all kinds in the tests (`tests/it/exe.rs`).

mod findings;
pub(crate) mod header;
mod here;
mod json;
pub(crate) mod layout;
#[cfg(test)]
mod layout_fuzzed;
mod look;
mod picture;
pub(crate) mod program;
mod sections;
#[cfg(test)]
mod tests;
mod text;

use std::io::{self, Write};
use std::path::Path;

use crate::failure::Complaints;
use crate::flags::Colour;
use crate::maps::flags::MapsFlags;
use crate::maps::layout::Layout;
use crate::name::quoted;
use crate::stdout::Stdout;

use findings::Weight;
use look::{PageSize, Unread, look};

/// Show how `file` is mapped.
pub(crate) fn run(
    file: &Path,
    flags: &MapsFlags,
    colour: Colour,
    complaints: &mut Complaints,
) -> io::Result<()> {
    let page_size = flags.page_size.map_or_else(PageSize::here, PageSize::Told);
    let program = match look(file, page_size) {
        Ok(program) => program,
        Err(Unread::Failed(failure)) => return complaints.sort(Err(failure)),
        Err(Unread::Script(interpreter)) => {
            let runs = if interpreter.as_os_str().is_empty() {
                "it names no interpreter, so the kernel does not run it".to_owned()
            } else {
                format!("the kernel runs {} with it", quoted(&interpreter))
            };
            complaints.tell(&format!("{}: is a script, not an ELF file: {runs}", quoted(file)));
            return Ok(());
        }
        Err(Unread::Malformed(why)) => {
            complaints.tell(&format!("{}: {why}", quoted(file)));
            return Ok(());
        }
    };
    if program.findings.iter().any(|finding| finding.weight != Weight::Note) {
        complaints.note();
    }
    for output in flags.picture.outputs() {
        let Some(picture) = picture::picture(&program) else {
            complaints.tell(&format!(
                "{}: nothing of it is mapped to be run, so that there is no picture",
                quoted(file)
            ));
            return Ok(());
        };
        if let Err(failure) = picture.draw(&output) {
            return complaints.sort(Err(failure));
        }
        if output.is_stdout() {
            return Ok(());
        }
    }
    let mut bytes = Vec::new();
    if flags.json {
        writeln!(bytes, "{}", json::object(&program))?;
    } else {
        text::print(&program, &Layout::of_stdout(colour), &mut bytes)?;
    }
    let mut out = Stdout::new()?;
    out.write_all(&bytes)?;
    out.flush()
}
