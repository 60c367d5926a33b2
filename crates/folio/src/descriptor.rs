//! The descriptor that a mapping keeps, to ask the file for its length and for the cause of a fault.
//!
//! A mapping itself needs none, and thousands of mappings of one file should not use up the process's limit. So
//! mappings of the same file with the same access share one: a table, weak and process-wide, finds it by device, inode
//! and access. That is only done on file systems whose inode numbers are known to name one file; on others (network,
//! FUSE, overlays) two files may show the same number, and each mapping keeps its own descriptor.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rustix::fs::OFlags;

use crate::filesystem::FileSystemType;

/// Which descriptors are as good as each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    device: u64,
    inode: u64,
    /// `O_RDONLY` or `O_RDWR`.
    access: u32,
}

/// A descriptor that mappings share.
#[derive(Debug)]
pub(crate) struct Descriptor {
    fd: OwnedFd,
    key: Option<Key>,
}

static TABLE: Mutex<Option<HashMap<Key, Weak<Descriptor>>>> = Mutex::new(None);

fn table() -> MutexGuard<'static, Option<HashMap<Key, Weak<Descriptor>>>> {
    // A map of weak pointers is as good after a panic as before.
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Descriptor {
    /// `fd`, or one for the same file and access that another mapping keeps already; `fd` is closed then.
    pub(crate) fn share(fd: OwnedFd) -> Arc<Self> {
        let Some(key) = key_of(&fd) else { return Arc::new(Self { fd, key: None }) };
        let mut table = table();
        let shared = table.get_or_insert_default().entry(key).or_default();
        if let Some(descriptor) = shared.upgrade() {
            return descriptor;
        }
        let descriptor = Arc::new(Self { fd, key: Some(key) });
        *shared = Arc::downgrade(&descriptor);
        descriptor
    }
}

impl AsFd for Descriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        let Some(key) = self.key else { return };
        let mut table = table();
        if let Some(table) = table.as_mut() {
            // Another mapping may have put a new descriptor there since the last reference to this one went.
            if table.get(&key).is_some_and(|shared| shared.strong_count() == 0) {
                table.remove(&key);
            }
        }
    }
}

fn key_of(fd: &OwnedFd) -> Option<Key> {
    if !FileSystemType::of(fd).ok()?.has_unique_inodes() {
        return None;
    }
    let stat = rustix::fs::fstat(fd).ok()?;
    let access = rustix::fs::fcntl_getfl(fd).ok()? & OFlags::RWMODE;
    Some(Key { device: stat.st_dev, inode: stat.st_ino, access: access.bits() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{File, OpenOptions};

    #[test]
    fn mappings_of_one_file_share_a_descriptor_and_the_table_forgets_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, b"x").unwrap();
        let read = || OwnedFd::from(File::open(&path).unwrap());
        let Some(key) = key_of(&read()) else {
            println!(
                "skipped: this file system is not one whose inode numbers are known to be unique"
            );
            return;
        };
        let first = Descriptor::share(read());
        let second = Descriptor::share(read());
        assert!(Arc::ptr_eq(&first, &second));
        let write = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        assert!(!Arc::ptr_eq(&first, &Descriptor::share(write.into())));
        drop((first, second));
        assert!(!table().as_ref().unwrap().contains_key(&key));
    }

    #[test]
    fn another_file_has_another_descriptor() {
        let dir = tempfile::tempdir().unwrap();
        let open = |name: &str| OwnedFd::from(File::create(dir.path().join(name)).unwrap());
        assert!(!Arc::ptr_eq(&Descriptor::share(open("a")), &Descriptor::share(open("b"))));
    }
}
