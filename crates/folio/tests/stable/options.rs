//! What can be asked for at open, and the traits that others expect.

use std::borrow::Borrow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use folio::{
    Advice, ErrorKind, Frozen, Guarantee, HugePages, LockPages, Memfd, Private, Residency, Seals,
};
use testfs::Kind;

use crate::support::{first_wrong, only, patterned};

const GUARANTEES: [Guarantee; 3] = [Guarantee::Lease, Guarantee::Snapshot, Guarantee::Copied];

#[test]
fn every_option_works_under_every_guarantee() {
    testfs::each(&[Kind::Here, Kind::Tmpfs], |fs| {
        let path = patterned(fs.path(), "file", 1 << 20);
        for guarantee in GUARANTEES {
            let options = only(guarantee)
                .range(4096..)
                .populate()
                .no_reserve()
                .lock(LockPages::OnFault)
                .advice(Advice::Sequential)
                .huge_pages(HugePages::Never);
            let frozen = options.open_frozen(&path).unwrap();
            assert_eq!(first_wrong(&frozen, 4096), None);
            let draft = options.lock(LockPages::Now).open_private(&path).unwrap();
            assert_eq!(first_wrong(&draft, 4096), None);
            match frozen.pages().residency(..).unwrap() {
                Residency::Known(resident) => {
                    assert_eq!(resident.resident_pages(), resident.pages())
                }
                Residency::Unknown(why) => assert!(!why.to_string().is_empty()),
            }
        }
    });
}

#[test]
fn huge_pages_are_had_where_the_kernel_offers_them() {
    let scratch =
        folio::MapOptions::new().len(8 << 20).huge_pages(HugePages::Advise).anonymous_private();
    match scratch {
        Ok(scratch) => assert_eq!(scratch.len(), 8 << 20),
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(22), "{error}");
            testfs::skip("huge pages", "this kernel has none");
        }
    }
}

#[test]
fn a_sealed_memfd_needs_nothing_more() {
    let memfd = Memfd::create("sealed").unwrap();
    memfd.set_len(1 << 20).unwrap();
    memfd.shared_mut().unwrap().write_at(5000, b"written before").unwrap();
    // The kernel would grant a lease though the memfd is open for writing.
    let unsealed = memfd.frozen().unwrap();
    assert!(
        matches!(unsealed.guarantee(), Guarantee::Snapshot | Guarantee::Copied),
        "{unsealed:?}"
    );
    memfd.shared_mut().unwrap().write_at(5000, b"WRITTEN").unwrap();
    assert_eq!(&unsealed[5000..5014], b"written before");
    memfd.shared_mut().unwrap().write_at(5000, b"written").unwrap();
    memfd.seal(Seals::WRITE | Seals::SHRINK | Seals::GROW).unwrap();
    let frozen = only(Guarantee::Sealed).map_frozen(&memfd_file(&memfd)).unwrap();
    assert_eq!(frozen.guarantee(), Guarantee::Sealed);
    assert_eq!(&frozen[5000..5014], b"written before");
    let mut draft = only(Guarantee::Sealed).map_private(&memfd_file(&memfd)).unwrap();
    draft[5000] = b'W';
    assert_eq!(draft.changed().unwrap().as_slice(), std::slice::from_ref(&(5000..5001)));
    draft.revert(..).unwrap();
    assert_eq!(draft[5000], b'w');
}

fn memfd_file(memfd: &Memfd) -> std::fs::File {
    std::os::fd::AsFd::as_fd(memfd).try_clone_to_owned().unwrap().into()
}

#[test]
fn views_are_checked() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 16);
    let file = Frozen::open(&path).unwrap();
    assert_eq!(file.view::<[u8; 8]>(8).unwrap(), &crate::support::word_at(8));
    assert_eq!(file.view::<u64>(16).unwrap().to_ne_bytes(), crate::support::word_at(16));
    assert_eq!(file.view_slice::<u64>(0, 8192).unwrap().len(), 8192);
    assert_eq!(file.view::<u64>(1).unwrap_err().kind(), ErrorKind::Misaligned);
    assert_eq!(file.view::<u64>((1 << 16) - 7).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(file.view::<u8>(usize::MAX).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(file.view_slice::<u64>(8, 8192).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(file.view_slice::<u64>(8, usize::MAX).unwrap_err().kind(), ErrorKind::OutOfRange);
    assert_eq!(file.view_slice::<u16>(3, 1).unwrap_err().kind(), ErrorKind::Misaligned);
    assert_eq!(file.slice(..=(1 << 16)).unwrap_err().kind(), ErrorKind::OutOfRange);
}

#[test]
fn a_frozen_is_shared_hashed_and_compared_by_its_bytes() {
    fn send_sync<T: Send + Sync + std::fmt::Debug + 'static>(_: &T) {}
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 16);
    let (leased, copied) =
        (only(Guarantee::Lease).open_frozen(&path).unwrap(), Frozen::open(&path).unwrap());
    send_sync(&leased);
    send_sync(&Private::open(&path).unwrap());
    assert_eq!(leased, copied);
    let hash = |bytes: &dyn Fn(&mut DefaultHasher)| {
        let mut hasher = DefaultHasher::new();
        bytes(&mut hasher);
        hasher.finish()
    };
    assert_eq!(hash(&|hasher| leased.hash(hasher)), hash(&|hasher| copied[..].hash(hasher)));
    let _: &[u8] = leased.borrow();
    let shared = Arc::new(leased);
    let sums: Vec<u64> = std::thread::scope(|scope| {
        let sum = || shared.iter().map(|&byte| u64::from(byte)).sum();
        let threads = [scope.spawn(sum), scope.spawn(sum)];
        threads.map(|thread| thread.join().unwrap()).to_vec()
    });
    assert_eq!(sums[0], sums[1]);
}

#[cfg(feature = "bytes")]
#[test]
fn bytes_share_the_mapping() {
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 1 << 20);
    let frozen = only(Guarantee::Lease).open_frozen(&path).unwrap();
    let address = frozen.as_ptr();
    let bytes = bytes::Bytes::from(frozen);
    assert_eq!(bytes.as_ptr(), address);
    let tail = bytes.slice(8..);
    drop(bytes);
    std::fs::write(&path, b"other").unwrap();
    assert_eq!(first_wrong(&tail, 8), None);
}

#[cfg(feature = "stable_deref")]
#[test]
fn the_bytes_stay_where_they_are() {
    fn address<T: stable_deref_trait::CloneStableDeref<Target = [u8]>>(bytes: T) -> [*const u8; 2] {
        let before = bytes.as_ptr();
        let clone = bytes.clone();
        let boxed = Box::new(bytes);
        assert_eq!(clone.as_ptr(), before);
        [before, boxed.as_ptr()]
    }
    let fs = testfs::FileSystem::new(Kind::Here).unwrap();
    let path = patterned(fs.path(), "file", 4096);
    let [before, after] = address(Frozen::open(&path).unwrap());
    assert_eq!(before, after);
}
