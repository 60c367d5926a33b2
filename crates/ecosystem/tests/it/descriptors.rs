//! `AsFd`: what has a descriptor can be mapped, and the mappings that keep one give it.

use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};

use folio::{Frozen, Memfd, Private, Shared, SharedMut};

use crate::scratch::Scratch;

#[test]
fn whatever_has_a_descriptor_can_be_mapped() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"hello").unwrap();
    assert_eq!(Frozen::from_file(&file).unwrap()[..], *b"hello");
    let owned: OwnedFd = file.reopen().unwrap().into();
    assert_eq!(Private::from_file(&owned).unwrap()[..], *b"hello");
    assert_eq!(Shared::from_file(&owned.as_fd()).unwrap().load::<u8>(4).unwrap(), b'o');
}

#[test]
fn live_mappings_give_the_descriptor_of_their_file() {
    let file = Scratch::new(&[1; 5000]);
    let inode = |fd: &dyn Fn() -> rustix::io::Result<rustix::fs::Stat>| fd().unwrap().st_ino;
    let expected = inode(&|| rustix::fs::stat(file.path()));
    let (shared, shared_mut) =
        (Shared::open(file.path()).unwrap(), SharedMut::open(file.path()).unwrap());
    assert_eq!(inode(&|| rustix::fs::fstat(&shared)), expected);
    assert_eq!(inode(&|| rustix::fs::fstat(&shared_mut)), expected);
    let memory = Memfd::create("memory").unwrap();
    rustix::fs::ftruncate(&memory, 10).unwrap();
    assert_eq!(memory.len().unwrap(), 10);
}
