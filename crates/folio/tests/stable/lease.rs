//! Files under lease, with somebody who wants to write: both sides come out right.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use folio::{Frozen, Guarantee, Private};
use testfs::Kind;

use crate::support::{first_wrong, only, patterned, wait_for_writers, word_at};

/// Enough for several windows of materialising, and quick on small loop images; `FOLIO_LEASE_BYTES` asks for another size.
fn size() -> u64 {
    let asked = std::env::var("FOLIO_LEASE_BYTES").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(24 << 20)
}

/// The file systems, large enough for a file of [`size`] twice and for its copy.
fn each_disk(run: impl Fn(&Path)) {
    let mut ran = 0;
    for &kind in testfs::DISKS {
        let bytes = (size() * 4).max(320 << 20);
        if let Some(fs) = testfs::FileSystem::with_size(kind, bytes) {
            run(fs.path());
            ran += 1;
        }
    }
    if ran == 0 {
        run(testfs::FileSystem::new(Kind::Here).unwrap().path());
    }
}

/// Sets the flag when dropped, so that a failed assertion ends the threads that wait for it, too.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// truncate(1), which opens the file with O_NONBLOCK: under a lease it is told to try again, and the attempt has begun to
/// break the lease.
fn truncate_command(path: &Path, len: u64) {
    let start = Instant::now();
    let truncate =
        || Command::new("truncate").arg("-s").arg(len.to_string()).arg(path).output().unwrap();
    let first = truncate();
    assert!(!first.status.success());
    assert!(
        String::from_utf8_lossy(&first.stderr).contains("temporarily unavailable"),
        "{first:?}"
    );
    while !truncate().status.success() {
        assert!(start.elapsed() < FORCED);
    }
}

/// truncate(2) by path, which waits. The standard library opens the file instead, but perl calls it.
fn truncate_call(path: &Path, len: u64) -> bool {
    let program = "truncate($ARGV[0], $ARGV[1]) or die $!";
    match Command::new("perl").args(["-e", program]).arg(path).arg(len.to_string()).status() {
        Ok(status) => {
            assert!(status.success());
            true
        }
        Err(error) => {
            testfs::skip("truncate(2) by path", format!("perl: {error}"));
            false
        }
    }
}

/// Four threads check every byte of `frozen` over and over while `disturb` runs; returns how many rounds they made.
fn while_read(frozen: &Frozen, disturb: impl FnOnce()) -> u64 {
    let done = AtomicBool::new(false);
    let rounds = AtomicU64::new(0);
    std::thread::scope(|scope| {
        let stop = SetOnDrop(&done);
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    assert_eq!(first_wrong(frozen, 0), None);
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // Everybody has read all of it before, so that the pages are mapped from the file.
        while rounds.load(Ordering::Relaxed) < 4 {
            std::thread::yield_now();
        }
        disturb();
        let before = rounds.load(Ordering::Relaxed);
        while rounds.load(Ordering::Relaxed) < before + 8 {
            std::thread::yield_now();
        }
        drop(stop);
    });
    assert_eq!(first_wrong(frozen, 0), None);
    rounds.into_inner()
}

/// The kernel would break the lease by force after 45 s.
const FORCED: Duration = Duration::from_secs(40);

fn leased(path: &Path) -> Frozen {
    let frozen = only(Guarantee::Lease).open_frozen(path).unwrap();
    assert_eq!(frozen.guarantee(), Guarantee::Lease);
    frozen
}

#[test]
fn truncating_by_path_waits_and_readers_notice_nothing() {
    each_disk(|folder| {
        let path = patterned(folder, "file", size());
        let frozen = leased(&path);
        while_read(&frozen, || {
            let start = Instant::now();
            if truncate_call(&path, 4096) {
                assert!(start.elapsed() < FORCED, "{:?}", start.elapsed());
                assert_eq!(fs::metadata(&path).unwrap().len(), 4096);
                assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
            }
        });
        frozen.check().unwrap();
    });
}

#[test]
fn the_truncate_command_is_told_to_try_again() {
    each_disk(|folder| {
        let path = patterned(folder, "file", size());
        let frozen = leased(&path);
        while_read(&frozen, || truncate_command(&path, 4096));
        assert_eq!(fs::metadata(&path).unwrap().len(), 4096);
        assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
    });
}

#[test]
fn open_for_writing_waits_and_the_writer_writes() {
    each_disk(|folder| {
        let path = patterned(folder, "file", size());
        let frozen = leased(&path);
        while_read(&frozen, || {
            let start = Instant::now();
            let mut file = OpenOptions::new().write(true).open(&path).unwrap();
            assert!(start.elapsed() < FORCED);
            file.write_all(b"overwritten").unwrap();
        });
        let mut now = vec![0; 16];
        File::open(&path).unwrap().read_exact(&mut now).unwrap();
        assert_eq!(&now[..11], b"overwritten");
        assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
    });
}

#[test]
fn open_for_writing_without_waiting_would_block_and_then_succeeds() {
    each_disk(|folder| {
        let path = patterned(folder, "file", size());
        let frozen = leased(&path);
        while_read(&frozen, || {
            let open =
                || OpenOptions::new().write(true).custom_flags(libc_o_nonblock()).open(&path);
            assert_eq!(open().unwrap_err().kind(), ErrorKind::WouldBlock);
            // The attempt has begun to break the lease; once it is given up, opening succeeds.
            let start = Instant::now();
            let mut file = loop {
                match open() {
                    Ok(file) => break file,
                    Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
                }
                assert!(start.elapsed() < FORCED);
                std::thread::yield_now();
            };
            file.write_all(b"overwritten").unwrap();
        });
        assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
    });
}

fn libc_o_nonblock() -> i32 {
    i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap()
}

#[test]
fn cp_over_it_replaces_the_content_and_readers_keep_theirs() {
    each_disk(|folder| {
        let path = patterned(folder, "file", size());
        let other = folder.join("other");
        fs::write(&other, b"something else").unwrap();
        let frozen = leased(&path);
        while_read(&frozen, || {
            let status = Command::new("cp").arg(&other).arg(&path).status().unwrap();
            assert!(status.success());
        });
        assert_eq!(fs::read(&path).unwrap(), b"something else");
    });
}

#[test]
fn rm_does_not_wait_and_breaks_nothing() {
    each_disk(|folder| {
        let path = patterned(folder, "file", size());
        let frozen = leased(&path);
        while_read(&frozen, || {
            let status = Command::new("rm").arg("-f").arg(&path).status().unwrap();
            assert!(status.success());
        });
        assert!(!path.exists());
        assert_eq!(frozen.guarantee(), Guarantee::Lease);
    });
}

#[test]
fn a_part_that_begins_inside_a_page_is_kept_too() {
    each_disk(|folder| {
        let path = patterned(folder, "file", 1 << 20);
        let frozen = only(Guarantee::Lease).range(5000..900_000).open_frozen(&path).unwrap();
        let slice = frozen.slice(100..200_000).unwrap();
        let before = frozen.to_vec();
        OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
        assert!(frozen[..] == before[..]);
        assert!(slice[..] == before[100..200_000]);
        assert_eq!(first_wrong(&frozen, 5000), None);
        assert_eq!(slice.guarantee(), Guarantee::Snapshot);
    });
}

#[test]
fn many_leases_break_one_after_another_and_at_once() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let files: Vec<_> = (0..200)
        .map(|number| {
            let path = patterned(fs.path(), &format!("file{number}"), 64 << 10);
            (leased(&path), path)
        })
        .collect();
    let twin = leased(&files[0].1);
    std::thread::scope(|scope| {
        for part in files.chunks(50) {
            scope.spawn(move || {
                for (_, path) in part {
                    OpenOptions::new().write(true).truncate(true).open(path).unwrap();
                }
            });
        }
    });
    for (frozen, path) in &files {
        assert_eq!(first_wrong(frozen, 0), None);
        assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
        assert_eq!(fs::metadata(path).unwrap().len(), 0);
    }
    assert_eq!(first_wrong(&twin, 0), None);
}

#[test]
fn a_mapping_that_is_dropped_lets_writers_in_at_once() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 20);
    for _ in 0..200 {
        let frozen = leased(&path);
        let writer = std::thread::spawn({
            let path = path.clone();
            move || OpenOptions::new().write(true).open(path).map(drop)
        });
        drop(frozen);
        writer.join().unwrap().unwrap();
    }
}

#[test]
fn while_somebody_may_write_there_is_no_lease() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 20);
    let writer = OpenOptions::new().write(true).open(&path).unwrap();
    let error = only(Guarantee::Lease).open_frozen(&path).unwrap_err();
    assert_eq!(error.kind(), folio::ErrorKind::NoGuarantee);
    let [(Guarantee::Lease, why)] = error.attempts() else { panic!("{error}") };
    assert_eq!(why.kind(), folio::ErrorKind::Busy);
    assert!(error.to_string().contains("open, or mapped, for writing"), "{error}");
    // The next rung of the ladder is taken.
    let frozen = Frozen::open(&path).unwrap();
    assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
    drop(writer);
    wait_for_writers(&path);
    assert_eq!(Frozen::open(&path).unwrap().guarantee(), Guarantee::Lease);
}

/// The owner stores all the time, in four threads, while somebody truncates the file: no store is lost, none comes twice.
#[test]
fn a_private_mapping_keeps_its_changes_and_every_store_counts() {
    each_disk(|folder| {
        let path = patterned(folder, "file", size());
        let mut draft = only(Guarantee::Lease).open_private(&path).unwrap();
        assert_eq!(draft.guarantee(), Guarantee::Lease);
        let truncated = AtomicBool::new(false);
        let quarter = draft.len() / 4;
        std::thread::scope(|scope| {
            for part in draft.chunks_mut(quarter) {
                let truncated = &truncated;
                scope.spawn(move || count_up(part, truncated));
            }
            let _stop = SetOnDrop(&truncated);
            File::create(&path).unwrap();
        });
        assert_eq!(draft.guarantee(), Guarantee::Snapshot);
        draft.check().unwrap();
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        // Only the counters differ, and the rest is as the file was.
        let step = COUNTED;
        for change in draft.changed().unwrap() {
            assert!(change.start % quarter % step < 8, "{change:?}");
        }
        draft.revert(..).unwrap();
        assert_eq!(first_wrong(&draft, 0), None);
        assert_eq!(draft.changed().unwrap(), []);
    });
}

/// Every how many bytes a counter stands.
const COUNTED: usize = 3 * 4096 + 8;

/// Add one to each counter of `part`, round after round, until some rounds after `stop`; each must then hold the number of
/// rounds on top of the file's bytes.
fn count_up(part: &mut [u8], stop: &AtomicBool) {
    let positions: Vec<usize> = (0..part.len() - 8).step_by(COUNTED).collect();
    let before: Vec<u64> = positions.iter().map(|&at| number(part, at)).collect();
    let mut rounds = 0u64;
    let mut after = 0;
    while after < 3 {
        after += u32::from(stop.load(Ordering::Acquire));
        for &at in &positions {
            let next = number(part, at).wrapping_add(1);
            part[at..at + 8].copy_from_slice(&next.to_le_bytes());
        }
        rounds += 1;
    }
    for (&at, before) in positions.iter().zip(before) {
        assert_eq!(number(part, at), before.wrapping_add(rounds), "at {at} after {rounds} rounds");
    }
}

fn number(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

#[test]
fn a_private_mapping_without_changes_is_kept_too() {
    each_disk(|folder| {
        let path = patterned(folder, "file", 3 << 20);
        let mut draft: Private = only(Guarantee::Lease).range(1000..).open_private(&path).unwrap();
        fs::write(&path, b"short").unwrap();
        assert_eq!(first_wrong(&draft, 1000), None);
        assert_eq!(draft.changed().unwrap(), []);
        draft[0] ^= 1;
        assert_eq!(draft.changed().unwrap(), [0..1]);
        assert_eq!(draft.guarantee(), Guarantee::Snapshot);
        assert_eq!(&fs::read(&path).unwrap(), b"short");
        assert_eq!(draft[8..16], word_at(1008));
    });
}

#[test]
fn opening_the_own_file_for_writing_does_not_deadlock() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 20);
    let frozen = leased(&path);
    let live = folio::SharedMut::open(&path).unwrap();
    assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
    assert_eq!(live.len(), frozen.len());
}

/// The one way past a lease: the kernel does not ask the holder. Nobody dies, and the loss is told.
#[test]
fn truncating_through_a_descriptor_for_reading_is_told_afterwards() {
    each_disk(|folder| {
        let path = patterned(folder, "file", 1 << 20);
        let frozen = leased(&path);
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::TRUNC;
        rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
        if fs::metadata(&path).unwrap().len() > 0 || frozen.guarantee() != Guarantee::Lease {
            // A kernel without the gap.
            assert_eq!(first_wrong(&frozen, 0), None);
            return;
        }
        assert!(frozen.iter().all(|&byte| byte == 0));
        let error = frozen.check().unwrap_err();
        assert_eq!(error.kind(), folio::ErrorKind::Poisoned);
        assert!(error.to_string().contains("truncated to 0 bytes"), "{error}");
        for kind in [
            frozen.slice(..10).unwrap_err().kind(),
            frozen.view::<u8>(0).unwrap_err().kind(),
            frozen.view_slice::<u8>(0, 10).unwrap_err().kind(),
        ] {
            assert_eq!(kind, folio::ErrorKind::Poisoned, "every later call tells");
        }
    });
}

/// A writer that comes after it is let in all the same, whether the lost pages were touched or not.
#[test]
fn a_file_that_was_truncated_so_lets_writers_in() {
    each_disk(|folder| {
        let path = patterned(folder, "file", 1 << 20);
        let frozen = leased(&path);
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::TRUNC;
        rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
        if fs::metadata(&path).unwrap().len() > 0 || frozen.guarantee() != Guarantee::Lease {
            return;
        }
        assert_eq!(frozen[5000], 0);
        drop(OpenOptions::new().write(true).open(&path).unwrap());
        assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
        assert!(frozen.iter().all(|&byte| byte == 0));
        assert_eq!(frozen.check().unwrap_err().kind(), folio::ErrorKind::Poisoned);
    });
}

/// The same for a `Private`, whose changes go with the file's pages.
#[test]
fn a_draft_of_a_file_that_was_truncated_so_lets_writers_in() {
    each_disk(|folder| {
        let path = patterned(folder, "file", 1 << 20);
        let mut draft = only(Guarantee::Lease).open_private(&path).unwrap();
        draft[5000] = 1;
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::TRUNC;
        rustix::fs::open(&path, flags, rustix::fs::Mode::empty()).unwrap();
        if fs::metadata(&path).unwrap().len() > 0 || draft.guarantee() != Guarantee::Lease {
            return;
        }
        drop(OpenOptions::new().write(true).open(&path).unwrap());
        assert!(draft.iter().all(|&byte| byte == 0));
        assert_eq!(draft.check().unwrap_err().kind(), folio::ErrorKind::Poisoned);
        assert_eq!(draft.revert(..).unwrap_err().kind(), folio::ErrorKind::Poisoned);
    });
}

/// Changes that are taken back while the mapping is put out of reach do not come back.
#[test]
fn what_is_reverted_while_the_lease_breaks_stays_reverted() {
    each_disk(|folder| {
        let path = patterned(folder, "file", size());
        let mut draft = only(Guarantee::Lease).open_private(&path).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| drop(OpenOptions::new().write(true).open(&path).unwrap()));
            let part = 0..1 << 16;
            while draft.guarantee() == Guarantee::Lease {
                draft[part.clone()].fill(1);
                draft.revert(part.clone()).unwrap();
                assert_eq!(first_wrong(&draft[part.clone()], 0), None);
                assert_eq!(first_wrong(&draft[part.clone()], 0), None);
            }
        });
        assert_eq!(draft.changed().unwrap(), []);
    });
}
