//! What a mapping is for, as a person would call it.

use std::fmt;
use std::path::Path;

use folio::process::{Mapping, Object, Protection, Sharing};

/// What a mapping is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// A part of the program that runs.
    Program(Part),
    /// A part of a library, the dynamic linker among them.
    Library(Part),
    /// Memory below brk(2), where malloc(3) begins.
    Heap,
    /// The stack of the first thread.
    Stack,
    /// Memory of the process's own: what malloc(3) asks mmap(2) for, stacks of threads.
    Anonymous,
    /// Memory that processes share and that is no file on a disk.
    SharedMemory,
    /// A file that is mapped as data.
    File,
    /// Pages that the kernel puts there.
    Kernel,
    /// Memory of a device, and other things that are no files.
    Other,
}

/// The parts of a program or a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Part {
    /// Instructions.
    Text,
    /// Constants: never written.
    Constants,
    /// Constants that the dynamic linker writes addresses into before it protects them (RELRO).
    Relocated,
    /// Data with initial values in the file.
    Data,
    /// Data that begins as zeros, for which the file has no bytes.
    Bss,
}

impl Part {
    fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Constants => "constants",
            Self::Relocated => "relocated constants",
            Self::Data => "data",
            Self::Bss => "bss",
        }
    }
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
            Self::Kernel => f.write_str("kernel's pages"),
            Self::Other => f.write_str("other"),
        }
    }
}

/// The kind of each of `mappings`, which are all those of a process, in order. `program` is what it runs.
pub(crate) fn kinds(mappings: &[&Mapping], program: Option<&Path>) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::with_capacity(mappings.len());
    for (index, mapping) in mappings.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| (mappings[before], kinds[before]));
        kinds.push(kind(mapping, before, &loaded(mappings, index), program));
    }
    kinds
}

/// Whether the file of a mapping is loaded as a program: neighbours of the same file may be executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Loaded {
    AsProgram,
    AsData,
}

fn loaded(mappings: &[&Mapping], index: usize) -> Loaded {
    // A loader maps the segments of a file side by side, with a gap that belongs to nobody or to its bss at most.
    const NEIGHBOURS: usize = 8;
    let file = mappings[index].file;
    let near =
        &mappings[index.saturating_sub(NEIGHBOURS)..(index + NEIGHBOURS).min(mappings.len())];
    let runs =
        |mapping: &&Mapping| mapping.file == file && mapping.protection.contains(Protection::EXEC);
    if file.is_some() && near.iter().any(runs) { Loaded::AsProgram } else { Loaded::AsData }
}

fn kind(
    mapping: &Mapping,
    before: Option<(&Mapping, Kind)>,
    loaded: &Loaded,
    program: Option<&Path>,
) -> Kind {
    let whose = |part: Part| match mapping.path() {
        Some(path) if Some(path) == program => Kind::Program(part),
        _ => Kind::Library(part),
    };
    match &mapping.object {
        Object::Heap => Kind::Heap,
        Object::Stack => Kind::Stack,
        Object::Kernel(_) => Kind::Kernel,
        Object::Memfd(_) | Object::SharedAnonymous(_) | Object::SystemV(_) => Kind::SharedMemory,
        Object::HugeAnonymous if mapping.sharing == Sharing::Shared => Kind::SharedMemory,
        Object::HugeAnonymous => Kind::Anonymous,
        Object::Anonymous(_) => match before {
            Some((data, Kind::Program(Part::Data))) if touch(data, mapping) => {
                Kind::Program(Part::Bss)
            }
            Some((data, Kind::Library(Part::Data))) if touch(data, mapping) => {
                Kind::Library(Part::Bss)
            }
            _ => Kind::Anonymous,
        },
        Object::File(path) | Object::Deleted(path) => match loaded {
            Loaded::AsProgram if mapping.protection.contains(Protection::EXEC) => whose(Part::Text),
            Loaded::AsProgram if mapping.protection.contains(Protection::WRITE) => {
                whose(Part::Data)
            }
            Loaded::AsProgram => whose(Part::Constants),
            Loaded::AsData if path.starts_with("/dev/shm") => Kind::SharedMemory,
            Loaded::AsData => Kind::File,
        },
        _ => Kind::Other,
    }
}

fn touch(data: &Mapping, bss: &Mapping) -> bool {
    data.addresses.end == bss.addresses.start && bss.protection.contains(Protection::WRITE)
}
