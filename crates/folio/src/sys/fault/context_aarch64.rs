//! `pc`.

use libc::ucontext_t;

pub(in super::super) fn program_counter(context: &ucontext_t) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "addresses have 64 bits")]
    let pc = context.uc_mcontext.pc as usize;
    pc
}

pub(in super::super) fn set_program_counter(context: &mut ucontext_t, pc: usize) {
    context.uc_mcontext.pc = pc as u64;
}
