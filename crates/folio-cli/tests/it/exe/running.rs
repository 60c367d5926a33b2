//! What is predicted, and what the kernel shows of a process.

use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::programs::{BARE_PROGRAM, BUILDS, Running, make_library};
use super::refusals::load;
use crate::harness::*;

/// A line of /proc/PID/maps.
#[derive(Debug)]
struct Mapped {
    addresses: Range<u64>,
    protection: String,
    offset: u64,
    inode: u64,
    name: String,
}

fn mapped(pid: u32) -> Vec<Mapped> {
    let text = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
    let line = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let (start, end) = fields[0].split_once('-').unwrap();
        Mapped {
            addresses: hex(start)..hex(end),
            protection: fields[1].to_owned(),
            offset: hex(fields[2]),
            inode: fields[4].parse().unwrap(),
            name: fields.get(5).copied().unwrap_or_default().to_owned(),
        }
    };
    text.lines().map(line).collect()
}

/// What `folio maps --exe --json` says of a file that is all right.
pub(super) fn predicted(file: &Path) -> Value {
    let text = run(folio().args(["maps", "--json", "--exe"]).arg(file)).text();
    serde_json::from_str(&text).unwrap()
}

pub(super) fn range(value: &Value) -> Range<u64> {
    value[0].as_u64().unwrap()..value[1].as_u64().unwrap()
}

fn areas(told: &Value) -> &[Value] {
    told["areas"].as_array().unwrap()
}

/// What is added to the addresses.
fn bias(told: &Value, maps: &[Mapped], inode: u64) -> u64 {
    if told["relative"] == false {
        return 0;
    }
    let first =
        maps.iter().find(|mapped| mapped.inode == inode).map_or(0, |mapped| mapped.addresses.start);
    first.wrapping_sub(range(&areas(told)[0]["addresses"]).start)
}

/// What is not in `maps` as it is predicted; `None` if all is.
fn difference(told: &Value, maps: &[Mapped], inode: u64) -> Option<String> {
    let page = told["page_size"].as_u64().unwrap();
    let bias = bias(told, maps, inode);
    let mut of_file = 0;
    for area in areas(told) {
        let addresses = range(&area["addresses"]);
        let protection = format!("{}p", area["protection"].as_str().unwrap());
        if area["backing"] == "file" {
            of_file += addresses.end - addresses.start;
        }
        for at in (addresses.start..addresses.end).step_by(usize::try_from(page).unwrap()) {
            let address = bias.wrapping_add(at);
            let Some(there) = maps.iter().find(|mapped| mapped.addresses.contains(&address)) else {
                return Some(format!("nothing at {address:#x} ({area})"));
            };
            let right = match area["backing"].as_str().unwrap() {
                "file" => {
                    there.inode == inode
                        && there.offset + (address - there.addresses.start)
                            == area["offset"].as_u64().unwrap() + (at - addresses.start)
                }
                "zeros" => there.inode == 0 && (there.name.is_empty() || there.name == "[heap]"),
                _ => there.protection == "---p",
            };
            if !right || there.protection != protection {
                return Some(format!("{there:x?} at {address:#x} ({area}, bias {bias:#x})"));
            }
        }
    }
    // And nothing of the file is mapped besides.
    let seen: u64 = maps
        .iter()
        .filter(|mapped| mapped.inode == inode && mapped.protection != "---p")
        .map(|mapped| mapped.addresses.end - mapped.addresses.start)
        .sum();
    if seen != of_file {
        return Some(format!("{seen:#x} bytes of the file are mapped, not {of_file:#x}"));
    }
    gaps(told, maps, bias)
}

/// What is in the gaps between areas, where nothing is predicted.
fn gaps(told: &Value, maps: &[Mapped], bias: u64) -> Option<String> {
    for pair in areas(told).windows(2) {
        let start = range(&pair[0]["addresses"]).end.wrapping_add(bias);
        let end = range(&pair[1]["addresses"]).start.wrapping_add(bias);
        let inside =
            |mapped: &&Mapped| mapped.addresses.start < end && start < mapped.addresses.end;
        if let Some(there) = maps.iter().find(inside).filter(|_| start < end) {
            return Some(format!("{there:x?} in the gap from {start:#x} to {end:#x}"));
        }
    }
    None
}

#[track_caller]
fn as_predicted(file: &Path, pid: u32) -> Value {
    let told = predicted(file);
    let inode = fs::metadata(file).unwrap().ino();
    assert_eq!(difference(&told, &mapped(pid), inode), None, "{}", file.display());
    told
}

#[test]
fn programs_of_all_kinds_are_mapped_as_predicted() {
    let dir = Dir::new();
    let mut seen = 0;
    for build in BUILDS {
        let Some(program) = build.make(&dir) else { continue };
        let running = Running::start(&program);
        let told = as_predicted(&program, running.pid());
        constants_are_the_files(&told, &program, running.pid());
        assert_eq!(running.end(), Some(0), "{}", build.name);
        seen += 1;
    }
    println!("{seen} of {} programs compared", BUILDS.len());
}

/// What may not be written is the file's, the slack around it too.
fn constants_are_the_files(told: &Value, program: &Path, pid: u32) {
    let bytes = fs::read(program).unwrap();
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let bias = bias(told, &mapped(pid), fs::metadata(program).unwrap().ino());
    let mut compared = 0;
    for area in
        areas(told).iter().filter(|area| area["part"] == "constants" || area["part"] == "text")
    {
        if area["protection"].as_str().unwrap().contains('w') {
            continue;
        }
        let addresses = range(&area["addresses"]);
        let mut there = vec![0; usize::try_from(addresses.end - addresses.start).unwrap()];
        memory.read_exact_at(&mut there, bias.wrapping_add(addresses.start)).unwrap();
        let from = usize::try_from(area["offset"].as_u64().unwrap()).unwrap();
        let mut here = bytes[from..bytes.len().min(from + there.len())].to_vec();
        here.resize(there.len(), 0);
        assert!(here == there, "{area} of {}", program.display());
        compared += there.len();
    }
    let read_only = told["cost"]["shared"].as_u64().unwrap();
    assert_eq!(compared as u64, read_only, "{}", program.display());
}

#[test]
fn the_rest_of_the_last_page_is_zeroed_though_the_file_goes_on() {
    let dir = Dir::new();
    let Some(program) = BARE_PROGRAM.make(&dir) else { return };
    let running = Running::start(&program);
    let told = as_predicted(&program, running.pid());
    let bytes = fs::read(&program).unwrap();
    let memory = File::open(format!("/proc/{}/mem", running.pid())).unwrap();
    let mut zeroed = 0;
    for segment in told["segments"].as_array().unwrap() {
        let tail = range(&segment["zeroed"]);
        if tail.is_empty() {
            continue;
        }
        let zeros = range(&segment["zero_pages"]);
        let mut there = vec![1; usize::try_from(zeros.end - tail.start).unwrap()];
        memory.read_exact_at(&mut there, tail.start).unwrap();
        assert!(there.iter().all(|&byte| byte == 0), "{segment}");
        let end = segment["offset"].as_u64().unwrap() + segment["file_len"].as_u64().unwrap();
        let after = &bytes[usize::try_from(end).unwrap()..];
        assert!(
            after.iter().take(there.len()).any(|&byte| byte != 0),
            "the file has other bytes there"
        );
        zeroed += 1;
    }
    assert_eq!(zeroed, 1);
}

/// Whether the kernel maps segments by `elf_load`, as what is predicted (Linux 6.6).
fn by_elf_load() -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut numbers = release.split('.').map(|number| number.parse().unwrap_or(0u32));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < (6, 6) {
        testfs::skip(
            "segments that no linker makes",
            format!("Linux {release} maps them otherwise"),
        );
    }
    version >= (6, 6)
}

/// The bare program with its data segment changed, running.
fn with_data_changed(
    dir: &Dir,
    change: impl Fn(&mut Vec<u8>, usize),
) -> Option<(PathBuf, Running)> {
    let program = BARE_PROGRAM.make(dir).filter(|_| by_elf_load())?;
    let mut bytes = fs::read(&program).unwrap();
    let at = load(&bytes, 6);
    change(&mut bytes, at);
    fs::write(&program, &bytes).unwrap();
    let running = Running::start(&program);
    Some((program, running))
}

#[test]
fn a_read_only_segment_gets_writable_zeros_and_keeps_the_files_bytes() {
    let dir = Dir::new();
    let Some((program, running)) = with_data_changed(&dir, |bytes, at| bytes[at + 4] = 4) else {
        return;
    };
    let told = as_predicted(&program, running.pid());
    let segment = told["segments"].as_array().unwrap().last().unwrap();
    assert!(range(&segment["zeroed"]).is_empty());
    let slack = usize::try_from(segment["slack_after"].as_u64().unwrap()).unwrap();
    let number = |key: &str| segment[key].as_u64().unwrap();
    let mut there = vec![0; slack];
    let memory = File::open(format!("/proc/{}/mem", running.pid())).unwrap();
    memory.read_exact_at(&mut there, number("address") + number("file_len")).unwrap();
    let bytes = fs::read(&program).unwrap();
    let from = usize::try_from(number("offset") + number("file_len")).unwrap();
    let here = &bytes[from..bytes.len().min(from + slack)];
    assert!(!here.is_empty() && there.starts_with(here));
}

#[test]
fn a_segment_without_bytes_in_the_file_is_zeros_alone() {
    let dir = Dir::new();
    let no_bytes = |bytes: &mut Vec<u8>, at: usize| bytes[at + 0x20..at + 0x28].fill(0);
    let Some((program, running)) = with_data_changed(&dir, no_bytes) else { return };
    let told = as_predicted(&program, running.pid());
    let segment = told["segments"].as_array().unwrap().last().unwrap();
    assert!(range(&segment["memory_pages"]).is_empty());
    assert!(!range(&segment["zero_pages"]).is_empty());
    // Its variable is not 1 but 0, and it answers with one less.
    assert_eq!(running.end(), Some(255));
}

#[test]
fn libraries_are_mapped_as_predicted() {
    for flags in [
        &[][..],
        &["-Wl,-z,max-page-size=0x200000"],
        &["-Wl,-z,noseparate-code"],
        &["-Wl,-z,norelro"],
    ] {
        let dir = Dir::new();
        let Some((library, program)) = make_library(&dir, flags) else { return };
        let running = Running::start(&program);
        let told = as_predicted(&library, running.pid());
        assert_eq!(told["loader"], "ld.so");
        // Only where segments are far apart.
        let kept = areas(&told).iter().any(|area| area["backing"] == "nothing");
        assert_eq!(kept, flags.contains(&"-Wl,-z,max-page-size=0x200000"), "{told}");
        as_predicted(&program, running.pid());
        assert_eq!(running.end(), Some(0));
    }
}

/// Compare a program that says nothing when it has been relocated.
#[track_caller]
fn comes_to_be_as_predicted(program: &Path, running: &Running) {
    let (told, inode) = (predicted(program), fs::metadata(program).unwrap().ino());
    let same = || difference(&told, &mapped(running.pid()), inode).is_none();
    wait_until(&format!("{} is mapped as predicted", program.display()), same);
    assert_eq!(difference(&told, &mapped(running.pid()), inode), None);
}

/// Not this test itself: where another one panics, its program is mapped to be read as well, for the names in the backtrace.
#[test]
fn a_program_in_rust_is_mapped_as_predicted() {
    let folio = Path::new(env!("CARGO_BIN_EXE_folio"));
    comes_to_be_as_predicted(folio, &Running::quietly(Command::new(folio).arg("cat")));
}

#[test]
fn a_program_of_the_system_is_mapped_as_predicted() {
    let sleep = fs::canonicalize("/bin/sleep").unwrap();
    comes_to_be_as_predicted(&sleep, &Running::quietly(Command::new(&sleep).arg("1000")));
}
