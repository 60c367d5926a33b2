//! Running a part of a test as a user without any privileges, in a process of its own.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The user who owns nothing.
pub(crate) const NOBODY: u32 = 65534;

/// Run the test `name` of this binary as nobody, with `file` as its standard input: there [`handed_over`] gives the file.
/// `false`, with a line on standard error, if this process may not change its user.
pub(crate) fn run(name: &str, file: &File, expectation: &str) -> bool {
    if !rustix::process::geteuid().is_root() {
        testfs::skip("a process of another user", "not root");
        return false;
    }
    // From a directory that everybody may be in: the binary's own may be closed to nobody.
    let copy = tempfile::tempdir().unwrap();
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(copy.path(), permissions).unwrap();
    let binary = copy.path().join("tests");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let mut command = Command::new(&binary);
    command
        .args(["--exact", "--nocapture", name])
        .env("FOLIO_EXPECT", expectation)
        .stdin(file.try_clone().unwrap())
        .current_dir("/")
        .uid(NOBODY)
        .gid(NOBODY);
    // A process that another test has forked may hold the copy open for writing until it executes its own program.
    let output = loop {
        match command.output() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                std::thread::yield_now()
            }
            other => break other.unwrap(),
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{name} as nobody: {said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("1 passed"), "{name} did not run: {said}");
    true
}

/// In a process that [`run`] started, the file that it handed over, and what it is to be like.
pub(crate) fn handed_over() -> Option<(File, String)> {
    let expectation = std::env::var("FOLIO_EXPECT").ok()?;
    let file =
        File::from(std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned().unwrap());
    Some((file, expectation))
}
