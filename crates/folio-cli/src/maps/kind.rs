//! What each mapping of a process is for: text, constants, data or bss of the program or a library, heap, stack, …
//!
//! The kernel knows files, offsets and protections. What a part of a program is for is in its ELF file, so that is read for each file
//! that is mapped to be run ([`Images`]): where the same page of the file is mapped read-only and by a segment that may be
//! written, it was relocated; memory without a file that lies where the file's segments go on with zeros is bss. Where the file cannot
//! be read, protections and neighbours have to do.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use folio::process::{FileId, Mapping, Object, Process, Protection, Sharing};

pub(crate) use super::exe::layout::Part;
use super::exe::layout::{Access, Area, Backing, Loader};
use super::exe::program::ElfLayout;

/// What a mapping is for. In the order in which a person wants to see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A part of the program that runs.
    Program(Part),
    /// A part of a library, the dynamic linker among them.
    Library(Part),
    /// Memory below brk(2), where malloc(3) begins.
    Heap,
    /// The stack of a thread: of the first, and of others where the kernel tells.
    Stack,
    /// Memory of the process's own: what malloc(3) asks mmap(2) for.
    Anonymous,
    /// Memory that processes share and that is no file on a disk.
    SharedMemory,
    /// A file that is mapped as data.
    File,
    /// Addresses that are kept and may not be touched: guard pages, room for later.
    Reserved,
    /// Pages that the kernel puts there.
    Kernel,
    /// Memory of a device, and other things that are no files.
    Other,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(part) => write!(f, "program {}", part.words()),
            Self::Library(part) => write!(f, "library {}", part.words()),
            Self::Heap => f.write_str("heap"),
            Self::Stack => f.write_str("stack"),
            Self::Anonymous => f.write_str("anonymous"),
            Self::SharedMemory => f.write_str("shared memory"),
            Self::File => f.write_str("files"),
            Self::Reserved => f.write_str("reserved"),
            Self::Kernel => f.write_str("kernel's pages"),
            Self::Other => f.write_str("other"),
        }
    }
}

/// Whose part it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Program,
    Library,
}

impl Role {
    fn kind(self, part: Part) -> Kind {
        match self {
            Self::Program => Kind::Program(part),
            Self::Library => Kind::Library(part),
        }
    }
}

/// A file that is mapped to be run.
#[derive(Debug)]
struct Image {
    role: Role,
    /// `None` where the file could not be read, or is no ELF file.
    layout: Option<ElfLayout>,
    /// What is added to the addresses of its headers, for each place where its text is.
    biases: Vec<u64>,
}

/// The files of a process that are mapped to be run.
#[derive(Debug, Default)]
pub(crate) struct Images(HashMap<FileId, Image>);

impl Images {
    /// Find them among `mappings`, all those of `process`, and read their headers.
    pub(crate) fn of(process: &Process, mappings: &[&Mapping]) -> Self {
        let program = process.program().ok().flatten();
        let mut images = HashMap::new();
        for mapping in mappings.iter().filter(|mapping| runs(mapping)) {
            let Some(file) = mapping.file else { continue };
            let image = images
                .entry(file)
                .or_insert_with(|| Image::open(process, mapping, program.as_deref()));
            let bias = image.area(mapping, |_| true).map(|(_, bias)| bias);
            image.biases.extend(bias);
        }
        Self(images)
    }
}

impl Image {
    /// The file of `mapping`.
    fn open(process: &Process, mapping: &Mapping, program: Option<&Path>) -> Self {
        let page = rustix::param::page_size() as u64;
        let is_program = program.is_some() && program == path_in_link(mapping).as_deref();
        let (role, loader) = if is_program {
            (Role::Program, Loader::Kernel)
        } else {
            (Role::Library, Loader::Glibc)
        };
        let file = process.open_mapped(mapping).ok();
        let layout = file.and_then(|file| ElfLayout::open(&file, loader, page));
        Self { role, layout, biases: Vec::new() }
    }

    /// The part of the file that `mapping` shows, and what was added to its addresses, if that `is_known`. The same page of it
    /// may be in two: the end of the constants, the beginning of the relocated ones; then the address tells, and where that is
    /// not known yet the protection.
    fn area(&self, mapping: &Mapping, is_known: impl Fn(u64) -> bool) -> Option<(&Area, u64)> {
        let access = access(mapping.protection);
        let areas = self.layout.as_ref()?.areas_of_file(mapping.offset);
        areas
            .filter_map(|area| Some((area, bias(mapping, area)?)))
            .filter(|(_, bias)| is_known(*bias))
            .max_by_key(|(area, _)| likeness(area, access))
    }
}

/// Whether it is the part of a file that is mapped to be run; a file that has none is just a file.
fn runs(mapping: &Mapping) -> bool {
    mapping.sharing == Sharing::Private && mapping.protection.contains(Protection::EXEC)
}

/// The path as the link /proc/PID/exe has it.
fn path_in_link(mapping: &Mapping) -> Option<PathBuf> {
    match &mapping.object {
        Object::File(path) => Some(path.clone()),
        Object::Deleted(path) => {
            let mut name = path.clone().into_os_string();
            name.push(" (deleted)");
            Some(name.into())
        }
        _ => None,
    }
}

/// What each of `mappings` is for; all those of one process, by ascending address.
pub(crate) fn kinds(mappings: &[&Mapping], images: &Images) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::with_capacity(mappings.len());
    // The image that was last passed: memory without a file may belong to it.
    let mut last: Option<Instance<'_>> = None;
    for (index, mapping) in mappings.iter().enumerate() {
        let next = mappings.get(index + 1).copied();
        let private = mapping.file.filter(|_| mapping.sharing == Sharing::Private);
        let image = private.and_then(|file| images.0.get(&file));
        let kind =
            if let Some(instance) = image.and_then(|image| Instance::of(image, mapping, next)) {
                let kind = instance.image.role.kind(instance.part);
                last = Some(instance);
                kind
            } else {
                let zeros = last.as_mut().and_then(|last| last.zeros(mapping));
                zeros.unwrap_or_else(|| without_image(mapping))
            };
        kinds.push(kind);
    }
    kinds
}

/// A place that an image is mapped at.
#[derive(Debug)]
struct Instance<'a> {
    image: &'a Image,
    /// What the addresses of its headers are increased by, if that is known.
    bias: Option<u64>,
    /// Where it ends so far.
    end: u64,
    /// The part that ends there.
    part: Part,
}

impl<'a> Instance<'a> {
    /// The part of `image` that `mapping` shows; `None` if the file is mapped there as any other would be, to be read.
    fn of(image: &'a Image, mapping: &Mapping, next: Option<&Mapping>) -> Option<Self> {
        let end = mapping.addresses.end;
        if mapping.protection.is_empty() {
            // ld.so keeps gaps by leaving them to the mapping that it began with, which is the file's.
            return Some(Self { image, bias: None, end, part: Part::Gap });
        }
        if image.layout.is_none() {
            return Some(Self { image, bias: None, end, part: guess(mapping, next) });
        }
        let (area, bias) = image.area(mapping, |bias| image.biases.contains(&bias))?;
        Some(Self { image, bias: Some(bias), end, part: area.part })
    }

    /// What `mapping` is, if it belongs to the image though it has no file.
    fn zeros(&mut self, mapping: &Mapping) -> Option<Kind> {
        let anonymous = matches!(mapping.object, Object::Anonymous(None) | Object::Heap);
        if !anonymous || mapping.sharing != Sharing::Private {
            return None;
        }
        let part = match (&self.image.layout, self.bias) {
            (Some(layout), Some(bias)) => {
                let at = mapping.addresses.start.wrapping_sub(bias);
                let area = layout.areas.iter().find(|area| area.addresses.contains(&at))?;
                // Where the heap goes on without a gap, the kernel calls all of it heap; so does whoever reads this.
                if mapping.object == Object::Heap || area.backing != Backing::Zeros {
                    return None;
                }
                area.part
            }
            // Nothing else is put just behind a segment that may be written.
            _ if mapping.object != Object::Heap
                && mapping.addresses.start == self.end
                && self.part == Part::Data
                && mapping.protection.contains(Protection::WRITE) =>
            {
                Part::Bss
            }
            _ => return None,
        };
        self.end = mapping.addresses.end;
        self.part = part;
        Some(self.image.role.kind(part))
    }
}

/// How well the protection of an area fits that of a mapping.
fn likeness(area: &Area, access: Access) -> u8 {
    if area.access == access {
        2
    } else if area.part == Part::Relocated && access.allows(Access::WRITE) {
        1
    } else {
        0
    }
}

/// What an area's addresses are increased by where `mapping` shows it.
fn bias(mapping: &Mapping, area: &Area) -> Option<u64> {
    let Range { start, .. } = area.file()?;
    let into = mapping.offset.checked_sub(start)?;
    Some(mapping.addresses.start.wrapping_sub(area.addresses.start.wrapping_add(into)))
}

/// The part, by protection alone and what comes next. GNU ld puts relocated constants at the beginning of the segment of the data, so
/// that the two are mapped as one at first; lld gives them a segment of their own, and then they look like other constants.
fn guess(mapping: &Mapping, next: Option<&Mapping>) -> Part {
    let writable_neighbour = next.is_some_and(|next| {
        next.file == mapping.file
            && next.addresses.start == mapping.addresses.end
            && next.offset == mapping.offset + mapping.len()
            && next.protection.contains(Protection::WRITE)
    });
    if mapping.protection.contains(Protection::EXEC) {
        Part::Text
    } else if mapping.protection.contains(Protection::WRITE) {
        Part::Data
    } else if writable_neighbour {
        Part::Relocated
    } else {
        Part::Constants
    }
}

fn access(protection: Protection) -> Access {
    [
        (Protection::READ, Access::READ),
        (Protection::WRITE, Access::WRITE),
        (Protection::EXEC, Access::EXECUTE),
    ]
    .into_iter()
    .filter(|(theirs, _)| protection.contains(*theirs))
    .fold(Access::default(), |all, (_, ours)| all.and(ours))
}

/// What a mapping is that belongs to no image.
fn without_image(mapping: &Mapping) -> Kind {
    let shared = mapping.sharing == Sharing::Shared;
    match &mapping.object {
        Object::Heap => Kind::Heap,
        Object::Stack => Kind::Stack,
        Object::Kernel(_) => Kind::Kernel,
        Object::SharedAnonymous(_) | Object::SystemV(_) => Kind::SharedMemory,
        Object::Memfd(_) if shared => Kind::SharedMemory,
        // Where shm_open(3) has its files.
        Object::File(path) | Object::Deleted(path) if shared && path.starts_with("/dev/shm") => {
            Kind::SharedMemory
        }
        Object::File(_) | Object::Deleted(_) | Object::Memfd(_) => Kind::File,
        Object::Anonymous(_) | Object::HugeAnonymous if mapping.protection.is_empty() => {
            Kind::Reserved
        }
        Object::Anonymous(_) | Object::HugeAnonymous => {
            if shared {
                Kind::SharedMemory
            } else {
                Kind::Anonymous
            }
        }
        _ => Kind::Other,
    }
}

#[cfg(test)]
#[path = "kind_tests.rs"]
mod tests;
