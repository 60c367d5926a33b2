//! `PROCMAP_QUERY` (6.11): the mapping at or after an address, of the process whose /proc/PID/maps is open.
//!
//! Linux `include/uapi/linux/fs.h` (`struct procmap_query`) and `fs/proc/task_mmu.c` (`do_procmap_query`).

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;

/// `struct procmap_query` of linux/fs.h.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Query {
    size: u64,
    query_flags: u64,
    query_addr: u64,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) flags: u64,
    pub(crate) page_size: u64,
    pub(crate) offset: u64,
    pub(crate) inode: u64,
    pub(crate) major: u32,
    pub(crate) minor: u32,
    name_size: u32,
    build_id_size: u32,
    name_addr: u64,
    build_id_addr: u64,
}

/// `PROCMAP_QUERY_VMA_READABLE`, and so on.
pub(crate) const READABLE: u64 = 1;
pub(crate) const WRITABLE: u64 = 2;
pub(crate) const EXECUTABLE: u64 = 4;
pub(crate) const SHARED: u64 = 8;
const COVERING_OR_NEXT: u64 = 16;

/// `_IOWR('f', 17, struct procmap_query)`
const PROCMAP_QUERY: libc::Ioctl = 0xc068_6611u32 as libc::Ioctl;
const _: () = assert!(size_of::<Query>() == 0x68, "the size is a part of the number");

/// The longest name that the kernel gives this way, `PATH_MAX` with the zero at its end.
const NAME: u32 = 4096;
/// The longest build id, `BUILD_ID_SIZE_MAX`.
const BUILD_ID: u32 = 20;

/// The mapping that holds `address` or is the next after it. Its name, without the zero, is in `name` afterwards. Fails
/// with `ENOENT` after the last, `ESRCH` when the process has ended, `ENAMETOOLONG`, and `ENOTTY` before 6.11.
pub(crate) fn next(maps: &File, address: u64, name: &mut Vec<u8>) -> io::Result<Query> {
    name.resize(NAME as usize, 0);
    let mut query = Query {
        query_flags: COVERING_OR_NEXT,
        query_addr: address,
        name_size: NAME,
        name_addr: name.as_mut_ptr().expose_provenance() as u64,
        ..Query::new()
    };
    ask(maps, &mut query)?;
    // With its zero; nothing is written where there is no name.
    name.truncate((query.name_size as usize).saturating_sub(1));
    Ok(query)
}

/// The build id of the file that is mapped at `address`; `None` where it has none. Fails as [`next`] does.
pub(crate) fn build_id(maps: &File, address: u64) -> io::Result<Option<Vec<u8>>> {
    let mut id = vec![0; BUILD_ID as usize];
    let mut query = Query {
        query_addr: address,
        build_id_size: BUILD_ID,
        build_id_addr: id.as_mut_ptr().expose_provenance() as u64,
        ..Query::new()
    };
    ask(maps, &mut query)?;
    id.truncate(query.build_id_size as usize);
    Ok(Some(id).filter(|id| !id.is_empty()))
}

impl Query {
    fn new() -> Self {
        Self { size: size_of::<Self>() as u64, ..Self::default() }
    }
}

fn ask(maps: &File, query: &mut Query) -> io::Result<()> {
    // SAFETY: clause S3: `query` is the struct that the call takes, and the buffers that it names, which the callers hold
    // as vectors, have room for the sizes that it gives. The call looks and changes nothing.
    let status =
        unsafe { libc::ioctl(maps.as_raw_fd(), PROCMAP_QUERY, core::ptr::from_mut(query)) };
    if status < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
