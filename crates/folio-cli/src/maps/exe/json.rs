//! `folio maps --exe --json`: one object, offsets and addresses in bytes, as numbers.
//!
//! `segments` are the program headers that are loaded, with the pages that they become; `areas` is memory when the program runs, as
//! /proc/PID/maps will have it, before the bias if `relative` is true; `findings` is what a loader objects to.

use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;

use object::elf;
use serde_json::{Map, Value, json};

use super::findings::Finding;
use super::header::{Class, Order, Type};
use super::layout::{Area, Backing, Loader, Placed, costs, mapped_twice};
use super::look::Program;
use super::program::ElfLayout;

/// The object.
pub(super) fn object(program: &Program) -> Value {
    let header = &program.header;
    let mut object = Map::new();
    object.insert("what".into(), "exe".into());
    let name = program.path.as_os_str().as_bytes();
    object.insert("file".into(), String::from_utf8_lossy(name).into());
    if str::from_utf8(name).is_err() {
        let hex: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        object.insert("file_hex".into(), hex.into());
    }
    let bits = match header.class {
        Class::Bits32 => 32,
        Class::Bits64 => 64,
    };
    let order = match header.order {
        Order::Little => "little",
        Order::Big => "big",
    };
    let kind = match header.kind {
        Type::Relocatable => "rel".to_owned(),
        Type::Executable => "exec".to_owned(),
        Type::Dynamic => "dyn".to_owned(),
        Type::Core => "core".to_owned(),
        Type::Other(other) => other.to_string(),
    };
    for (key, value) in [
        ("len", json!(program.file_len)),
        ("form", program.form_words().into()),
        ("type", kind.into()),
        ("machine", json!(header.machine)),
        ("foreign", program.foreign().is_some().into()),
        ("bits", bits.into()),
        ("order", order.into()),
        ("entry", json!(header.entry)),
        ("relative", program.form.is_relative().into()),
        (
            "interpreter",
            program.interpreter.as_ref().map(|path| path.to_string_lossy().into_owned()).into(),
        ),
        ("needed", program.dynamic.needed.into()),
        (
            "stack_executable",
            header.find(elf::PT_GNU_STACK).map(|stack| stack.flags & 1 != 0).into(),
        ),
        (
            "tls",
            header
                .find(elf::PT_TLS)
                .map(|tls| json!({ "file_len": tls.filesz, "len": tls.memsz, "align": tls.align }))
                .into(),
        ),
    ] {
        object.insert(key.into(), value);
    }
    if let Some(layout) = &program.layout {
        of_layout(program, layout, &mut object);
    }
    object.insert("findings".into(), program.findings.iter().map(finding).collect());
    Value::Object(object)
}

fn of_layout(program: &Program, layout: &ElfLayout, object: &mut Map<String, Value>) {
    let loader = match layout.loader {
        Loader::Kernel => "kernel",
        Loader::Glibc => "ld.so",
    };
    let costs = costs(&layout.areas);
    let twice = mapped_twice(&layout.placed);
    for (key, value) in [
        ("loader", loader.into()),
        ("page_size", json!(layout.page)),
        ("page_size_assumed", program.page_size_is_assumed().into()),
        ("relro", layout.relro.as_ref().map(range).into()),
        ("segments", layout.placed.iter().map(|placed| segment(program, placed)).collect()),
        ("areas", layout.areas.iter().map(area).collect()),
        (
            "mapped_twice",
            twice
                .iter()
                .map(|common| json!({ "file": range(&common.pages), "segments": common.segments }))
                .collect(),
        ),
        (
            "cost",
            json!({
                "shared": costs.shared,
                "relocated": costs.relocated,
                "copied_if_written": costs.copied_if_written,
                "zeros": costs.zeros,
            }),
        ),
    ] {
        object.insert(key.into(), value);
    }
}

fn segment(program: &Program, placed: &Placed) -> Value {
    let segment = &placed.segment;
    let sections: Vec<&str> = program
        .header
        .program_headers
        .get(segment.index)
        .map(|header| program.sections.within(header).collect())
        .unwrap_or_default();
    json!({
        "index": segment.index,
        "offset": segment.offset,
        "address": segment.vaddr,
        "file_len": segment.filesz,
        "len": segment.memsz,
        "align": segment.align,
        "flags": segment.access.letters(),
        "file_pages": range(&placed.file_pages),
        "memory_pages": range(&placed.memory_pages),
        "slack_before": placed.slack_before,
        "slack_after": placed.slack_after,
        "zeroed": range(&placed.zeroed),
        "zero_pages": range(&placed.zero_pages),
        "sections": sections,
    })
}

fn area(area: &Area) -> Value {
    let backing = match area.backing {
        Backing::File(_) => "file",
        Backing::Zeros => "zeros",
        Backing::Reserved => "nothing",
    };
    json!({
        "addresses": range(&area.addresses),
        "backing": backing,
        "offset": area.file().map(|file| file.start),
        "protection": area.access.letters(),
        "part": area.part.words(),
        "segment": area.segment,
    })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "weight": finding.weight.word(),
        "segment": finding.segment,
        "field": finding.field.map(|(name, _)| name),
        "field_offset": finding.field.map(|(_, at)| at),
        "text": finding.text,
    })
}

fn range(range: &Range<u64>) -> Value {
    json!([range.start, range.end])
}
