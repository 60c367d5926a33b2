//! Asking the kernel about a process, once: who it is, its mappings, what each costs and what it is for.
//!
//! The figures come from `smaps`, which lists the mappings too, so that both are of one moment. The kernel's walk of the page
//! tables for it is most of the time that the command takes; nothing else is asked unless it is shown.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use folio::ErrorKind;
use folio::process::{
    Kind as Memory, MappingUsage, Object, PagesVia, Process, ProcessPages, Sharing, State, Usage,
    VmFlags,
};

use super::flags::{Pid, Via};
use super::kind::{Images, Kind, Part, kinds};
use crate::failure::{Failure, InputFailure, reason};
use crate::name::quoted;

/// A process as it was found.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) process: Process,
    pub(super) state: State,
    pub(super) program: Option<PathBuf>,
    /// In the order of their addresses.
    pub(super) mappings: Vec<Mapped>,
    pub(super) totals: Totals,
}

/// A mapping of it.
#[derive(Debug)]
pub(super) struct Mapped {
    pub(super) found: MappingUsage,
    pub(super) kind: Kind,
    /// The file that it belongs to, by name: its own, or for a bss that of the data before it.
    pub(super) belongs: OsString,
}

/// What a process costs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    pub(super) usage: Usage,
    /// Bytes copied on write from files, those in swap space too; `None` where mappings were not asked for.
    pub(super) copied: Option<u64>,
    pub(super) mappings: Option<usize>,
}

impl Mapped {
    /// Bytes that were copied on write from the file of a private mapping, those in swap space too.
    pub(super) fn copied(&self) -> u64 {
        let MappingUsage { mapping, usage, .. } = &self.found;
        match (mapping.sharing, mapping.file) {
            (Sharing::Private, Some(_)) if mapping.object != Object::HugeAnonymous => {
                usage.anonymous + usage.swapped
            }
            _ => 0,
        }
    }

    /// Whether the mapping's file, its kind or the name that it goes by has `text` in it.
    pub(super) fn is_about(&self, text: &str) -> bool {
        let has = |name: &str| name.contains(text);
        has(&self.belongs.to_string_lossy())
            || has(&self.found.mapping.object.name().to_string_lossy())
            || has(&self.kind.to_string())
    }
}

/// `bash, process 1234`, or the number alone where nobody tells the name.
pub(super) fn title(look: &Look) -> String {
    format!("{}, process {}", quoted(Path::new(&look.state.name)), look.process.pid())
}

/// Look at everything but single pages.
pub(super) fn look(pid: Pid) -> Result<Look, Failure> {
    let (process, state) = open(pid)?;
    let found = process.usage().map_err(|error| refused(&process, Some(&state), &error))?;
    let program = process.program().ok().flatten();
    let mut mappings = with_kinds(&process, found);
    if state.threads > 1 {
        // Who may look at the memory may not always ask for this (Yama); then such stacks are anonymous memory.
        let pointers = process.stack_pointers().unwrap_or_default();
        pointers.into_iter().for_each(|pointer| mark_stack(&mut mappings, pointer));
    }
    let usage = exact(&process, mappings.iter().map(|mapped| mapped.found.usage).sum(), &mappings);
    let copied = mappings.iter().map(Mapped::copied).sum();
    let totals = Totals { usage, copied: Some(copied), mappings: Some(mappings.len()) };
    Ok(Look { process, state, program, mappings, totals })
}

/// Look at the sums alone, which the kernel is quicker to tell.
pub(super) fn look_at_totals(pid: Pid) -> Result<Look, Failure> {
    let (process, state) = open(pid)?;
    let usage = process.rollup().map_err(|error| refused(&process, Some(&state), &error))?;
    let program = process.program().ok().flatten();
    let totals = Totals { usage, copied: None, mappings: None };
    Ok(Look { process, state, program, mappings: Vec::new(), totals })
}

impl Look {
    /// The way to its pages. A thread of the kernel has none; before Linux 6.16 its page map can be opened all the same, and is
    /// empty.
    pub(super) fn pages(&self, via: Via) -> Result<ProcessPages, Failure> {
        if self.is_kernel_thread() {
            let name = format!("process {}", self.process.pid());
            let why = "it is a thread of the kernel: nothing is mapped";
            return Err(InputFailure::refused(name, why));
        }
        let via = match via {
            Via::Best => PagesVia::Best,
            Via::Text => PagesVia::Entries,
        };
        self.process.pages(via).map_err(|error| self.lost(&error))
    }

    /// An answer of the kernel to a later question.
    pub(super) fn lost(&self, error: &folio::Error) -> Failure {
        refused(&self.process, Some(&self.state), error)
    }

    pub(super) fn is_kernel_thread(&self) -> bool {
        self.state.kind == Memory::KernelThread
    }
}

fn open(pid: Pid) -> Result<(Process, State), Failure> {
    let name = || format!("process {}", pid.0);
    let process = Process::open(pid.0).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            InputFailure::refused(name(), "there is no such process, or not for this user")
        }
        _ => InputFailure::failed(name(), "look", reason(&error)),
    })?;
    let state = process.state().map_err(|error| refused(&process, None, &error))?;
    Ok((process, state))
}

/// Why a process cannot be looked at, and what would help.
fn refused(process: &Process, state: Option<&State>, error: &folio::Error) -> Failure {
    let name = format!("process {}", process.pid());
    // As it is now: it may have ended since.
    let state = process.state().ok().or_else(|| state.cloned());
    match (error.kind(), state) {
        (ErrorKind::NotFound, Some(state)) if state.is_zombie() => InputFailure::refused(
            name,
            "it has ended and has no memory any more; its parent has not taken notice (a zombie)",
        ),
        (ErrorKind::NotFound, _) => InputFailure::refused(name, "it has ended"),
        (ErrorKind::PermissionDenied, state) => {
            InputFailure::failed(name, "look at its memory", forbidden(state.as_ref()))
        }
        _ => InputFailure::failed(name, "look at its memory", reason(error)),
    }
}

/// What the kernel asks before it shows one process's memory to another; ptrace(2), "Ptrace access mode checking".
fn forbidden(state: Option<&State>) -> String {
    let me = rustix::process::geteuid().as_raw();
    match state {
        Some(state) if me == 0 => format!(
            "the kernel refuses it to root here: user {}'s process is in another user namespace or has more rights, and this \
             one lacks CAP_SYS_PTRACE there, or a security module is in the way",
            state.user
        ),
        Some(state) if state.user != me => format!(
            "it belongs to user {}, and this is user {me}: run folio as that user, or as root (CAP_SYS_PTRACE)",
            state.user
        ),
        _ => "it has rights that this user lacks, or has changed them, or is not to be dumped (prctl(2), PR_SET_DUMPABLE): \
              run folio as root (CAP_SYS_PTRACE)"
            .to_owned(),
    }
}

fn with_kinds(process: &Process, found: Vec<MappingUsage>) -> Vec<Mapped> {
    let mappings: Vec<_> = found.iter().map(|found| &found.mapping).collect();
    let kinds = kinds(&mappings, &Images::of(process, &mappings));
    let mut file_before = OsString::new();
    let named = found.into_iter().zip(kinds).map(|(found, kind)| {
        let belongs = match kind {
            Kind::Program(Part::Bss) | Kind::Library(Part::Bss) if found.mapping.file.is_none() => {
                file_before.clone()
            }
            _ => belongs(&found.mapping.object),
        };
        if found.mapping.path().is_some() {
            file_before.clone_from(&belongs);
        }
        Mapped { found, kind, belongs }
    });
    named.collect()
}

/// Call the memory that the stack `pointer` of a thread is in a stack, if it is made as pthread_create(3) makes one, with a guard below:
/// a runtime that has its own way with stacks may keep them among all its other memory.
fn mark_stack(mappings: &mut [Mapped], pointer: u64) {
    let at = mappings.partition_point(|mapped| mapped.found.mapping.addresses.end <= pointer);
    let (before, rest) = mappings.split_at_mut(at);
    let Some(mapped) = rest.first_mut() else { return };
    let addresses = &mapped.found.mapping.addresses;
    let guarded = mapped.found.flags.contains(VmFlags::MAYBE_GUARD)
        || before.last().is_some_and(|guard| {
            guard.kind == Kind::Reserved && guard.found.mapping.addresses.end == addresses.start
        });
    if mapped.kind == Kind::Anonymous && addresses.contains(&pointer) && guarded {
        mapped.kind = Kind::Stack;
    }
}

fn belongs(object: &Object) -> OsString {
    match object {
        Object::Deleted(path) => {
            let mut name = path.clone().into_os_string();
            name.push(" (deleted)");
            name
        }
        other => other.name(),
    }
}

/// `sum`, its proportional figures exact. The kernel rounds them down to whole KiB for each mapping, which for many small
/// mappings is more than a person would forgive; its own sum is another walk of the page tables, taken only then.
fn exact(process: &Process, sum: Usage, mappings: &[Mapped]) -> Usage {
    const KIB: u64 = 1024;
    let divided = mappings.iter().filter(|mapped| mapped.found.usage.shared() > 0).count() as u64;
    if divided * KIB * 100 <= sum.proportional {
        return sum;
    }
    match process.rollup() {
        // Of another moment: only what was rounded is taken, and only if it is the same but for rounding.
        Ok(rollup)
            if (sum.proportional..=sum.proportional + divided * KIB)
                .contains(&rollup.proportional) =>
        {
            Usage { proportional: rollup.proportional, ..sum }
        }
        _ => sum,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn the_stack_of_a_thread_that_waits_is_a_stack() {
        let (tell, told) = channel();
        let (end, ended) = channel::<()>();
        let thread = std::thread::spawn(move || {
            let here = 0u8;
            tell.send((rustix::thread::gettid(), (&raw const here).addr() as u64)).unwrap();
            let _ = ended.recv();
        });
        let (thread_id, address) = told.recv().unwrap();
        // It waits in the kernel, and only then is its stack pointer told.
        let syscall = format!("/proc/self/task/{thread_id}/syscall");
        while std::fs::read_to_string(&syscall).unwrap().starts_with("running") {
            std::thread::yield_now();
        }
        let look = look(Pid(std::process::id())).unwrap();
        drop(end);
        thread.join().unwrap();
        let of = |address: u64| {
            let has = |mapped: &&Mapped| mapped.found.mapping.addresses.contains(&address);
            look.mappings.iter().find(has).map(|mapped| mapped.kind)
        };
        assert_eq!(of(address), Some(Kind::Stack));
        let stacks = look.mappings.iter().filter(|mapped| mapped.kind == Kind::Stack).count();
        assert!(stacks >= 2, "{stacks}");
    }
}
