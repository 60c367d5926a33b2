//! The headers of an ELF file: what they say, or which field makes no sense. elf(5).
//!
//! The structures are those of the `object` crate, for both classes and both byte orders. What a loader would say to the numbers is not
//! judged here ([`findings`](super::findings)): a file is malformed only if its tables cannot be found.

use std::fmt;
use std::mem::size_of;
use std::ops::Range;

use object::elf::{self, FileHeader32, FileHeader64};
use object::endian::Endianness;
use object::read::ReadRef;
use object::read::elf::{FileHeader, ProgramHeader as _};

use super::layout::{Access, Segment};

/// Addresses of 32 or of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Bits32,
    Bits64,
}

/// Which byte of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

/// `e_type`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// `ET_REL`: what a compiler makes for the linker.
    Relocatable,
    /// `ET_EXEC`: a program with addresses of its own.
    Executable,
    /// `ET_DYN`: a library, or a program that can be anywhere.
    Dynamic,
    /// `ET_CORE`: what was in memory when a process died.
    Core,
    Other(u16),
}

/// An entry of the program header table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProgramHeader {
    /// Its place in the table.
    pub(crate) index: usize,
    /// Its offset in the file.
    pub(crate) at: u64,
    /// `p_type`
    pub(crate) kind: u32,
    /// `p_flags`
    pub(crate) flags: u32,
    /// `p_offset`
    pub(crate) offset: u64,
    /// `p_vaddr`
    pub(crate) vaddr: u64,
    /// `p_filesz`
    pub(crate) filesz: u64,
    /// `p_memsz`
    pub(crate) memsz: u64,
    /// `p_align`
    pub(crate) align: u64,
}

impl ProgramHeader {
    /// It as a segment to be placed.
    pub(crate) fn segment(&self) -> Segment {
        Segment {
            index: self.index,
            offset: self.offset,
            vaddr: self.vaddr,
            filesz: self.filesz,
            memsz: self.memsz,
            align: self.align,
            access: Access::of_flags(self.flags),
        }
    }
}

/// The file header, and the program headers that it leads to.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) class: Class,
    pub(crate) order: Order,
    pub(crate) kind: Type,
    /// `e_machine`
    pub(crate) machine: u16,
    /// `e_entry`
    pub(crate) entry: u64,
    /// Where the program header table is, in bytes of the file.
    pub(crate) table: Range<u64>,
    pub(crate) program_headers: Vec<ProgramHeader>,
}

/// Fields of the file header that a message can name: their offsets in the two classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    at: [u64; 2],
}

impl Field {
    const fn new(name: &'static str, at: [u64; 2]) -> Self {
        Self { name, at }
    }

    /// Its offset in the file.
    pub(crate) fn at(self, class: Class) -> u64 {
        self.at[usize::from(class == Class::Bits64)]
    }
}

pub(crate) const E_PHOFF: Field = Field::new("e_phoff", [0x1c, 0x20]);
pub(crate) const E_PHENTSIZE: Field = Field::new("e_phentsize", [0x2a, 0x36]);
pub(crate) const E_PHNUM: Field = Field::new("e_phnum", [0x2c, 0x38]);

/// Fields of a program header: their offsets in it in the two classes.
pub(crate) const P_OFFSET: Field = Field::new("p_offset", [0x4, 0x8]);
pub(crate) const P_VADDR: Field = Field::new("p_vaddr", [0x8, 0x10]);
pub(crate) const P_FILESZ: Field = Field::new("p_filesz", [0x10, 0x20]);
pub(crate) const P_MEMSZ: Field = Field::new("p_memsz", [0x14, 0x28]);
pub(crate) const P_ALIGN: Field = Field::new("p_align", [0x1c, 0x30]);

/// Why a file has no headers to be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// There are no bytes.
    Empty,
    /// It begins otherwise.
    NotElf,
    /// It ends in the middle of the file header.
    Short { need: u64, len: u64 },
    /// A byte of `e_ident` has no meaning.
    Ident { name: &'static str, at: u64, value: u8, known: &'static str },
    /// Entries of a table have another size than they must have.
    EntrySize { field: Field, at: u64, value: u64, must: u64 },
    /// A table reaches past the end of the file.
    Beyond { field: Field, at: u64, value: u64, entries: u64, end: Option<u64>, len: u64 },
    /// There are more program headers than `e_phnum` can say, and the section header that would is missing.
    Uncounted { at: u64 },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is not an ELF file: it is empty"),
            Self::NotElf => f.write_str("is not an ELF file: it does not begin with 7f 45 4c 46"),
            Self::Short { need, len } => {
                write!(f, "is cut off: the ELF header has {need} bytes, the file {len}")
            }
            Self::Ident { name, at, value, known } => {
                write!(f, "{name} at {at:#x} is {value}: it has to be {known}")
            }
            Self::EntrySize { field, at, value, must } => {
                write!(f, "{} at {at:#x} is {value}: an entry has {must} bytes", field.name)
            }
            Self::Beyond { field, at, value, entries, end, len } => {
                write!(f, "{} at {at:#x} is {value:#x}: ", field.name)?;
                match end {
                    Some(end) => write!(
                        f,
                        "{entries} program headers would end at {end:#x}, the file ends at {len:#x}"
                    ),
                    None => write!(
                        f,
                        "{entries} program headers would end past the last offset there can be"
                    ),
                }
            }
            Self::Uncounted { at } => write!(
                f,
                "e_phnum at {at:#x} is 65535: the first section header has the number, and there is none"
            ),
        }
    }
}

impl Header {
    /// Read the headers of a file, all of whose bytes are at hand or can be had.
    pub(crate) fn read<'data>(file: impl ReadRef<'data>) -> Result<Self, Malformed> {
        let len = file.len().unwrap_or(0);
        if len == 0 {
            return Err(Malformed::Empty);
        }
        let magic = file.read_bytes_at(0, len.min(4)).unwrap_or_default();
        if magic.is_empty() || !elf::ELFMAG.starts_with(magic) {
            return Err(Malformed::NotElf);
        }
        let ident: &[u8; 16] = file.read_at(0).map_err(|()| Malformed::Short { need: 16, len })?;
        let class = match ident[4] {
            1 => Class::Bits32,
            2 => Class::Bits64,
            value => {
                let known = "1 (32 bits) or 2 (64 bits)";
                return Err(Malformed::Ident { name: "EI_CLASS", at: 4, value, known });
            }
        };
        let order = match ident[5] {
            1 => Order::Little,
            2 => Order::Big,
            value => {
                let known = "1 (little-endian) or 2 (big-endian)";
                return Err(Malformed::Ident { name: "EI_DATA", at: 5, value, known });
            }
        };
        match class {
            Class::Bits32 => Self::read_class::<FileHeader32<Endianness>, _>(file, class, order),
            Class::Bits64 => Self::read_class::<FileHeader64<Endianness>, _>(file, class, order),
        }
    }

    fn read_class<'data, H: FileHeader<Endian = Endianness>, R: ReadRef<'data>>(
        file: R,
        class: Class,
        order: Order,
    ) -> Result<Self, Malformed> {
        let len = file.len().unwrap_or(0);
        let endian = order.endian();
        let header: &H =
            file.read_at(0).map_err(|()| Malformed::Short { need: size_of::<H>() as u64, len })?;
        let table = table(header, endian, class, file)?;
        let size = size_of::<H::ProgramHeader>() as u64;
        let entries: &[H::ProgramHeader] = usize::try_from((table.end - table.start) / size)
            .ok()
            .and_then(|entries| file.read_slice_at(table.start, entries).ok())
            .unwrap_or_default();
        let program_headers = entries
            .iter()
            .enumerate()
            .map(|(index, entry)| ProgramHeader {
                index,
                at: table.start + index as u64 * size,
                kind: entry.p_type(endian).0,
                flags: entry.p_flags(endian).0,
                offset: entry.p_offset(endian).into(),
                vaddr: entry.p_vaddr(endian).into(),
                filesz: entry.p_filesz(endian).into(),
                memsz: entry.p_memsz(endian).into(),
                align: entry.p_align(endian).into(),
            })
            .collect();
        Ok(Self {
            class,
            order,
            kind: Type::of(header.e_type(endian)),
            machine: header.e_machine(endian).0,
            entry: header.e_entry(endian).into(),
            table,
            program_headers,
        })
    }

    /// The first program header of this type.
    pub(crate) fn find(&self, kind: elf::ProgramType) -> Option<&ProgramHeader> {
        self.program_headers.iter().find(|header| header.kind == kind.0)
    }

    /// The segments that are loaded.
    pub(crate) fn loads(&self) -> impl Iterator<Item = &ProgramHeader> {
        self.program_headers.iter().filter(|header| header.kind == elf::PT_LOAD.0)
    }

    /// The offset in the file of a field of a program header.
    pub(crate) fn field_at(&self, header: &ProgramHeader, field: Field) -> u64 {
        header.at + field.at(self.class)
    }
}

/// Where the program header table is; every byte of it is in the file.
fn table<'data, H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    class: Class,
    file: impl ReadRef<'data>,
) -> Result<Range<u64>, Malformed> {
    let offset: u64 = header.e_phoff(endian).into();
    if offset == 0 || header.e_phnum(endian) == 0 {
        return Ok(offset..offset);
    }
    let size = size_of::<H::ProgramHeader>() as u64;
    let told = u64::from(header.e_phentsize(endian));
    if told != size {
        let at = E_PHENTSIZE.at(class);
        return Err(Malformed::EntrySize { field: E_PHENTSIZE, at, value: told, must: size });
    }
    let uncounted = |_| Malformed::Uncounted { at: E_PHNUM.at(class) };
    let entries = u64::from(header.phnum(endian, file).map_err(uncounted)?);
    let end = entries.checked_mul(size).and_then(|len| offset.checked_add(len));
    let len = file.len().unwrap_or(0);
    match end {
        Some(end) if end <= len => Ok(offset..end),
        _ => {
            let at = E_PHOFF.at(class);
            Err(Malformed::Beyond { field: E_PHOFF, at, value: offset, entries, end, len })
        }
    }
}

impl Order {
    /// As the `object` crate has it.
    pub(crate) fn endian(self) -> Endianness {
        match self {
            Self::Little => Endianness::Little,
            Self::Big => Endianness::Big,
        }
    }
}

impl Type {
    fn of(kind: elf::FileType) -> Self {
        match kind {
            elf::ET_REL => Self::Relocatable,
            elf::ET_EXEC => Self::Executable,
            elf::ET_DYN => Self::Dynamic,
            elf::ET_CORE => Self::Core,
            elf::FileType(other) => Self::Other(other),
        }
    }
}

/// What the dynamic section says that matters to how the file is mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct Dynamic {
    /// `DT_FLAGS`
    flags: u64,
    /// `DT_FLAGS_1`
    flags_1: u64,
    /// How many libraries it names (`DT_NEEDED`).
    pub(crate) needed: usize,
    soname: bool,
    textrel: bool,
}

impl Dynamic {
    /// Read it where `header` says it is; nothing if there is none, or not in the file.
    pub(crate) fn read(header: &Header, bytes: &[u8]) -> Self {
        let endian = header.order.endian();
        let Some(at) = header.find(elf::PT_DYNAMIC) else { return Self::default() };
        match header.class {
            Class::Bits32 => Self::of::<elf::Dyn32<Endianness>>(at, endian, bytes),
            Class::Bits64 => Self::of::<elf::Dyn64<Endianness>>(at, endian, bytes),
        }
    }

    fn of<D: object::read::elf::Dyn<Endian = Endianness>>(
        at: &ProgramHeader,
        endian: Endianness,
        bytes: &[u8],
    ) -> Self {
        let entries = usize::try_from(at.filesz).map_or(0, |len| len / size_of::<D>());
        let entries: &[D] = bytes.read_slice_at(at.offset, entries).unwrap_or_default();
        let mut found = Self::default();
        for entry in entries {
            match entry.tag(endian) {
                elf::DT_NULL => break,
                elf::DT_NEEDED => found.needed += 1,
                elf::DT_SONAME => found.soname = true,
                elf::DT_TEXTREL => found.textrel = true,
                elf::DT_FLAGS => found.flags = entry.val(endian),
                elf::DT_FLAGS_1 => found.flags_1 = entry.val(endian),
                _ => {}
            }
        }
        found
    }

    /// Whether it is a program, though position-independent (`DF_1_PIE`).
    pub(crate) fn is_pie(self) -> bool {
        self.flags_1 & elf::DF_1_PIE.0 != 0
    }

    /// Whether it has a name to be a library by (`DT_SONAME`).
    pub(crate) fn has_soname(self) -> bool {
        self.soname
    }

    /// Whether relocation writes into read-only segments, program text among them (`DT_TEXTREL`).
    pub(crate) fn relocates_text(self) -> bool {
        self.textrel || self.flags & elf::DF_TEXTREL.0 != 0
    }
}
