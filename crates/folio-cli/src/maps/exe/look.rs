//! Reading a file for `folio maps --exe`: everything that is then told, in whatever form.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use folio::Frozen;
use object::elf;
use rustix::fs::{Mode, OFlags};

use super::findings::{self, Finding, Subject};
use super::header::{Class, Dynamic, Header, Malformed, Order};
use super::here;
use super::layout::Loader;
use super::program::{ElfLayout, Form};
use super::sections::Sections;
use crate::failure::{Failure, InputFailure};
use crate::name::quoted;
use crate::units::human;

/// An ELF file, looked at.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// Bytes.
    pub(super) file_len: u64,
    pub(super) header: Header,
    pub(super) form: Form,
    pub(super) page_size: PageSize,
    pub(super) dynamic: Dynamic,
    /// `PT_INTERP`
    pub(super) interpreter: Option<PathBuf>,
    pub(super) sections: Sections,
    pub(super) layout: Option<ElfLayout>,
    pub(super) findings: Vec<Finding>,
}

/// How large pages are, in bytes. The file does not say: its machine may have a choice, as aarch64 has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PageSize {
    /// As on this machine.
    Here(u64),
    /// As the command line has it.
    Told(u64),
}

impl PageSize {
    pub(super) fn here() -> Self {
        Self::Here(rustix::param::page_size() as u64)
    }

    fn bytes(self) -> u64 {
        let (Self::Here(bytes) | Self::Told(bytes)) = self;
        bytes
    }
}

/// Why there is nothing to tell.
#[derive(Debug)]
pub(super) enum Unread {
    /// It could not be read.
    Failed(Failure),
    /// It is a script, for this interpreter.
    Script(PathBuf),
    /// It is not an ELF file, or one that makes no sense.
    Malformed(Malformed),
}

impl From<Failure> for Unread {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Read the ELF file at `path`.
pub(super) fn look(path: &Path, page_size: PageSize) -> Result<Program, Unread> {
    let frozen = open(path)?;
    let bytes: &[u8] = &frozen;
    if let Some(interpreter) = script(bytes) {
        return Err(Unread::Script(interpreter));
    }
    let header = Header::read(bytes).map_err(Unread::Malformed)?;
    let mut program = Program::new(path.to_owned(), header, page_size, bytes);
    let lacking = here::lacking(&program);
    program.findings.splice(0..0, lacking);
    Ok(program)
}

/// The file under a guarantee, so that its bytes are a slice.
fn open(path: &Path) -> Result<Frozen, Failure> {
    // The open of a FIFO must not wait for a writer.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file: File = rustix::fs::open(path, flags, Mode::empty())
        .map_err(|errno| InputFailure::os(quoted(path), "open", &errno.into()))?
        .into();
    let metadata = file
        .metadata()
        .map_err(|error: io::Error| InputFailure::os(quoted(path), "open", &error))?;
    if metadata.is_dir() {
        return Err(InputFailure::refused(quoted(path), "is a directory"));
    }
    if !metadata.is_file() {
        return Err(InputFailure::refused(quoted(path), "is not a regular file"));
    }
    Frozen::from_file(&file)
        .map_err(|error| InputFailure::map(quoted(path), metadata.len(), &error))
}

/// The interpreter that the first line names, if it is a script (fs/binfmt_script.c): `#!`, blanks, a path.
fn script(bytes: &[u8]) -> Option<PathBuf> {
    /// `BINPRM_BUF_SIZE`
    const LONGEST_LINE: usize = 256;
    let line = bytes.strip_prefix(b"#!")?;
    let line = line[..line.len().min(LONGEST_LINE - 2)].split(|&byte| byte == b'\n').next()?;
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = line.iter().position(|byte| !blank(byte)).unwrap_or(line.len());
    let path = line[start..].split(|byte| blank(byte) || *byte == 0).next()?;
    Some(PathBuf::from(std::ffi::OsStr::from_bytes(path)))
}

impl Program {
    pub(super) fn new(path: PathBuf, header: Header, page_size: PageSize, bytes: &[u8]) -> Self {
        let dynamic = Dynamic::read(&header, bytes);
        let form = Form::of(&header, dynamic);
        let page = page_size.bytes();
        let file_len = bytes.len() as u64;
        let layout = form.loader().map(|loader| ElfLayout::new(&header, loader, page));
        let findings = layout.as_ref().map_or_else(Vec::new, |layout| {
            let relocates_text = dynamic.relocates_text();
            findings::findings(Subject { header: &header, layout, file_len, bytes, relocates_text })
        });
        let interpreter = header
            .find(elf::PT_INTERP)
            .and_then(|interp| findings::interpreter_bytes(interp, bytes))
            .map(|name| name.split(|&byte| byte == 0).next().unwrap_or_default())
            .map(|name| PathBuf::from(std::ffi::OsStr::from_bytes(name)));
        let sections = Sections::read(&header, bytes);
        Self {
            path,
            file_len,
            header,
            form,
            page_size,
            dynamic,
            interpreter,
            sections,
            layout,
            findings,
        }
    }

    /// Parts of the file that are not mapped, each with the names of the sections that begin there.
    pub(super) fn unmapped(&self) -> Vec<(Range<u64>, Vec<&str>)> {
        let Some(layout) = &self.layout else { return Vec::new() };
        let mut mapped: Vec<_> =
            layout.placed.iter().map(|placed| placed.file_pages.clone()).collect();
        mapped.sort_by_key(|range| range.start);
        let (mut gaps, mut end) = (Vec::new(), 0);
        for range in mapped.into_iter().filter(|range| range.start < range.end) {
            if end < range.start.min(self.file_len) {
                gaps.push(end..range.start.min(self.file_len));
            }
            end = end.max(range.end);
        }
        if end < self.file_len {
            gaps.push(end..self.file_len);
        }
        let beginning = |gap: &Range<u64>| {
            let known = self.sections.known().iter();
            known
                .filter(|section| {
                    !section.is_zeros() && section.len > 0 && gap.contains(&section.offset)
                })
                .map(|section| section.name.as_str())
                .collect()
        };
        gaps.into_iter()
            .map(|gap| {
                let names = beginning(&gap);
                (gap, names)
            })
            .collect()
    }

    /// What it is, in words.
    pub(super) fn form_words(&self) -> String {
        match self.form {
            Form::Fixed => "program at fixed addresses".to_owned(),
            Form::StaticFixed => "static program at fixed addresses".to_owned(),
            Form::Pie => "program that can be anywhere (PIE)".to_owned(),
            Form::StaticPie => "static program that can be anywhere (static PIE)".to_owned(),
            Form::Library if self.interpreter.is_some() => {
                "library that can be run, too".to_owned()
            }
            Form::Library => "library".to_owned(),
            Form::Object if self.is_kernel_module() => "module of the kernel".to_owned(),
            Form::Object => "object file for the linker".to_owned(),
            Form::Core => "core dump".to_owned(),
            Form::Other => {
                format!("ELF file of a type that Linux does not run ({:?})", self.header.kind)
            }
        }
    }

    /// Whether it is for the kernel, which takes an object file for a module if it has this section (kernel/module/main.c).
    pub(super) fn is_kernel_module(&self) -> bool {
        let sections = self.sections.known();
        self.form == Form::Object
            && sections.iter().any(|section| section.name == ".gnu.linkonce.this_module")
    }

    /// The machine that it is for, in words.
    pub(super) fn machine_words(&self) -> String {
        let bits = match self.header.class {
            Class::Bits32 => "32-bit",
            Class::Bits64 => "64-bit",
        };
        let order = match self.header.order {
            Order::Little => "little-endian",
            Order::Big => "big-endian",
        };
        format!("{}, {bits}, {order}", machine(self.header.machine))
    }

    /// That it is for another machine, if it is. What runs here is told by the kernel's `elf_check_arch`.
    pub(super) fn foreign(&self) -> Option<String> {
        let (here, also) = machines_here()?;
        let this = self.header.machine;
        let here_words = machine(here.0);
        if this == here.0 || self.form.loader().is_none() {
            None
        } else if this == also.0 {
            Some(format!(
                "Not for this machine, {here_words}, unless its kernel runs 32-bit programs too."
            ))
        } else {
            let pages = match self.page_size {
                PageSize::Here(bytes) => format!(
                    " Its pages are taken to be of {}, as here; there they may be larger (--page-size).",
                    human(bytes)
                ),
                PageSize::Told(_) => String::new(),
            };
            Some(format!(
                "Not for this machine, {here_words}: execve(2) fails with ENOEXEC, unless an emulator is registered (binfmt_misc).{pages}"
            ))
        }
    }

    /// Whether the size of its pages is only taken from this machine, which is not the one that it is for.
    pub(super) fn page_size_is_assumed(&self) -> bool {
        let of_here = |(here, also): (elf::Machine, elf::Machine)| {
            [here.0, also.0].contains(&self.header.machine)
        };
        matches!(self.page_size, PageSize::Here(_)) && !machines_here().is_some_and(of_here)
    }

    /// How the stack of the first thread may be used.
    pub(super) fn stack_words(&self) -> String {
        match self.header.find(elf::PT_GNU_STACK) {
            Some(header) if header.flags & 1 != 0 => {
                "The stack is executable (PT_GNU_STACK with PF_X).".to_owned()
            }
            Some(_) => "The stack is not executable (PT_GNU_STACK).".to_owned(),
            None if self.header.class == Class::Bits32 => {
                "No PT_GNU_STACK: the stack, and all that may be read, is executable.".to_owned()
            }
            None => "No PT_GNU_STACK: the stack is as the machine's default has it, not executable on x86-64 since Linux 5.8 and on aarch64.".to_owned(),
        }
    }

    /// Whether it is a library that ld.so maps.
    pub(super) fn is_library(&self) -> bool {
        self.layout.as_ref().is_some_and(|layout| layout.loader == Loader::Glibc)
    }
}

/// The machine that this one is, and that whose 32-bit programs it may run, too.
fn machines_here() -> Option<(elf::Machine, elf::Machine)> {
    match std::env::consts::ARCH {
        "x86_64" => Some((elf::EM_X86_64, elf::EM_386)),
        "aarch64" => Some((elf::EM_AARCH64, elf::EM_ARM)),
        _ => None,
    }
}

/// The name of a machine as people write it.
fn machine(number: u16) -> String {
    let name = match elf::Machine(number) {
        elf::EM_X86_64 => "x86-64",
        elf::EM_386 => "i386",
        elf::EM_AARCH64 => "aarch64",
        elf::EM_ARM => "arm",
        elf::EM_RISCV => "riscv",
        elf::EM_PPC64 => "ppc64",
        elf::EM_PPC => "ppc",
        elf::EM_S390 => "s390",
        elf::EM_MIPS => "mips",
        elf::EM_SPARCV9 => "sparc64",
        elf::EM_68K => "m68k",
        elf::EM_PARISC => "parisc",
        elf::EM_LOONGARCH => "loongarch",
        elf::EM_BPF => "bpf",
        elf::EM_ALPHA => "alpha",
        elf::EM_SH => "sh",
        _ => return format!("machine {number}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_its_interpreter() {
        let named =
            |bytes: &[u8]| script(bytes).map(|path| path.into_os_string().into_string().unwrap());
        assert_eq!(named(b"#!/bin/sh\necho"), Some("/bin/sh".to_owned()));
        assert_eq!(named(b"#! \t/usr/bin/env -S perl -w\n"), Some("/usr/bin/env".to_owned()));
        assert_eq!(named(b"#!/bin/sh"), Some("/bin/sh".to_owned()));
        assert_eq!(named(b"#!\n"), Some(String::new()));
        assert_eq!(named(b"# !/bin/sh\n"), None);
    }
}
