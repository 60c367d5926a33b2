//! The copy routines for x86-64: SSE2, which every x86-64 has, and AVX for the sizes where it is faster.
//!
//! Registers, in every routine that copies or fills (clause L3 of `docs/soundness.md`):
//!
//! | register | holds |
//! |---|---|
//! | `rax` | the length asked for |
//! | `rdi` | the destination cursor: every byte below it is done |
//! | `rsi` | the source cursor (`fill`: the byte, in all eight bytes) |
//! | `rdx` | how many bytes are left from the cursors on |
//!
//! so `rax - rdx` bytes are done at each instruction that can fault. Sizes up to 256 bytes are loaded whole before the
//! first byte is stored; larger ones go up in blocks, and the cursors move when a block has been stored. A fault in
//! there continues at `bytes`, byte by byte from the cursors on, up to the byte that faults; that
//! second fault continues at the exit.

use core::arch::global_asm;

use super::{Copy, Fixup, Load};

unsafe extern "C" {
    #[link_name = symbol!("copy_sse2")]
    pub(super) fn copy_sse2(dst: *mut u8, src: *const u8, len: usize) -> usize;
    #[link_name = symbol!("copy_avx")]
    pub(super) fn copy_avx(dst: *mut u8, src: *const u8, len: usize) -> usize;
    #[link_name = symbol!("copy_avx512")]
    pub(super) fn copy_avx512(dst: *mut u8, src: *const u8, len: usize) -> usize;
    #[link_name = symbol!("fill")]
    pub(super) fn fill(dst: *mut u8, pattern: u64, len: usize) -> usize;
    #[link_name = symbol!("load_u8")]
    pub(super) fn load_u8(src: *const u8) -> Load;
    #[link_name = symbol!("load_u16")]
    pub(super) fn load_u16(src: *const u16) -> Load;
    #[link_name = symbol!("load_u32")]
    pub(super) fn load_u32(src: *const u32) -> Load;
    #[link_name = symbol!("load_u64")]
    pub(super) fn load_u64(src: *const u64) -> Load;
    #[link_name = symbol!("store_u8")]
    pub(super) fn store_u8(dst: *mut u8, value: u64) -> usize;
    #[link_name = symbol!("store_u16")]
    pub(super) fn store_u16(dst: *mut u16, value: u64) -> usize;
    #[link_name = symbol!("store_u32")]
    pub(super) fn store_u32(dst: *mut u32, value: u64) -> usize;
    #[link_name = symbol!("store_u64")]
    pub(super) fn store_u64(dst: *mut u64, value: u64) -> usize;
    #[link_name = symbol!("fixups")]
    pub(super) static fixups: Fixup;
    #[link_name = symbol!("fixups_end")]
    pub(super) static fixups_end: Fixup;
}

/// Every copy routine that this CPU can run, by name.
#[cfg(test)]
pub(super) fn variants() -> Vec<(&'static str, Copy)> {
    let mut variants = vec![("sse2", copy_sse2 as Copy)];
    if std::arch::is_x86_feature_detected!("avx") {
        variants.push(("avx", copy_avx));
    }
    if std::arch::is_x86_feature_detected!("avx512vl") {
        variants.push(("avx512", copy_avx512));
    }
    variants
}

/// The copy routine that is best on this CPU. The first CPUs with AVX-512 slow down when they use its registers in full;
/// those with VBMI came later and do not.
pub(super) fn best() -> Copy {
    if std::arch::is_x86_feature_detected!("avx512vl")
        && std::arch::is_x86_feature_detected!("avx512vbmi")
    {
        copy_avx512
    } else if std::arch::is_x86_feature_detected!("avx") {
        copy_avx
    } else {
        copy_sse2
    }
}

global_asm!(
    ".pushsection .text.folio_copy,\"ax\",@progbits",
    ".p2align 6",
    ".globl {copy_sse2}",
    ".hidden {copy_sse2}",
    ".type {copy_sse2},@function",
    "{copy_sse2}:",
    ".cfi_startproc",
    "mov rax, rdx",
    "cmp rdx, 64",
    "ja .L{copy_sse2}_over_64",
    // Up to 64 bytes, for every variant: the first and the last bytes overlap as much as they need to.
    ".L{copy_sse2}_up_to_64:",
    "cmp edx, 16",
    "jb .L{copy_sse2}_under_16",
    "cmp edx, 32",
    "ja .L{copy_sse2}_over_32",
    "movdqu xmm0, xmmword ptr [rsi]",
    "movdqu xmm1, xmmword ptr [rsi + rdx - 16]",
    "movdqu xmmword ptr [rdi], xmm0",
    "movdqu xmmword ptr [rdi + rdx - 16], xmm1",
    "ret",
    ".p2align 4",
    ".L{copy_sse2}_over_32:",
    "movdqu xmm0, xmmword ptr [rsi]",
    "movdqu xmm1, xmmword ptr [rsi + 16]",
    "movdqu xmm2, xmmword ptr [rsi + rdx - 32]",
    "movdqu xmm3, xmmword ptr [rsi + rdx - 16]",
    "movdqu xmmword ptr [rdi], xmm0",
    "movdqu xmmword ptr [rdi + 16], xmm1",
    "movdqu xmmword ptr [rdi + rdx - 32], xmm2",
    "movdqu xmmword ptr [rdi + rdx - 16], xmm3",
    "ret",
    ".p2align 4",
    ".L{copy_sse2}_under_16:",
    "cmp edx, 8",
    "jb 2f",
    "mov rcx, qword ptr [rsi]",
    "mov r8, qword ptr [rsi + rdx - 8]",
    "mov qword ptr [rdi], rcx",
    "mov qword ptr [rdi + rdx - 8], r8",
    "ret",
    "2:",
    "cmp edx, 4",
    "jb 3f",
    "mov ecx, dword ptr [rsi]",
    "mov r8d, dword ptr [rsi + rdx - 4]",
    "mov dword ptr [rdi], ecx",
    "mov dword ptr [rdi + rdx - 4], r8d",
    "ret",
    "3:",
    "cmp edx, 1",
    "jb 5f",
    "je 4f",
    "movzx ecx, word ptr [rsi]",
    "movzx r8d, word ptr [rsi + rdx - 2]",
    "mov word ptr [rdi], cx",
    "mov word ptr [rdi + rdx - 2], r8w",
    "ret",
    "4:",
    "movzx ecx, byte ptr [rsi]",
    "mov byte ptr [rdi], cl",
    "5:",
    "ret",
    ".p2align 4",
    ".L{copy_sse2}_over_64:",
    "cmp rdx, 128",
    "ja 6f",
    "movdqu xmm0, xmmword ptr [rsi]",
    "movdqu xmm1, xmmword ptr [rsi + 16]",
    "movdqu xmm2, xmmword ptr [rsi + 32]",
    "movdqu xmm3, xmmword ptr [rsi + 48]",
    "movdqu xmm4, xmmword ptr [rsi + rdx - 64]",
    "movdqu xmm5, xmmword ptr [rsi + rdx - 48]",
    "movdqu xmm6, xmmword ptr [rsi + rdx - 32]",
    "movdqu xmm7, xmmword ptr [rsi + rdx - 16]",
    "movdqu xmmword ptr [rdi], xmm0",
    "movdqu xmmword ptr [rdi + 16], xmm1",
    "movdqu xmmword ptr [rdi + 32], xmm2",
    "movdqu xmmword ptr [rdi + 48], xmm3",
    "movdqu xmmword ptr [rdi + rdx - 64], xmm4",
    "movdqu xmmword ptr [rdi + rdx - 48], xmm5",
    "movdqu xmmword ptr [rdi + rdx - 32], xmm6",
    "movdqu xmmword ptr [rdi + rdx - 16], xmm7",
    "ret",
    // More than 128 bytes: 1 to 16 bytes up to an aligned destination, then blocks of 64, then the last 64.
    "6:",
    "movdqu xmm0, xmmword ptr [rsi]",
    "movdqu xmmword ptr [rdi], xmm0",
    "mov ecx, edi",
    "and ecx, 15",
    "sub rcx, 16",
    "sub rdi, rcx",
    "sub rsi, rcx",
    "add rdx, rcx",
    ".p2align 5",
    "7:",
    "movdqu xmm0, xmmword ptr [rsi]",
    "movdqu xmm1, xmmword ptr [rsi + 16]",
    "movdqu xmm2, xmmword ptr [rsi + 32]",
    "movdqu xmm3, xmmword ptr [rsi + 48]",
    "movdqa xmmword ptr [rdi], xmm0",
    "movdqa xmmword ptr [rdi + 16], xmm1",
    "movdqa xmmword ptr [rdi + 32], xmm2",
    "movdqa xmmword ptr [rdi + 48], xmm3",
    "add rsi, 64",
    "add rdi, 64",
    "sub rdx, 64",
    "cmp rdx, 64",
    "ja 7b",
    "movdqu xmm0, xmmword ptr [rsi + rdx - 64]",
    "movdqu xmm1, xmmword ptr [rsi + rdx - 48]",
    "movdqu xmm2, xmmword ptr [rsi + rdx - 32]",
    "movdqu xmm3, xmmword ptr [rsi + rdx - 16]",
    "movdqu xmmword ptr [rdi + rdx - 64], xmm0",
    "movdqu xmmword ptr [rdi + rdx - 48], xmm1",
    "movdqu xmmword ptr [rdi + rdx - 32], xmm2",
    "movdqu xmmword ptr [rdi + rdx - 16], xmm3",
    "ret",
    ".L{copy_sse2}_end:",
    ".cfi_endproc",
    ".size {copy_sse2}, . - {copy_sse2}",
    //
    ".p2align 6",
    ".globl {copy_avx}",
    ".hidden {copy_avx}",
    ".type {copy_avx},@function",
    "{copy_avx}:",
    ".cfi_startproc",
    "mov rax, rdx",
    "cmp rdx, 64",
    "jbe .L{copy_sse2}_up_to_64",
    "cmp rdx, 128",
    "ja 1f",
    "vmovdqu ymm0, ymmword ptr [rsi]",
    "vmovdqu ymm1, ymmword ptr [rsi + 32]",
    "vmovdqu ymm2, ymmword ptr [rsi + rdx - 64]",
    "vmovdqu ymm3, ymmword ptr [rsi + rdx - 32]",
    "vmovdqu ymmword ptr [rdi], ymm0",
    "vmovdqu ymmword ptr [rdi + 32], ymm1",
    "vmovdqu ymmword ptr [rdi + rdx - 64], ymm2",
    "vmovdqu ymmword ptr [rdi + rdx - 32], ymm3",
    "vzeroupper",
    "ret",
    ".p2align 4",
    "1:",
    "cmp rdx, 256",
    "ja 2f",
    "vmovdqu ymm0, ymmword ptr [rsi]",
    "vmovdqu ymm1, ymmword ptr [rsi + 32]",
    "vmovdqu ymm2, ymmword ptr [rsi + 64]",
    "vmovdqu ymm3, ymmword ptr [rsi + 96]",
    "vmovdqu ymm4, ymmword ptr [rsi + rdx - 128]",
    "vmovdqu ymm5, ymmword ptr [rsi + rdx - 96]",
    "vmovdqu ymm6, ymmword ptr [rsi + rdx - 64]",
    "vmovdqu ymm7, ymmword ptr [rsi + rdx - 32]",
    "vmovdqu ymmword ptr [rdi], ymm0",
    "vmovdqu ymmword ptr [rdi + 32], ymm1",
    "vmovdqu ymmword ptr [rdi + 64], ymm2",
    "vmovdqu ymmword ptr [rdi + 96], ymm3",
    "vmovdqu ymmword ptr [rdi + rdx - 128], ymm4",
    "vmovdqu ymmword ptr [rdi + rdx - 96], ymm5",
    "vmovdqu ymmword ptr [rdi + rdx - 64], ymm6",
    "vmovdqu ymmword ptr [rdi + rdx - 32], ymm7",
    "vzeroupper",
    "ret",
    // More than 256 bytes: 1 to 32 bytes up to an aligned destination, then blocks of 128, then the last 128.
    ".p2align 4",
    "2:",
    "vmovdqu ymm0, ymmword ptr [rsi]",
    "vmovdqu ymmword ptr [rdi], ymm0",
    "mov ecx, edi",
    "and ecx, 31",
    "sub rcx, 32",
    "sub rdi, rcx",
    "sub rsi, rcx",
    "add rdx, rcx",
    ".p2align 5",
    "3:",
    "vmovdqu ymm0, ymmword ptr [rsi]",
    "vmovdqu ymm1, ymmword ptr [rsi + 32]",
    "vmovdqu ymm2, ymmword ptr [rsi + 64]",
    "vmovdqu ymm3, ymmword ptr [rsi + 96]",
    "vmovdqa ymmword ptr [rdi], ymm0",
    "vmovdqa ymmword ptr [rdi + 32], ymm1",
    "vmovdqa ymmword ptr [rdi + 64], ymm2",
    "vmovdqa ymmword ptr [rdi + 96], ymm3",
    "sub rsi, -128",
    "sub rdi, -128",
    "add rdx, -128",
    "cmp rdx, 128",
    "ja 3b",
    "vmovdqu ymm0, ymmword ptr [rsi + rdx - 128]",
    "vmovdqu ymm1, ymmword ptr [rsi + rdx - 96]",
    "vmovdqu ymm2, ymmword ptr [rsi + rdx - 64]",
    "vmovdqu ymm3, ymmword ptr [rsi + rdx - 32]",
    "vmovdqu ymmword ptr [rdi + rdx - 128], ymm0",
    "vmovdqu ymmword ptr [rdi + rdx - 96], ymm1",
    "vmovdqu ymmword ptr [rdi + rdx - 64], ymm2",
    "vmovdqu ymmword ptr [rdi + rdx - 32], ymm3",
    "vzeroupper",
    "ret",
    ".L{copy_avx}_end:",
    // Where the faults of the copies continue.
    ".L{copy_avx}_fault:",
    "vzeroupper",
    ".L{copy_sse2}_bytes:",
    "test rdx, rdx",
    "jz .L{copy_sse2}_exit",
    "8:",
    "movzx ecx, byte ptr [rsi]",
    "mov byte ptr [rdi], cl",
    "inc rsi",
    "inc rdi",
    "dec rdx",
    "jnz 8b",
    ".L{copy_sse2}_exit:",
    "sub rax, rdx",
    "ret",
    ".cfi_endproc",
    ".size {copy_avx}, . - {copy_avx}",
    ".popsection",
    copy_sse2 = sym copy_sse2,
    copy_avx = sym copy_avx,
);

global_asm!(
    ".pushsection .text.folio_copy,\"ax\",@progbits",
    ".p2align 6",
    ".globl {fill}",
    ".hidden {fill}",
    ".type {fill},@function",
    "{fill}:",
    ".cfi_startproc",
    "mov rax, rdx",
    "cmp rdx, 16",
    "jb 2f",
    "movq xmm0, rsi",
    "punpcklqdq xmm0, xmm0",
    "cmp rdx, 64",
    "ja 4f",
    "cmp edx, 32",
    "ja 1f",
    "movdqu xmmword ptr [rdi], xmm0",
    "movdqu xmmword ptr [rdi + rdx - 16], xmm0",
    "ret",
    "1:",
    "movdqu xmmword ptr [rdi], xmm0",
    "movdqu xmmword ptr [rdi + 16], xmm0",
    "movdqu xmmword ptr [rdi + rdx - 32], xmm0",
    "movdqu xmmword ptr [rdi + rdx - 16], xmm0",
    "ret",
    "2:",
    "cmp edx, 8",
    "jb 3f",
    "mov qword ptr [rdi], rsi",
    "mov qword ptr [rdi + rdx - 8], rsi",
    "ret",
    "3:",
    "cmp edx, 4",
    "jb .L{fill}_bytes",
    "mov dword ptr [rdi], esi",
    "mov dword ptr [rdi + rdx - 4], esi",
    "ret",
    // More than 64 bytes: 1 to 16 bytes up to an aligned destination, then blocks of 64, then the last 64.
    "4:",
    "movdqu xmmword ptr [rdi], xmm0",
    "mov ecx, edi",
    "and ecx, 15",
    "sub rcx, 16",
    "sub rdi, rcx",
    "add rdx, rcx",
    "cmp rdx, 64",
    "jbe 6f",
    ".p2align 4",
    "5:",
    "movdqa xmmword ptr [rdi], xmm0",
    "movdqa xmmword ptr [rdi + 16], xmm0",
    "movdqa xmmword ptr [rdi + 32], xmm0",
    "movdqa xmmword ptr [rdi + 48], xmm0",
    "add rdi, 64",
    "sub rdx, 64",
    "cmp rdx, 64",
    "ja 5b",
    "6:",
    "movdqu xmmword ptr [rdi + rdx - 64], xmm0",
    "movdqu xmmword ptr [rdi + rdx - 48], xmm0",
    "movdqu xmmword ptr [rdi + rdx - 32], xmm0",
    "movdqu xmmword ptr [rdi + rdx - 16], xmm0",
    "ret",
    ".L{fill}_bytes:",
    "test rdx, rdx",
    "jz .L{fill}_exit",
    "7:",
    "mov byte ptr [rdi], sil",
    "inc rdi",
    "dec rdx",
    "jnz 7b",
    ".L{fill}_exit:",
    "sub rax, rdx",
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
            $access,
            $done,
            "ret",
            ".L{name}_fault:",
            "xor eax, eax",
            "xor edx, edx",
            "ret",
            ".cfi_endproc",
            ".size {name}, . - {name}",
            ".popsection",
            name = sym $name,
        );
    };
}

one_access!(load_u8: "movzx eax, byte ptr [rdi]", "mov edx, 1");
one_access!(load_u16: "movzx eax, word ptr [rdi]", "mov edx, 1");
one_access!(load_u32: "mov eax, dword ptr [rdi]", "mov edx, 1");
one_access!(load_u64: "mov rax, qword ptr [rdi]", "mov edx, 1");
one_access!(store_u8: "mov byte ptr [rdi], sil", "mov eax, 1");
one_access!(store_u16: "mov word ptr [rdi], si", "mov eax, 1");
one_access!(store_u32: "mov dword ptr [rdi], esi", "mov eax, 1");
one_access!(store_u64: "mov qword ptr [rdi], rsi", "mov eax, 1");

global_asm!(
    ".pushsection .text.folio_copy,\"ax\",@progbits",
    ".p2align 6",
    ".globl {copy_avx512}",
    ".hidden {copy_avx512}",
    ".type {copy_avx512},@function",
    "{copy_avx512}:",
    ".cfi_startproc",
    "mov rax, rdx",
    "cmp rdx, 16",
    "jb .L{copy_sse2}_under_16",
    "cmp rdx, 32",
    "ja 1f",
    "movdqu xmm0, xmmword ptr [rsi]",
    "movdqu xmm1, xmmword ptr [rsi + rdx - 16]",
    "movdqu xmmword ptr [rdi], xmm0",
    "movdqu xmmword ptr [rdi + rdx - 16], xmm1",
    "ret",
    ".p2align 4",
    "1:",
    "cmp rdx, 64",
    "ja 2f",
    "vmovdqu64 ymm16, ymmword ptr [rsi]",
    "vmovdqu64 ymm17, ymmword ptr [rsi + rdx - 32]",
    "vmovdqu64 ymmword ptr [rdi], ymm16",
    "vmovdqu64 ymmword ptr [rdi + rdx - 32], ymm17",
    "ret",
    ".p2align 4",
    "2:",
    "cmp rdx, 128",
    "ja 3f",
    "vmovdqu64 zmm16, zmmword ptr [rsi]",
    "vmovdqu64 zmm17, zmmword ptr [rsi + rdx - 64]",
    "vmovdqu64 zmmword ptr [rdi], zmm16",
    "vmovdqu64 zmmword ptr [rdi + rdx - 64], zmm17",
    "ret",
    ".p2align 4",
    "3:",
    "cmp rdx, 256",
    "ja 4f",
    "vmovdqu64 zmm16, zmmword ptr [rsi]",
    "vmovdqu64 zmm17, zmmword ptr [rsi + 64]",
    "vmovdqu64 zmm18, zmmword ptr [rsi + rdx - 128]",
    "vmovdqu64 zmm19, zmmword ptr [rsi + rdx - 64]",
    "vmovdqu64 zmmword ptr [rdi], zmm16",
    "vmovdqu64 zmmword ptr [rdi + 64], zmm17",
    "vmovdqu64 zmmword ptr [rdi + rdx - 128], zmm18",
    "vmovdqu64 zmmword ptr [rdi + rdx - 64], zmm19",
    "ret",
    // More than 256 bytes: 1 to 64 bytes up to an aligned destination, then blocks of 256, then the last 256.
    ".p2align 4",
    "4:",
    "vmovdqu64 zmm16, zmmword ptr [rsi]",
    "vmovdqu64 zmmword ptr [rdi], zmm16",
    "mov ecx, edi",
    "and ecx, 63",
    "sub rcx, 64",
    "sub rdi, rcx",
    "sub rsi, rcx",
    "add rdx, rcx",
    "cmp rdx, 256",
    "jbe 6f",
    ".p2align 5",
    "5:",
    "vmovdqu64 zmm16, zmmword ptr [rsi]",
    "vmovdqu64 zmm17, zmmword ptr [rsi + 64]",
    "vmovdqu64 zmm18, zmmword ptr [rsi + 128]",
    "vmovdqu64 zmm19, zmmword ptr [rsi + 192]",
    "vmovdqa64 zmmword ptr [rdi], zmm16",
    "vmovdqa64 zmmword ptr [rdi + 64], zmm17",
    "vmovdqa64 zmmword ptr [rdi + 128], zmm18",
    "vmovdqa64 zmmword ptr [rdi + 192], zmm19",
    "add rsi, 256",
    "add rdi, 256",
    "sub rdx, 256",
    "cmp rdx, 256",
    "ja 5b",
    "6:",
    // At least 192 are left, and what lies 256 before the end is at or after the first byte.
    "vmovdqu64 zmm16, zmmword ptr [rsi + rdx - 256]",
    "vmovdqu64 zmm17, zmmword ptr [rsi + rdx - 192]",
    "vmovdqu64 zmm18, zmmword ptr [rsi + rdx - 128]",
    "vmovdqu64 zmm19, zmmword ptr [rsi + rdx - 64]",
    "vmovdqu64 zmmword ptr [rdi + rdx - 256], zmm16",
    "vmovdqu64 zmmword ptr [rdi + rdx - 192], zmm17",
    "vmovdqu64 zmmword ptr [rdi + rdx - 128], zmm18",
    "vmovdqu64 zmmword ptr [rdi + rdx - 64], zmm19",
    "ret",
    ".L{copy_avx512}_end:",
    ".cfi_endproc",
    ".size {copy_avx512}, . - {copy_avx512}",
    ".popsection",
    copy_sse2 = sym copy_sse2,
    copy_avx512 = sym copy_avx512,
);

// Which instructions may fault, and where each range of them continues: rows of `Fixup`.
global_asm!(
    ".pushsection .rodata.folio_fixups,\"a\",@progbits",
    ".p2align 2",
    ".globl {fixups}",
    ".hidden {fixups}",
    ".type {fixups},@object",
    "{fixups}:",
    ".long {copy_sse2} - ., .L{copy_sse2}_end - ., .L{copy_sse2}_bytes - .",
    ".long {copy_avx} - ., .L{copy_avx}_end - ., .L{copy_avx}_fault - .",
    ".long {copy_avx512} - ., .L{copy_avx512}_end - ., .L{copy_sse2}_bytes - .",
    ".long .L{copy_sse2}_bytes - ., .L{copy_sse2}_exit - ., .L{copy_sse2}_exit - .",
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
    copy_sse2 = sym copy_sse2,
    copy_avx = sym copy_avx,
    copy_avx512 = sym copy_avx512,
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
