//! What a program needs that this machine does not have: its interpreter, or room for its zeros. [`findings`](super::findings) are
//! about the file alone; these are about the file here.

use std::fs;
use std::io::ErrorKind;

use super::findings::{Finding, Weight};
use super::layout::{self, Loader};
use super::look::Program;
use crate::name::quoted;
use crate::units::human;

/// What is missing; nothing of a file for another machine.
pub(super) fn lacking(program: &Program) -> Vec<Finding> {
    let Some(layout) = &program.layout else { return Vec::new() };
    if layout.loader != Loader::Kernel || program.foreign().is_some() {
        return Vec::new();
    }
    let zeros = layout::costs(&layout.areas).zeros;
    [interpreter(program), room_at_once().and_then(|room| too_large(zeros, room))]
        .into_iter()
        .flatten()
        .collect()
}

fn refused(text: String) -> Finding {
    Finding { weight: Weight::Refused, segment: None, field: None, text }
}

/// The answer of execve(2) then is that of a program that does not exist.
fn interpreter(program: &Program) -> Option<Finding> {
    let path = program.interpreter.as_ref()?;
    let error = fs::metadata(path).err()?;
    (error.kind() == ErrorKind::NotFound).then(|| {
        let path = quoted(path);
        refused(format!("the interpreter, {path}, does not exist: execve(2) fails with ENOENT, as if the program did not"))
    })
}

/// How much memory the kernel promises to one mapping; `None` if it promises everything. Memory and swap together, unless the administrator
/// has decided otherwise (`vm.overcommit_memory` of proc_sys_vm(5)).
fn room_at_once() -> Option<u64> {
    let always =
        fs::read_to_string("/proc/sys/vm/overcommit_memory").is_ok_and(|mode| mode.trim() == "1");
    if always {
        return None;
    }
    let told = rustix::system::sysinfo();
    let unit = u64::from(told.mem_unit);
    // Longs, which are 64 bits on every machine that folio is for.
    Some((told.totalram as u64).saturating_add(told.totalswap as u64).saturating_mul(unit))
}

fn too_large(zeros: u64, room: u64) -> Option<Finding> {
    (zeros > room).then(|| {
        refused(format!(
            "{} of zeros are more than memory and swap here, {}: the kernel kills the process with SIGSEGV as it starts, unless \
             vm.overcommit_memory is 1",
            human(zeros),
            human(room)
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_have_to_fit_into_memory_and_swap() {
        assert_eq!(too_large(4096, 4096), None);
        let text = too_large(1 << 40, 1 << 30).unwrap().text;
        assert!(
            text.starts_with("1.0 TiB of zeros are more than memory and swap here, 1.0 GiB: "),
            "{text}"
        );
    }
}
