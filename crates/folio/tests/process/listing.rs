use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use folio::ErrorKind;
use folio::process::{Mapping, MappingsVia, Object, Process, Protection, Sharing};
use folio::raw::{self, Advice, MapFlags};

use crate::child::Waiting;

const PAGE: usize = 4096;
const READ: Protection = Protection::READ;
const READ_WRITE: Protection = READ.union(Protection::WRITE);

fn file_of(path: &PathBuf, pages: usize) -> File {
    fs::write(path, vec![7; pages * PAGE]).unwrap();
    File::options().read(true).write(true).open(path).unwrap()
}

fn map(file: &File, pages: usize, sharing: Sharing) -> raw::Mapping {
    raw::Mapping::file(file, 0, pages * PAGE, READ_WRITE, sharing, MapFlags::empty()).unwrap()
}

fn listed(child: &Waiting, via: MappingsVia) -> Vec<Mapping> {
    Process::open(child.pid()).unwrap().mappings(via).unwrap()
}

fn with_object<'a>(mappings: &'a [Mapping], object: &Object) -> Vec<&'a Mapping> {
    mappings.iter().filter(|mapping| mapping.object == *object).collect()
}

pub(crate) fn is_the_same_by_query_and_from_text() {
    let dir = tempfile::tempdir().unwrap();
    let file = file_of(&dir.path().join("two\nlines"), 3);
    let child =
        Waiting::after(|| (map(&file, 3, Sharing::Shared), map(&file, 2, Sharing::Private)));
    let by_query = listed(&child, MappingsVia::Best);
    let from_text = listed(&child, MappingsVia::Text);
    assert!(by_query.len() > 10);
    assert_eq!(by_query, from_text);
    let figures = Process::open(child.pid()).unwrap().usage().unwrap();
    assert!(figures.iter().map(|found| &found.mapping).eq(&by_query));
    assert!(by_query.is_sorted_by(|a, b| a.addresses.end <= b.addresses.start));
}

pub(crate) fn tells_every_kind_of_mapping() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let file = file_of(&path, 4);
    let memfd =
        File::from(rustix::fs::memfd_create("a name", rustix::fs::MemfdFlags::CLOEXEC).unwrap());
    memfd.set_len(PAGE as u64).unwrap();
    let gone_path = dir.path().join("gone");
    let gone = file_of(&gone_path, 1);
    fs::remove_file(&gone_path).unwrap();
    let nothing = || raw::Mapping::anonymous(PAGE, READ_WRITE, Sharing::Shared, MapFlags::empty());
    let child = Waiting::after(|| {
        let second_half = raw::Mapping::file(
            &file,
            2 * PAGE as u64,
            2 * PAGE,
            READ,
            Sharing::Private,
            MapFlags::empty(),
        );
        (
            second_half.unwrap(),
            map(&memfd, 1, Sharing::Shared),
            map(&gone, 1, Sharing::Shared),
            nothing().unwrap(),
        )
    });
    let found = listed(&child, MappingsVia::Best);
    let [data] = with_object(&found, &Object::File(path.clone()))[..] else { panic!("{found:#?}") };
    assert_eq!((data.offset, data.len()), (2 * PAGE as u64, 2 * PAGE as u64));
    assert_eq!((data.protection, data.sharing), (Protection::READ, Sharing::Private));
    assert_eq!(data.path(), Some(path.as_path()));
    let [memory] = with_object(&found, &Object::Memfd("a name".into()))[..] else {
        panic!("{found:#?}")
    };
    assert_eq!(memory.protection, Protection::READ | Protection::WRITE);
    assert_eq!(memory.sharing, Sharing::Shared);
    assert_eq!(with_object(&found, &Object::Deleted(gone_path)).len(), 1);
    assert!(!with_object(&found, &Object::SharedAnonymous(None)).is_empty());
    assert_eq!(with_object(&found, &Object::Stack).len(), 1);
    assert_eq!(with_object(&found, &Object::Kernel("vdso".into())).len(), 1);
    assert!(with_object(&found, &Object::Kernel("vsyscall".into())).is_empty());
}

/// A newline is `\012` in the text, and so are these four characters themselves.
pub(crate) fn gives_names_back_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let names: [&[u8]; 4] =
        [b"new\nline", b"new\\012line", b"\xff\\n\x1b[31m", b"trailing (deleted)"];
    let files: Vec<_> =
        names.iter().map(|name| file_of(&dir.path().join(OsStr::from_bytes(name)), 1)).collect();
    let child = Waiting::after(|| {
        files.iter().map(|file| map(file, 1, Sharing::Shared)).collect::<Vec<_>>()
    });
    for via in [MappingsVia::Best, MappingsVia::Text] {
        let found = listed(&child, via);
        let expected = dir.path().join(OsStr::from_bytes(names[0]));
        assert!(!with_object(&found, &Object::File(expected)).is_empty(), "{via:?}");
        let expected = dir.path().join(OsStr::from_bytes(names[2]));
        assert_eq!(with_object(&found, &Object::File(expected)).len(), 1, "{via:?}");
        // What the documentation says of such a name.
        let expected = dir.path().join("trailing");
        assert_eq!(with_object(&found, &Object::Deleted(expected)).len(), 1, "{via:?}");
    }
    let exact = dir.path().join(OsStr::from_bytes(names[1]));
    let found = listed(&child, MappingsVia::Best);
    match with_object(&found, &Object::File(exact)).len() {
        1 => {}
        _ => testfs::skip("PROCMAP_QUERY", "the text alone does not tell these names apart"),
    }
}

/// Each page of another protection is a mapping of its own; `vm.max_map_count` is 65530 unless it was changed.
pub(crate) fn has_room_for_as_many_mappings_as_the_kernel_allows() {
    let limit: usize =
        fs::read_to_string("/proc/sys/vm/max_map_count").unwrap().trim().parse().unwrap();
    let wanted = limit.min(65_530).saturating_sub(200);
    let child = Waiting::after(|| {
        let mapping = raw::Mapping::anonymous(
            wanted * PAGE,
            READ_WRITE,
            Sharing::Private,
            MapFlags::NORESERVE,
        )
        .unwrap();
        for page in (0..wanted).step_by(2) {
            mapping.advise(page * PAGE..(page + 1) * PAGE, Advice::DontDump).unwrap();
        }
        mapping
    });
    let by_query = listed(&child, MappingsVia::Best);
    assert!(by_query.len() >= wanted, "{} of {wanted}", by_query.len());
    assert_eq!(by_query, listed(&child, MappingsVia::Text));
    assert_eq!(Process::open(child.pid()).unwrap().usage().unwrap().len(), by_query.len());
}

pub(crate) fn tells_build_ids() {
    let process = Process::current().unwrap();
    let mappings = process.mappings(MappingsVia::Best).unwrap();
    let libc = mappings.iter().find(|mapping| {
        mapping.path().is_some_and(|path| path.to_string_lossy().contains("libc.so"))
    });
    let Some(libc) = libc else { return testfs::skip("build ids", "no libc.so is mapped") };
    match process.build_id(libc.addresses.start).unwrap() {
        Some(id) => assert!((8..=20).contains(&id.len()), "{id:x?}"),
        None => testfs::skip("build ids", "the kernel tells none"),
    }
    let nothing = process.build_id(0);
    assert!(nothing.is_err() || nothing.unwrap().is_none());
}

pub(crate) fn opens_the_file_that_is_mapped() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let file = file_of(&path, 1);
    let child = Waiting::after(|| map(&file, 1, Sharing::Shared));
    let process = Process::open(child.pid()).unwrap();
    let object = Object::File(path.clone());
    let mappings = process.mappings(MappingsVia::Best).unwrap();
    let [mapping] = with_object(&mappings, &object)[..] else { panic!("{mappings:#?}") };
    let mut opened = process.open_mapped(mapping).unwrap();
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut opened, &mut bytes).unwrap();
    assert_eq!(bytes, vec![7; PAGE]);
    // Another file under the name is not taken for it.
    fs::rename(&path, dir.path().join("moved")).unwrap();
    fs::write(&path, b"another").unwrap();
    match process.open_mapped(mapping) {
        Ok(mut opened) => {
            bytes.clear();
            std::io::Read::read_to_end(&mut opened, &mut bytes).unwrap();
            assert_eq!(bytes, vec![7; PAGE], "the kernel has the file itself");
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Conflict),
    }
}
