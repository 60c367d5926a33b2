//! Advice, populating and locking, on mappings of files.

use std::fs::File;

use folio::{
    Advice, ErrorKind, Guarantee, LockPages, MapOptions, Memfd, PageSize, PopulateFor, RawAdvice,
    Shared, SharedMut,
};
use rustix::process::{Resource, Rlimit};
use testfs::{CutDevice, FileSystem, Kind};

use crate::targets::{file_with, pattern};
use crate::unprivileged;

const ALL: [Advice; 18] = [
    Advice::Normal,
    Advice::Random,
    Advice::Sequential,
    Advice::WillNeed,
    Advice::DontNeed,
    Advice::DontNeedLocked,
    Advice::Cold,
    Advice::PageOut,
    Advice::PopulateRead,
    Advice::PopulateWrite,
    Advice::HugePage,
    Advice::NoHugePage,
    Advice::Collapse,
    Advice::Mergeable,
    Advice::Unmergeable,
    Advice::DontDump,
    Advice::DoDump,
    Advice::DontFork,
];

/// The hints that this kernel must take on a shared, writable mapping of an ordinary file.
const TAKEN: [Advice; 12] = [
    Advice::Normal,
    Advice::Random,
    Advice::Sequential,
    Advice::WillNeed,
    Advice::DontNeed,
    Advice::Cold,
    Advice::PageOut,
    Advice::PopulateRead,
    Advice::PopulateWrite,
    Advice::DontDump,
    Advice::DoDump,
    Advice::DontFork,
];

#[test]
fn each_hint_is_taken_or_refused_with_a_reason_and_changes_nothing() {
    let bytes = pattern(300_000);
    let ran = testfs::each(&[Kind::Here, Kind::Tmpfs, Kind::Xfs, Kind::Btrfs], |fs| {
        let path = file_with(fs.path(), "f", &bytes);
        let map = SharedMut::open(&path).unwrap();
        for advice in ALL {
            for range in [0..300_000, 5000..5001, 299_999..300_000, 77..77] {
                let empty = range.is_empty();
                match map.pages().advise(range, advice) {
                    Ok(()) => {}
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Unsupported, "{advice:?}: {error}");
                        assert!(!TAKEN.contains(&advice), "{advice:?}: {error}");
                        assert!(
                            !empty || matches!(advice, Advice::Mergeable | Advice::Unmergeable),
                            "{error}"
                        );
                    }
                }
            }
            let mut now = vec![0; bytes.len()];
            map.read_at(0, &mut now).unwrap();
            assert!(now == bytes, "{advice:?} changed bytes");
            let error = map.pages().advise(0..300_001, advice).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::OutOfRange, "{advice:?}");
        }
    });
    assert!(ran.ran >= 1);
}

/// Whatever the bytes of a slice rest on, no hint changes them, and each is taken or refused with a reason.
#[test]
fn no_hint_changes_a_slice() {
    let bytes = pattern(300_000);
    let mut seen = Vec::new();
    let ran = testfs::each(&[Kind::Here, Kind::Tmpfs, Kind::Xfs], |fs| {
        let path = file_with(fs.path(), "f", &bytes);
        for guarantee in [Guarantee::Lease, Guarantee::Snapshot, Guarantee::Copied] {
            let options = MapOptions::new().guarantees(guarantee);
            let frozen = match options.open_frozen(&path) {
                Err(error) if error.kind() == ErrorKind::NoGuarantee => {
                    eprintln!("skipped: {guarantee} on {}: {error}", fs.kind());
                    continue;
                }
                other => other.unwrap(),
            };
            let mut private = options.open_private(&path).unwrap();
            private[9000..20_000].fill(42);
            let changed = private.to_vec();
            for advice in ALL {
                for pages in [frozen.pages(), private.pages()] {
                    let answer = pages.advise(.., advice);
                    assert!(answer.is_ok() || answer.unwrap_err().kind() == ErrorKind::Unsupported);
                }
                assert!(
                    frozen[..] == bytes && private[..] == changed,
                    "{advice:?} under {guarantee}"
                );
            }
            let dropped = frozen.pages().advise(.., Advice::DontNeed);
            assert_eq!(dropped.is_ok(), guarantee != Guarantee::Copied, "{guarantee}");
            let refused = private.pages().advise(.., Advice::DontNeed).unwrap_err();
            assert!(refused.to_string().contains("revert()"), "{refused}");
            assert!(frozen[..] == bytes && private[..] == changed, "DONTNEED under {guarantee}");
            seen.push(guarantee);
        }
    });
    assert!(ran.ran >= 1 && seen.contains(&Guarantee::Copied));
}

#[test]
fn collapsing_says_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let map = Shared::open(file_with(dir.path(), "f", &pattern(100_000))).unwrap();
    let error = map.pages().advise(.., Advice::Collapse).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("a whole, aligned stretch"), "{error}");
}

#[test]
fn read_only_mappings_are_not_made_ready_for_stores() {
    let dir = tempfile::tempdir().unwrap();
    let map = Shared::open(file_with(dir.path(), "f", &pattern(100_000))).unwrap();
    for error in [
        map.pages().populate(.., PopulateFor::Write).unwrap_err(),
        map.pages().advise(.., Advice::PopulateWrite).unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }
    map.pages().populate(.., PopulateFor::Read).unwrap();
}

#[test]
fn populating_past_the_end_of_a_truncated_file_names_the_first_page_that_is_gone() {
    let page = PageSize::base().bytes();
    let dir = tempfile::tempdir().unwrap();
    // More than a window of 8 MiB, and the cut in the second.
    let path = dir.path().join("f");
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    file.set_len(20 << 20).unwrap();
    let map = Shared::from_file(&file).unwrap();
    map.pages().populate(.., PopulateFor::Read).unwrap();
    let cut = (12 << 20) + 1;
    file.set_len(cut).unwrap();
    let error = map.pages().populate(1.., PopulateFor::Read).unwrap_err();
    let gone = (12 << 20) + page as u64;
    assert_eq!(error.kind(), ErrorKind::Truncated { offset: gone, len: cut });
    assert_eq!(error.bytes_done() as u64, gone - 1);
    assert_eq!(error.path(), Some(path.as_path()));
    map.pages().populate(..12 << 20, PopulateFor::Read).unwrap();
    let error = map.pages().lock(.., LockPages::Now).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Truncated { .. }), "{error}");
}

#[test]
fn populating_on_a_full_file_system_is_no_space() {
    for kind in [Kind::Tmpfs, Kind::Ext4, Kind::Xfs] {
        let Some(fs) = FileSystem::new(kind) else { continue };
        let path = fs.path().join("sparse");
        File::create(&path).unwrap().set_len(1 << 20).unwrap();
        fs.fill().unwrap();
        let map = SharedMut::open(&path).unwrap();
        let error = map.pages().populate(.., PopulateFor::Write).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoSpace, "{kind}: {error}");
    }
}

#[test]
fn populating_from_a_broken_device_is_an_io_error() {
    let page = PageSize::base().bytes();
    let Some(device) = CutDevice::new() else { return };
    let path = file_with(device.path(), "f", &pattern(64 * page));
    let map = Shared::open(&path).unwrap();
    device.cut(&path, 32 * page as u64).unwrap();
    let error = map.pages().populate(.., PopulateFor::Read).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()));
    assert!(error.bytes_done() <= 32 * page, "{error:?}");
    device.mend().unwrap();
    map.pages().populate(.., PopulateFor::Read).unwrap();
}

#[test]
fn removing_pages_is_unsafe_and_does_what_it_says() {
    let page = PageSize::base().bytes();
    let memory = SharedMut::anonymous(8 * page).unwrap();
    memory.fill(0..8 * page, 7).unwrap();
    // SAFETY: nobody has a slice or an atomic of this memory.
    unsafe { memory.pages().advise_unchecked(page..2 * page, RawAdvice::Remove) }.unwrap();
    assert_eq!((memory.load::<u8>(page - 1).unwrap(), memory.load::<u8>(page).unwrap()), (7, 0));
    // SAFETY: as above.
    let refused = unsafe { memory.pages().advise_unchecked(.., RawAdvice::Free) }.unwrap_err();
    assert_eq!(
        refused.raw_os_error(),
        Some(rustix::io::Errno::INVAL.raw_os_error()),
        "only private memory is freed"
    );
    // SAFETY: the range is refused before anything is done.
    let outside =
        unsafe { memory.pages().advise_unchecked(..8 * page + 1, RawAdvice::Remove) }.unwrap_err();
    assert_eq!(outside.kind(), ErrorKind::OutOfRange);
}

/// The bytes of this mapping that the kernel calls locked, by /proc/self/smaps.
fn locked_bytes(map: &Shared) -> usize {
    let start = map.as_ptr() as usize & !(PageSize::base().bytes() - 1);
    let end = start + map.len();
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let (mut inside, mut kib) = (false, 0);
    for line in smaps.lines() {
        let addresses = line.split(' ').next().and_then(|word| word.split_once('-'));
        if let Some((from, _)) = addresses.filter(|_| !line.starts_with("Vm")) {
            inside = usize::from_str_radix(from, 16).is_ok_and(|from| (start..end).contains(&from));
        }
        if let (true, Some(rest)) = (inside, line.strip_prefix("Locked:")) {
            kib += rest.trim().trim_end_matches(" kB").parse::<usize>().unwrap();
        }
    }
    kib * 1024
}

#[test]
fn pages_are_locked_now_or_on_their_first_touch() {
    let page = PageSize::base().bytes();
    let dir = tempfile::tempdir().unwrap();
    let map = Shared::open(file_with(dir.path(), "f", &pattern(16 * page))).unwrap();
    map.pages().lock(0..4 * page, LockPages::Now).unwrap();
    assert_eq!(locked_bytes(&map), 4 * page);
    map.pages().lock(8 * page..16 * page, LockPages::OnFault).unwrap();
    assert_eq!(
        map.pages().advise(0..page, Advice::DontNeed).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    map.pages().advise(0..page, Advice::DontNeedLocked).unwrap();
    map.pages().unlock(..).unwrap();
    assert_eq!(locked_bytes(&map), 0);
    map.pages().advise(0..page, Advice::DontNeed).unwrap();
    assert_eq!(
        map.pages().lock(..16 * page + 1, LockPages::Now).unwrap_err().kind(),
        ErrorKind::OutOfRange
    );
    assert_eq!(
        map.pages().unlock(core::ops::Range { start: 5, end: 4 }).unwrap_err().kind(),
        ErrorKind::OutOfRange
    );
}

#[test]
fn a_lock_over_the_limit_says_how_far_the_limit_is() {
    if let Some((file, _)) = unprivileged::handed_over() {
        return over_the_limit(&file);
    }
    let file = tempfile::tempfile().unwrap();
    file.set_len(1 << 20).unwrap();
    // Skipped, with a line that says so, where the user cannot be changed.
    if !unprivileged::run(
        "advice::a_lock_over_the_limit_says_how_far_the_limit_is",
        &file,
        "no memory",
    ) {
        assert!(!rustix::process::geteuid().is_root());
    }
}

/// The part of the test above that runs as another user.
fn over_the_limit(file: &File) {
    let limit = Rlimit { current: Some(128 << 10), maximum: Some(128 << 10) };
    rustix::process::setrlimit(Resource::Memlock, limit).unwrap();
    let map = Shared::from_file(file).unwrap();
    map.pages().lock(..64 << 10, LockPages::Now).unwrap();
    let error = map.pages().lock(512 << 10.., LockPages::Now).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMemory);
    let text = error.to_string();
    assert!(
        text.contains(
            "131072 bytes of locked memory, 65536 are locked, and 524288 more are asked for"
        ),
        "{text}"
    );
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(Resource::Memlock, none).unwrap();
    let error = map.pages().lock(..1, LockPages::OnFault).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoMemory, "{error}");
}

#[test]
fn collapsing_a_memory_file_keeps_its_bytes() {
    let huge = 2 << 20;
    let memfd = Memfd::create("huge").unwrap();
    memfd.set_len(4 * huge as u64).unwrap();
    let map = memfd.shared_mut().unwrap();
    map.fill(0..4 * huge, 5).unwrap();
    // Whether there are any depends on the kernel, its settings and its free memory; that the bytes stay does not.
    if let Err(error) = map.pages().advise(.., Advice::Collapse) {
        assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::NoMemory), "{error}");
    }
    let mut bytes = vec![0; 4 * huge];
    map.read_at(0, &mut bytes).unwrap();
    assert!(bytes.iter().all(|&byte| byte == 5));
}
