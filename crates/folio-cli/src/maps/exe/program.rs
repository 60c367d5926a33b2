//! An ELF file as a loader sees it: what it is, and which memory it becomes.

use std::fs::File;
use std::ops::Range;

use object::elf;
use object::read::ReadCache;

use super::header::{Dynamic, Header, Type};
use super::layout::{self, Area, Loader, Placed, Unplaceable};

/// What kind of ELF file it is, by how it is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A program at addresses of its own, with libraries.
    Fixed,
    /// A program at addresses of its own, without.
    StaticFixed,
    /// A program that can be anywhere, with libraries.
    Pie,
    /// A program that can be anywhere, without; it relocates itself.
    StaticPie,
    /// A library. Some can be run, too.
    Library,
    /// For the linker; nothing maps it to run it.
    Object,
    /// The memory of a process that died; a debugger's, nothing maps it to run it.
    Core,
    /// Something that Linux has no use for.
    Other,
}

impl Form {
    /// What `header` is. A program that can be anywhere and a library differ by a flag of the linker's, and before binutils 2.26
    /// there was none.
    pub(crate) fn of(header: &Header, dynamic: Dynamic) -> Self {
        let interpreted = header.find(elf::PT_INTERP).is_some();
        match header.kind {
            Type::Relocatable => Self::Object,
            Type::Core => Self::Core,
            Type::Other(_) => Self::Other,
            Type::Executable if interpreted => Self::Fixed,
            Type::Executable => Self::StaticFixed,
            Type::Dynamic if dynamic.is_pie() && !interpreted => Self::StaticPie,
            Type::Dynamic if dynamic.is_pie() => Self::Pie,
            Type::Dynamic if dynamic.has_soname() || !interpreted => Self::Library,
            Type::Dynamic => Self::Pie,
        }
    }

    /// Who maps it; nobody, if it is neither program nor library.
    pub(crate) fn loader(self) -> Option<Loader> {
        match self {
            Self::Fixed | Self::StaticFixed | Self::Pie | Self::StaticPie => Some(Loader::Kernel),
            Self::Library => Some(Loader::Glibc),
            Self::Object | Self::Core | Self::Other => None,
        }
    }

    /// Whether the kernel or ld.so chooses where it is.
    pub(crate) fn is_relative(self) -> bool {
        matches!(self, Self::Pie | Self::StaticPie | Self::Library)
    }
}

/// Which memory the segments of an ELF file become.
#[derive(Clone, Debug)]
pub(crate) struct ElfLayout {
    /// Bytes of a page.
    pub(crate) page: u64,
    pub(crate) loader: Loader,
    /// The segments, in the order of the table.
    pub(crate) placed: Vec<Placed>,
    /// Those that cannot be.
    pub(crate) unplaceable: Vec<Unplaceable>,
    /// The addresses of `PT_GNU_RELRO`.
    pub(crate) relro: Option<Range<u64>>,
    /// Memory once the program runs, by ascending address.
    pub(crate) areas: Vec<Area>,
}

impl ElfLayout {
    /// Place the segments that `header` lists, with pages of `page` bytes, a power of two.
    pub(crate) fn new(header: &Header, loader: Loader, page: u64) -> Self {
        let (mut placed, mut unplaceable) = (Vec::new(), Vec::new());
        for load in header.loads() {
            match layout::place(load.segment(), page, loader) {
                Ok(one) => placed.push(one),
                Err(why) => unplaceable.push(why),
            }
        }
        let relro = header
            .find(elf::PT_GNU_RELRO)
            .and_then(|relro| Some(relro.vaddr..relro.vaddr.checked_add(relro.memsz)?));
        let areas = layout::areas(&placed, relro.as_ref(), page, loader);
        Self { page, loader, placed, unplaceable, relro, areas }
    }

    /// Read the layout of an open file, of which only the headers are read; `None` if it is no ELF file or malformed.
    ///
    /// The program headers are not always at the beginning: BOLT puts its own behind the segments of the linker.
    pub(crate) fn open(file: &File, loader: Loader, page: u64) -> Option<Self> {
        let header = Header::read(&ReadCache::new(file)).ok()?;
        Some(Self::new(&header, loader, page))
    }

    /// The areas that show this byte of the file; none, one, or two where segments meet within a page of it.
    pub(crate) fn areas_of_file(&self, offset: u64) -> impl Iterator<Item = &Area> {
        self.areas.iter().filter(move |area| area.file().is_some_and(|file| file.contains(&offset)))
    }
}
