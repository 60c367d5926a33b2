use folio_model::{
    Access, Allocation, Descriptor, Errno, File, FileKind, FileSync, Lease, LockMode, LockOwner,
    Op, Outcome, Process, Seals, Sharing,
};
use folio_oracle::{Kernel, System};

use crate::bed::{Bed, each, page};

pub(crate) fn are_read_and_written_up_to_their_end() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(2, 3, 7);
        assert_eq!(bed.read(0, 100), [0, 0, 7, 7, 7]);
        assert_eq!(bed.read(5, u64::MAX >> 8), []);
        let (process, descriptor) = (bed.process, Descriptor(0));
        let all = Op::Read { process, descriptor, offset: 0, len: u64::MAX };
        bed.fails(all, Errno::EINVAL);
        bed.truncate(4);
        let (process, descriptor) = (bed.process, Descriptor(0));
        assert_eq!(bed.seen(Op::Length { process, descriptor }), Outcome::Count(4));
        let how = Allocation::Extend;
        bed.done(Op::Allocate { process, descriptor, how, offset: 0, len: 6 });
        bed.done(Op::Sync { process, descriptor, how: FileSync::Content });
        assert_eq!(bed.kernel.content(File(0)).unwrap(), [0, 0, 7, 7, 0, 0]);

        bed.done(bed.opening(1, 0, Access::Read));
        let descriptor = Descriptor(1);
        let write = Op::Write { process, descriptor, offset: 0, len: 1, fill: 1 };
        bed.fails(write, Errno::EBADF);
        let far = Op::Write { process, descriptor, offset: u64::MAX >> 1, len: 1, fill: 1 };
        bed.fails(far, Errno::EBADF);
        bed.fails(Op::Truncate { process, descriptor, len: 0 }, Errno::EINVAL);
        bed.done(Op::Close { process, descriptor });
        assert_eq!(bed.seen(write), Outcome::Nothing);
    });
}

fn lease(bed: &Bed, descriptor: u8, lease: Lease) -> Op {
    Op::Lease { process: bed.process, descriptor: Descriptor(descriptor), lease }
}

pub(crate) fn are_held_back_by_leases() {
    each(|bed| {
        bed.done(bed.opening(0, 0, Access::Read));
        bed.fails(lease(bed, 0, Lease::None), Errno::EAGAIN);
        bed.done(lease(bed, 0, Lease::Read));
        // The signal that tells the holder does not end it.
        bed.fails(bed.opening(1, 0, Access::ReadWrite), Errno::EAGAIN);
        bed.done(bed.opening(1, 0, Access::Read));
        bed.done(lease(bed, 0, Lease::None));
        bed.done(bed.opening(1, 0, Access::ReadWrite));
        bed.fails(lease(bed, 0, Lease::Read), Errno::EAGAIN);
    });
}

pub(crate) fn are_told_whole_whoever_has_a_lease() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, 3, 7);
        bed.done(lease(bed, 0, Lease::Write));
        assert_eq!(bed.kernel.content(File(0)).unwrap(), [7, 7, 7]);
    });
    // Also if only a mapping holds it, which nothing can be asked of.
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, 3, 7);
        bed.map(0, Sharing::Shared, 3);
        bed.done(lease(bed, 0, Lease::Write));
        bed.done(Op::Close { process: bed.process, descriptor: Descriptor(0) });
        assert_eq!(bed.kernel.content(File(0)).unwrap(), [7, 7, 7]);
    });
}

pub(crate) fn are_sealed() {
    each(|bed| {
        let seal = |descriptor, seals| Op::Seal { process: Process(0), descriptor, seals };
        bed.open(0, 1);
        bed.write(0, page(), 7);
        bed.map(0, Sharing::Shared, page());
        bed.fails(seal(Descriptor(0), Seals::WRITE), Errno::EBUSY);
        bed.done(seal(Descriptor(0), Seals::SHRINK));
        let cut = Op::Truncate { process: Process(0), descriptor: Descriptor(0), len: 0 };
        bed.fails(cut, Errno::EPERM);
        assert_eq!(bed.kernel.content(File(1)).unwrap().len() as u64, page());
    });
}

pub(crate) fn are_locked_by_three_kinds_of_owners() {
    each(|bed| {
        bed.open(0, 0);
        bed.done(Op::Fork { process: Process(0), child: Process(1) });
        let lock = |process, owner, mode| Op::Lock {
            process: Process(process),
            descriptor: Descriptor(0),
            owner,
            mode,
            offset: 0,
            len: 0,
        };
        bed.done(lock(0, LockOwner::Process, LockMode::Exclusive));
        bed.fails(lock(1, LockOwner::Process, LockMode::Shared), Errno::EAGAIN);
        bed.fails(lock(0, LockOwner::OpenFile, LockMode::Shared), Errno::EAGAIN);
        // Any descriptor of the file that the process closes gives it up.
        bed.open(1, 0);
        bed.done(Op::Close { process: Process(0), descriptor: Descriptor(1) });
        bed.done(lock(1, LockOwner::Process, LockMode::Shared));
        bed.done(Op::Exit { process: Process(1) });
        // The open file is the child's as well.
        bed.done(lock(0, LockOwner::OpenFile, LockMode::Exclusive));
        bed.done(Op::Fork { process: Process(0), child: Process(1) });
        bed.done(lock(1, LockOwner::OpenFile, LockMode::Unlock));
        bed.done(lock(0, LockOwner::Whole, LockMode::Exclusive));
        bed.done(lock(1, LockOwner::Whole, LockMode::Exclusive));
        bed.process = Process(1);
        bed.open(0, 0);
        bed.fails(lock(1, LockOwner::Whole, LockMode::Shared), Errno::EAGAIN);
    });
}

pub(crate) fn that_are_there_already_are_not_taken_over() {
    testfs::each(&[testfs::Kind::Here], |fs| {
        let path = fs.path().join("file-0");
        std::fs::write(&path, b"mine").unwrap();
        let error = Kernel::new(fs.path(), &[FileKind::Disk]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    });
}

pub(crate) fn that_are_there_are_used_and_left() {
    testfs::each(&[testfs::Kind::Here], |fs| {
        let path = fs.path().join("theirs");
        std::fs::write(&path, b"theirs").unwrap();
        let mut kernel = Kernel::on(std::slice::from_ref(&path)).unwrap();
        assert_eq!(kernel.path(File(0)), Some(path.as_path()));
        let (process, descriptor) = (Process(0), Descriptor(0));
        let (access, content) = (Access::Read, folio_model::Content::Keep);
        let open = Op::Open { process, descriptor, file: File(0), access, content };
        assert_eq!(kernel.step(&open).unwrap(), Outcome::Done);
        let read = Op::Read { process, descriptor, offset: 2, len: 9 };
        assert_eq!(kernel.step(&read).unwrap(), Outcome::Bytes(b"eirs".to_vec()));
        assert_eq!(kernel.content(File(0)).unwrap(), b"theirs");
        drop(kernel);
        assert_eq!(std::fs::read(&path).unwrap(), b"theirs");
    });
}
