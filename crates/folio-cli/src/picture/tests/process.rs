//! Mappings of a process, and of two.

use super::super::cells::{Cell, Class, Strip};
use super::super::process::{Group, MAPPINGS, Mapping, Process};
use super::{sound, texts};

const PAGE: u64 = 4096;

fn mapping(start: u64, pages: u64, protection: &str, kind: &str, classes: &[Class]) -> Mapping {
    let cells = pages.min(64);
    let each = pages.div_ceil(cells.max(1));
    let class = |cell| classes[usize::try_from(cell).unwrap() * classes.len() / 64 % classes.len()];
    Mapping {
        addresses: start..start + pages * PAGE,
        offset: Some(3 * PAGE),
        protection: protection.to_owned(),
        kind: kind.to_owned(),
        resident: Some(pages / 2 * PAGE),
        strip: Strip {
            start,
            cell_bytes: each * PAGE,
            cells: (0..cells)
                .map(|cell| Cell {
                    parts: if cell % 7 == 3 && each > 1 {
                        vec![(class(cell), each / 2), (Class::NotPresent, each - each / 2)]
                    } else {
                        vec![(class(cell), each)]
                    },
                })
                .collect(),
        },
    }
}

fn group(name: &str, mappings: Vec<Mapping>) -> Group {
    let cost = "1.2 MiB resident, 160 KiB of it this process's own".to_owned();
    Group { name: name.to_owned(), cost, mappings }
}

fn process(title: &str, groups: Vec<Group>) -> Process {
    let totals = vec![(Class::FilePage, 4711), (Class::OwnPage, 240), (Class::NotPresent, 9000)];
    let notes = vec!["USS 960 KiB, PSS 1.4 MiB, RSS 18.4 MiB.".to_owned()];
    Process { title: title.to_owned(), notes, totals, page_size: PAGE, groups, more: None }
}

#[test]
fn one_process() {
    use Class::{FilePage, NotPresent, OwnPage, SharedPage, Swapped, Unknown};
    let scene = process(
        "How process 4711 (postgres) is mapped",
        vec![
            group(
                "/usr/lib/x86_64-linux-gnu/libc.so.6",
                vec![
                    mapping(0x7f12_3456_7000, 38, "r--p", "constants of a library", &[FilePage]),
                    mapping(
                        0x7f12_3458_d000,
                        341,
                        "r-xp",
                        "program text of a library",
                        &[FilePage, NotPresent, FilePage],
                    ),
                    mapping(0x7f12_346e_2000, 83, "r--p", "constants", &[NotPresent]),
                    mapping(0x7f12_3473_8000, 2, "rw-p", "initialised data", &[OwnPage, FilePage]),
                ],
            ),
            group(
                "[heap]",
                vec![mapping(
                    0x5555_5555_5000,
                    90_000,
                    "rw-p",
                    "heap",
                    &[OwnPage, Swapped, NotPresent],
                )],
            ),
            group(
                "/dev/shm/pool",
                vec![mapping(
                    0x7f00_0000_0000,
                    1 << 20,
                    "rw-s",
                    "shared memory",
                    &[SharedPage, NotPresent],
                )],
            ),
            group(
                "[vvar]",
                vec![mapping(0x7ffe_0000_0000, 4, "r--p", "kernel's variables", &[Unknown])],
            ),
        ],
    )
    .scene();
    let (svg, _) = sound("process", &scene);
    for class in [FilePage, OwnPage, SharedPage, Swapped, NotPresent, Unknown] {
        assert!(texts(&scene).iter().any(|text| text.starts_with(class.words())), "{class:?}");
    }
    assert!(svg.contains("<title>0x7f1234567000 to 0x7f123458d000: the file"), "{svg}");
}

#[test]
fn two_processes() {
    use Class::{Both, Different, FirstOnly, Neither, SecondOnly};
    let mut both = process(
        "What processes 4711 (cat) and 4712 (cat) share",
        vec![group(
            "/usr/bin/cat",
            vec![mapping(
                0x5555_5555_5000,
                64,
                "r-xp",
                "program text",
                &[Both, FirstOnly, SecondOnly, Neither, Different],
            )],
        )],
    );
    both.totals = vec![(Both, 20), (FirstOnly, 7), (SecondOnly, 8), (Neither, 3), (Different, 1)];
    let scene = both.scene();
    let (svg, _) = sound("process-two", &scene);
    assert!(svg.contains("the same page in both · 80 KiB (51 %)"), "{svg}");
}

#[test]
fn many_mappings_are_the_first_and_a_number() {
    let groups = (0..150)
        .map(|n| {
            let mappings = vec![
                mapping(
                    n << 30,
                    1 + n * n,
                    "rw-p",
                    &"anonymous ".repeat(20),
                    &[Class::OwnPage]
                );
                3
            ];
            group(&"long/".repeat(usize::try_from(n).unwrap()), mappings)
        })
        .collect();
    let scene = process("process 1", groups).scene();
    sound("process-many", &scene);
    let texts = texts(&scene).join("\n");
    assert!(texts.contains("… and 250 more mappings, "), "{texts}");
    assert_eq!(texts.matches("rw-p").count(), MAPPINGS);
}

#[test]
fn no_mapping() {
    let scene = process("kernel thread 2", Vec::new()).scene();
    sound("process-none", &scene);
}
