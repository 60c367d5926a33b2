//! Maps of files.

use super::super::cells::{Cell, Class, Strip, pages_per_cell};
use super::super::pages::{Detail, FileMap, Pages};
use super::super::palette::{BLUE, ORANGE, PALE};
use super::super::scene::Paint;
use super::super::words;
use super::{painted, sound, texts};

const PAGE: u64 = 4096;

/// A file of so many bytes, of whose pages `class` says what they are.
fn file(name: &str, len: u64, detail: Detail, class: impl Fn(u64, u64) -> Class) -> FileMap {
    let pages = len.div_ceil(PAGE);
    let each = pages_per_cell(pages, detail.cells);
    let cells: Vec<Cell> = (0..pages.div_ceil(each))
        .map(|cell| {
            let in_cell = each.min(pages - cell * each);
            let mut parts: Vec<(Class, u64)> = Vec::new();
            // Eight samples stand for the cell's pages.
            let step = in_cell.div_ceil(8).max(1);
            for page in (0..in_cell).step_by(usize::try_from(step).unwrap()) {
                let number = step.min(in_cell - page);
                let class = class(cell * each + page, pages);
                match parts.iter_mut().find(|part| part.0 == class) {
                    Some(part) => part.1 += number,
                    None => parts.push((class, number)),
                }
            }
            Cell { parts }
        })
        .collect();
    let in_cache = |class| matches!(class, Class::Clean | Class::Dirty | Class::Writeback);
    let parts = cells.iter().flat_map(|cell| &cell.parts);
    let unknown = cells.iter().any(|cell| cell.parts.iter().any(|part| part.0 == Class::Unknown));
    let cached: u64 = parts.filter(|part| in_cache(part.0)).map(|part| part.1).sum();
    FileMap {
        name: name.to_owned(),
        len,
        cached: if unknown {
            Err("another owner's file".to_owned())
        } else {
            Ok((cached * PAGE).min(len))
        },
        strip: Strip { start: 0, cell_bytes: each * PAGE, cells },
    }
}

fn pages(title: &str, files: Vec<FileMap>) -> Pages {
    let mut totals: Vec<(Class, u64)> = Vec::new();
    for (class, number) in files.iter().flat_map(|file| &file.strip.cells).flat_map(|c| &c.parts) {
        match totals.iter_mut().find(|part| part.0 == *class) {
            Some(part) => part.1 += number,
            None => totals.push((*class, *number)),
        }
    }
    Pages { title: title.to_owned(), notes: Vec::new(), totals, page_size: PAGE, files, more: None }
}

/// Some of everything.
fn varied(page: u64, pages: u64) -> Class {
    match page * 100 / pages.max(1) {
        0..=17 => Class::Clean,
        18..=19 => Class::Dirty,
        20 => Class::Writeback,
        21..=39 if page.is_multiple_of(3) => Class::Clean,
        55..=70 => Class::Hole,
        _ => Class::Absent,
    }
}

#[test]
fn one_page() {
    let maps = pages("a", vec![file("a", 100, Detail::of(1), |_, _| Class::Clean)]);
    let scene = maps.scene();
    let (svg, pixels) = sound("pages-1-cell", &scene);
    insta::assert_snapshot!("pages_one_page", svg);
    let cells = painted(&scene, Paint::Plain(BLUE));
    // The bar of totals, the legend, the cell.
    assert_eq!(cells.len(), 3);
    assert_eq!(pixels.at(cells[2].x + 5.0, cells[2].y + 5.0), BLUE);
    assert_eq!(pixels.at(2.0, 2.0), super::super::palette::WHITE);
}

#[test]
fn a_cell_is_filled_in_proportion() {
    let mut maps = pages("a", vec![file("a", 4 * PAGE, Detail::of(1), |_, _| Class::Clean)]);
    maps.files[0].strip.cell_bytes = 4 * PAGE;
    maps.files[0].strip.cells =
        vec![Cell { parts: vec![(Class::Absent, 2), (Class::Clean, 1), (Class::Dirty, 1)] }];
    let scene = maps.scene();
    let (_, pixels) = sound("pages-mixed", &scene);
    let cell = *painted(&scene, Paint::Plain(PALE)).last().unwrap();
    assert_eq!(pixels.at(cell.x + 3.0, cell.y + 3.0), PALE);
    // Half of it is absent; below that are the dirty and the clean quarter.
    assert_eq!(pixels.at(cell.x + 3.0, cell.y + cell.height + 2.0), ORANGE);
    assert_eq!(pixels.at(cell.x + 3.0, cell.y + 2.0 * cell.height - 2.0), BLUE);
}

#[test]
fn files_from_nothing_to_a_tebibyte() {
    for (name, len) in [
        ("pages-empty", 0),
        ("pages-5000", 5000),
        ("pages-100k", 100_000),
        ("pages-1m", 1_000_000),
        ("pages-16m", (16 << 20) + 1),
        ("pages-31g", 31 << 30),
        ("pages-1t", 1 << 40),
        ("pages-8e", (1 << 63) - 1),
    ] {
        let maps = pages("/srv/data/image.raw", vec![file(name, len, Detail::of(1), varied)]);
        let scene = maps.scene();
        sound(name, &scene);
        let (exact, short) = (words::offset(len), words::size(len));
        let texts = texts(&scene);
        assert!(texts.iter().any(|text| *text == exact || *text == short) || len == 0, "{texts:?}");
        assert!(maps.files[0].strip.cells.len() <= 4096);
    }
}

#[test]
fn what_the_kernel_does_not_tell_is_striped() {
    let maps = pages("/etc/x", vec![file("/etc/x", 1 << 20, Detail::of(1), |_, _| Class::Unknown)]);
    let scene = maps.scene();
    let (svg, _) = sound("pages-unknown", &scene);
    assert!(svg.contains("unknown: the kernel does not tell"));
    assert!(svg.contains("url(#stripes0)"));
}

#[test]
fn several_files_have_rows_of_their_own() {
    let detail = Detail::of(3);
    let mut maps = pages(
        "/srv/data",
        vec![
            file("/srv/data/a.db", 3 << 30, detail, varied),
            file("/srv/data/empty", 0, detail, varied),
            file("/srv/data/small.txt", 5000, detail, |_, _| Class::Clean),
            file(&format!("/srv/{}/end.bin", "long/".repeat(800)), 77 << 20, detail, varied),
        ],
    );
    maps.notes = vec!["1 file could not be looked at: permission denied.".to_owned()];
    sound("pages-several", &maps.scene());
}

#[test]
fn a_thousand_files_are_the_first_forty_and_a_number() {
    let detail = Detail::of(1000);
    let files = (0..1000)
        .map(|n| file(&format!("/srv/tree/dir{}/file{n}.bin", n % 7), n * 77_777, detail, varied))
        .collect();
    let maps = pages("/srv/tree", files);
    let scene = maps.scene();
    sound("pages-1000", &scene);
    let texts = texts(&scene);
    // The title says the rest.
    assert!(texts.contains(&"dir1/file1.bin"));
    let texts = texts.join("\n");
    assert!(texts.contains("… and 960 more files, "), "{texts}");
    assert!(texts.contains("file39.bin") && !texts.contains("file40.bin"));
}

#[test]
fn names_may_hold_anything() {
    let odd = "a<b>&\"c'\n\u{1b}[31m\u{202e}\u{ffff} ファイル é Ж";
    let detail = Detail::of(2);
    let files = vec![
        file(odd, 1 << 20, detail, varied),
        file(&"x".repeat(4000), 1 << 20, detail, varied),
        file(&"\u{1f4c4}".repeat(1000), 1 << 20, detail, varied),
    ];
    let maps = pages(odd, files);
    let (svg, _) = sound("pages-names", &maps.scene());
    let document = roxmltree::Document::parse(&svg).unwrap();
    let shown = "a<b>&\"c'\u{fffd}\u{fffd}[31m\u{fffd}\u{fffd} ファイル é Ж";
    assert!(document.descendants().any(|node| node.text() == Some(shown)), "{svg}");
}
