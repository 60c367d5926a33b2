//! The copy routines for aarch64, with the vector registers that each one has.
//!
//! Registers, in every routine that copies or fills (clause L3 of `docs/soundness.md`):
//!
//! | register | holds |
//! |---|---|
//! | `x3` | the destination cursor: every byte below it is done |
//! | `x1` | the source cursor (`fill`: the byte, in all eight bytes) |
//! | `x2` | how many bytes are left from the cursors on |
//! | `x4` | the length asked for |
//!
//! so `x4 - x2` bytes are done at each instruction that can fault. Sizes up to 128 bytes are loaded whole before the first
//! byte is stored; larger ones go up in blocks, and the cursors move when a block has been stored. A fault in there
//! continues at `bytes`, byte by byte from the cursors on, up to the byte that faults; that second fault continues at
//! the exit. A store across a page boundary may have been done in part when it faults: those bytes are stored again.
//!
//! `hint #34` is `bti c`, where an indirect branch may land; older CPUs take it for a no-op.

use core::arch::global_asm;

use super::Copy;
use super::routines::{
    fill, fixups, fixups_end, load_u8, load_u16, load_u32, load_u64, store_u8, store_u16,
    store_u32, store_u64,
};

unsafe extern "C" {
    #[link_name = symbol!("copy_neon")]
    pub(super) fn copy_neon(dst: *mut u8, src: *const u8, len: usize) -> usize;
}

/// Every copy routine that this CPU can run, by name.
#[cfg(test)]
pub(super) fn variants() -> Vec<(&'static str, Copy)> {
    vec![("neon", copy_neon)]
}

/// The copy routine that is best on this CPU.
pub(super) fn best() -> Copy {
    copy_neon
}

global_asm!(
    ".pushsection .text.folio_copy,\"ax\",@progbits",
    ".p2align 6",
    ".globl {copy_neon}",
    ".hidden {copy_neon}",
    ".type {copy_neon},@function",
    "{copy_neon}:",
    ".cfi_startproc",
    "hint #34",
    "mov x3, x0",
    "mov x4, x2",
    "add x5, x1, x2",
    "add x6, x0, x2",
    "cmp x2, #16",
    "b.lo 2f",
    "cmp x2, #64",
    "b.hi 5f",
    "cmp x2, #32",
    "b.hi 1f",
    "ldr q0, [x1]",
    "ldr q1, [x5, #-16]",
    "str q0, [x3]",
    "str q1, [x6, #-16]",
    "mov x0, x4",
    "ret",
    "1:",
    "ldp q0, q1, [x1]",
    "ldp q2, q3, [x5, #-32]",
    "stp q0, q1, [x3]",
    "stp q2, q3, [x6, #-32]",
    "mov x0, x4",
    "ret",
    "2:",
    "tbz x2, #3, 3f",
    "ldr x7, [x1]",
    "ldr x8, [x5, #-8]",
    "str x7, [x3]",
    "str x8, [x6, #-8]",
    "mov x0, x4",
    "ret",
    "3:",
    "tbz x2, #2, 4f",
    "ldr w7, [x1]",
    "ldr w8, [x5, #-4]",
    "str w7, [x3]",
    "str w8, [x6, #-4]",
    "mov x0, x4",
    "ret",
    "4:",
    "cbz x2, .L{copy_neon}_exit",
    // 1 to 3 bytes: the first, the middle one and the last.
    "lsr x9, x2, #1",
    "ldrb w7, [x1]",
    "ldrb w8, [x1, x9]",
    "ldrb w10, [x5, #-1]",
    "strb w7, [x3]",
    "strb w8, [x3, x9]",
    "strb w10, [x6, #-1]",
    "mov x0, x4",
    "ret",
    ".p2align 4",
    "5:",
    "cmp x2, #128",
    "b.hi 6f",
    "ldp q0, q1, [x1]",
    "ldp q2, q3, [x1, #32]",
    "ldp q4, q5, [x5, #-64]",
    "ldp q6, q7, [x5, #-32]",
    "stp q0, q1, [x3]",
    "stp q2, q3, [x3, #32]",
    "stp q4, q5, [x6, #-64]",
    "stp q6, q7, [x6, #-32]",
    "mov x0, x4",
    "ret",
    // More than 128 bytes: 1 to 16 bytes up to an aligned destination, then blocks of 64, then the last 64.
    "6:",
    "ldr q0, [x1]",
    "str q0, [x3]",
    "and x7, x3, #15",
    "sub x7, x7, #16",
    "sub x3, x3, x7",
    "sub x1, x1, x7",
    "add x2, x2, x7",
    ".p2align 4",
    "7:",
    "ldp q0, q1, [x1]",
    "ldp q2, q3, [x1, #32]",
    "stp q0, q1, [x3]",
    "stp q2, q3, [x3, #32]",
    "add x1, x1, #64",
    "add x3, x3, #64",
    "sub x2, x2, #64",
    "cmp x2, #64",
    "b.hi 7b",
    "ldp q0, q1, [x5, #-64]",
    "ldp q2, q3, [x5, #-32]",
    "stp q0, q1, [x6, #-64]",
    "stp q2, q3, [x6, #-32]",
    "mov x0, x4",
    "ret",
    // Where the faults of the copy continue.
    ".L{copy_neon}_bytes:",
    "cbz x2, .L{copy_neon}_exit",
    "8:",
    "ldrb w7, [x1]",
    "strb w7, [x3]",
    "add x1, x1, #1",
    "add x3, x3, #1",
    "subs x2, x2, #1",
    "b.ne 8b",
    ".L{copy_neon}_exit:",
    "sub x0, x4, x2",
    "ret",
    ".cfi_endproc",
    ".size {copy_neon}, . - {copy_neon}",
    ".popsection",
    copy_neon = sym copy_neon,
);

global_asm!(
    ".pushsection .text.folio_copy,\"ax\",@progbits",
    ".p2align 6",
    ".globl {fill}",
    ".hidden {fill}",
    ".type {fill},@function",
    "{fill}:",
    ".cfi_startproc",
    "hint #34",
    "mov x3, x0",
    "mov x4, x2",
    "add x6, x0, x2",
    "cmp x2, #16",
    "b.lo 2f",
    "dup v0.2d, x1",
    "cmp x2, #64",
    "b.hi 4f",
    "cmp x2, #32",
    "b.hi 1f",
    "str q0, [x3]",
    "str q0, [x6, #-16]",
    "mov x0, x4",
    "ret",
    "1:",
    "stp q0, q0, [x3]",
    "stp q0, q0, [x6, #-32]",
    "mov x0, x4",
    "ret",
    "2:",
    "tbz x2, #3, 3f",
    "str x1, [x3]",
    "str x1, [x6, #-8]",
    "mov x0, x4",
    "ret",
    "3:",
    "tbz x2, #2, .L{fill}_bytes",
    "str w1, [x3]",
    "str w1, [x6, #-4]",
    "mov x0, x4",
    "ret",
    // More than 64 bytes: 1 to 16 bytes up to an aligned destination, then blocks of 64, then the last 64.
    "4:",
    "str q0, [x3]",
    "and x7, x3, #15",
    "sub x7, x7, #16",
    "sub x3, x3, x7",
    "add x2, x2, x7",
    "cmp x2, #64",
    "b.ls 6f",
    ".p2align 4",
    "5:",
    "stp q0, q0, [x3]",
    "stp q0, q0, [x3, #32]",
    "add x3, x3, #64",
    "sub x2, x2, #64",
    "cmp x2, #64",
    "b.hi 5b",
    "6:",
    "stp q0, q0, [x6, #-64]",
    "stp q0, q0, [x6, #-32]",
    "mov x0, x4",
    "ret",
    ".L{fill}_bytes:",
    "cbz x2, .L{fill}_exit",
    "7:",
    "strb w1, [x3]",
    "add x3, x3, #1",
    "subs x2, x2, #1",
    "b.ne 7b",
    ".L{fill}_exit:",
    "sub x0, x4, x2",
    "ret",
    ".cfi_endproc",
    ".size {fill}, . - {fill}",
    ".popsection",
    fill = sym fill,
);

/// A routine of one access: `$access` can fault, and then the routine's answer is zeros.
macro_rules! one_access {
    ($name:ident: $access:literal, $done:literal) => {
        global_asm!(
            ".pushsection .text.folio_copy,\"ax\",@progbits",
            ".p2align 4",
            ".globl {name}",
            ".hidden {name}",
            ".type {name},@function",
            "{name}:",
            ".cfi_startproc",
            "hint #34",
            $access,
            $done,
            "ret",
            ".L{name}_fault:",
            "mov x0, xzr",
            "mov x1, xzr",
            "ret",
            ".cfi_endproc",
            ".size {name}, . - {name}",
            ".popsection",
            name = sym $name,
        );
    };
}

one_access!(load_u8: "ldrb w0, [x0]", "mov x1, #1");
one_access!(load_u16: "ldrh w0, [x0]", "mov x1, #1");
one_access!(load_u32: "ldr w0, [x0]", "mov x1, #1");
one_access!(load_u64: "ldr x0, [x0]", "mov x1, #1");
one_access!(store_u8: "strb w1, [x0]", "mov x0, #1");
one_access!(store_u16: "strh w1, [x0]", "mov x0, #1");
one_access!(store_u32: "str w1, [x0]", "mov x0, #1");
one_access!(store_u64: "str x1, [x0]", "mov x0, #1");

// Which instructions may fault, and where each range of them continues: rows of `Fixup`.
global_asm!(
    ".pushsection .rodata.folio_fixups,\"a\",@progbits",
    ".p2align 2",
    ".globl {fixups}",
    ".hidden {fixups}",
    ".type {fixups},@object",
    "{fixups}:",
    ".long {copy_neon} - ., .L{copy_neon}_bytes - ., .L{copy_neon}_bytes - .",
    ".long .L{copy_neon}_bytes - ., .L{copy_neon}_exit - ., .L{copy_neon}_exit - .",
    ".long {fill} - ., .L{fill}_bytes - ., .L{fill}_bytes - .",
    ".long .L{fill}_bytes - ., .L{fill}_exit - ., .L{fill}_exit - .",
    ".long {load_u8} - ., .L{load_u8}_fault - ., .L{load_u8}_fault - .",
    ".long {load_u16} - ., .L{load_u16}_fault - ., .L{load_u16}_fault - .",
    ".long {load_u32} - ., .L{load_u32}_fault - ., .L{load_u32}_fault - .",
    ".long {load_u64} - ., .L{load_u64}_fault - ., .L{load_u64}_fault - .",
    ".long {store_u8} - ., .L{store_u8}_fault - ., .L{store_u8}_fault - .",
    ".long {store_u16} - ., .L{store_u16}_fault - ., .L{store_u16}_fault - .",
    ".long {store_u32} - ., .L{store_u32}_fault - ., .L{store_u32}_fault - .",
    ".long {store_u64} - ., .L{store_u64}_fault - ., .L{store_u64}_fault - .",
    ".size {fixups}, . - {fixups}",
    ".globl {fixups_end}",
    ".hidden {fixups_end}",
    "{fixups_end}:",
    ".popsection",
    fixups = sym fixups,
    fixups_end = sym fixups_end,
    copy_neon = sym copy_neon,
    fill = sym fill,
    load_u8 = sym load_u8,
    load_u16 = sym load_u16,
    load_u32 = sym load_u32,
    load_u64 = sym load_u64,
    store_u8 = sym store_u8,
    store_u16 = sym store_u16,
    store_u32 = sym store_u32,
    store_u64 = sym store_u64,
);
