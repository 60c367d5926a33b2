//! `rip`.

use libc::ucontext_t;

const RIP: usize = libc::REG_RIP as usize;

pub(in super::super) fn program_counter(context: &ucontext_t) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a register holds an address"
    )]
    let pc = context.uc_mcontext.gregs[RIP] as usize;
    pc
}

pub(in super::super) fn set_program_counter(context: &mut ucontext_t, pc: usize) {
    #[expect(clippy::cast_possible_wrap, reason = "a register holds an address")]
    let pc = pc as i64;
    context.uc_mcontext.gregs[RIP] = pc;
}
