//! Files that are not as they should be: what is said of them, and what the kernel does with them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::programs::{BARE_PROGRAM, MODULE, WITHOUT_INTERPRETER};
use crate::harness::*;

/// Fields of the 64-bit program header, by their offset in it.
const P_OFFSET: usize = 0x8;
const P_VADDR: usize = 0x10;
const P_FILESZ: usize = 0x20;
const P_MEMSZ: usize = 0x28;
const P_ALIGN: usize = 0x30;

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn put(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

/// Where the program header of the segment with these flags is.
pub(super) fn load(bytes: &[u8], flags: u32) -> usize {
    let table = usize::try_from(u64_at(bytes, 0x20)).unwrap();
    let entries = usize::from(u16::from_le_bytes([bytes[0x38], bytes[0x39]]));
    let is = |at: usize, value: u32| bytes[at..at + 4] == value.to_le_bytes();
    let found =
        (0..entries).map(|index| table + 56 * index).find(|&at| is(at, 1) && is(at + 4, flags));
    found.expect("the linker makes such a segment")
}

/// What the kernel does with a program.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Runs,
    Refused,
}

fn outcome(program: &Path) -> Outcome {
    let mut command = Command::new(program);
    match command.stdin(Stdio::null()).stdout(Stdio::null()).status() {
        Ok(status) if status.success() => Outcome::Runs,
        Ok(status) => {
            assert!(status.signal().is_some(), "{status}");
            Outcome::Refused
        }
        // A child of another test holds the descriptor that it was written through, until it runs its own program.
        Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => outcome(program),
        Err(error) => {
            // ENOEXEC; ENOENT for an interpreter that there is not; ENOMEM.
            assert!([8, 2, 12].contains(&error.raw_os_error().unwrap()), "{error}");
            Outcome::Refused
        }
    }
}

/// What is changed, how, and what has to be said about it.
type Change = (&'static str, fn(&mut Vec<u8>), &'static [&'static str]);

const CHANGES: &[Change] = &[
    ("nothing", |_| {}, &[]),
    (
        "more-in-file",
        |bytes| {
            let at = load(bytes, 5);
            put(bytes, at + P_MEMSZ, 1);
        },
        &["p_filesz at 0x", "is more than p_memsz, 0x1", "SIGSEGV"],
    ),
    (
        "incongruent",
        |bytes| {
            let at = load(bytes, 5);
            let offset = u64_at(bytes, at + P_OFFSET);
            put(bytes, at + P_OFFSET, offset + 16);
        },
        &["p_offset at 0x", "no page can be mapped so"],
    ),
    (
        "huge",
        |bytes| {
            let at = load(bytes, 6);
            put(bytes, at + P_MEMSZ, 1 << 47);
        },
        &["p_memsz at 0x", "past the last address of a process"],
    ),
    (
        "more-than-memory",
        |bytes| {
            let at = load(bytes, 6);
            put(bytes, at + P_MEMSZ, 1 << 46);
        },
        &[],
    ),
    (
        "overflowing",
        |bytes| {
            let at = load(bytes, 6);
            put(bytes, at + P_MEMSZ, u64::MAX);
        },
        &["p_memsz at 0x", "past the last address"],
    ),
    ("no-headers", |bytes| bytes[0x38..0x3a].fill(0), &["e_phnum at 0x38", "ENOEXEC"]),
    ("odd-entries", |bytes| bytes[0x36] = 55, &["e_phentsize at 0x36 is 55", "56 bytes"]),
    ("table-beyond", |bytes| put(bytes, 0x20, 1 << 40), &["e_phoff at 0x20 is 0x10000000000"]),
    ("table-overflowing", |bytes| put(bytes, 0x20, u64::MAX - 8), &["e_phoff at 0x20"]),
    (
        "cut-off-data",
        |bytes| {
            let at = load(bytes, 6);
            let keep = usize::try_from(u64_at(bytes, at + P_OFFSET)).unwrap() + 16;
            bytes.truncate(keep);
        },
        &["p_filesz at 0x", "the file ends at", "SIGSEGV"],
    ),
    (
        "cut-off-header",
        |bytes| bytes.truncate(40),
        &["is cut off: the ELF header has 64 bytes, the file 40"],
    ),
    (
        "odd-alignment",
        |bytes| {
            let at = load(bytes, 5);
            put(bytes, at + P_ALIGN, 3);
        },
        &[],
    ),
    ("no-sections", |bytes| put(bytes, 0x28, 0), &[]),
    ("sections-beyond", |bytes| put(bytes, 0x28, 1 << 50), &[]),
    (
        "elsewhere",
        |bytes| {
            let at = load(bytes, 6);
            let byte_of_page = u64_at(bytes, at + P_OFFSET) & 0xfff;
            put(bytes, at + P_VADDR, 0xffff_ffff_ffff_f000 | byte_of_page);
            let len = u64_at(bytes, at + P_FILESZ);
            put(bytes, at + P_MEMSZ, len);
        },
        &["p_memsz at 0x", "past the last address"],
    ),
];

#[test]
fn what_the_kernel_refuses_is_said_and_nothing_else() {
    let dir = Dir::new();
    let Some(base) = BARE_PROGRAM.make(&dir) else { return };
    for (name, change, says) in CHANGES {
        let mut bytes = fs::read(&base).unwrap();
        change(&mut bytes);
        let path = dir.file(name, &bytes);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let ran = run(folio().args(["maps", "--exe"]).arg(&path));
        let text = format!("{}{}", String::from_utf8_lossy(&ran.out), ran.err);
        let expected = match outcome(&path) {
            Outcome::Runs => Some(0),
            Outcome::Refused => Some(1),
        };
        assert_eq!(ran.code, expected, "{name}: {text}");
        for part in *says {
            let joined = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
            assert!(joined.contains(part), "{name}: {part:?} is not in {text}");
        }
    }
}

#[test]
fn an_interpreter_that_does_not_exist_is_named() {
    let dir = Dir::new();
    let Some(program) = WITHOUT_INTERPRETER.make(&dir) else { return };
    assert_eq!(outcome(&program), Outcome::Refused);
    let ran = run(folio().args(["maps", "--json", "--exe"]).arg(&program));
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let told: serde_json::Value = serde_json::from_slice(&ran.out).unwrap();
    let text = told["findings"][0]["text"].as_str().unwrap();
    assert!(
        text.starts_with("the interpreter, /no/ld.so, does not exist: execve(2) fails with ENOENT"),
        "{text}"
    );
}

#[track_caller]
fn refused(path: &Path) -> String {
    let ran = run(folio().args(["maps", "--exe"]).arg(path));
    assert!(ran.out.is_empty());
    ran.failed().to_owned()
}

#[test]
fn what_is_no_program_is_named() {
    let dir = Dir::new();
    let script = dir.file("script", b"#!/usr/bin/env -S perl -w\nexit\n");
    let said = refused(&script);
    assert!(
        said.ends_with(
            "/script: is a script, not an ELF file: the kernel runs /usr/bin/env with it\n"
        ),
        "{said}"
    );
    let nobodys = refused(&dir.file("nobodys", b"#!\nexit\n"));
    assert!(nobodys.ends_with("it names no interpreter, so the kernel does not run it\n"));
    let text = refused(&dir.file("text", b"hello\n"));
    assert!(
        text.ends_with("/text: is not an ELF file: it does not begin with 7f 45 4c 46\n"),
        "{text}"
    );
    assert!(
        refused(&dir.file("empty", b"")).ends_with("/empty: is not an ELF file: it is empty\n")
    );
    assert!(refused(dir.as_ref()).ends_with(": is a directory\n"));
    assert!(refused(&dir.fifo("fifo")).ends_with(": is not a regular file\n"));
    assert!(
        refused(&dir.path("none")).ends_with("/none: cannot open: No such file or directory\n")
    );
    let class = refused(&dir.file("class", b"\x7fELF\x03\x01\x01\0\0\0\0\0\0\0\0\0"));
    assert!(
        class.ends_with("EI_CLASS at 0x4 is 3: it has to be 1 (32 bits) or 2 (64 bits)\n"),
        "{class}"
    );
    let odd = refused(&dir.file("a\x1b[31m\nb", b"\x7fEL"));
    assert!(
        odd.contains(r"a\x1b[31m\nb': is cut off: the ELF header has 16 bytes, the file 3"),
        "{odd}"
    );
}

/// The header of an ELF file of 32 bits, big-endian, for s390, with one segment.
fn foreign() -> Vec<u8> {
    let mut bytes = b"\x7fELF\x01\x02\x01\0\0\0\0\0\0\0\0\0".to_vec();
    for half in [2u16, 22] {
        bytes.extend(half.to_be_bytes());
    }
    for word in [1u32, 0x40_0000, 52, 0, 0] {
        bytes.extend(word.to_be_bytes());
    }
    for half in [52u16, 32, 1, 0, 0, 0] {
        bytes.extend(half.to_be_bytes());
    }
    for word in [1u32, 0, 0x40_0000, 0x40_0000, 84, 84, 5, 0x1000] {
        bytes.extend(word.to_be_bytes());
    }
    bytes
}

#[test]
fn programs_for_other_machines_are_read_all_the_same() {
    let dir = Dir::new();
    let told = super::running::predicted(&dir.file("s390", &foreign()));
    assert_eq!(
        (&told["bits"], &told["order"], &told["foreign"]),
        (&32.into(), &"big".into(), &true.into())
    );
    assert_eq!(super::running::range(&told["segments"][0]["memory_pages"]), 0x40_0000..0x40_1000);
    let text = run(folio().args(["maps", "--exe"]).arg(dir.path("s390"))).text();
    assert!(text.contains("Not for this machine"), "{text}");
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("Its pages are taken to be of 4.0 KiB, as here"), "{text}");
    assert!(text.contains("s390, 32-bit, big-endian"), "{text}");
}

#[test]
fn pages_are_as_large_as_the_command_line_says() {
    let dir = Dir::new();
    let file = dir.file("s390", &foreign());
    let args = ["maps", "--json", "--page-size", "65536", "--exe"];
    let told: serde_json::Value =
        serde_json::from_str(&run(folio().args(args).arg(&file)).text()).unwrap();
    assert_eq!((&told["page_size"], &told["page_size_assumed"]), (&65536.into(), &false.into()));
    assert_eq!(super::running::range(&told["segments"][0]["memory_pages"]), 0x40_0000..0x41_0000);
    let assumed = super::running::predicted(&file);
    assert_eq!(assumed["page_size_assumed"], true);
    let process = run(folio().args(["maps", "self", "--page-size", "4096"]));
    assert_eq!(process.code, Some(2), "{}", process.err);
    let odd = run(folio().args(["maps", "--page-size", "5000", "--exe"]).arg(&file));
    assert!(odd.code == Some(2) && odd.err.contains("4096, 16384 or 65536"), "{}", odd.err);
}

#[test]
fn modules_of_the_kernel_are_told_from_other_object_files() {
    let dir = Dir::new();
    let Some(module) = MODULE.make(&dir) else { return };
    let text = run(folio().args(["maps", "--exe"]).arg(module)).text();
    assert!(text.contains("module of the kernel: ") && !text.contains("linker"), "{text}");
}

#[test]
fn object_files_and_cores_are_not_mapped() {
    let dir = Dir::new();
    for (kind, words) in
        [(1u8, "the linker puts its sections into programs"), (4, "1 mapping of 84 B")]
    {
        let mut bytes = foreign();
        bytes[17] = kind;
        let text = run(folio().args(["maps", "--exe"]).arg(dir.file("file", &bytes))).text();
        assert!(text.contains(words), "{text}");
    }
}
