//! Sending a memory-only file to another process; `SCM_RIGHTS` of unix(7).

use core::mem::MaybeUninit;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};

use super::Memfd;
use crate::error::{Cause, Error, Result};

/// A descriptor travels with at least one byte; this one says what it is.
const MARK: u8 = b'm';

impl Memfd {
    /// Send it to whoever has the other end of `socket`: they get a descriptor of the same file, and this one stays usable.
    /// One byte goes over the stream with it, so sender and receiver must agree on when.
    ///
    /// ```
    /// use folio::Memfd;
    /// use std::os::unix::net::UnixStream;
    /// let (here, there) = UnixStream::pair()?;
    /// let memory = Memfd::create("shared")?;
    /// memory.set_len(4096)?;
    /// memory.send_over(&here)?;
    ///
    /// let theirs = Memfd::receive_over(&there)?; // usually in another process
    /// memory.shared_mut()?.write_at(0, b"hello")?;
    /// assert_eq!(theirs.shared()?.load::<[u8; 5]>(0)?, *b"hello");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What sendmsg(2) answers: `EPIPE` if the other end is closed, `EAGAIN` ([`NoMemory`](crate::ErrorKind::NoMemory)) on a non-blocking
    /// socket whose buffer is full.
    pub fn send_over(&self, socket: &UnixStream) -> Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let descriptors = [self.as_fd()];
        if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
            return Err(self.os("send", Errno::NOBUFS));
        }
        let bytes = [IoSlice::new(&[MARK])];
        retry_on_intr(|| rustix::net::sendmsg(socket, &bytes, &mut control, SendFlags::NOSIGNAL))
            .map(|_| ())
            .map_err(|errno| self.os("send", errno))
    }

    /// Receive one that the other end of `socket` sent with [`send_over`](Self::send_over); waits for it.
    ///
    /// What comes is checked to be a memfd, but its seals are whatever the sender chose: ask [`seals`](Self::seals) if you rely on them.
    ///
    /// ```
    /// use folio::{ErrorKind, Memfd, Seals};
    /// use std::os::unix::net::UnixStream;
    /// let (here, there) = UnixStream::pair()?;
    /// Memfd::create("shared")?.send_over(&here)?;
    /// drop(here);
    /// let theirs = Memfd::receive_over(&there)?;
    /// assert!(!theirs.seals()?.contains(Seals::SHRINK)); // the sender may still truncate it
    /// let closed = Memfd::receive_over(&there).unwrap_err();
    /// assert_eq!(closed.kind(), ErrorKind::InvalidInput);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if something else comes or the other end is closed;
    /// [`NoResource`](crate::ErrorKind::NoResource) without a free descriptor; what recvmsg(2) answers.
    pub fn receive_over(socket: &UnixStream) -> Result<Self> {
        const OP: &str = "receive a memory-only file";
        let unexpected = |why: &'static str| Error::new(OP, Cause::InvalidInput(why.into()));
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut mark = [0];
        let received = retry_on_intr(|| {
            let mut bytes = [IoSliceMut::new(&mut mark)];
            rustix::net::recvmsg(socket, &mut bytes, &mut control, RecvFlags::CMSG_CLOEXEC)
        });
        let received = received.map_err(|errno| Error::os(OP, errno))?;
        let mut descriptor = None;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                descriptor = descriptors.last().or(descriptor);
            }
        }
        match descriptor {
            Some(descriptor) => Self::try_from(descriptor),
            None if received.bytes == 0 => Err(unexpected("the other end of the socket is closed")),
            // The kernel drops a descriptor that finds no free number and says so with this flag alone.
            None if received.flags.contains(ReturnFlags::CTRUNC) => {
                Err(Error::os(OP, Errno::MFILE))
            }
            None => Err(unexpected("bytes came without a descriptor")),
        }
    }
}
