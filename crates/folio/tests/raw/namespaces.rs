use folio::raw::{Namespaces, observe, unshare};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen};

/// Nothing is left behind: a mount that is on no directory goes with its descriptor.
pub(crate) fn a_mount_of_ones_own_is_seen_by_nobody_else() {
    let namespace = || std::fs::read_link("/proc/self/ns/mnt").unwrap();
    let before = namespace();
    let seen = observe(|| {
        if unshare(Namespaces::UserAndMount).is_err() {
            return vec![0];
        }
        let tmpfs = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).unwrap();
        fsconfig_create(&tmpfs).unwrap();
        let root = fsmount(&tmpfs, FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty()).unwrap();
        let kind = rustix::fs::fstatfs(&root).unwrap().f_type;
        vec![1, u8::from(namespace() != before), u8::from(kind == 0x0102_1994)]
    });
    match seen.unwrap().bytes[..] {
        [0] => testfs::skip("a user namespace", "the kernel allows none"),
        [1, other, tmpfs] => assert_eq!((other, tmpfs), (1, 1)),
        ref bytes => panic!("{bytes:?}"),
    }
    assert_eq!(namespace(), before);
}
