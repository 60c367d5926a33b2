//! One byte, one instruction; x86-64.

use core::arch::asm;

/// Load the byte at `address`.
///
/// # Safety
/// The address must be a page's of the caller's own region (clause R1). A fault raises the signal.
#[inline]
pub(super) unsafe fn load(address: *const u8) -> u8 {
    let byte: u8;
    // SAFETY: clause R1: one instruction that reads one byte of the caller's own pages, and touches no stack.
    unsafe {
        asm!(
            "mov {byte}, byte ptr [{address}]",
            address = in(reg) address,
            byte = out(reg_byte) byte,
            options(nostack, preserves_flags)
        );
    }
    byte
}

/// Store `byte` at `address`.
///
/// # Safety
/// As [`load`].
#[inline]
pub(super) unsafe fn store(address: *mut u8, byte: u8) {
    // SAFETY: clause R1: one instruction that writes one byte of the caller's own pages, and touches no stack.
    unsafe {
        asm!(
            "mov byte ptr [{address}], {byte}",
            address = in(reg) address,
            byte = in(reg_byte) byte,
            options(nostack, preserves_flags)
        );
    }
}
