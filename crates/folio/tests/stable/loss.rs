//! A lease that breaks when the content cannot be kept: here, because the process has no descriptor left for a copy. No
//! thread ever sees a changed byte; the process ends, or the bytes become inaccessible.

use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use folio::{ErrorKind, Frozen, Guarantee, OnLoss, Private};
use rustix::process::{Resource, Rlimit, setrlimit};
use testfs::Kind;

use crate::child;
use crate::support::{first_wrong, only, patterned};

const FILE: &str = "FOLIO_LOSS_FILE";
const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

/// In the child: no further descriptor can be opened. The watcher of leases runs already.
fn use_up_descriptors() {
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), maximum: Some(0) }).unwrap();
}

/// In the child: one further descriptor can be opened at a time.
fn leave_one_descriptor() {
    let next = fs::File::open("/dev/null").unwrap();
    let limit = u64::try_from(next.as_raw_fd()).ok().map(|fd| fd + 1);
    setrlimit(Resource::Nofile, Rlimit { current: limit, maximum: limit }).unwrap();
}

/// In the child: say that the file is mapped, and wait until the parent has said that it wrote.
fn tell_and_wait() {
    println!("mapped");
    std::io::stdout().flush().unwrap();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
}

/// Start the test `name` as a child with a file, overwrite the file once the child has mapped it, and see how it ends.
fn overwrite_under(name: &str) -> std::process::Output {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 20);
    let mut child: Child = child::command(name)
        .env(FILE, &path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("mapped") {
        line.clear();
        assert_ne!(
            stdout.read_line(&mut line).unwrap(),
            0,
            "the child ended before it mapped the file"
        );
    }
    // Held back until the child has lost the content one way or the other.
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all(b"overwritten").unwrap();
    // The child may be gone.
    let _ = child.stdin.take().unwrap().write_all(b"written\n");
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut stdout, &mut rest).unwrap();
    assert_eq!(&fs::read(&path).unwrap()[..11], b"overwritten");
    let output = child.wait_with_output().unwrap();
    std::process::Output { stdout: rest.into_bytes(), ..output }
}

fn path() -> std::path::PathBuf {
    Path::new(&std::env::var_os(FILE).unwrap()).to_owned()
}

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_process_ends_with_a_message_that_names_the_file() {
    const NAME: &str = "loss::the_process_ends_with_a_message_that_names_the_file";
    if child::is_here() {
        let frozen = only(Guarantee::Lease).open_frozen(path()).unwrap();
        use_up_descriptors();
        tell_and_wait();
        assert_eq!(first_wrong(&frozen, 0), None);
        return;
    }
    let output = overwrite_under(NAME);
    assert_eq!(output.status.signal(), Some(SIGABRT), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("somebody wants to write the file while it is mapped"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("/file\""), "{}", stderr(&output));
}

fn fenced(check: folio::Result<()>) {
    let error = check.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Poisoned);
    assert!(error.to_string().contains("inaccessible"), "{error}");
}

#[test]
fn a_fenced_mapping_says_so_and_the_process_lives() {
    const NAME: &str = "loss::a_fenced_mapping_says_so_and_the_process_lives";
    if child::is_here() {
        let options = only(Guarantee::Lease).on_loss(OnLoss::Fence);
        let frozen: Frozen = options.open_frozen(path()).unwrap();
        let mut draft: Private = options.open_private(path()).unwrap();
        draft[7] ^= 1;
        use_up_descriptors();
        tell_and_wait();
        fenced(frozen.check());
        fenced(draft.check());
        fenced(draft.changed().map(drop));
        fenced(draft.commit());
        fenced(draft.revert(..));
        return;
    }
    child::assert_passed(&overwrite_under(NAME));
}

#[test]
fn a_fenced_mapping_that_is_touched_ends_the_process() {
    const NAME: &str = "loss::a_fenced_mapping_that_is_touched_ends_the_process";
    if child::is_here() {
        let mut draft = only(Guarantee::Lease).on_loss(OnLoss::Fence).open_private(path()).unwrap();
        draft[0] = 1;
        use_up_descriptors();
        tell_and_wait();
        draft[0] = 2;
        return;
    }
    let output = overwrite_under(NAME);
    assert_eq!(output.status.signal(), Some(SIGSEGV), "{}", stderr(&output));
}

/// A daemon: from then on it may not give up the lease (`EACCES`), which ends as the descriptor is closed.
#[test]
fn a_process_that_gave_up_its_privileges_keeps_the_bytes() {
    const NAME: &str = "loss::a_process_that_gave_up_its_privileges_keeps_the_bytes";
    const NOBODY: libc::uid_t = 65534;
    if child::is_here() {
        let frozen = only(Guarantee::Lease).open_frozen(path()).unwrap();
        // SAFETY: an integer.
        assert_eq!(unsafe { libc::setuid(NOBODY) }, 0);
        tell_and_wait();
        assert_eq!((first_wrong(&frozen, 0), frozen.guarantee()), (None, Guarantee::Snapshot));
        frozen.check().unwrap();
        return;
    }
    if !rustix::process::geteuid().is_root() {
        return testfs::skip("privileges to give up", "not root");
    }
    let start = Instant::now();
    child::assert_passed(&overwrite_under(NAME));
    // The kernel would break the lease by force after 45 s.
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
}

/// No signal for a file that is larger than the process may write: the guarantees that need a file of folio's are not to be had.
#[test]
fn over_the_file_size_limit_there_are_errors_and_no_signal() {
    const NAME: &str = "loss::over_the_file_size_limit_there_are_errors_and_no_signal";
    if !child::is_here() {
        return child::assert_passed(&child::command(NAME).output().unwrap());
    }
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 20);
    let mut draft = only(Guarantee::Copied).open_private(&path).unwrap();
    draft[1 << 19] ^= 1;
    setrlimit(Resource::Fsize, Rlimit { current: Some(4096), maximum: Some(4096) }).unwrap();
    for guarantee in [Guarantee::Lease, Guarantee::Snapshot] {
        let error = only(guarantee).open_frozen(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoGuarantee, "{error}");
    }
    assert!(only(Guarantee::Copied).open_private(&path).is_err());
    assert_eq!(Frozen::open(&path).unwrap().guarantee(), Guarantee::Copied);
    draft.commit().unwrap_err();
    draft.commit_in_place().unwrap_err();
    assert_eq!(first_wrong(&fs::read(&path).unwrap(), 0), None);
}

/// A message that nobody takes, or while another thread has stderr locked, must not keep the process from ending in time.
#[test]
fn the_process_ends_though_its_message_cannot_be_written() {
    const NAME: &str = "loss::the_process_ends_though_its_message_cannot_be_written";
    if child::is_here() {
        let _frozen = only(Guarantee::Lease).open_frozen(path()).unwrap();
        use_up_descriptors();
        let _locked = std::io::stderr().lock();
        tell_and_wait();
        return;
    }
    let started = Instant::now();
    let output = overwrite_under(NAME);
    assert_eq!(output.status.signal(), Some(SIGABRT), "{}", stderr(&output));
    assert!(started.elapsed().as_secs() < 20, "only the kernel's patience ended it");
}

/// The copy's own descriptor, which is closed again.
#[test]
fn one_free_descriptor_is_enough_to_keep_the_content() {
    const NAME: &str = "loss::one_free_descriptor_is_enough_to_keep_the_content";
    if child::is_here() {
        let frozen = only(Guarantee::Lease).open_frozen(path()).unwrap();
        leave_one_descriptor();
        tell_and_wait();
        assert_eq!(first_wrong(&frozen, 0), None);
        assert_eq!(frozen.guarantee(), Guarantee::Snapshot);
        fs::File::open("/dev/null").unwrap();
        return;
    }
    child::assert_passed(&overwrite_under(NAME));
}
