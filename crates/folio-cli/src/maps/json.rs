//! The report for programs: a JSON object a line, and `what` says of what.
//!
//! Sizes are bytes, addresses and offsets numbers. A name that is not UTF-8 has its bytes beside it in hexadecimal, as
//! `file_hex`.
//!
//! | what | of | beside the figures |
//! |---|---|---|
//! | `process` | a process | pid, name, program, state, threads, user, numbers |
//! | `kind` | the mappings of a kind | kind, mappings |
//! | `file` | the mappings of a file | file, mappings |
//! | `mapping` | a mapping | start, end, protection, sharing, offset, device, inode, file, deleted, belongs, kind, page_size, flags, advice |
//! | `pages` | pages that are alike, with `--pages` | start, end, offset, are: file, kernel, copied, anonymous, zeros, swapped, guard or absent; mapped: by how many, for root |
//! | `both` | a file in two processes | file, same, perhaps, different, first, second; total: true for the sum |
//! | `both_pages` | a part of it, with `--pages` | file, by, start, end, first, second, are |

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use folio::process::{Object, Sharing, Usage};
use serde_json::{Map, Value, json};

use super::both::{Class, Comparison, Space, Told};
use super::flags::{PageDetail, Sort};
use super::group::{self, Figures};
use super::look::{Look, Mapped};
use super::pages::pages;
use super::text::{Detail, Rows};
use super::words::{protection, words};
use super::{Listed, beside};

type Row = Map<String, Value>;

/// Lines are written when there are so many bytes.
const FULL: usize = 64 << 10;

/// Writes the lines.
#[derive(Debug)]
pub(super) struct Json<'a, W> {
    out: &'a mut W,
    rows: Vec<u8>,
}

impl<'a, W: Write> Json<'a, W> {
    pub(super) fn new(out: &'a mut W) -> Self {
        Self { out, rows: Vec::new() }
    }

    fn row(&mut self, object: Row) -> io::Result<()> {
        serde_json::to_writer(&mut self.rows, &Value::Object(object))?;
        self.rows.push(b'\n');
        if self.rows.len() >= FULL { self.flush() } else { Ok(()) }
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.write_all(&self.rows)?;
        self.rows.clear();
        Ok(())
    }

    /// Who it is and what it costs.
    pub(super) fn process(&mut self, look: &Look) -> io::Result<()> {
        let state = &look.state;
        let mut object = of("process");
        object.insert("pid".into(), look.process.pid().into());
        name(&mut object, "name", &state.name);
        match &look.program {
            Some(program) => name(&mut object, "program", program.as_os_str()),
            None => drop(object.insert("program".into(), Value::Null)),
        }
        object.insert("state".into(), state.letter.to_string().into());
        object.insert("kernel_thread".into(), look.is_kernel_thread().into());
        object.insert("threads".into(), state.threads.into());
        object.insert("user".into(), state.user.into());
        object.insert("numbers".into(), json!(state.numbers));
        usage(&mut object, &look.totals.usage);
        object.insert("copied".into(), look.totals.copied.into());
        object.insert("mappings".into(), look.totals.mappings.into());
        self.row(object)
    }

    /// By kind and by file.
    pub(super) fn groups(&mut self, mappings: &[&Mapped], sort: Sort) -> io::Result<()> {
        for group in group::by_kind(mappings.iter().copied(), sort) {
            let mut object = of("kind");
            object.insert("kind".into(), group.key.to_string().into());
            figures(&mut object, &group.figures);
            self.row(object)?;
        }
        for group in group::by_file(mappings.iter().copied(), sort) {
            let mut object = of("file");
            name(&mut object, "file", &group.key);
            figures(&mut object, &group.figures);
            self.row(object)?;
        }
        Ok(())
    }

    /// Each mapping, with its pages if they are asked for.
    pub(super) fn mappings(
        &mut self,
        mappings: &[&Mapped],
        detail: Option<&Detail<'_>>,
    ) -> Result<(), Listed> {
        for mapped in mappings {
            self.row(mapping(mapped)).map_err(Listed::Output)?;
            if let Some(detail) = detail {
                self.pages(mapped, detail)?;
            }
        }
        Ok(())
    }

    fn pages(&mut self, mapped: &Mapped, detail: &Detail<'_>) -> Result<(), Listed> {
        let mapping = &mapped.found.mapping;
        let found = pages(detail.map, mapped, detail.via).map_err(Listed::Lost)?;
        for run in found {
            for (part, mapped) in
                detail.parts(&run, mapped.found.page_size).map_err(Listed::Lost)?
            {
                let mut object = of("pages");
                object.insert("start".into(), part.start.into());
                object.insert("end".into(), part.end.into());
                let offset = mapping.offset + (part.start - mapping.addresses.start);
                object.insert("offset".into(), mapping.file.map(|_| offset).into());
                object.insert("are".into(), run.are.code().into());
                if detail.detail == PageDetail::Each {
                    object.insert("mapped".into(), mapped.into());
                }
                self.row(object).map_err(Listed::Output)?;
            }
        }
        Ok(())
    }

    /// What two processes share.
    pub(super) fn both(
        &mut self,
        comparison: &Comparison,
        rows: Rows,
        detail: Option<PageDetail>,
        page: u64,
    ) -> io::Result<()> {
        let mut object = of("both");
        object.insert("total".into(), true.into());
        object.insert("frames_told".into(), (comparison.frames == Told::Yes).into());
        sums(&mut object, beside::sums(&comparison.parts));
        self.row(object)?;
        if rows == Rows::None {
            return Ok(());
        }
        for part in &comparison.parts {
            let mut object = of("both");
            name(&mut object, "file", &part.name);
            object.insert("by".into(), by(&part.space).into());
            sums(&mut object, part.sums());
            self.row(object)?;
            let Some(detail) = detail else { continue };
            for segment in &part.segments {
                let len = segment.at.end - segment.at.start;
                let step = if detail == PageDetail::Each { page } else { len };
                for skip in (0..len).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
                    let mut object = of("both_pages");
                    name(&mut object, "file", &part.name);
                    object.insert("by".into(), by(&part.space).into());
                    let start = segment.at.start + skip;
                    object.insert("start".into(), start.into());
                    object.insert("end".into(), segment.at.end.min(start + step).into());
                    object.insert("first".into(), segment.first.map(|at| at + skip).into());
                    object.insert("second".into(), segment.second.map(|at| at + skip).into());
                    object.insert("are".into(), segment.class.code().into());
                    self.row(object)?;
                }
            }
        }
        Ok(())
    }
}

fn of(what: &str) -> Row {
    let mut object = Map::new();
    object.insert("what".into(), what.into());
    object
}

/// A name, and its bytes if JSON cannot hold them.
fn name(object: &mut Row, key: &str, name: &OsStr) {
    object.insert(key.into(), name.to_string_lossy().into());
    if name.to_str().is_none() {
        let hex: String = name.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        object.insert(format!("{key}_hex"), hex.into());
    }
}

fn by(space: &Space) -> &'static str {
    match space {
        Space::File(_) | Space::Mapping => "offset",
        Space::Addresses => "address",
    }
}

fn sums(object: &mut Row, sums: super::both::Sums) {
    for class in Class::ALL {
        object.insert(class.code().into(), sums[class as usize].into());
    }
}

fn figures(object: &mut Row, figures: &Figures) {
    usage(object, &figures.usage);
    object.insert("copied".into(), figures.copied.into());
    object.insert("mappings".into(), figures.mappings.into());
}

fn usage(object: &mut Row, usage: &Usage) {
    for (key, bytes) in [
        ("size", usage.size),
        ("resident", usage.in_memory()),
        ("share", usage.share()),
        ("own", usage.unique()),
        ("shared", usage.shared()),
        ("shared_clean", usage.shared_clean),
        ("shared_dirty", usage.shared_dirty),
        ("private_clean", usage.private_clean),
        ("private_dirty", usage.private_dirty),
        ("dirty", usage.dirty()),
        ("anonymous", usage.anonymous),
        ("swapped", usage.swapped),
        ("swapped_share", usage.swapped_proportional),
        ("locked", usage.locked),
        ("huge", usage.huge()),
        ("referenced", usage.referenced),
        ("lazy_free", usage.lazy_free),
        ("merged", usage.merged),
    ] {
        object.insert(key.into(), bytes.into());
    }
}

fn mapping(mapped: &Mapped) -> Row {
    let found = &mapped.found;
    let mapping = &found.mapping;
    let mut object = of("mapping");
    object.insert("start".into(), mapping.addresses.start.into());
    object.insert("end".into(), mapping.addresses.end.into());
    object.insert("protection".into(), protection(mapping)[..3].into());
    let sharing = match mapping.sharing {
        Sharing::Shared => "shared",
        Sharing::Private => "private",
    };
    object.insert("sharing".into(), sharing.into());
    object.insert("offset".into(), mapping.file.map(|_| mapping.offset).into());
    let device = mapping.file.map(|file| format!("{}:{}", file.major, file.minor));
    object.insert("device".into(), device.into());
    object.insert("inode".into(), mapping.file.map(|file| file.inode).into());
    match mapping.path() {
        Some(path) => name(&mut object, "file", Path::as_os_str(path)),
        None => drop(object.insert("file".into(), Value::Null)),
    }
    object.insert("deleted".into(), matches!(mapping.object, Object::Deleted(_)).into());
    name(&mut object, "belongs", &mapped.belongs);
    object.insert("kind".into(), mapped.kind.to_string().into());
    usage(&mut object, &found.usage);
    object.insert("copied".into(), mapped.copied().into());
    object.insert("page_size".into(), found.page_size.into());
    let codes = found.flags.codes().map(str::to_owned).chain(found.unknown_flags.iter().cloned());
    object.insert("flags".into(), codes.collect::<Vec<_>>().into());
    object.insert("advice".into(), words(found.flags, &found.unknown_flags).into());
    object
}
