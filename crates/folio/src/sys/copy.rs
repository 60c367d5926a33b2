//! copy.
#![allow(dead_code, unreachable_pub, reason = "stand-in until the routines land")]
use core::sync::atomic::*;
pub(crate) unsafe fn copy_in(dst: *mut u8, src: *const u8, len: usize) -> usize {
    // SAFETY: clause L2.
    unsafe { core::ptr::copy_nonoverlapping(src, dst, len) };
    len
}
pub(crate) unsafe fn copy_out(dst: *mut u8, src: *const u8, len: usize) -> usize {
    // SAFETY: clause L2.
    unsafe { core::ptr::copy_nonoverlapping(src, dst, len) };
    len
}
pub(crate) unsafe fn copy_within(dst: *mut u8, src: *const u8, len: usize) -> usize {
    // SAFETY: clause L2.
    unsafe { core::ptr::copy(src, dst, len) };
    len
}
pub(crate) unsafe fn fill(dst: *mut u8, byte: u8, len: usize) -> usize {
    // SAFETY: clause L2.
    unsafe { core::ptr::write_bytes(dst, byte, len) };
    len
}
macro_rules! words { ($($load:ident $store:ident $word:ty, $atomic:ty;)*) => { $(
pub(crate) unsafe fn $load(src: *const $word) -> Option<$word> {
    // SAFETY: clause L2.
    Some(unsafe { src.read_volatile() })
}
pub(crate) unsafe fn $store(dst: *mut $word, v: $word) -> bool {
    // SAFETY: clause L2.
    unsafe { dst.write_volatile(v) };
    true
}
)* } }
words! { load_u8 store_u8 u8, AtomicU8; load_u16 store_u16 u16, AtomicU16; load_u32 store_u32 u32, AtomicU32; load_u64 store_u64 u64, AtomicU64; }
