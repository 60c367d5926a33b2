//! Running the command and its references, and making the files that they read.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use folio::{LockPages, MapOptions, Shared};
use tempfile::TempDir;

/// The command under test, with an environment that does not change its output.
pub(crate) fn folio() -> Command {
    folio_at(Path::new(env!("CARGO_BIN_EXE_folio")))
}

/// The same, a copy of the program.
pub(crate) fn folio_at(program: &Path) -> Command {
    let mut command = Command::new(program);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// The user who owns nothing.
pub(crate) const NOBODY: u32 = 65534;

/// Where a copy of the program is that any user may run, in `dir`.
pub(crate) fn program_for_all(dir: &Dir) -> PathBuf {
    let program = dir.path("folio");
    if !program.exists() {
        fs::copy(env!("CARGO_BIN_EXE_folio"), &program).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }
    program
}

/// A copy of the program in `dir`, to be run as nobody; `None`, and a line that says so, where only root could.
pub(crate) fn folio_as_nobody(dir: &Dir) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        testfs::skip("a process of another user", "not root");
        return None;
    }
    let mut command = folio_at(&program_for_all(dir));
    command.uid(NOBODY).gid(NOBODY).current_dir("/");
    Some(command)
}

/// A command to compare with; `None`, and a line that says so, where it is not installed.
pub(crate) fn reference(name: &str) -> Option<Command> {
    match Command::new(name).arg("--version").output() {
        Ok(_) => {
            let mut command = Command::new(name);
            command.env("LC_ALL", "C").stdin(Stdio::null());
            Some(command)
        }
        Err(error) => {
            println!("not compared with {name}: {error}");
            None
        }
    }
}

/// What a command did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    /// The exit code; `None` if a signal killed it.
    pub(crate) code: Option<i32>,
    pub(crate) out: Vec<u8>,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn new(status: ExitStatus, out: Vec<u8>, err: Vec<u8>) -> Self {
        Self { code: status.code(), out, err: String::from_utf8(err).expect("messages are UTF-8") }
    }

    /// The output, of a command that must have succeeded in silence.
    #[track_caller]
    pub(crate) fn ok(self) -> Vec<u8> {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""));
        self.out
    }

    /// The same as text.
    #[track_caller]
    pub(crate) fn text(self) -> String {
        String::from_utf8(self.ok()).unwrap()
    }

    /// The messages, of a command that must have exited with 1.
    #[track_caller]
    pub(crate) fn failed(&self) -> &str {
        assert_eq!(self.code, Some(1), "{:?}", self.err);
        &self.err
    }
}

/// Run to the end. A program that was copied a moment ago is busy until the children that other tests start have let go of the
/// descriptor that it was written by.
pub(crate) fn run(command: &mut Command) -> Ran {
    let output = loop {
        match command.output() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy => thread::yield_now(),
            output => break output.unwrap(),
        }
    };
    Ran::new(output.status, output.stdout, output.stderr)
}

/// Run with `bytes` coming through a pipe on standard input.
pub(crate) fn run_with_pipe(command: &mut Command, bytes: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || match stdin.write_all(bytes) {
            // It need not read everything.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            written => written.unwrap(),
        });
        let output = child.wait_with_output().unwrap();
        Ran::new(output.status, output.stdout, output.stderr)
    })
}

/// Run with standard output leading to `out`; what comes out there is for the caller to read.
pub(crate) fn run_into(command: &mut Command, out: impl Into<Stdio>) -> Ran {
    let child = command.stdout(out).stderr(Stdio::piped()).spawn().unwrap();
    let output = child.wait_with_output().unwrap();
    Ran::new(output.status, output.stdout, output.stderr)
}

/// A directory for files, gone at the end; on a disk, where there is one.
pub(crate) struct Dir(TempDir);

impl Dir {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir_in(testfs::on_disk()).unwrap();
        // Another user may have to look in.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        Self(dir)
    }

    pub(crate) fn path(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.0.path().join(name.as_ref())
    }

    /// A file of these bytes that everybody may read, whatever the umask.
    pub(crate) fn file(&self, name: impl AsRef<OsStr>, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// A file of this length that is all hole.
    pub(crate) fn sparse(&self, name: &str, len: u64) -> PathBuf {
        let path = self.path(name);
        File::create(&path).unwrap().set_len(len).unwrap();
        path
    }

    /// A FIFO.
    pub(crate) fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success());
        path
    }
}

impl AsRef<Path> for Dir {
    fn as_ref(&self) -> &Path {
        self.0.path()
    }
}

/// Text with a newline here and there and bytes of all values, the same each time.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    };
    (0..len)
        .map(|_| match next(&mut state) {
            word if word % 40 == 0 => b'\n',
            word if word % 7 == 0 => word.to_le_bytes()[3],
            word => b'a' + word.to_le_bytes()[2] % 26,
        })
        .collect()
}

/// Lengths around the edges: of pages, rows, blocks, segments and buffers.
pub(crate) fn lengths() -> Vec<usize> {
    let edges = [16, 4096, 64 << 10, 512 << 10, 4 << 20, 8 << 20];
    let around = edges.into_iter().flat_map(|edge| [edge - 1, edge, edge + 1]);
    [0, 1, 2].into_iter().chain(around).chain([(9 << 20) + 4321]).collect()
}

/// Keep a part of a file in the page cache for as long as the value lives, however short memory is; where no memory may be
/// locked, in all but the worst case.
pub(crate) fn keep_cached(path: &Path, range: Range<u64>) -> Shared {
    let part = MapOptions::new().range(range).populate();
    part.clone().lock(LockPages::Now).open_shared(path).or_else(|_| part.open_shared(path)).unwrap()
}

/// Read a stream to its end.
pub(crate) fn drain(mut stream: impl io::Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Wait until `holds`, and say what was waited for if it never does.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !holds() {
        assert!(start.elapsed().as_secs() < 60, "waited a minute until {what}");
        thread::yield_now();
    }
}

/// A prefix of what a file holds, without reading the rest.
pub(crate) fn first(mut file: impl io::Read, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    file.read_exact(&mut bytes).unwrap();
    bytes
}
