//! A program made by hand, as it is told, and with bytes of it changed.

use std::path::PathBuf;

use object::elf;
use proptest::prelude::*;

use super::header::{Header, Malformed};
use super::layout::{Loader, Part};
use super::look::{PageSize, Program};
use super::program::ElfLayout;
use super::text::print;
use super::{json, picture};
use crate::maps::layout::Layout;

/// A program header's numbers: type, flags, offset, address, bytes in the file, in memory, alignment.
type Entry = (elf::ProgramType, u32, u64, u64, u64, u64, u64);

/// The beginning of a small program: text, constants and data, of which a page is relocated, and bss; for x86-64.
fn program() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    let entries: [Entry; 8] = [
        (elf::PT_INTERP, 4, 0x400, 0x400, 16, 16, 1),
        (elf::PT_LOAD, 4, 0, 0, 0x800, 0x800, 0x1000),
        (elf::PT_LOAD, 5, 0x800, 0x1800, 0x1000, 0x1000, 0x1000),
        (elf::PT_LOAD, 6, 0x2000, 0x3000, 0x1010, 0x4000, 0x1000),
        (elf::PT_TLS, 4, 0x2000, 0x3000, 0x10, 0x20, 8),
        (elf::PT_GNU_STACK, 6, 0, 0, 0, 0, 16),
        (elf::PT_GNU_RELRO, 4, 0x2000, 0x3000, 0x1000, 0x1000, 1),
        (elf::PT_NOTE, 4, 0, 0, 0, 0, 4),
    ];
    for half in [3u16, 62] {
        bytes.extend(half.to_le_bytes());
    }
    bytes.extend(1u32.to_le_bytes());
    for word in [0x1900u64, 64, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 8, 64, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    for (kind, flags, offset, address, in_file, in_memory, align) in entries {
        bytes.extend(kind.0.to_le_bytes());
        bytes.extend(flags.to_le_bytes());
        for word in [offset, address, address, in_file, in_memory, align] {
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes.resize(0x400, 0);
    bytes.extend(b"/lib/ld-test.so\0");
    bytes.resize(0x3400, 0xcc);
    bytes
}

fn look(bytes: &[u8]) -> Result<Program, Malformed> {
    look_with(bytes, PageSize::here())
}

fn look_with(bytes: &[u8], page_size: PageSize) -> Result<Program, Malformed> {
    Ok(Program::new(PathBuf::from("/bin/made"), Header::read(bytes)?, page_size, bytes))
}

fn told(program: &Program, width: usize) -> String {
    let mut out = Vec::new();
    let layout = Layout { width: Some(width), ..Layout::default() };
    print(program, &layout, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Numbers in the snapshots are for pages of 4 KiB, as nearly all machines have them.
fn small_pages() -> bool {
    let small = rustix::param::page_size() == 4096;
    if !small {
        testfs::skip("the snapshot of a program", "pages here are not of 4 KiB");
    }
    small
}

#[test]
fn a_program_is_told_in_80_columns() {
    if small_pages() {
        let text = told(&look(&program()).unwrap(), 80);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        insta::assert_snapshot!(text);
    }
}

#[test]
fn a_program_is_told_in_json() {
    if small_pages() {
        let object = json::object(&look(&program()).unwrap());
        insta::assert_snapshot!(serde_json::to_string_pretty(&object).unwrap());
    }
}

/// The program, for a machine that nobody has told of.
fn foreign_program() -> Vec<u8> {
    let mut bytes = program();
    bytes[18..20].copy_from_slice(&0xfeed_u16.to_le_bytes());
    bytes
}

#[test]
fn what_pages_another_machine_has_is_assumed_unless_told() {
    let here = rustix::param::page_size() as u64;
    let words = "there they may be larger (--page-size)";
    for (bytes, page_size, assumed) in [
        (foreign_program(), PageSize::here(), true),
        (foreign_program(), PageSize::Told(here), false),
        (program(), PageSize::here(), false),
    ] {
        let program = look_with(&bytes, page_size).unwrap();
        let object = json::object(&program);
        assert_eq!(object["page_size"], here);
        assert_eq!(object["page_size_assumed"], assumed);
        let text = told(&program, 1000);
        assert_eq!(text.contains(words), assumed, "{text}");
        assert!(text.contains(&format!("Pages have {here} bytes.")), "{text}");
    }
}

/// BOLT puts its own table behind the segments of the linker.
#[test]
fn a_table_far_behind_the_beginning_is_found_without_reading_all_before_it() {
    use std::os::unix::fs::FileExt as _;
    const FAR: u64 = 1 << 40;
    let mut bytes = program();
    let table = bytes[64..512].to_vec();
    bytes[64..512].fill(0);
    bytes[0x20..0x28].copy_from_slice(&FAR.to_le_bytes());
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&bytes, 0).unwrap();
    file.write_all_at(&table, FAR).unwrap();
    let far = ElfLayout::open(&file, Loader::Kernel, 4096).unwrap();
    let near = ElfLayout::new(&Header::read(&program()[..]).unwrap(), Loader::Kernel, 4096);
    assert_eq!((&far.areas, &far.placed), (&near.areas, &near.placed));
    assert!(ElfLayout::open(&tempfile::tempfile().unwrap(), Loader::Kernel, 4096).is_none());
}

#[test]
fn a_picture_has_the_same_segments() {
    let made = look(&program()).unwrap();
    let picture = picture::picture(&made).unwrap();
    let layout = made.layout.as_ref().unwrap();
    assert_eq!(picture.segments.len(), 3);
    for (drawn, placed) in picture.segments.iter().zip(&layout.placed) {
        assert_eq!(drawn.memory_pages, placed.memory_pages);
        assert_eq!(drawn.file_pages, placed.file_pages);
        assert_eq!(drawn.anonymous, placed.zero_pages);
    }
    let relocated = layout.areas.iter().find(|area| area.part == Part::Relocated).unwrap();
    assert_eq!(picture.segments[2].relro, relocated.addresses);
}

#[test]
fn a_file_that_ends_anywhere_is_told_of_or_refused() {
    let whole = program();
    // Up to the end of the program headers there is nothing to tell; after it, and up to the end of the last segment, there is,
    // with what is missing.
    for len in 0..512 {
        let refused = look(&whole[..len]).unwrap_err();
        assert_ne!(refused, Malformed::NotElf, "{len}");
    }
    let end = 0x3010;
    for len in (512..end).step_by(61).chain([end - 1]) {
        let program = look(&whole[..len]).unwrap();
        assert!(
            program.findings.iter().any(|finding| finding.text.contains("the file ends at")),
            "{len}"
        );
        assert!(told(&program, 80).contains("program that can be anywhere"), "{len}");
    }
}

proptest! {
    /// Whatever is in the headers, it is told in lines that fit, or refused.
    #[test]
    fn changed_bytes_are_told_of_or_refused(changes in proptest::collection::vec((0usize..0x410, any::<u8>()), 1..24)) {
        let mut bytes = program();
        for (at, value) in changes {
            bytes[at] = value;
        }
        if let Ok(program) = look(&bytes) {
            let text = told(&program, 80);
            prop_assert!(text.starts_with("/bin/made\n"));
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{}", text);
            let object = json::object(&program);
            prop_assert_eq!(object["findings"].as_array().map(Vec::len), Some(program.findings.len()));
            prop_assert_eq!(picture::picture(&program).is_some(), program.layout.is_some());
        }
    }
}
