//! Each kind is what it says, and nothing of it is left.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use testfs::{CutDevice, FileSystem, Kind, PowerDevice};

/// The magic number of statfs(2) for `kind`.
fn magic(kind: Kind) -> Option<i64> {
    match kind {
        Kind::Here => None,
        Kind::Tmpfs => Some(0x0102_1994),
        Kind::Ext4 => Some(0xEF53),
        Kind::Xfs => Some(0x5846_5342),
        Kind::Btrfs => Some(0x9123_683E),
        Kind::Overlay => Some(0x794c_7630),
        Kind::Fuse | Kind::FuseDirect => Some(0x6573_5546),
        Kind::Squashfs => Some(0x7371_7368),
        Kind::Erofs => Some(0xe0f5_e1e2),
        Kind::Hugetlbfs => Some(0x9584_58f6),
    }
}

const ALL: &[Kind] = &[
    Kind::Here,
    Kind::Tmpfs,
    Kind::Ext4,
    Kind::Xfs,
    Kind::Btrfs,
    Kind::Overlay,
    Kind::Fuse,
    Kind::FuseDirect,
    Kind::Squashfs,
    Kind::Erofs,
    Kind::Hugetlbfs,
];

/// Whether `path` is still there, mounted, or behind a loop device.
fn left_of(path: &Path) -> Option<String> {
    let scratch = path.parent().unwrap();
    let name = scratch.file_name().unwrap().to_str().unwrap();
    // A whole name: that of number 1 is the beginning of that of number 12.
    let names = |text: &str| text.split(['/', ' ', '\n']).any(|part| part == name);
    if scratch.exists() {
        return Some(format!("{} exists", scratch.display()));
    }
    if names(&fs::read_to_string("/proc/self/mountinfo").unwrap()) {
        return Some(format!("{name} is mounted"));
    }
    for device in fs::read_dir("/sys/block").unwrap().flatten() {
        if fs::read_to_string(device.path().join("loop/backing_file"))
            .is_ok_and(|backing| names(&backing))
        {
            return Some(format!("{name} is behind {}", device.path().display()));
        }
    }
    None
}

/// Wait until nothing is left. A mount namespace that another program makes has a copy of each mount for as long as it lives,
/// and the loop device under a mount goes with the last of them.
#[track_caller]
fn assert_nothing_is_left_of(path: &Path) {
    let start = Instant::now();
    while let Some(left) = left_of(path) {
        assert!(start.elapsed() < Duration::from_secs(60), "{left}");
        std::thread::yield_now();
    }
}

#[test]
fn each_kind_is_what_it_says_and_leaves_nothing() {
    let mut seen = Vec::new();
    let outcome = testfs::each(ALL, |fs| {
        seen.push(fs.path().to_owned());
        let written = fs::write(fs.path().join("f"), b"hello");
        if matches!(fs.kind(), Kind::Squashfs | Kind::Erofs) {
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::ReadOnlyFilesystem);
            assert_eq!(fs::read(fs.path().join("file")).unwrap(), [b'f'; 64 << 10]);
        } else if fs.kind() == Kind::Hugetlbfs {
            assert_eq!(written.unwrap_err().kind(), io::ErrorKind::InvalidInput);
            File::create(fs.path().join("g")).unwrap().set_len(16 << 20).unwrap();
        } else {
            written.unwrap();
            assert_eq!(fs::read(fs.path().join("f")).unwrap(), b"hello");
        }
        if let Some(magic) = magic(fs.kind()) {
            assert_eq!(rustix::fs::statfs(fs.path()).unwrap().f_type, magic, "{}", fs.kind());
        }
    });
    assert_eq!(outcome.ran, seen.len());
    assert_eq!(outcome.ran + outcome.skipped, ALL.len());
    for path in seen {
        assert_nothing_is_left_of(&path);
    }
}

#[test]
fn a_panic_leaves_nothing_either() {
    let mut seen: Option<PathBuf> = None;
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        testfs::each(&[Kind::Ext4, Kind::Here], |fs| {
            seen = Some(fs.path().to_owned());
            panic!("on purpose");
        })
    }));
    assert!(panicked.is_err());
    assert_nothing_is_left_of(&seen.unwrap());
}

#[test]
fn a_busy_one_is_unmounted_and_goes_with_its_last_file() {
    let Some(fs) = FileSystem::new(Kind::Ext4) else { return };
    let path = fs.path().to_owned();
    fs::write(path.join("f"), b"held").unwrap();
    let mut held = File::open(path.join("f")).unwrap();
    drop(fs);
    assert!(!path.exists());
    let mut text = String::new();
    held.read_to_string(&mut text).unwrap();
    assert_eq!(text, "held");
}

#[test]
fn sixteen_at_once_do_not_meet() {
    let Some(first) = FileSystem::with_size(Kind::Ext4, 8 << 20) else { return };
    let outcomes: Vec<Option<PathBuf>> = std::thread::scope(|scope| {
        let each = |_| {
            scope
                .spawn(|| FileSystem::with_size(Kind::Ext4, 8 << 20).map(|fs| fs.path().to_owned()))
        };
        let running: Vec<_> = (0..16).map(each).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut paths: std::collections::BTreeSet<_> = outcomes.into_iter().flatten().collect();
    paths.insert(first.path().to_owned());
    assert_eq!(paths.len(), 17);
}

#[test]
fn a_full_one_has_no_room_for_a_byte() {
    for kind in [Kind::Tmpfs, Kind::Ext4] {
        let Some(fs) = FileSystem::with_size(kind, 8 << 20) else { continue };
        let file = File::create(fs.path().join("hole")).unwrap();
        file.set_len(1 << 20).unwrap();
        fs.fill().unwrap();
        let error = file.write_all_at(&[1], 5000).and_then(|()| file.sync_data()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{kind}");
    }
}

#[test]
fn a_reflink_works_where_the_guarantees_need_it() {
    for kind in [Kind::Xfs, Kind::Btrfs] {
        let Some(fs) = FileSystem::new(kind) else { continue };
        fs::write(fs.path().join("f"), vec![3; 1 << 20]).unwrap();
        let (from, to) =
            (File::open(fs.path().join("f")).unwrap(), File::create(fs.path().join("g")).unwrap());
        rustix::fs::ioctl_ficlone(&to, &from).unwrap();
        assert_eq!(fs::read(fs.path().join("g")).unwrap(), vec![3; 1 << 20], "{kind}");
    }
}

#[test]
fn a_cut_device_gives_io_errors_from_the_cut_on_until_it_is_mended() {
    let Some(device) = CutDevice::new() else { return };
    let path = device.path().join("f");
    let bytes: Vec<u8> = (0..64u8).flat_map(|page| [page; 4096]).collect();
    fs::write(&path, &bytes).unwrap();
    for from in [0, 5000, 20 * 4096, 63 * 4096] {
        device.cut(&path, from).unwrap();
        let file = File::open(&path).unwrap();
        let good = usize::try_from(from / 4096 * 4096).unwrap();
        let mut head = vec![0; good];
        file.read_exact_at(&mut head, 0).unwrap();
        assert_eq!(head, bytes[..good]);
        let error = file.read_exact_at(&mut [0], good as u64).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::IO.raw_os_error()));
        device.mend().unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes);
    }
    let root = device.path().to_owned();
    drop(device);
    assert_nothing_is_left_of(&root);
}

/// Without root the reason is told in one line, and required it is a failure. The children run this very test.
#[test]
fn an_absence_is_one_line_or_a_failure_where_it_is_required() {
    const NAME: &str = "an_absence_is_one_line_or_a_failure_where_it_is_required";
    if std::env::var_os("TESTFS_CHILD").is_some() {
        testfs::skip("xfs", "not root");
        assert_eq!(testfs::skipped(), 1);
        return;
    }
    let run = |required: &str| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child
            .args(["--exact", NAME])
            .env("TESTFS_CHILD", "1")
            .env("FOLIO_REQUIRE_FS", required)
            .output()
            .unwrap()
    };
    let told = run("0");
    assert!(told.status.success());
    assert_eq!(
        String::from_utf8(told.stderr).unwrap(),
        format!("skipped: xfs: not root (test {NAME})\n")
    );
    let failed = run("1");
    assert!(!failed.status.success());
    let said = String::from_utf8(failed.stdout).unwrap();
    assert!(said.contains("required here: xfs: not root"), "{said}");
}

#[test]
fn a_power_cut_loses_what_was_only_in_memory() {
    for kind in [Kind::Ext4, Kind::Xfs, Kind::Btrfs] {
        let Some(device) = PowerDevice::new(kind) else { continue };
        let file = File::create_new(device.path().join("f")).unwrap();
        file.write_all_at(&[1; 8192], 0).unwrap();
        file.sync_all().unwrap();
        file.write_all_at(&[2; 4096], 0).unwrap();
        let roots: Vec<PathBuf> = [[1, 1], [2, 2], [2, 2]]
            .into_iter()
            .enumerate()
            .map(|(number, [first, second])| {
                if number == 1 {
                    file.write_all_at(&[2; 4096], 4096).unwrap();
                    file.sync_all().unwrap();
                }
                let after = device.cut().unwrap();
                let path = after.path().join("f");
                let found = fs::read(&path).unwrap();
                assert_eq!((found[0], found[8191], found.len()), (first, second, 8192), "{kind}");
                // What is found can be written to, and is nobody else's.
                fs::write(&path, b"other").unwrap();
                assert_eq!(fs::read(device.path().join("f")).unwrap()[0], 2, "{kind}");
                after.path().to_owned()
            })
            .collect();
        let root = device.path().to_owned();
        drop((file, device));
        for root in roots.iter().chain([&root]) {
            assert_nothing_is_left_of(root);
        }
    }
}
