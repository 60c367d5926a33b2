//! The rules, each with what it says and where that is written.
//!
//! They are in the order of the table in the crate's README, which a test holds against them. Another test has a program for
//! each of them that comes across it.

use std::fmt;

/// A rule of how Linux maps files.
///
/// ```
/// use folio_model::{RULES, Rule, rule};
/// let Rule { name, says, source, about } = &rule::OPEN_TRUNCATES;
/// println!("{about}, {name}: {says} ({source})");
/// assert!(RULES.iter().any(|rule| rule.name == *name));
/// ```
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// A short name, unique.
    pub name: &'static str,
    /// What it says, with the error that comes of not keeping to it.
    pub says: &'static str,
    /// Where it is written: man pages with the section, files of the kernel with the function.
    pub source: &'static str,
    /// What it is about: the heading it has in the table.
    pub about: &'static str,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.name, self.says, self.source)
    }
}

macro_rules! rules {
    ($($about:literal { $($ident:ident: $name:literal, $says:literal, $source:literal;)* })*) => {
        $($(
            #[doc = $says]
            #[doc = ""]
            #[doc = $source]
            pub static $ident: Rule =
                Rule { name: $name, says: $says, source: $source, about: $about };
        )*)*

        /// All rules, in the order of the table.
        pub static RULES: &[&Rule] = &[$($(&$ident,)*)*];
    };
}

rules! {
    "Programs" {
        ABSENT: "absent",
            "Where a process, descriptor or mapping is not there, nothing happens",
            "this crate: Op (so that every part of a program is a program)";
    }
    "Files" {
        OPEN: "open",
            "An open file reads, writes or both, as it was opened; fork and mappings keep it open",
            "open(2), Open file descriptions";
        OPEN_TRUNCATES: "open-truncates",
            "O_TRUNC cuts the file to nothing, also with O_RDONLY",
            "open(2), O_TRUNC; fs/namei.c: handle_truncate";
        CLOSE: "close",
            "A descriptor is gone, the open file behind it when nothing refers to it any more",
            "close(2)";
        NOT_OPEN_FOR: "not-open-for",
            "Reading wants a file open for reading, writing one open for writing: EBADF",
            "read(2), write(2), ERRORS; fs/read_write.c: vfs_read, vfs_write";
        READ: "read",
            "A read shows the page cache, up to the end of the file",
            "read(2); mm/filemap.c: filemap_read";
        WRITE: "write",
            "A write changes the page cache and lets the file grow; what it leaves out up to there is zero",
            "write(2), lseek(2); mm/filemap.c: generic_perform_write";
        OFFSET_RANGE: "offset-range",
            "Offset and offset plus length are a loff_t, not negative: EINVAL",
            "pread(2), ERRORS; fs/read_write.c: rw_verify_area";
        BUFFER: "buffer",
            "What is read or written has place in the address space: EFAULT",
            "read(2), write(2), ERRORS; fs/read_write.c: vfs_read, vfs_write";
        TRUNCATE: "truncate",
            "A file gets the length it is given: what is cut off is gone, what is new is zero",
            "truncate(2)";
        TRUNCATE_WRITES: "truncate-writes",
            "Only a file open for writing is given a length: EINVAL",
            "truncate(2), ERRORS; fs/open.c: do_sys_ftruncate";
        LENGTH: "length",
            "The length of a file is what truncates and writes made it",
            "stat(2)";
        ALLOCATE: "allocate",
            "Setting space aside changes no content, and the length only without FALLOC_FL_KEEP_SIZE",
            "fallocate(2)";
        ALLOCATE_RANGE: "allocate-range",
            "A range to allocate is not empty and not negative: EINVAL",
            "fallocate(2), ERRORS";
        PUNCH: "punch",
            "A hole is zeros; the file keeps its length",
            "fallocate(2), Deallocating file space; mm/truncate.c: truncate_pagecache_range";
        PUNCH_KEEPS_COPIES: "punch-keeps-copies",
            "A hole leaves the copies of private mappings alone, unlike a truncation",
            "mm/truncate.c: truncate_pagecache_range (even_cows is 0)";
    }
    "Mapping" {
        MAP: "map",
            "A mapping shows whole pages of a file, also such that are past its end",
            "mmap(2)";
        MAP_ALIGNED: "map-aligned",
            "A mapping begins at a page of the file: EINVAL",
            "mmap(2), ERRORS; arch/x86/kernel/sys_x86_64.c: mmap";
        MAP_EMPTY: "map-empty",
            "No mapping is empty: EINVAL",
            "mmap(2), ERRORS; mm/mmap.c: do_mmap";
        MAP_READS: "map-reads",
            "Every mapping wants a file open for reading: EACCES",
            "mmap(2), ERRORS; mm/mmap.c: do_mmap";
        MAP_WRITES: "map-writes",
            "A shared mapping with PROT_WRITE wants a file open for writing: EACCES",
            "mmap(2), ERRORS; mm/mmap.c: do_mmap";
        PRIVATE_ANY_FILE: "private-any-file",
            "A private mapping with PROT_WRITE wants no file open for writing: the file is never written",
            "mmap(2), ERRORS (EACCES); mm/mmap.c: do_mmap";
        UNMAP: "unmap",
            "Unmapping takes whole pages out, what is left on either side stays where it was",
            "munmap(2)";
        UNMAP_EMPTY: "unmap-empty",
            "A range to unmap begins at a page, is not empty and within the address space: EINVAL",
            "munmap(2), ERRORS; mm/vma.c: do_vmi_munmap";
    }
    "Loads and stores" {
        LOAD: "load",
            "A load that is allowed shows what stands behind the page",
            "mmap(2), DESCRIPTION";
        STORE: "store",
            "A store that is allowed is seen by every later load of the same page",
            "mmap(2), DESCRIPTION";
        SHARED: "shared",
            "Stores to a shared mapping change the page cache, which read and every other mapping show",
            "mmap(2), MAP_SHARED";
        PRIVATE: "private",
            "A store to a private mapping changes a copy of the page, which is this mapping's own",
            "mmap(2), MAP_PRIVATE; mm/memory.c: do_cow_fault, do_wp_page";
        COPIED: "copied",
            "A page that was copied shows the copy, whatever happens to the file but a truncation",
            "mmap(2), MAP_PRIVATE; mm/memory.c: wp_page_copy";
        PRIVATE_FOLLOWS: "private-follows",
            "A page of a private mapping that was not stored to yet shows the page cache as it is now",
            "mmap(2), MAP_PRIVATE (which leaves it open); mm/memory.c: do_read_fault";
        ANONYMOUS: "anonymous",
            "Anonymous memory is zero until it is stored to",
            "mmap(2), MAP_ANONYMOUS";
        NOT_MAPPED: "not-mapped",
            "Where nothing is mapped a touch is SIGSEGV",
            "mmap(2), SIGSEGV";
        PROTECTED: "protected",
            "A touch that the protection of the page forbids is SIGSEGV",
            "mmap(2), SIGSEGV; arch/x86/mm/fault.c: access_error";
        WRITE_IMPLIES_READ: "write-implies-read",
            "A page that may be written can be read, on x86-64 as on aarch64",
            "mmap(2), NOTES; arch/x86/mm/fault.c: access_error; arch/arm64/mm/fault.c: do_page_fault";
        EXEC_MAY_READ: "exec-may-read",
            "A page that may only be executed can be read unless the processor can forbid that (protection keys, EPAN)",
            "pkeys(7); arch/x86/mm/pkeys.c: __execute_only_pkey; arch/arm64/mm/fault.c: do_page_fault";
    }
    "The end of the file" {
        TAIL: "tail",
            "From the end of the file to the end of its last page there are zeros",
            "mmap(2), DESCRIPTION";
        TAIL_STORE: "tail-store",
            "A store past the end of the file, in its last page, is kept or dropped, at any time, as the file system likes; it may come up when the file grows",
            "mmap(2), BUGS; mm/truncate.c: pagecache_isize_extended; fs/ext4/inode.c: ext4_writepages zeroes it, mm/shmem.c keeps it";
        PAST_END: "past-end",
            "A touch of a page with no byte of the file in it is SIGBUS",
            "mmap(2), SIGBUS; mm/filemap.c: filemap_fault";
        COPIES_DESTROYED: "copies-destroyed",
            "A truncation destroys the pages it cuts off in private mappings too, those that were copied as well",
            "mm/truncate.c: truncate_pagecache; mm/memory.c: unmap_mapping_range (even_cows)";
        COPY_KEEPS_TAIL: "copy-keeps-tail",
            "The copy of a page that a truncation cuts through stays as it is",
            "mm/truncate.c: truncate_pagecache (rounds up to a page)";
    }
    "Protection" {
        PROTECT: "protect",
            "mprotect changes whole pages, and those before a page it cannot change",
            "mprotect(2)";
        PROTECT_WRITES: "protect-writes",
            "A shared mapping of a file open only for reading is never granted PROT_WRITE: EACCES",
            "mprotect(2), ERRORS; mm/mprotect.c: do_mprotect_pkey (VM_MAYWRITE)";
        PROTECT_ALIGNED: "page-aligned",
            "mprotect, msync and madvise begin at a page: EINVAL",
            "mprotect(2), msync(2), madvise(2), ERRORS";
        HOLE: "not-mapped-range",
            "mprotect, msync and madvise of pages that are not mapped: ENOMEM; all but mprotect and populating do the others first",
            "mprotect(2), msync(2), madvise(2), ERRORS";
        RANGE_WRAPS: "range-wraps",
            "A range past the end of the address space: ENOMEM or EINVAL",
            "mprotect(2), msync(2), madvise(2), ERRORS";
    }
    "Remapping" {
        REMAP_GROWS: "remap-grows",
            "A mapping that grows shows more of the file; anonymous shared memory does not grow with it",
            "mremap(2)";
        REMAP_SHRINKS: "remap-shrinks",
            "A mapping that shrinks loses pages at its end",
            "mremap(2)";
        REMAP_EMPTY: "remap-empty",
            "No mapping becomes empty: EINVAL",
            "mremap(2), ERRORS";
        REMAP_TOO_LONG: "remap-too-long",
            "No mapping becomes longer than the address space: EINVAL",
            "mremap(2), ERRORS; mm/mremap.c: check_mremap_params";
        REMAP_PAST: "remap-past",
            "Areas that became equal may or may not be one again, if only some of them could be written at some time: EFAULT",
            "mm/mprotect.c: mprotect_fixup (VM_ACCOUNT); mm/vma.c: can_vma_merge_left, can_vma_merge_right";
        REMAP_ONE_AREA: "remap-one-area",
            "What grows is one area from beginning to end, without holes and of one protection: EFAULT",
            "mremap(2), ERRORS; mm/mremap.c: check_prep_vma";
    }
    "Advice" {
        ADVICE: "advice",
            "Advice is about whole pages",
            "madvise(2)";
        WILL_NEED: "will-need",
            "MADV_WILLNEED changes nothing",
            "madvise(2)";
        DONT_NEED: "dont-need",
            "MADV_DONTNEED drops private copies: the file shows again, or zeros",
            "madvise(2), MADV_DONTNEED";
        REMOVE: "remove",
            "MADV_REMOVE makes a hole in the file",
            "madvise(2), MADV_REMOVE; mm/madvise.c: madvise_remove";
        REMOVE_FILE: "remove-file",
            "MADV_REMOVE wants a file: EINVAL",
            "madvise(2), ERRORS; mm/madvise.c: madvise_remove";
        REMOVE_WRITES: "remove-writes",
            "MADV_REMOVE wants a shared mapping that may write: EACCES",
            "madvise(2), MADV_REMOVE; mm/madvise.c: madvise_remove";
        POPULATE: "populate",
            "MADV_POPULATE_READ and _WRITE bring pages in as a touch would",
            "madvise(2), MADV_POPULATE_READ";
        POPULATE_COPIES: "populate-copies",
            "MADV_POPULATE_WRITE copies the pages of a private mapping",
            "madvise(2), MADV_POPULATE_WRITE";
        POPULATE_PROTECTED: "populate-protected",
            "Populating wants PROT_READ, or PROT_WRITE: EINVAL",
            "madvise(2), ERRORS; mm/gup.c: faultin_page_range";
        POPULATE_FAULTS: "populate-faults",
            "Populating where a touch would be SIGBUS: EFAULT",
            "madvise(2), ERRORS; mm/madvise.c: madvise_populate";
    }
    "Writing out" {
        SYNC: "sync",
            "fsync and fdatasync return when content and length are on the disk",
            "fsync(2)";
        MSYNC: "msync",
            "msync with MS_SYNC returns when the pages of the range are on the disk",
            "msync(2); mm/msync.c";
        MSYNC_RANGE: "msync-range",
            "msync is about whole mapped pages",
            "msync(2)";
        MSYNC_ASYNC: "msync-async",
            "msync with MS_ASYNC does nothing",
            "msync(2), NOTES; mm/msync.c";
        MSYNC_WRITERS: "msync-writers",
            "msync does nothing for private mappings, nor for shared ones of a file open only for reading",
            "mm/msync.c (VM_SHARED); mm/mmap.c: do_mmap";
    }
    "Processes" {
        FORK: "fork",
            "fork copies descriptors and mappings: a shared mapping stays shared, a private one is copied at that moment",
            "fork(2)";
        EXIT: "exit",
            "exit closes and unmaps everything",
            "_exit(2)";
    }
    "Seals" {
        SEAL: "seal",
            "Seals add up and never go",
            "fcntl(2), File Sealing";
        SEAL_WRITES: "seal-writes",
            "Sealing wants a file open for writing: EPERM",
            "fcntl(2), ERRORS; mm/memfd.c: memfd_add_seals";
        SEAL_MEMORY: "seal-memory",
            "Only what memfd_create made to be sealed is: EINVAL, and EPERM for a file of tmpfs, born with F_SEAL_SEAL",
            "fcntl(2), ERRORS; mm/memfd.c: memfd_add_seals; mm/shmem.c: shmem_get_inode";
        SEAL_SEAL: "seal-seal",
            "F_SEAL_SEAL ends sealing: EPERM",
            "fcntl(2), F_SEAL_SEAL";
        SEAL_BUSY: "seal-busy",
            "F_SEAL_WRITE waits for nobody: EBUSY while a shared mapping may write, now or after mprotect",
            "fcntl(2), F_SEAL_WRITE; mm/memfd.c: memfd_add_seals";
        SEAL_SHRINK: "seal-shrink",
            "F_SEAL_SHRINK: the file becomes no shorter: EPERM",
            "fcntl(2), F_SEAL_SHRINK; mm/shmem.c: shmem_setattr";
        SEAL_GROW: "seal-grow",
            "F_SEAL_GROW: the file becomes no longer: EPERM, and a write that would make it longer ends before the end's page",
            "fcntl(2), F_SEAL_GROW; mm/shmem.c: shmem_setattr, shmem_write_begin";
        SEAL_WRITE: "seal-write",
            "F_SEAL_WRITE and F_SEAL_FUTURE_WRITE: no write, no hole: EPERM",
            "fcntl(2), F_SEAL_WRITE; mm/shmem.c: shmem_write_begin, shmem_fallocate";
        SEAL_LEAVES_MAPPINGS: "seal-leaves-mappings",
            "F_SEAL_FUTURE_WRITE leaves a mapping that writes as it is",
            "fcntl(2), F_SEAL_FUTURE_WRITE";
        SEAL_MAP: "seal-map",
            "A file sealed against writing is not mapped shared with PROT_WRITE: EPERM",
            "fcntl(2), F_SEAL_WRITE; mm/memfd.c: memfd_check_seals_mmap";
        SEAL_MAP_READ: "seal-map-read",
            "It is mapped shared without PROT_WRITE, which mprotect does not grant later; before Linux 6.7 F_SEAL_WRITE forbids this too if the file is open for writing: EPERM",
            "mm/memfd.c: check_write_seal";
    }
    "Leases" {
        LEASE: "lease",
            "A lease belongs to an open file",
            "fcntl(2), Leases";
        LEASE_DROPPED: "lease-dropped",
            "A lease that is given up is gone",
            "fcntl(2), Leases";
        LEASE_NONE: "lease-none",
            "Giving up a lease that is not there: EAGAIN",
            "fs/locks.c: generic_delete_lease";
        LEASE_OPENED: "lease-opened",
            "A read lease wants nobody to have the file open for writing, a write lease nobody else to have it open: EAGAIN",
            "fcntl(2), Leases; fs/locks.c: check_conflicting_open";
        LEASE_OTHERS: "lease-others",
            "No lease beside a write lease, nor beside one that is being broken: EAGAIN",
            "fs/locks.c: generic_add_lease";
        LEASE_BREAKS: "lease-breaks",
            "An open for writing breaks every lease, one for reading write leases; with O_NONBLOCK it fails: EWOULDBLOCK",
            "fcntl(2), Leases; fs/locks.c: __break_lease";
        LEASE_TRUNCATED: "lease-truncated",
            "O_RDONLY with O_TRUNC breaks no read lease, though it changes the file",
            "fs/locks.c: __break_lease (looks at O_ACCMODE alone); fs/namei.c: handle_truncate";
        LEASE_EXPIRES: "lease-expires",
            "A lease being broken is taken away after lease-break-time",
            "fcntl(2), Leases; fs/locks.c: time_out_leases";
    }
    "Advisory locks" {
        LOCK: "lock",
            "A lock is had by whoever asks first; taking it again changes its mode",
            "fcntl(2), Advisory record locking; flock(2)";
        UNLOCK: "unlock",
            "A lock is given up byte by byte",
            "fcntl(2), Advisory record locking";
        LOCK_CONFLICT: "lock-conflict",
            "Shared locks of a byte are had together, an exclusive one alone: EAGAIN",
            "fcntl(2), ERRORS; flock(2), ERRORS; fs/locks.c: posix_lock_inode, flock_lock_inode";
        FLOCK_LOST: "flock-lost",
            "An flock is given up before it is had in another mode, and stays lost if that fails",
            "flock(2), NOTES; fs/locks.c: flock_lock_inode";
        LOCK_ACCESS: "lock-access",
            "A shared record lock wants a file open for reading, an exclusive one for writing: EBADF",
            "fcntl(2), ERRORS; fs/locks.c: fcntl_setlk";
        LOCK_RANGE: "lock-range",
            "A range to lock is not negative and ends within a file: EINVAL, EOVERFLOW",
            "fcntl(2), ERRORS; fs/locks.c: flock64_to_posix_lock";
        LOCK_CLOSED: "lock-closed",
            "A process's record locks on a file are gone when it closes any descriptor of it",
            "fcntl(2), Record locking and open files; fs/locks.c: locks_remove_posix";
    }
    "Limits" {
        FILE_TOO_BIG: "file-too-big",
            "No file is longer than the file system allows: EFBIG",
            "truncate(2), write(2), ERRORS; mm/truncate.c: inode_newsize_ok";
        MAP_TOO_LONG: "map-too-long",
            "A mapping that does not fit the address space: ENOMEM",
            "mmap(2), ERRORS; mm/mmap.c: do_mmap, get_unmapped_area";
        MAP_OVERFLOW: "map-overflow",
            "The end of a mapping is a position in a file: EOVERFLOW",
            "mmap(2), ERRORS; mm/mmap.c: do_mmap, file_mmap_ok";
        OVERCOMMIT: "overcommit",
            "Private memory that may be written counts as memory in use: ENOMEM. Within 1 GiB the model takes it that there is enough",
            "proc(5), overcommit_memory; mm/vma.c: accountable_mapping";
        DISK_FULL: "disk-full",
            "The disk may be full: ENOSPC. Within 1 GiB the model takes it that it is not",
            "fallocate(2), ERRORS";
        NO_SPACE_TO_GIVE: "no-fallocate",
            "A file system need not have fallocate, or holes: EOPNOTSUPP",
            "fallocate(2), ERRORS; fs/open.c: vfs_fallocate";
        NO_LEASES: "no-leases",
            "A file system need not have leases: EINVAL or EAGAIN",
            "fs/libfs.c: simple_nosetlease; fs/nfs/nfs4file.c: nfs4_setlease";
        NO_EXEC: "no-exec",
            "Nothing is mapped to be executed from a file system mounted noexec: EPERM, and EACCES from mprotect",
            "mmap(2), ERRORS; mm/mmap.c: do_mmap (path_noexec)";
    }
}
