//! What cannot be mapped: each a clear error, for each kind.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use folio::{ErrorKind, Guarantee, HugePages, MapOptions, OnLoss, Result, Shared, SharedMut};

use crate::child;
use crate::scratch::{Scratch, page};

/// What each kind answers when it opens `path`.
fn opened(path: &Path, options: &MapOptions) -> Vec<(&'static str, Result<()>)> {
    vec![
        ("Shared", options.open_shared(path).map(|_| ())),
        ("Frozen", options.open_frozen(path).map(|_| ())),
        ("Private", options.open_private(path).map(|_| ())),
        ("SharedMut", options.open_shared_mut(path).map(|_| ())),
    ]
}

/// Every kind must refuse `path` as `kind`, with `words` in the message.
fn refused(path: &Path, options: &MapOptions, kind: ErrorKind, words: &str) {
    for (name, answer) in opened(path, options) {
        let error = answer.expect_err(name);
        assert_eq!(error.kind(), kind, "{name}: {error}");
        let text = error.to_string();
        assert!(text.contains(words), "{name}: {text:?} does not say {words:?}");
        assert!(text.contains(&format!("{path:?}")), "{name}: {text:?} does not name the file");
    }
}

#[test]
fn a_directory() {
    refused(Path::new("/"), &MapOptions::new(), ErrorKind::NotMappable, "directory");
}

#[test]
fn a_missing_file() {
    refused(Path::new("/no/such/file"), &MapOptions::new(), ErrorKind::NotFound, "No such file");
}

#[test]
fn a_named_pipe_without_waiting_for_its_other_end() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    refused(&path, &MapOptions::new(), ErrorKind::NotMappable, "pipe");
}

#[test]
fn a_pipe_and_a_socket_by_descriptor() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let error = Shared::from_file(&File::from(OwnedFd::from(reader))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotMappable);
    assert!(error.to_string().contains("pipe"), "{error}");

    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let file = File::from(OwnedFd::from(socket));
    for error in [Shared::from_file(&file).unwrap_err(), SharedMut::from_file(&file).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::NotMappable);
        assert!(error.to_string().contains("socket"), "{error}");
    }
}

#[test]
fn a_socket_by_path() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    refused(&path, &MapOptions::new(), ErrorKind::NotMappable, "socket");
}

#[test]
fn a_character_device() {
    refused(Path::new("/dev/null"), &MapOptions::new(), ErrorKind::NotMappable, "character device");
}

#[test]
fn a_proc_file_whose_length_reads_as_zero() {
    // The second cannot be read at its first byte.
    for path in ["/proc/self/status", "/proc/self/mem"] {
        let error = Shared::open(path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotMappable);
        assert!(error.to_string().contains("/proc"), "{error}");
    }
}

#[test]
fn a_file_of_sysfs_with_fewer_bytes_than_its_length() {
    let path = Path::new("/sys/kernel/mm/transparent_hugepage/enabled");
    let Ok(content) = std::fs::read(path) else {
        return testfs::skip("a file of sysfs", "this kernel has not the one that is looked for");
    };
    if content.len() as u64 == std::fs::metadata(path).unwrap().len() {
        return testfs::skip("a file of sysfs", "it tells its length here");
    }
    for answer in [Shared::open(path).err(), folio::Frozen::open(path).err()] {
        let error = answer.unwrap();
        assert_eq!(error.kind(), ErrorKind::NotMappable, "{error}");
        assert!(error.to_string().contains("/sys"), "{error}");
    }
}

#[test]
fn a_sparse_file_of_one_page_is_a_mapping() {
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(page() as u64).unwrap();
    assert_eq!(Shared::open(file.path()).unwrap().load::<u64>(page() - 8).unwrap(), 0);
}

#[test]
fn an_empty_file_is_an_empty_mapping() {
    let file = Scratch::new(b"");
    for (name, answer) in opened(file.path(), &MapOptions::new()) {
        if matches!(name, "Shared" | "SharedMut") {
            answer.unwrap();
        }
    }
    let map = Shared::open(file.path()).unwrap();
    assert!(map.is_empty());
    map.read_at(0, &mut []).unwrap();
    assert_eq!(map.read_at(0, &mut [0]).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(map.chunks().next_chunk().unwrap(), None);
    map.slice(0..0).unwrap();
    let map = SharedMut::open(file.path()).unwrap();
    map.flush().unwrap();
    map.write_at(0, b"").unwrap();
    map.fill(0..0, 1).unwrap();
    map.copy_within(0..0, 0).unwrap();
    map.allocate(0..0).unwrap();
    assert!(map.atomics_u64(0..0).unwrap().is_empty());
}

#[test]
fn zero_bytes_of_a_file_are_an_empty_mapping_anywhere_in_it() {
    let file = Scratch::numbered(2 * page());
    for offset in [0, 1, page() as u64, 2 * page() as u64] {
        let map = MapOptions::new().offset(offset).len(0).open_shared(file.path()).unwrap();
        assert_eq!((map.len(), map.file_offset()), (0, offset));
    }
}

#[test]
fn ranges_past_the_end_of_the_file() {
    let file = Scratch::numbered(1000);
    for options in [
        MapOptions::new().offset(1001),
        MapOptions::new().offset(1001).len(0),
        MapOptions::new().len(1001),
        MapOptions::new().offset(1000).len(1),
        MapOptions::new().range(500..1001),
    ] {
        refused(file.path(), &options, ErrorKind::OutOfRange, "past the end at 1000");
    }
}

#[test]
fn ranges_that_overflow_or_are_larger_than_the_address_space() {
    let file = Scratch::numbered(1000);
    let max = u64::MAX;
    for options in [
        MapOptions::new().offset(max),
        MapOptions::new().offset(max).len(max),
        MapOptions::new().offset(1).len(max),
        MapOptions::new().offset(i64::MAX as u64).len(1),
    ] {
        for (name, answer) in opened(file.path(), &options) {
            assert_eq!(answer.expect_err(name).kind(), ErrorKind::OutOfRange, "{name} {options:?}");
        }
    }
    for options in [MapOptions::new().len(i64::MAX as u64)] {
        for (name, answer) in opened(file.path(), &options) {
            let kind = answer.expect_err(name).kind();
            assert!(
                matches!(kind, ErrorKind::TooLarge | ErrorKind::OutOfRange),
                "{name}: {kind:?}"
            );
        }
    }
    #[expect(clippy::reversed_empty_ranges, reason = "it must be refused")]
    let reversed = MapOptions::new().range(20..10);
    for (name, answer) in opened(file.path(), &reversed) {
        assert_eq!(answer.expect_err(name).kind(), ErrorKind::OutOfRange);
    }
}

/// A file of the largest length that tmpfs can have is larger than any address space.
#[test]
fn a_file_larger_than_the_address_space() {
    let memory = folio::Memfd::create("huge").unwrap();
    memory.set_len(i64::MAX as u64).unwrap();
    let kinds = [
        memory.shared().unwrap_err().kind(),
        memory.shared_mut().unwrap_err().kind(),
        // Fits the type, not what the CPU can address.
        memory.shared_with(&MapOptions::new().len(1 << 60)).unwrap_err().kind(),
    ];
    for kind in kinds {
        assert!(matches!(kind, ErrorKind::TooLarge | ErrorKind::NoMemory), "{kind:?}");
    }
    // A part of it is no trouble.
    let end = memory.shared_with(&MapOptions::new().offset((1 << 62) - 3).len(3)).unwrap();
    assert_eq!(end.load::<[u8; 3]>(0).unwrap(), [0; 3]);
}

#[test]
fn options_that_a_kind_cannot_use_are_refused_not_ignored() {
    let file = Scratch::numbered(100);
    let invalid = |answer: Result<()>, words: &str| {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    let shared = |options: MapOptions| options.open_shared(file.path()).map(|_| ());
    let shared_mut = |options: MapOptions| options.open_shared_mut(file.path()).map(|_| ());
    invalid(shared(MapOptions::new().reserve(1 << 20)), "reserve");
    for map in [&shared as &dyn Fn(MapOptions) -> Result<()>, &shared_mut] {
        invalid(map(MapOptions::new().guarantees(Guarantee::Sealed)), "guarantees");
        invalid(map(MapOptions::new().on_loss(OnLoss::Fence)), "on_loss");
        invalid(map(MapOptions::new().no_reserve()), "no_reserve");
    }
    let anonymous = |options: MapOptions| options.len(100).anonymous_private().map(|_| ());
    invalid(anonymous(MapOptions::new().offset(5)), "offset");
    let anonymous_shared =
        |options: MapOptions| options.len(100).anonymous_shared_mut().map(|_| ());
    invalid(anonymous_shared(MapOptions::new().offset(5)), "offset");
    invalid(anonymous_shared(MapOptions::new().on_loss(OnLoss::Fence)), "on_loss");
    invalid(anonymous(MapOptions::new().guarantees(Guarantee::Sealed)), "guarantee");
    // Whether the kernel has huge pages for this file is its to say; it must not be ignored either.
    let answer = shared(MapOptions::new().huge_pages(HugePages::Never));
    assert!(answer.is_ok() || answer.unwrap_err().kind() == ErrorKind::InvalidInput);
}

#[test]
fn no_memory_for_the_addresses() {
    if child::is_here() {
        return with_few_addresses();
    }
    let mut command = child::command("unmappable::no_memory_for_the_addresses");
    child::assert_passed(&command.output().unwrap());
}

fn with_few_addresses() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let memory = folio::Memfd::create("large").unwrap();
    memory.set_len(64 << 30).unwrap();
    let limit = Some(8 << 30);
    let hard = getrlimit(Resource::As).maximum;
    setrlimit(Resource::As, Rlimit { current: limit, maximum: hard }).unwrap();
    for error in [memory.shared().unwrap_err(), memory.shared_mut().unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::NoMemory, "{error}");
    }
    let small = memory.shared_with(&MapOptions::new().len(4096)).unwrap();
    assert_eq!(small.load::<u8>(0).unwrap(), 0);
}

#[test]
fn no_free_descriptor_names_the_limit() {
    if child::is_here() {
        return with_few_descriptors();
    }
    let mut command = child::command("unmappable::no_free_descriptor_names_the_limit");
    child::assert_passed(&command.output().unwrap());
}

/// Mappings of one file share a descriptor; mappings of many files run into the limit, and say which.
fn with_few_descriptors() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let dir = tempfile::tempdir_in(testfs::with_leases()).unwrap();
    let shared = dir.path().join("shared");
    std::fs::write(&shared, [100; 100]).unwrap();
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).unwrap();
    let same: Vec<_> = (0..2000).map(|_| Shared::open(&shared).unwrap()).collect();
    assert!(same.iter().all(|map| map.load::<u8>(99).unwrap() == 100));
    let mut different = Vec::new();
    let error = loop {
        let path = dir.path().join(different.len().to_string());
        assert!(different.len() < 64, "the limit is 64");
        if std::fs::write(&path, b"x").is_err() {
            break Shared::open(&shared).unwrap_err();
        }
        match Shared::open(&path) {
            Ok(map) => different.push(map),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::NoResource);
    assert!(error.to_string().contains("64 (RLIMIT_NOFILE)"), "{error}");
    drop(different);
    Shared::open(&shared).unwrap();
}

#[test]
fn a_mapping_outlives_the_file_that_it_was_made_from() {
    let file = Scratch::numbered(100);
    let open = file.read_write();
    let map = SharedMut::from_file(&open).unwrap();
    drop(open);
    std::fs::remove_file(file.path()).unwrap();
    map.write_at(0, b"still").unwrap();
    assert_eq!(map.file_len().unwrap(), 100);
    assert!(rustix::fs::fstat(map.as_fd()).is_ok());
}
