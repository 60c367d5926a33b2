//! What the kernel and ld.so will object to in a file that can be read, and what a person should know of it.
//!
//! The kernel answers ENOEXEC to little: the magic number, type, machine, table and interpreter of a file. When it comes to the segments, the
//! program that called execve(2) is gone already, and the process is killed by SIGSEGV (`load_elf_binary`, fs/binfmt_elf.c; the end of
//! `bprm_execve`, fs/exec.c). ld.so says in words what it does not like (glibc's elf/dl-load.c).

use std::fmt;

use object::elf;

use super::header::{
    E_PHNUM, E_PHOFF, Field, Header, P_ALIGN, P_FILESZ, P_MEMSZ, P_OFFSET, P_VADDR, ProgramHeader,
};
use super::layout::{self, Access, Loader, Placed, Unplaceable, Why};
use super::program::ElfLayout;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    /// It is not run, or not loaded.
    Refused,
    /// It begins to run, and ends when it touches what is missing.
    Broken,
    /// It works.
    Note,
}

impl Weight {
    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Broken => "broken",
            Self::Note => "note",
        }
    }
}

/// Something about the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) weight: Weight,
    /// The segment's entry of the program header table, if it is about one.
    pub(crate) segment: Option<usize>,
    /// The field, and its offset in the file.
    pub(crate) field: Option<(&'static str, u64)>,
    /// In words.
    pub(crate) text: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(segment) = self.segment {
            write!(f, "segment {segment}: ")?;
        }
        if let Some((field, at)) = self.field {
            write!(f, "{field} at {at:#x}: ")?;
        }
        f.write_str(&self.text)
    }
}

/// The kernel reads at most this many bytes of program headers (`load_elf_phdrs`).
const LARGEST_TABLE: u64 = 65536;
/// `PATH_MAX`
const LONGEST_INTERPRETER: u64 = 4096;

/// What there is to look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) header: &'a Header,
    pub(crate) layout: &'a ElfLayout,
    /// Bytes of the file.
    pub(crate) file_len: u64,
    /// What is at the beginning of the file up to the end of `PT_INTERP`.
    pub(crate) bytes: &'a [u8],
    pub(crate) relocates_text: bool,
}

/// Everything there is to say, what is worst first.
pub(crate) fn findings(subject: Subject<'_>) -> Vec<Finding> {
    let mut all = Vec::new();
    subject.table(&mut all);
    subject.interpreter(&mut all);
    for not in &subject.layout.unplaceable {
        all.extend(subject.unplaceable(*not));
    }
    if subject.layout.loader == Loader::Glibc {
        subject.alignment(&mut all);
    }
    subject.addresses(&mut all);
    for placed in &subject.layout.placed {
        all.extend(subject.beyond_the_end(placed));
    }
    subject.overlaps(&mut all);
    subject.protections(&mut all);
    all.sort_by_key(|finding| finding.weight as u8);
    all
}

impl Subject<'_> {
    /// How the loader lets it be known that it does not want a segment.
    fn refusal(&self, glibc: &str) -> String {
        match self.layout.loader {
            Loader::Kernel => "the kernel kills the process with SIGSEGV as it starts".to_owned(),
            Loader::Glibc => format!("ld.so says \"{glibc}\""),
        }
    }

    fn at(&self, load: &ProgramHeader, field: Field, weight: Weight, text: String) -> Finding {
        let field = Some((field.name, self.header.field_at(load, field)));
        Finding { weight, segment: Some(load.index), field, text }
    }

    fn of_file(&self, field: Field, text: String) -> Finding {
        let field = Some((field.name, field.at(self.header.class)));
        Finding { weight: Weight::Refused, segment: None, field, text }
    }

    /// The program header table as a whole.
    fn table(&self, all: &mut Vec<Finding>) {
        let len = self.header.table.end - self.header.table.start;
        let is_program = self.layout.loader == Loader::Kernel;
        if len == 0 {
            let field = if self.header.table.start == 0 { E_PHOFF } else { E_PHNUM };
            let what = "there are no program headers";
            let why = if is_program {
                "execve(2) fails with ENOEXEC"
            } else {
                "ld.so says \"object file has no dynamic section\""
            };
            all.push(self.of_file(field, format!("{what}: {why}")));
        } else if is_program && len > LARGEST_TABLE {
            let count = self.header.program_headers.len();
            let what = format!(
                "{count} program headers are more than the {LARGEST_TABLE} bytes that the kernel reads"
            );
            all.push(self.of_file(E_PHNUM, format!("{what}: execve(2) fails with ENOEXEC")));
        }
        if len > 0 && self.header.loads().next().is_none() {
            let why = self.refusal("object file has no loadable segments");
            let text = format!("no segment is loaded (PT_LOAD): {why}");
            all.push(Finding { weight: Weight::Refused, segment: None, field: None, text });
        }
    }

    /// `PT_INTERP`, which the kernel reads.
    fn interpreter(&self, all: &mut Vec<Finding>) {
        let Some(header) = self.header.find(elf::PT_INTERP) else { return };
        if self.layout.loader == Loader::Glibc {
            return;
        }
        let refuse = |field, text: &str| {
            self.at(header, field, Weight::Refused, format!("{text}: execve(2) fails with ENOEXEC"))
        };
        if !(2..=LONGEST_INTERPRETER).contains(&header.filesz) {
            all.push(refuse(P_FILESZ, "the interpreter's name has to have 2 to 4096 bytes"));
            return;
        }
        match interpreter_bytes(header, self.bytes) {
            None => all.push(refuse(P_OFFSET, "the interpreter's name is not in the file")),
            Some([.., 0]) => {}
            Some(_) => {
                all.push(refuse(P_FILESZ, "the interpreter's name does not end with a zero byte"))
            }
        }
    }

    fn unplaceable(&self, not: Unplaceable) -> Option<Finding> {
        let load = self.header.program_headers.get(not.index)?;
        let ProgramHeader { offset, vaddr, filesz, memsz, .. } = load;
        let page = self.layout.page;
        let (field, what, glibc) = match not.why {
            Why::MoreInFile => {
                (P_FILESZ, format!("{filesz:#x} is more than p_memsz, {memsz:#x}"), "cannot map")
            }
            Why::Incongruent => (
                P_OFFSET,
                format!(
                    "{offset:#x} is byte {:#x} of a page, p_vaddr {vaddr:#x} is byte {:#x}: no page can be mapped so",
                    offset % page,
                    vaddr % page
                ),
                "ELF load command address/offset not properly aligned",
            ),
            Why::FileEnd => (
                P_FILESZ,
                format!("{filesz:#x} bytes from {offset:#x} on end past any file"),
                "failed to map segment from shared object",
            ),
            Why::MemoryEnd => (
                P_MEMSZ,
                format!("{memsz:#x} bytes from {vaddr:#x} on end past the last address"),
                "failed to map segment from shared object",
            ),
        };
        // glibc goes on with the larger of the two, but elf(5) rules that out.
        let consequence = match (not.why, self.layout.loader) {
            (Why::MoreInFile, Loader::Glibc) => "elf(5) rules that out".to_owned(),
            _ => self.refusal(glibc),
        };
        Some(self.at(load, field, Weight::Refused, format!("{what}; {consequence}")))
    }

    /// What ld.so asks of `p_align`. The kernel does not mind.
    fn alignment(&self, all: &mut Vec<Finding>) {
        let page = self.layout.page;
        for load in self.header.loads() {
            if load.align % page != 0 {
                let what = format!("{:#x} is not a multiple of the page, {page:#x}", load.align);
                let why = self.refusal("ELF load command alignment not page-aligned");
                all.push(self.at(load, P_ALIGN, Weight::Refused, format!("{what}; {why}")));
            } else if load.align.is_power_of_two()
                && load.offset % page == load.vaddr % page
                && load.vaddr.wrapping_sub(load.offset) % load.align != 0
            {
                let what = format!(
                    "p_vaddr {:#x} and p_offset {:#x} differ by no multiple of {:#x}",
                    load.vaddr, load.offset, load.align
                );
                let why = self.refusal("ELF load command address/offset not properly aligned");
                all.push(self.at(load, P_ALIGN, Weight::Refused, format!("{what}; {why}")));
            }
        }
    }

    /// Addresses that there are not, and their order.
    fn addresses(&self, all: &mut Vec<Finding>) {
        let last = last_address(self.header);
        for placed in &self.layout.placed {
            let Some(load) = self.header.program_headers.get(placed.segment.index) else {
                continue;
            };
            let end = load.vaddr.saturating_add(load.memsz);
            if load.memsz > last || end > last {
                let what = format!(
                    "{:#x} bytes from {:#x} on end past the last address of a process, {last:#x}",
                    load.memsz, load.vaddr
                );
                let why = self.refusal("cannot allocate memory");
                all.push(self.at(load, P_MEMSZ, Weight::Refused, format!("{what}; {why}")));
            }
        }
        let loads: Vec<_> = self.header.loads().collect();
        for pair in loads.windows(2) {
            if pair[1].vaddr < pair[0].vaddr {
                let text = format!(
                    "{:#x} is below that of segment {}: elf(5) has them ascending, and Linux before 5.18 counts on it",
                    pair[1].vaddr, pair[0].index
                );
                all.push(self.at(pair[1], P_VADDR, Weight::Note, text));
            }
        }
    }

    /// Pages that the file does not have.
    fn beyond_the_end(&self, placed: &Placed) -> Option<Finding> {
        let load = self.header.program_headers.get(placed.segment.index)?;
        let end = load.offset.saturating_add(load.filesz);
        if load.filesz == 0 || end <= self.file_len {
            return None;
        }
        let what = format!(
            "{:#x} bytes from {:#x} on end at {end:#x}, the file ends at {:#x}",
            load.filesz, load.offset, self.file_len
        );
        let last_page = self.file_len.next_multiple_of(self.layout.page);
        // The page to be filled with zeros is not there.
        let refused = placed.zeroed.start < placed.zeroed.end && placed.file_pages.end > last_page;
        let (weight, why) = if refused {
            let why = match self.layout.loader {
                Loader::Kernel => "the kernel kills the process with SIGSEGV as it starts",
                Loader::Glibc => "ld.so dies of SIGBUS as it writes zeros there",
            };
            (Weight::Refused, why)
        } else if placed.file_pages.end > last_page {
            (Weight::Broken, "touching a page after the end raises SIGBUS")
        } else {
            (Weight::Broken, "the missing bytes read as zeros")
        };
        Some(self.at(load, P_FILESZ, weight, format!("{what}; {why}")))
    }

    /// Memory that two segments want.
    fn overlaps(&self, all: &mut Vec<Finding>) {
        for common in layout::contested(&self.layout.placed) {
            let [a, b] = common.segments;
            let (later, earlier) = (a.max(b), a.min(b));
            let text = format!(
                "wants {:#x} to {:#x}, where segment {earlier} is, and replaces it there",
                common.pages.start, common.pages.end
            );
            all.push(Finding { weight: Weight::Note, segment: Some(later), field: None, text });
        }
    }

    /// What is allowed that should not be, and the other way round.
    fn protections(&self, all: &mut Vec<Finding>) {
        let mut note = |segment, text: String| {
            all.push(Finding { weight: Weight::Note, segment, field: None, text });
        };
        for placed in &self.layout.placed {
            let segment = &placed.segment;
            if segment.access.allows(Access::WRITE.and(Access::EXECUTE)) {
                note(
                    Some(segment.index),
                    "is writable and executable: what is written there can be run".to_owned(),
                );
            }
            let zeros = segment.memsz > segment.filesz;
            if zeros
                && self.layout.loader == Loader::Kernel
                && !segment.access.allows(Access::WRITE)
                && placed.slack_after > 0
            {
                note(Some(segment.index), "is not writable, so that the kernel leaves bytes of the file where zeros should be".to_owned());
            }
        }
        if let Some(relro) = &self.layout.relro {
            let page = self.layout.page;
            if relro.end % page != 0 && relro.start < relro.end {
                let text = format!(
                    "PT_GNU_RELRO ends at {:#x}, in the middle of a page: the last {:#x} bytes of it stay writable",
                    relro.end,
                    relro.end % page
                );
                note(None, text);
            }
        }
        if self.relocates_text {
            note(None, "DT_TEXTREL: relocation writes into read-only segments, and the pages that it writes are shared no more".to_owned());
        }
        let runs = |placed: &Placed| {
            let s = &placed.segment;
            s.access.allows(Access::EXECUTE)
                && (s.vaddr..s.vaddr + s.memsz).contains(&self.header.entry)
        };
        if self.layout.loader == Loader::Kernel
            && self.layout.unplaceable.is_empty()
            && !self.layout.placed.iter().any(runs)
        {
            let text = format!(
                "e_entry, {:#x}, is in no executable segment: the first instruction raises SIGSEGV",
                self.header.entry
            );
            all.push(Finding { weight: Weight::Broken, segment: None, field: None, text });
        }
    }
}

/// The bytes of `PT_INTERP`, if the file has them.
pub(crate) fn interpreter_bytes<'a>(header: &ProgramHeader, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let start = usize::try_from(header.offset).ok()?;
    let len = usize::try_from(header.filesz).ok()?;
    bytes.get(start..start.checked_add(len)?)
}

/// Where user addresses end (`TASK_SIZE`), for the machines that folio runs on; elsewhere the largest number.
fn last_address(header: &Header) -> u64 {
    match elf::Machine(header.machine) {
        elf::EM_X86_64 => 0x7fff_ffff_f000,
        elf::EM_AARCH64 => 1 << 48,
        elf::EM_386 | elf::EM_ARM => 0xffff_e000,
        _ => u64::MAX,
    }
}
