//! The mappings of a process, by `PROCMAP_QUERY` or from text.

use std::fs::File;
use std::io;

use super::mapping::{FileId, Mapping, Object};
use super::text::{self, NO_FILE, Name};
use crate::protection::{Protection, Sharing};
use crate::sys::procmap::{self, Query};

/// All of them, one query each.
pub(super) fn by_query(maps: &File) -> io::Result<Vec<Mapping>> {
    let mut found = Vec::new();
    let mut name = Vec::new();
    let mut address = 0;
    loop {
        match procmap::next(maps, address, &mut name) {
            Ok(query) => {
                address = query.end;
                found.push(mapping(&query, &name));
            }
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Ok(found),
            Err(error) => return Err(error),
        }
    }
}

/// All of them, from lines of text. A name that the text does not tell for certain is asked for, where it can be.
pub(super) fn by_text(maps: &mut File) -> io::Result<Vec<Mapping>> {
    // Another open file: queries and reading do not share a position, but they do share a lock.
    let asked = maps.try_clone()?;
    let mut found = Vec::new();
    text::lines(maps, |line| {
        let (mut mapping, exact) = text::mapping(line)?;
        if exact == Name::Escaped {
            ask_name(&asked, &mut mapping);
        }
        if !is_gate(&mapping) {
            found.push(mapping);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Have the kernel say the name of what is mapped, if it has the call and the mapping is still as it was.
pub(super) fn ask_name(maps: &File, mapping: &mut Mapping) {
    let mut name = Vec::new();
    if let Ok(query) = procmap::next(maps, mapping.addresses.start, &mut name) {
        let told = self::mapping(&query, &name);
        if (&told.addresses, told.file) == (&mapping.addresses, mapping.file) {
            mapping.object = told.object;
        }
    }
}

/// The page of old system calls of x86-64: the same in every process, and of none. Queries pass over it.
pub(super) fn is_gate(mapping: &Mapping) -> bool {
    matches!(&mapping.object, Object::Kernel(name) if name == "vsyscall")
}

fn mapping(query: &Query, name: &[u8]) -> Mapping {
    let has = |flag| query.flags & flag != 0;
    let mut protection = Protection::empty();
    protection.set(Protection::READ, has(procmap::READABLE));
    protection.set(Protection::WRITE, has(procmap::WRITABLE));
    protection.set(Protection::EXEC, has(procmap::EXECUTABLE));
    let file = FileId { major: query.major, minor: query.minor, inode: query.inode };
    Mapping {
        addresses: query.start..query.end,
        protection,
        sharing: if has(procmap::SHARED) { Sharing::Shared } else { Sharing::Private },
        offset: query.offset,
        file: (file != NO_FILE).then_some(file),
        object: Object::parse(name),
    }
}
