//! Ends to send bytes to, each with a thread that collects what arrives.

use std::fs::{File, OpenOptions};
use std::io::{PipeReader, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use rustix::pty::OpenptFlags;
use rustix::termios::OptionalActions;

/// What a transfer is sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Pipe,
    NonblockingPipe,
    UnixSocket,
    NonblockingSocket,
    Tcp,
    /// A new file on the file system of temporary files.
    File,
    /// A new file on tmpfs.
    Memory,
    /// The end of a file that has bytes, open for appending.
    Append,
    /// The middle of a file that has bytes.
    Middle,
    Terminal,
}

pub(crate) const ALL: [Target; 10] = [
    Target::Pipe,
    Target::NonblockingPipe,
    Target::UnixSocket,
    Target::NonblockingSocket,
    Target::Tcp,
    Target::File,
    Target::Memory,
    Target::Append,
    Target::Middle,
    Target::Terminal,
];

/// A target in use: the descriptor to send to, and where the bytes arrive.
pub(crate) struct Open {
    pub(crate) fd: OwnedFd,
    arrival: Arrival,
    _dir: Option<tempfile::TempDir>,
}

enum Arrival {
    /// Read by a thread until the descriptor is closed.
    Thread(JoinHandle<Vec<u8>>),
    /// In this file from this byte on.
    File(PathBuf, usize),
}

const BEFORE: &[u8] = b"what stood there before";

impl Target {
    /// Open it for a transfer of `len` bytes.
    pub(crate) fn open(self, len: usize) -> Open {
        let threaded =
            |fd: OwnedFd, thread| Open { fd, arrival: Arrival::Thread(thread), _dir: None };
        match self {
            Self::Pipe | Self::NonblockingPipe => {
                let (reader, writer) = std::io::pipe().unwrap();
                let fd = OwnedFd::from(writer);
                rustix::io::ioctl_fionbio(&fd, self == Self::NonblockingPipe).unwrap();
                threaded(fd, collect(reader))
            }
            Self::UnixSocket | Self::NonblockingSocket => {
                let (near, far) = UnixStream::pair().unwrap();
                near.set_nonblocking(self == Self::NonblockingSocket).unwrap();
                threaded(near.into(), collect(far))
            }
            Self::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                threaded(near.into(), collect(listener.accept().unwrap().0))
            }
            Self::File => in_dir(tempfile::tempdir().unwrap(), b"", false),
            Self::Memory => in_dir(tempfile::tempdir_in("/dev/shm").unwrap(), b"", false),
            Self::Append => in_dir(tempfile::tempdir().unwrap(), BEFORE, true),
            Self::Middle => in_dir(tempfile::tempdir().unwrap(), BEFORE, false),
            Self::Terminal => {
                let (master, slave) = raw_terminal();
                let thread = std::thread::spawn(move || {
                    let mut got = vec![0; len];
                    File::from(master).read_exact(&mut got).unwrap();
                    got
                });
                threaded(slave, thread)
            }
        }
    }
}

impl Open {
    /// Close the descriptor and tell what arrived.
    pub(crate) fn finish(self) -> Vec<u8> {
        drop(self.fd);
        match self.arrival {
            Arrival::Thread(thread) => thread.join().unwrap(),
            Arrival::File(path, start) => std::fs::read(path).unwrap()[start..].to_vec(),
        }
    }
}

fn collect(mut reader: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut got = Vec::new();
        reader.read_to_end(&mut got).unwrap();
        got
    })
}

fn in_dir(dir: tempfile::TempDir, before: &[u8], append: bool) -> Open {
    let path = dir.path().join("target");
    std::fs::write(&path, before).unwrap();
    let mut file = OpenOptions::new().write(!append).append(append).open(&path).unwrap();
    if !append {
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(before.len() as u64)).unwrap();
    }
    Open { fd: file.into(), arrival: Arrival::File(path, before.len()), _dir: Some(dir) }
}

/// A terminal that changes no byte on its way: the controlling side and the side of the program.
pub(crate) fn raw_terminal() -> (OwnedFd, OwnedFd) {
    let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&master).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
    let flags = rustix::fs::OFlags::RDWR | rustix::fs::OFlags::NOCTTY;
    let slave = rustix::fs::open(name, flags, rustix::fs::Mode::empty()).unwrap();
    let mut termios = rustix::termios::tcgetattr(&slave).unwrap();
    termios.make_raw();
    rustix::termios::tcsetattr(&slave, OptionalActions::Now, &termios).unwrap();
    (master, slave)
}

/// `len` bytes in which each place has its own value for 251 x 256 bytes around.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|i| u8::try_from((i % 251) ^ (i / 251 % 256)).unwrap()).collect()
}

/// A file named `name` in `dir` that holds `bytes`.
pub(crate) fn file_with(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

/// A pipe that a thread fills with `bytes` and closes.
pub(crate) fn pipe_with(bytes: Vec<u8>) -> PipeReader {
    let (reader, mut writer) = std::io::pipe().unwrap();
    std::thread::spawn(move || std::io::Write::write_all(&mut writer, &bytes));
    reader
}
