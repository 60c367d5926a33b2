//! Segments by hand, with the numbers that readelf(1) shows, and any at all.

use super::*;
use crate::maps::exe::layout_fuzzed;
use proptest::prelude::*;

const PAGE: u64 = 4096;

fn segment(index: usize, offset: u64, vaddr: u64, filesz: u64, memsz: u64, flags: u32) -> Segment {
    Segment { index, offset, vaddr, filesz, memsz, align: PAGE, access: Access::of_flags(flags) }
}

/// The data segment of a program with 300,000 bytes of .data and 900,000 of .bss.
fn data() -> Segment {
    segment(5, 0x2e00, 0x3e00, 0x49600, 0x12_51c0, 6)
}

#[test]
fn a_segment_is_mapped_by_whole_pages_and_goes_on_with_zeros() {
    let placed = place(data(), PAGE, Loader::Kernel).unwrap();
    assert_eq!(placed.file_pages, 0x2000..0x4d000);
    assert_eq!(placed.memory_pages, 0x3000..0x4e000);
    assert_eq!((placed.slack_before, placed.slack_after), (0xe00, 0));
    assert_eq!(placed.zeroed, 0x4d400..0x4e000);
    assert_eq!(placed.zero_pages, 0x4e000..0x12_9000);
}

#[test]
fn the_kernel_fills_the_page_with_zeros_and_ld_so_the_segment() {
    let short = segment(0, 0, 0, 0x10, 0x20, 6);
    let kernel = place(short, PAGE, Loader::Kernel).unwrap();
    assert_eq!((kernel.zeroed, kernel.slack_after), (0x10..0x1000, 0));
    let glibc = place(short, PAGE, Loader::Glibc).unwrap();
    assert_eq!((glibc.zeroed, glibc.slack_after), (0x10..0x20, 0xfe0));
    let read_only = segment(0, 0, 0, 0x10, 0x20, 4);
    let kernel = place(read_only, PAGE, Loader::Kernel).unwrap();
    assert_eq!((kernel.zeroed, kernel.slack_after), (0x10..0x10, 0xff0));
}

#[test]
fn what_cannot_be_placed_says_which_field() {
    let why = |segment| place(segment, PAGE, Loader::Kernel).unwrap_err().why;
    assert_eq!(why(segment(0, 0, 0, 2, 1, 4)), Why::MoreInFile);
    assert_eq!(why(segment(0, 0x10, 0x11, 1, 1, 4)), Why::Incongruent);
    assert_eq!(why(segment(0, 0, 0x1000, 1, u64::MAX, 6)), Why::MemoryEnd);
    assert_eq!(why(segment(0, u64::MAX - 0xfff, 0, 0x1000, 0x1000, 4)), Why::FileEnd);
    // The last page cannot end at 2⁶⁴.
    assert_eq!(why(segment(0, 0, u64::MAX - 0xfff, 1, 1, 4)), Why::MemoryEnd);
}

#[test]
fn relocated_pages_are_read_only_in_the_end() {
    let placed = [place(data(), PAGE, Loader::Kernel).unwrap()];
    let areas = areas(&placed, Some(&(0x3e00..0x4000)), PAGE, Loader::Kernel);
    let seen: Vec<_> =
        areas.iter().map(|a| (a.addresses.clone(), a.access.letters(), a.part)).collect();
    assert_eq!(
        seen,
        [
            (0x3000..0x4000, "r--".to_owned(), Part::Relocated),
            (0x4000..0x4e000, "rw-".to_owned(), Part::Data),
            (0x4e000..0x12_9000, "rw-".to_owned(), Part::Bss),
        ]
    );
    assert_eq!(areas[1].file(), Some(0x3000..0x4d000));
    let costs = costs(&areas);
    assert_eq!((costs.relocated, costs.copied_if_written, costs.zeros), (0x1000, 0x4a000, 0xdb000));
}

#[test]
fn a_page_of_the_file_can_be_mapped_by_two_segments() {
    let text = place(segment(0, 0, 0x40_0000, 0x1234, 0x1234, 5), PAGE, Loader::Kernel).unwrap();
    let data = place(segment(1, 0x1234, 0x40_2234, 0x100, 0x100, 6), PAGE, Loader::Kernel).unwrap();
    let both = [text, data];
    assert_eq!(mapped_twice(&both), [Common { pages: 0x1000..0x2000, segments: [0, 1] }]);
    assert_eq!(contested(&both), []);
    let again = [
        both[0].clone(),
        place(segment(1, 0x234, 0x40_1234, 1, 1, 6), PAGE, Loader::Kernel).unwrap(),
    ];
    assert_eq!(contested(&again), [Common { pages: 0x40_1000..0x40_2000, segments: [0, 1] }]);
    let areas = areas(&again, None, PAGE, Loader::Kernel);
    assert_eq!(areas.iter().map(|area| area.segment).collect::<Vec<_>>(), [0, 1]);
}

#[test]
fn ld_so_keeps_the_gaps_and_the_kernel_does_not() {
    let apart = |loader| {
        let placed = [
            place(segment(0, 0, 0, 0x100, 0x100, 5), PAGE, loader).unwrap(),
            place(segment(1, 0x100, 0x20_0100, 0x100, 0x100, 6), PAGE, loader).unwrap(),
        ];
        areas(&placed, None, PAGE, loader)
    };
    assert_eq!(apart(Loader::Kernel).len(), 2);
    let kept = apart(Loader::Glibc);
    assert_eq!(
        (kept.len(), kept[1].part, kept[1].addresses.clone()),
        (3, Part::Gap, 0x1000..0x20_0000)
    );
    assert_eq!(kept[1].access.letters(), "---");
}

proptest! {
    #[test]
    fn whatever_the_numbers_are(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        layout_fuzzed::run(&bytes);
    }
}
