//! Memory-only files: sealed, sent, huge.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use folio::{ErrorKind, Memfd, MemfdOptions, PageSize, Seals, SharedMut};

use crate::scratch::Scratch;

#[test]
fn seals_hold_and_cannot_be_set_while_a_writable_mapping_lives() {
    let memory = Memfd::create("sealed").unwrap();
    memory.set_len(10_000).unwrap();
    let mut map = memory.shared_mut().unwrap();
    map.write_at(0, b"hello").unwrap();
    assert!(!memory.seals().unwrap().intersects(Seals::FROZEN));
    assert_eq!(memory.seal(Seals::WRITE).unwrap_err().kind(), ErrorKind::Busy);

    memory.seal(Seals::GROW).unwrap();
    assert_eq!(map.grow(20_000).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(memory.set_len(20_000).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!(map.len(), 10_000);
    memory.seal(Seals::SHRINK).unwrap();
    assert_eq!(map.shrink(10).unwrap_err().kind(), ErrorKind::PermissionDenied);
    assert_eq!((map.len(), memory.len().unwrap()), (10_000, 10_000));
    map.write_at(9_995, b"world").unwrap();
    drop(map);

    memory.seal(Seals::WRITE).unwrap();
    assert!(memory.seals().unwrap().contains(Seals::FROZEN));
    let error = memory.shared_mut().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert_eq!(memory.shared().unwrap().load::<[u8; 5]>(9_995).unwrap(), *b"world");

    memory.seal(Seals::SEAL).unwrap();
    let error = memory.seal(Seals::FUTURE_WRITE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
}

#[test]
fn it_is_not_executable_unless_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |memory: Memfd| File::from(memory).metadata().unwrap().permissions().mode();
    let plain = Memfd::create("plain").unwrap();
    if !plain.seals().unwrap().contains(Seals::EXEC) {
        testfs::skip("memfds that cannot be executed", "this kernel is older than 6.3");
        return;
    }
    assert_eq!(mode(plain) & 0o111, 0);
    assert_ne!(mode(MemfdOptions::new().executable().create("code").unwrap()) & 0o111, 0);
}

#[test]
fn it_goes_over_a_socket_and_stays_the_same_file() {
    let (here, there) = UnixStream::pair().unwrap();
    let memory = Memfd::create("sent").unwrap();
    memory.set_len(4096).unwrap();
    for round in 0..3u64 {
        memory.send_over(&here).unwrap();
        let received = Memfd::receive_over(&there).unwrap();
        let (ours, theirs) = (memory.shared_mut().unwrap(), received.shared_mut().unwrap());
        ours.store(0, &round).unwrap();
        assert_eq!(theirs.load::<u64>(0).unwrap(), round);
        theirs.store(8, &round).unwrap();
        assert_eq!(ours.load::<u64>(8).unwrap(), round);
    }
}

#[test]
fn what_else_comes_over_a_socket_is_refused() {
    use std::io::Write;
    let (mut here, there) = UnixStream::pair().unwrap();
    here.write_all(b"x").unwrap();
    let error = Memfd::receive_over(&there).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("without a descriptor"), "{error}");
    drop(here);
    let error = Memfd::receive_over(&there).unwrap_err();
    assert!(error.to_string().contains("closed"), "{error}");
    let error = Memfd::create("late").unwrap().send_over(&there).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPIPE), "an error, no SIGPIPE");
}

#[test]
fn only_a_memfd_is_taken_as_one() {
    let refuse = |fd: OwnedFd| {
        let error = Memfd::try_from(fd).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    };
    refuse(Scratch::new(b"x").read_write().into());
    refuse(std::io::pipe().unwrap().0.into());
    refuse(File::open("/").unwrap().into());
    // Another file of tmpfs answers the same questions about seals.
    if let Some(fs) = testfs::FileSystem::new(testfs::Kind::Tmpfs) {
        refuse(File::create_new(fs.path().join("f")).unwrap().into());
    }
    let memory = Memfd::create("yes").unwrap();
    memory.set_len(5).unwrap();
    let duplicate = memory.as_fd().try_clone_to_owned().unwrap();
    assert_eq!(Memfd::try_from(duplicate).unwrap().len().unwrap(), 5);
    let read_only =
        File::open(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&memory.as_fd())));
    let read_only = Memfd::try_from(OwnedFd::from(read_only.unwrap())).unwrap();
    read_only.shared().unwrap();
    assert_eq!(read_only.shared_mut().unwrap_err().kind(), ErrorKind::OpenMode);
}

#[test]
fn names_that_the_kernel_refuses_are_errors() {
    assert_eq!(Memfd::create(&"n".repeat(250)).unwrap_err().kind(), ErrorKind::InvalidInput);
    assert_eq!(Memfd::create("a\0b").unwrap_err().kind(), ErrorKind::InvalidInput);
    Memfd::create(&"n".repeat(249)).unwrap();
    Memfd::create("").unwrap();
}

#[test]
fn huge_pages_are_there_or_the_error_says_why_not() {
    let size = PageSize::new(2 << 20).unwrap();
    let memory = match MemfdOptions::new().huge_pages(size).create("huge") {
        Ok(memory) => memory,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
            assert!(error.to_string().contains("2048 KiB"), "{error}");
            // That is this system's half of the test.
            eprintln!("no huge pages to map: {error}");
            return;
        }
    };
    assert_eq!(memory.page_size(), size);
    assert_eq!(memory.set_len(4096).unwrap_err().kind(), ErrorKind::InvalidInput);
    memory.set_len(2 << 20).unwrap();
    match memory.shared_mut() {
        Ok(mut map) => {
            assert_eq!(map.pages().page_size(), size);
            map.write_at((1 << 20) - 5, &[3; 10]).unwrap();
            let part = folio::MapOptions::new().offset((1 << 20) - 5).len(10);
            let part = memory.shared_with(&part).unwrap();
            assert_eq!(part.load::<[u8; 10]>(0).unwrap(), [3; 10]);
            match map.grow(4 << 20) {
                Ok(()) => {
                    map.write_at((4 << 20) - 1, &[4]).unwrap();
                    assert_eq!(map.load::<[u8; 10]>((1 << 20) - 5).unwrap(), [3; 10]);
                    map.shrink(2 << 20).unwrap();
                    assert_eq!(memory.len().unwrap(), 2 << 20);
                }
                Err(error) => {
                    assert!(
                        matches!(error.kind(), ErrorKind::NoSpace | ErrorKind::NoMemory),
                        "{error}"
                    );
                }
            }
        }
        // Others took the pages meanwhile.
        Err(error) => assert_eq!(error.kind(), ErrorKind::NoMemory, "{error}"),
    }
    let nonsense = PageSize::new(8192).unwrap();
    let error = MemfdOptions::new().huge_pages(nonsense).create("no").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn anonymous_memory_is_a_whole_shared_mut() {
    let mut memory = SharedMut::anonymous(100).unwrap();
    memory.write_at(90, b"ten bytes!").unwrap();
    memory.grow(1 << 20).unwrap();
    memory.allocate(0..1 << 20).unwrap();
    memory.flush().unwrap();
    memory.flush_async(0..100).unwrap();
    memory.shrink(95).unwrap();
    assert_eq!(memory.load::<[u8; 5]>(90).unwrap(), *b"ten b");
    assert!(SharedMut::anonymous(0).unwrap().is_empty());
    let error = SharedMut::anonymous(usize::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
}
