//! A program's file and its memory.

use super::super::exe::{Addresses, Exe, Segment, Stores};
use super::{sound, texts};

fn segment(
    name: &str,
    protection: &str,
    file: std::ops::Range<u64>,
    vaddr: u64,
    memsz: u64,
) -> Segment {
    const PAGE: u64 = 4096;
    let down = |byte: u64| byte - byte % PAGE;
    let up = |byte: u64| byte.next_multiple_of(PAGE);
    let filled = vaddr + (file.end - file.start);
    let is_writable = protection.contains('w');
    Segment {
        name: name.to_owned(),
        protection: protection.to_owned(),
        file_pages: down(file.start)..up(file.end),
        memory: vaddr..vaddr + memsz,
        memory_pages: down(vaddr)..up(filled),
        zeroed: if memsz > file.end - file.start { filled..up(filled) } else { 0..0 },
        anonymous: up(filled)..up(vaddr + memsz).max(up(filled)),
        relro: if is_writable { down(vaddr)..down(vaddr) + PAGE } else { 0..0 },
        stores: if is_writable { Stores::CopyOnWrite } else { Stores::Refused },
        file,
    }
}

fn cat() -> Exe {
    Exe {
        title: "/usr/bin/cat".to_owned(),
        notes: vec!["Position-independent program, x86-64, 43.4 KiB; pages of 4.0 KiB".to_owned()],
        file_len: 44_016,
        page_size: 4096,
        addresses: Addresses::Relative,
        segments: vec![
            segment("constants", "r--", 0..0x1888, 0, 0x1888),
            segment("program text", "r-x", 0x2000..0x7115, 0x2000, 0x5115),
            segment("constants", "r--", 0x8000..0x9a60, 0x8000, 0x1a60),
            segment("initialised data", "rw-", 0x9d28..0xa180, 0xad28, 0x1458),
        ],
    }
}

#[test]
fn a_program() {
    let scene = cat().scene();
    let (svg, _) = sound("exe", &scene);
    insta::assert_snapshot!("exe", svg);
    let texts = texts(&scene);
    for text in
        ["zeroed · 3.6 KiB", "zeros · 4 KiB", "slack · 3.2 KiB", "rw-, private, copy-on-write"]
    {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
    // Its mappings follow one another.
    assert!(!texts.iter().any(|text| text.starts_with("not mapped")));
}

#[test]
fn addresses_between_segments_are_a_gap() {
    let mut exe = cat();
    exe.addresses = Addresses::Fixed;
    exe.segments[3] = segment("initialised data", "rw-", 0x9d28..0xa180, 0x4_0d28, 0x1458);
    let scene = exe.scene();
    sound("exe-gap", &scene);
    let texts = texts(&scene);
    assert!(texts.contains(&"not mapped · 216 KiB"), "{texts:?}");
    assert!(texts.contains(&"addresses are fixed"));
}

#[test]
fn nothing_and_too_much() {
    let mut none = cat();
    none.segments.clear();
    sound("exe-none", &none.scene());
    let mut odd = cat();
    odd.addresses = Addresses::Fixed;
    odd.segments = (0..100u64)
        .map(|n| {
            let mut segment = segment(
                &"<&>".repeat(99),
                "rwx",
                n * 100..n * 150,
                n << 40,
                (n * 50).max(1 << (n % 40)),
            );
            segment.file_pages = 0..u64::MAX;
            segment
        })
        .collect();
    odd.segments[3].memory = u64::MAX - 5..u64::MAX;
    let scene = odd.scene();
    sound("exe-odd", &scene);
    assert!(texts(&scene).contains(&"… and 60 more segments, not shown."));
}
