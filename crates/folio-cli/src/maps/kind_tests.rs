//! The mappings of this test itself, of which it knows what they are for.

use std::sync::atomic::{AtomicU64, Ordering};

use folio::process::MappingsVia;

use super::*;

static INITIALISED: AtomicU64 = AtomicU64::new(7);
static ZEROS: [AtomicU64; 1 << 16] = [const { AtomicU64::new(0) }; 1 << 16];
static CONSTANT: [u64; 1 << 10] = [3; 1 << 10];
/// Addresses, which the loader has to write.
static RELOCATED: [&AtomicU64; 1 << 10] = [&INITIALISED; 1 << 10];

/// The mappings, and what each is for.
fn own(images: impl Fn(&Process, &[&Mapping]) -> Images) -> Vec<(Mapping, Kind)> {
    let process = Process::current().unwrap();
    let mappings = process.mappings(MappingsVia::Best).unwrap();
    let all: Vec<_> = mappings.iter().collect();
    let kinds = kinds(&all, &images(&process, &all));
    mappings.into_iter().zip(kinds).collect()
}

fn at(own: &[(Mapping, Kind)], address: usize) -> Kind {
    let address = address as u64;
    own.iter().find(|(mapping, _)| mapping.addresses.contains(&address)).expect("it is mapped").1
}

fn check_statics(own: &[(Mapping, Kind)]) {
    let text = check_statics as fn(&[(Mapping, Kind)]) as usize;
    assert_eq!(at(own, text), Kind::Program(Part::Text));
    assert_eq!(at(own, &raw const CONSTANT[500] as usize), Kind::Program(Part::Constants));
    assert_eq!(at(own, &raw const INITIALISED as usize), Kind::Program(Part::Data));
    assert_eq!(at(own, &raw const ZEROS[1 << 15] as usize), Kind::Program(Part::Bss));
}

#[test]
fn statics_are_in_the_parts_that_they_are_for() {
    INITIALISED.fetch_add(1, Ordering::Relaxed);
    ZEROS[1 << 15].store(1, Ordering::Relaxed);
    let own = own(Images::of);
    check_statics(&own);
    assert_eq!(at(&own, &raw const RELOCATED[500] as usize), Kind::Program(Part::Relocated));
}

#[test]
fn protections_and_neighbours_do_where_a_file_cannot_be_read() {
    let unread = |process: &Process, mappings: &[&Mapping]| {
        let mut images = Images::of(process, mappings);
        for image in images.0.values_mut() {
            image.layout = None;
        }
        images
    };
    check_statics(&own(unread));
    let (read, guessed) = (own(Images::of), own(unread));
    let libc = |(mapping, _): &&(Mapping, Kind)| {
        mapping.path().is_some_and(|path| path.to_string_lossy().contains("/libc.so"))
    };
    let kinds = |own: &[(Mapping, Kind)]| {
        own.iter().filter(libc).map(|(_, kind)| *kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds(&read), kinds(&guessed));
    for part in [Part::Text, Part::Constants, Part::Relocated, Part::Data] {
        assert!(kinds(&read).contains(&Kind::Library(part)), "{part:?}");
    }
}

#[test]
fn what_is_no_part_of_an_image_is_told_by_its_name() {
    let memory = folio::Memfd::create("kinds").unwrap();
    memory.set_len(1 << 16).unwrap();
    let shared = folio::Shared::from_file(&memory).unwrap();
    let heap = vec![1u8; 1 << 20];
    let own = own(Images::of);
    assert_eq!(at(&own, heap.as_ptr() as usize), Kind::Anonymous);
    assert!(own.iter().any(|(mapping, kind)| *kind == Kind::SharedMemory
        && mapping.object == Object::Memfd("kinds".into())));
    assert!(own.iter().any(|(_, kind)| *kind == Kind::Stack));
    assert!(own.iter().any(|(_, kind)| *kind == Kind::Kernel));
    assert_eq!(shared.len(), 1 << 16);
}

#[test]
fn a_program_that_is_mapped_to_be_read_is_a_file() {
    let program = std::env::current_exe().unwrap();
    let read = folio::Shared::open(&program).unwrap();
    let own = own(Images::of);
    let len = (read.len() as u64).next_multiple_of(rustix::param::page_size() as u64);
    let whole = |mapping: &Mapping| mapping.path() == Some(&program) && mapping.len() == len;
    let found: Vec<_> = own.iter().filter(|(mapping, _)| whole(mapping)).collect();
    assert!(!found.is_empty());
    assert!(found.iter().all(|(_, kind)| *kind == Kind::File), "{found:?}");
    check_statics(&own);
}

/// Of a small module, the page where the constants end is also the first of the relocated ones, and both may be read only.
#[test]
fn a_page_of_the_file_that_is_in_two_parts_is_told_by_its_address() {
    const PAGE: u64 = 4096;
    const BASE: u64 = 0x7f00_0000_0000;
    let file = FileId { major: 8, minor: 1, inode: 7 };
    let area = |page: u64, offset: u64, access, part| Area {
        addresses: page * PAGE..(page + 1) * PAGE,
        backing: Backing::File(offset * PAGE),
        access,
        part,
        segment: 0,
    };
    let read = Access::READ;
    let layout = ElfLayout {
        page: PAGE,
        loader: Loader::Glibc,
        placed: Vec::new(),
        unplaceable: Vec::new(),
        relro: None,
        areas: vec![
            area(0, 0, read, Part::Constants),
            area(1, 1, read.and(Access::EXECUTE), Part::Text),
            area(2, 2, read, Part::Constants),
            area(3, 2, read, Part::Relocated),
            area(4, 3, read.and(Access::WRITE), Part::Data),
        ],
    };
    let read = Protection::READ;
    let mappings = [
        (0, 0, read),
        (1, 1, read | Protection::EXEC),
        (2, 2, read),
        (3, 2, read),
        (4, 3, read | Protection::WRITE),
        // And somebody reads the file as a whole.
        (100, 0, read),
    ]
    .map(|(page, offset, protection)| Mapping {
        addresses: BASE + page * PAGE..BASE + (page + 1) * PAGE,
        protection,
        sharing: Sharing::Private,
        offset: offset * PAGE,
        file: Some(file),
        object: Object::File("/module.so".into()),
    });
    let image = Image { role: Role::Library, layout: Some(layout), biases: vec![BASE] };
    let images = Images(HashMap::from([(file, image)]));
    let library = [Part::Constants, Part::Text, Part::Constants, Part::Relocated, Part::Data];
    let expected: Vec<_> = library.map(Kind::Library).into_iter().chain([Kind::File]).collect();
    assert_eq!(kinds(&mappings.each_ref(), &images), expected);
}
