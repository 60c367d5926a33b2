//! One mapping of a process, as the kernel describes it.

use core::ops::Range;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use crate::protection::{Protection, Sharing};

/// A range of addresses of a process, and what is mapped there; proc_pid_maps(5).
///
/// ```
/// use folio::process::{MappingsVia, Process, Protection};
/// for mapping in Process::current()?.mappings(MappingsVia::Best)? {
///     if mapping.protection.contains(Protection::WRITE | Protection::EXEC) {
///         println!("{:x?}: code that can be changed", mapping.addresses);
///     }
///     # assert!(mapping.file.is_some() || mapping.offset == 0);
/// }
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The addresses, whole pages.
    pub addresses: Range<u64>,
    /// What the process may do with them.
    pub protection: Protection,
    /// Whether stores reach what is behind the mapping.
    pub sharing: Sharing,
    /// Where in the file the mapping begins, in bytes; 0 without a file.
    pub offset: u64,
    /// The file, or the memory that the kernel keeps as one; `None` for memory of the process's own.
    pub file: Option<FileId>,
    /// What is mapped.
    pub object: Object,
}

impl Mapping {
    /// The length in bytes.
    ///
    /// ```
    /// use folio::process::{MappingsVia, Process};
    /// let mappings = Process::current()?.mappings(MappingsVia::Best)?;
    /// let virtual_size: u64 = mappings.iter().map(|mapping| mapping.len()).sum(); // in bytes
    /// assert!(virtual_size > Process::current()?.rollup()?.resident); // most of it is no memory yet
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "the kernel maps no empty range")]
    pub fn len(&self) -> u64 {
        self.addresses.end - self.addresses.start
    }

    /// The bytes of the file that are mapped, the last of them perhaps after its end; `None` where there is no file.
    ///
    /// ```
    /// use folio::process::{MappingsVia, Process};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().canonicalize()?.join("f"); std::fs::write(&path, b"hello")?;
    /// let shared = folio::Shared::open(&path)?;
    /// let mappings = Process::current()?.mappings(MappingsVia::Best)?;
    /// let found = mappings.iter().find(|found| found.path() == Some(&path)).expect("it is mapped");
    /// assert_eq!(found.file_range(), Some(0..found.len())); // a whole page, of which the file has 5 bytes
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn file_range(&self) -> Option<Range<u64>> {
        self.file.map(|_| self.offset..self.offset.saturating_add(self.len()))
    }

    /// The address of byte `offset` of the file, if it is mapped here.
    ///
    /// ```
    /// use folio::process::{MappingsVia, Process};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().canonicalize()?.join("f"); std::fs::write(&path, b"hello")?;
    /// let shared = folio::Shared::open(&path)?;
    /// let mappings = Process::current()?.mappings(MappingsVia::Best)?;
    /// let found = mappings.iter().find(|found| found.path() == Some(&path)).expect("it is mapped");
    /// assert_eq!(found.address_of(3), Some(shared.as_ptr().addr() as u64 + 3));
    /// assert_eq!(found.address_of(1 << 30), None); // not in this mapping
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn address_of(&self, offset: u64) -> Option<u64> {
        let range = self.file_range().filter(|range| range.contains(&offset))?;
        Some(self.addresses.start + (offset - range.start))
    }

    /// The path of the file, where it has one, deleted or not.
    ///
    /// ```
    /// use folio::process::{MappingsVia, Object, Process};
    /// # let dir = tempfile::tempdir()?; let path = dir.path().canonicalize()?.join("f"); std::fs::write(&path, b"hello")?;
    /// let shared = folio::Shared::open(&path)?;
    /// std::fs::remove_file(&path)?;
    /// let mappings = Process::current()?.mappings(MappingsVia::Best)?;
    /// let found = mappings.iter().find(|found| found.path() == Some(&path)).expect("it still is mapped");
    /// assert!(matches!(found.object, Object::Deleted(_)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.object {
            Object::File(path) | Object::Deleted(path) => Some(path),
            _ => None,
        }
    }
}

/// Which file it is, as the kernel numbers it. Two mappings with the same show the same file.
///
/// On btrfs and overlayfs the device is not the one that stat(2) tells.
///
/// ```
/// use std::collections::BTreeMap;
/// use folio::process::{MappingsVia, Process};
/// let mut bytes = BTreeMap::new();
/// for mapping in Process::current()?.mappings(MappingsVia::Best)? {
///     if let Some(file) = mapping.file {
///         *bytes.entry(file).or_insert(0) += mapping.len(); // of one file under whichever name
///     }
/// }
/// # assert!(!bytes.is_empty());
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// The major number of the device.
    pub major: u32,
    /// The minor number of the device.
    pub minor: u32,
    /// The number of the inode.
    pub inode: u64,
}

/// What is mapped.
///
/// ```
/// use folio::process::{MappingsVia, Object, Process};
/// let memfd = folio::Memfd::create("frames")?;
/// memfd.set_len(4096)?;
/// let shared = memfd.shared()?;
/// let mappings = Process::current()?.mappings(MappingsVia::Best)?;
/// assert!(mappings.iter().any(|mapping| mapping.object == Object::Memfd("frames".into())));
/// assert!(mappings.iter().any(|mapping| mapping.object == Object::Stack));
/// # Ok::<(), folio::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Object {
    /// A file with this path, as the process itself would name it: another mount namespace may have another file there.
    File(PathBuf),
    /// A file that has no name any more; the path is the last one. (A file whose name ends in " (deleted)" looks the same.)
    Deleted(PathBuf),
    /// A file of memfd_create(2), by its name.
    Memfd(OsString),
    /// Memory that is shared with children: `MAP_SHARED | MAP_ANONYMOUS`. The name is what prctl(2) gave it.
    SharedAnonymous(Option<OsString>),
    /// A segment of shmget(2), by its key.
    SystemV(OsString),
    /// Huge pages from the pool, without a file of hugetlbfs: `MAP_HUGETLB | MAP_ANONYMOUS`.
    HugeAnonymous,
    /// Memory below brk(2).
    Heap,
    /// The stack of the first thread.
    Stack,
    /// Pages that the kernel puts there: `vdso`, `vvar`, `uprobes`.
    Kernel(OsString),
    /// Memory of the process's own; the name is what prctl(2) (`PR_SET_VMA_ANON_NAME`) gave it.
    Anonymous(Option<OsString>),
    /// Something that is no file of a file system: `anon_inode:[io_uring]`, `socket:[1234]`.
    Other(OsString),
}

impl Object {
    /// What the kernel's name for it means. `name` is as `PROCMAP_QUERY` gives it, without escapes.
    pub(super) fn parse(name: &[u8]) -> Self {
        let os = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
        let path = |bytes: &[u8]| PathBuf::from(os(bytes));
        if let Some(rest) = name.strip_suffix(b" (deleted)") {
            return match rest {
                b"/dev/zero" => Self::SharedAnonymous(None),
                b"/anon_hugepage" => Self::HugeAnonymous,
                _ => match (rest.strip_prefix(b"/memfd:"), rest.strip_prefix(b"/SYSV")) {
                    (Some(memfd), _) => Self::Memfd(os(memfd)),
                    (_, Some(key)) if key.len() == 8 => Self::SystemV(os(key)),
                    _ => Self::Deleted(path(rest)),
                },
            };
        }
        match name {
            b"" => Self::Anonymous(None),
            b"[heap]" => Self::Heap,
            b"[stack]" => Self::Stack,
            [b'/', ..] => Self::File(path(name)),
            [b'[', special @ .., b']'] => {
                match (special.strip_prefix(b"anon:"), special.strip_prefix(b"anon_shmem:")) {
                    (Some(name), _) => Self::Anonymous(Some(os(name))),
                    (_, Some(name)) => Self::SharedAnonymous(Some(os(name))),
                    _ => Self::Kernel(os(special)),
                }
            }
            other => Self::Other(os(other)),
        }
    }

    /// Its name as a person would give it: a path, `memfd:NAME`, `[heap]`.
    ///
    /// ```
    /// use folio::process::Object;
    /// assert_eq!(Object::File("/bin/cat".into()).name(), "/bin/cat");
    /// assert_eq!(Object::Memfd("frames".into()).name(), "memfd:frames");
    /// assert_eq!(Object::Anonymous(None).name(), "[anonymous]"); // where proc_pid_maps(5) has no name
    /// ```
    #[must_use]
    pub fn name(&self) -> OsString {
        let joined = |before: &[u8], name: &OsString, after: &[u8]| {
            OsString::from_vec([before, name.as_bytes(), after].concat())
        };
        match self {
            Self::File(path) | Self::Deleted(path) => path.clone().into_os_string(),
            Self::Memfd(name) => joined(b"memfd:", name, b""),
            Self::SharedAnonymous(None) => "[shared]".into(),
            Self::SharedAnonymous(Some(name)) => joined(b"[shared:", name, b"]"),
            Self::SystemV(key) => joined(b"[shm:", key, b"]"),
            Self::HugeAnonymous => "[huge]".into(),
            Self::Heap => "[heap]".into(),
            Self::Stack => "[stack]".into(),
            Self::Kernel(name) => joined(b"[", name, b"]"),
            Self::Anonymous(None) => "[anonymous]".into(),
            Self::Anonymous(Some(name)) => joined(b"[anonymous:", name, b"]"),
            Self::Other(name) => name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_names_say_what_is_mapped() {
        for (name, object, shown) in [
            ("", Object::Anonymous(None), "[anonymous]"),
            ("/usr/bin/cat", Object::File("/usr/bin/cat".into()), "/usr/bin/cat"),
            ("/tmp/a (deleted)", Object::Deleted("/tmp/a".into()), "/tmp/a"),
            ("/memfd:x y (deleted)", Object::Memfd("x y".into()), "memfd:x y"),
            ("/dev/zero (deleted)", Object::SharedAnonymous(None), "[shared]"),
            ("/SYSV00000001 (deleted)", Object::SystemV("00000001".into()), "[shm:00000001]"),
            ("/SYSVINIT (deleted)", Object::Deleted("/SYSVINIT".into()), "/SYSVINIT"),
            ("/anon_hugepage (deleted)", Object::HugeAnonymous, "[huge]"),
            ("[heap]", Object::Heap, "[heap]"),
            ("[stack]", Object::Stack, "[stack]"),
            ("[vdso]", Object::Kernel("vdso".into()), "[vdso]"),
            ("[anon:pool]", Object::Anonymous(Some("pool".into())), "[anonymous:pool]"),
            ("[anon_shmem:q]", Object::SharedAnonymous(Some("q".into())), "[shared:q]"),
            (
                "anon_inode:[io_uring]",
                Object::Other("anon_inode:[io_uring]".into()),
                "anon_inode:[io_uring]",
            ),
        ] {
            assert_eq!(Object::parse(name.as_bytes()), object, "{name}");
            assert_eq!(object.name(), shown, "{name}");
        }
    }

    #[test]
    fn bytes_of_the_file_have_addresses() {
        let mapping = Mapping {
            addresses: 0x10000..0x13000,
            protection: Protection::READ,
            sharing: Sharing::Private,
            offset: 0x5000,
            file: Some(FileId { major: 8, minor: 1, inode: 7 }),
            object: Object::File("/f".into()),
        };
        assert_eq!(mapping.file_range(), Some(0x5000..0x8000));
        assert_eq!(mapping.address_of(0x5001), Some(0x10001));
        assert_eq!((mapping.address_of(0x4fff), mapping.address_of(0x8000)), (None, None));
    }
}
