//! The permission table: which open mode each kind of mapping needs, found before the kernel is asked.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;

use folio::{ErrorKind, Frozen, MapOptions, Private, Result, Shared, SharedMut};

use crate::child;
use crate::scratch::Scratch;

#[derive(Clone, Copy, Debug, PartialEq)]
enum OpenMode {
    Read,
    Write,
    ReadWrite,
    /// O_PATH
    Path,
}

const OPEN_MODES: [OpenMode; 4] =
    [OpenMode::Read, OpenMode::Write, OpenMode::ReadWrite, OpenMode::Path];

fn open(file: &Scratch, mode: OpenMode) -> File {
    let mut options = OpenOptions::new();
    match mode {
        OpenMode::Read => options.read(true),
        OpenMode::Write => options.write(true),
        OpenMode::ReadWrite => options.read(true).write(true),
        OpenMode::Path => options.read(true).custom_flags(libc::O_PATH),
    };
    options.open(file.path()).unwrap()
}

/// Maps `map` of a file open in each mode, and expects success exactly for those of `allowed`.
fn table(kind: &str, allowed: &[OpenMode], words: &[&str], map: impl Fn(&File) -> Result<()>) {
    for mode in OPEN_MODES {
        let file = Scratch::new(b"hello");
        let answer = map(&open(&file, mode));
        if allowed.contains(&mode) {
            answer.unwrap_or_else(|error| panic!("{kind} of a file open for {mode:?}: {error}"));
            continue;
        }
        let error = answer.expect_err("the mode does not allow it");
        assert_eq!(error.kind(), ErrorKind::OpenMode, "{kind} of {mode:?}: {error}");
        assert_eq!(error.raw_os_error(), None, "refused before the kernel was asked");
        assert_eq!(error.path(), Some(file.path()));
        let text = error.to_string();
        let expected = if mode == OpenMode::Path { &["O_PATH"] } else { words };
        for word in expected {
            assert!(text.contains(word), "{kind} of {mode:?}: {text:?} does not say {word:?}");
        }
    }
}

const READABLE: &[OpenMode] = &[OpenMode::Read, OpenMode::ReadWrite];

#[test]
fn shared_needs_reading() {
    table("Shared", READABLE, &["writing only", "reading"], |file| {
        Shared::from_file(file).map(|map| assert_eq!(map.load::<u8>(0).unwrap(), b'h'))
    });
}

#[test]
fn shared_mut_needs_reading_and_writing() {
    let words = ["only", "needs it open for reading and writing"];
    table("SharedMut", &[OpenMode::ReadWrite], &words, |file| {
        SharedMut::from_file(file).map(|map| map.write_at(0, b"H").unwrap())
    });
}

#[test]
fn frozen_needs_reading() {
    table("Frozen", READABLE, &["writing only", "reading"], |file| {
        MapOptions::new().map_frozen(file).map(|_: Frozen| ())
    });
}

#[test]
fn private_needs_reading_alone_though_it_can_be_stored_to() {
    table("Private", READABLE, &["writing only", "reading"], |file| {
        MapOptions::new().map_private(file).map(|_: Private| ())
    });
}

/// The open modes of the descriptor decide, not the permissions of the file: as with read(2) and write(2).
#[test]
fn permissions_that_change_after_the_open_do_not_matter() {
    let file = Scratch::new(b"hello");
    let open = file.read_write();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o000)).unwrap();
    SharedMut::from_file(&open).unwrap().write_at(0, b"H").unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(file.bytes(), b"Hello");
}

#[test]
fn opening_by_path_without_permission_is_refused_by_the_kernel() {
    if !rustix::process::geteuid().is_root() {
        return without_permission();
    }
    // Root may read everything: ask somebody else.
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let binary = dir.path().join("shared");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let name = "permissions::opening_by_path_without_permission_is_refused_by_the_kernel";
    let mut command = child::command_of(&binary, name);
    command.current_dir("/").uid(NOBODY).gid(NOBODY);
    child::assert_passed(&command.output().unwrap());
}

/// The user who owns nothing.
const NOBODY: u32 = 65534;

fn without_permission() {
    assert!(!rustix::process::geteuid().is_root());
    let file = Scratch::new(b"hello");
    let mode = |bits| {
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(bits)).unwrap();
    };
    let refused = |error: folio::Error| {
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert_eq!(error.raw_os_error(), Some(libc::EACCES));
        assert_eq!(error.path(), Some(file.path()));
    };
    mode(0o200);
    refused(Shared::open(file.path()).unwrap_err());
    refused(SharedMut::open(file.path()).unwrap_err());
    refused(Frozen::open(file.path()).unwrap_err());
    refused(Private::open(file.path()).unwrap_err());
    mode(0o400);
    Shared::open(file.path()).unwrap();
    refused(SharedMut::open(file.path()).unwrap_err());
    mode(0o600);
    SharedMut::open(file.path()).unwrap();
}
