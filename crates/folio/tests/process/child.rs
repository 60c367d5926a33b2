//! A child that has done something, and then stays as it is while it is looked at.

use std::fs::File;
use std::io::{Read as _, Write as _};

use folio::raw::{self, Fork};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

/// A process that waits. It is killed and waited for when the value is dropped.
pub(crate) struct Waiting {
    pid: u32,
    /// The child reads until this is closed.
    _held: File,
}

impl Waiting {
    /// Fork, let the child do `prepare`, keep what that gives, and wait.
    pub(crate) fn after<T>(prepare: impl FnOnce() -> T) -> Self {
        let pipe = || {
            let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).unwrap();
            (File::from(reader), File::from(writer))
        };
        let (mut ready, mut say_ready) = pipe();
        let (mut hold, held) = pipe();
        match raw::fork().unwrap() {
            Fork::Child => {
                drop((ready, held));
                let kept = prepare();
                let told = say_ready.write_all(b"!");
                // It may be killed here, or its parent may be gone.
                let _ = hold.read(&mut [0]);
                std::mem::forget(kept);
                raw::exit(i32::from(told.is_err()))
            }
            Fork::Parent(child) => {
                drop((say_ready, hold));
                let mut answer = [0];
                let read = ready.read_exact(&mut answer);
                let waiting = Self { pid: u32::try_from(child.pid()).unwrap(), _held: held };
                read.expect("the child prepares without a panic");
                waiting
            }
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// End it, and leave it a zombie.
    pub(crate) fn kill(&self) {
        let pid = Pid::from_raw(self.pid.cast_signed()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
        // It is dead when waiting for it would not block; it is not taken notice of.
        let options =
            rustix::process::WaitIdOptions::EXITED | rustix::process::WaitIdOptions::NOWAIT;
        rustix::process::waitid(rustix::process::WaitId::Pid(pid), options).unwrap();
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(pid) = Pid::from_raw(self.pid.cast_signed()) else { return };
        let _ = kill_process(pid, Signal::KILL);
        let _ = waitpid(Some(pid), WaitOptions::empty());
    }
}
