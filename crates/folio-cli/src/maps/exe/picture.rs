//! The picture of `folio maps --exe`: what is told in [`text`](super::text), for [`crate::picture`] to draw.

use super::layout::{Access, Part, Placed};
use super::look::Program;
use super::program::ElfLayout;
use crate::name::quoted;
use crate::picture::exe::{Addresses, Exe, Segment, Stores};
use crate::units::human;

/// What is to be drawn; `None` of a file that nobody maps.
pub(super) fn picture(program: &Program) -> Option<Exe> {
    let layout = program.layout.as_ref()?;
    let mut notes = vec![format!(
        "{}: {}, {}; pages of {}",
        program.form_words(),
        program.machine_words(),
        human(program.file_len),
        human(layout.page)
    )];
    notes.extend(program.foreign());
    if let Some(interpreter) = program.interpreter.as_ref().filter(|_| !program.is_library()) {
        notes.push(format!("{} runs first", quoted(interpreter)));
    }
    if !program.is_library() {
        notes.push(program.stack_words());
    }
    notes.extend(
        program.findings.iter().map(|finding| format!("{}: {finding}", finding.weight.word())),
    );
    let mut segments: Vec<_> = layout.placed.iter().map(|placed| segment(layout, placed)).collect();
    segments.sort_by_key(|segment| segment.memory.start);
    Some(Exe {
        title: quoted(&program.path),
        notes,
        file_len: program.file_len,
        page_size: layout.page,
        addresses: if program.form.is_relative() { Addresses::Relative } else { Addresses::Fixed },
        segments,
    })
}

fn segment(layout: &ElfLayout, placed: &Placed) -> Segment {
    let of_file = &placed.segment;
    // The part that its own pages of the file end up as; relocated ones are marked besides.
    let part = if of_file.access.allows(Access::EXECUTE) {
        Part::Text
    } else if !of_file.access.allows(Access::WRITE) {
        Part::Constants
    } else if of_file.filesz == 0 {
        Part::Bss
    } else {
        Part::Data
    };
    let name = match part {
        Part::Text => "program text",
        other => other.words(),
    };
    let whole = placed.memory_pages.start..placed.zero_pages.end;
    let down = |address: u64| address - address % layout.page;
    let relro = layout.relro.as_ref().map_or(0..0, |relro| {
        let (start, end) = (down(relro.start).max(whole.start), down(relro.end).min(whole.end));
        if start < end { start..end } else { 0..0 }
    });
    let has_bytes = placed.file_pages.start < placed.file_pages.end;
    Segment {
        name: name.to_owned(),
        protection: of_file.access.letters(),
        file: of_file.offset..of_file.offset.saturating_add(of_file.filesz),
        file_pages: if has_bytes { placed.file_pages.clone() } else { 0..0 },
        // Sums that placing it has checked.
        memory: of_file.vaddr..of_file.vaddr + of_file.memsz,
        memory_pages: placed.memory_pages.clone(),
        zeroed: placed.zeroed.clone(),
        anonymous: placed.zero_pages.clone(),
        relro,
        stores: if of_file.access.allows(Access::WRITE) {
            Stores::CopyOnWrite
        } else {
            Stores::Refused
        },
    }
}
