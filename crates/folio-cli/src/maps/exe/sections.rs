//! Which sections lie in which segment. Loaders do not look at sections, and a file may have none; they have the names that people know.

use object::elf;
use object::elf::{FileHeader32, FileHeader64};
use object::endian::Endianness;
use object::read::ReadRef as _;
use object::read::elf::{FileHeader, SectionHeader as _};

use super::header::{Class, Header, ProgramHeader};

/// Names are cut after this many bytes: they come from the file.
const LONGEST_NAME: usize = 64;

/// The section table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sections {
    /// There is none (`e_shoff` is 0): stripped with `--strip-section-headers`, sstrip or the like.
    Stripped,
    Known(Vec<Section>),
    /// There is one that makes no sense, in the words of the `object` crate.
    Unreadable(String),
}

/// A section that has bytes in the file or in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// Fit for a terminal.
    pub(crate) name: String,
    /// `sh_addr`
    address: u64,
    /// `sh_offset`
    pub(crate) offset: u64,
    /// `sh_size`
    pub(crate) len: u64,
    /// `sh_flags`
    flags: u64,
    /// `sh_type`
    kind: u32,
}

impl Section {
    /// Whether it has no bytes in the file.
    pub(crate) fn is_zeros(&self) -> bool {
        self.kind == elf::SHT_NOBITS.0
    }

    /// Whether memory is had for it (`SHF_ALLOC`).
    pub(crate) fn is_loaded(&self) -> bool {
        self.flags & elf::SHF_ALLOC.0 != 0
    }

    /// Whether all of it is in the segment. `.tbss` is in no segment that is loaded: each thread gets its own.
    fn is_in(&self, segment: &ProgramHeader) -> bool {
        let is_thread_zeros = self.is_zeros() && self.flags & elf::SHF_TLS.0 != 0;
        let fits = |start: u64, len: u64, from: u64, room: u64| {
            start >= from && start - from < room.max(1) && len <= room.saturating_sub(start - from)
        };
        self.is_loaded()
            && !is_thread_zeros
            && fits(self.address, self.len, segment.vaddr, segment.memsz)
            && (self.is_zeros() || fits(self.offset, self.len, segment.offset, segment.filesz))
    }
}

impl Sections {
    /// Read the table that the file header leads to.
    pub(crate) fn read(header: &Header, bytes: &[u8]) -> Self {
        let endian = header.order.endian();
        match header.class {
            Class::Bits32 => Self::of::<FileHeader32<Endianness>>(endian, bytes),
            Class::Bits64 => Self::of::<FileHeader64<Endianness>>(endian, bytes),
        }
    }

    fn of<H: FileHeader<Endian = Endianness>>(endian: Endianness, bytes: &[u8]) -> Self {
        let Ok(header) = bytes.read_at::<H>(0) else { return Self::Stripped };
        if header.e_shoff(endian).into() == 0 {
            return Self::Stripped;
        }
        let table = match header.sections(endian, bytes) {
            Ok(table) => table,
            Err(error) => return Self::Unreadable(error.to_string()),
        };
        // The first is none.
        let sections = table.iter().skip(1).map(|section| Section {
            name: printable(table.section_name(endian, section).unwrap_or_default()),
            address: section.sh_addr(endian).into(),
            offset: section.sh_offset(endian).into(),
            len: section.sh_size(endian).into(),
            flags: section.sh_flags(endian).0,
            kind: section.sh_type(endian).0,
        });
        Self::Known(sections.collect())
    }

    /// The names of the sections that lie in `segment`, in the order of the table.
    pub(crate) fn within<'a>(
        &'a self,
        segment: &'a ProgramHeader,
    ) -> impl Iterator<Item = &'a str> {
        self.known()
            .iter()
            .filter(|section| section.is_in(segment))
            .map(|section| section.name.as_str())
    }

    /// The sections, if they are known.
    pub(crate) fn known(&self) -> &[Section] {
        match self {
            Self::Known(sections) => sections,
            Self::Stripped | Self::Unreadable(_) => &[],
        }
    }
}

/// A name without what could command a terminal or break a line.
fn printable(name: &[u8]) -> String {
    let name = &name[..name.len().min(LONGEST_NAME)];
    String::from_utf8_lossy(name)
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
