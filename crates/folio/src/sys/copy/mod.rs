//! Copies that survive a fault: the only code of folio that touches the bytes of a live mapping.
//!
//! Each function works like its namesake of `core::ptr` and tells how far it came. Nothing is set up before a copy and
//! nothing is taken down after it: a fault in one of the routines makes the handler of [`fault`](super::fault) look up the
//! program counter in [`landing`] and continue the thread there, and the routine returns short. This is gVisor's
//! `safecopy` and the kernel's own exception table. It works from any thread and from signal handlers, and costs
//! nothing until something faults.
//!
//! Either operand may be live, or both. Handing over the program counter is sound because the routines are assembly
//! that keeps everything in registers (clauses L1 to L4 of `docs/soundness.md`); [`arch`] has them, one file for each
//! architecture.
//!
//! Under valgrind the routines run as they are: its CPU keeps the program counter exact at each load and store, which the
//! fixups need. Sanitizers do not see into assembly: they do not check what the routines access, and MemorySanitizer has to be
//! told what they write.

use core::sync::atomic::{AtomicPtr, Ordering};

/// The name of a symbol, with folio's version in it: two versions of folio may be linked into one program.
macro_rules! symbol {
    ($name:literal) => {
        concat!(
            "folio_",
            env!("CARGO_PKG_VERSION_MAJOR"),
            "_",
            env!("CARGO_PKG_VERSION_MINOR"),
            "_",
            env!("CARGO_PKG_VERSION_PATCH"),
            "_",
            $name
        )
    };
}

#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod arch;
#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod arch;

/// What each architecture has beside its copy routines, one signature for all.
mod routines {
    use super::{Fixup, Load};

    unsafe extern "C" {
        #[link_name = symbol!("fill")]
        pub(super) fn fill(dst: *mut u8, pattern: u64, len: usize) -> usize;
        #[link_name = symbol!("load_u8")]
        pub(super) fn load_u8(src: *const u8) -> Load<u8>;
        #[link_name = symbol!("load_u16")]
        pub(super) fn load_u16(src: *const u16) -> Load<u16>;
        #[link_name = symbol!("load_u32")]
        pub(super) fn load_u32(src: *const u32) -> Load<u32>;
        #[link_name = symbol!("load_u64")]
        pub(super) fn load_u64(src: *const u64) -> Load<u64>;
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
}

/// A range of instructions that may fault, and where the thread continues if one does. The fields are distances from
/// themselves, so that the table needs no relocation.
#[repr(C)]
struct Fixup {
    start: i32,
    end: i32,
    landing: i32,
}

/// The address that `field` is the distance to.
fn target(field: &i32) -> usize {
    (&raw const *field).addr().wrapping_add_signed(*field as isize)
}

/// The table of the routines' instructions that may fault.
fn fixups() -> &'static [Fixup] {
    let (first, end) = (&raw const routines::fixups, &raw const routines::fixups_end);
    let rows = (end.addr() - first.addr()) / size_of::<Fixup>();
    // SAFETY: clause L3: the rows are part of the program, read-only, and stand between the two symbols.
    unsafe { core::slice::from_raw_parts(first, rows) }
}

/// Where a thread continues that faulted at program counter `pc`, if that is in one of the routines (clause H2).
/// Async-signal-safe.
pub(crate) fn landing(pc: usize) -> Option<usize> {
    fixups()
        .iter()
        .find(|fixup| (target(&fixup.start)..target(&fixup.end)).contains(&pc))
        .map(|fixup| target(&fixup.landing))
}

/// What a load routine returns, in two registers, of which a small value takes the low bits.
#[repr(C)]
struct Load<T> {
    value: T,
    /// 1 if the load was done, 0 if it faulted.
    done: u64,
}

type Copy = unsafe extern "C" fn(*mut u8, *const u8, usize) -> usize;

/// The copy routine that is best on this CPU; the first call finds it.
static COPY: AtomicPtr<()> = AtomicPtr::new(choose as *mut ());

/// Stands in for the copy routine until the first call.
unsafe extern "C" fn choose(dst: *mut u8, src: *const u8, len: usize) -> usize {
    let best = arch::best();
    COPY.store(best as *mut (), Ordering::Relaxed);
    // SAFETY: clause L2: the caller's promise is handed on.
    unsafe { best(dst, src, len) }
}

/// Copy `len` bytes upwards with the routine for this CPU; returns how many were copied, counted from the first.
///
/// # Safety
/// As [`copy_in`]; either operand may fault.
#[inline]
unsafe fn copy(dst: *mut u8, src: *const u8, len: usize) -> usize {
    let routine = COPY.load(Ordering::Relaxed);
    // SAFETY: clause L3: only functions of this type are ever stored there.
    let routine = unsafe { core::mem::transmute::<*mut (), Copy>(routine) };
    // SAFETY: clause L2: the caller promises both ranges.
    unsafe { routine(dst, src, len) }
}

/// Copy `len` bytes out of a live mapping; returns how many were copied, counted from the first, which is `len` if nothing
/// faulted. Bytes of `dst` past that number are as they were, or hold what the mapping held a moment before (clause L4).
///
/// # Safety
/// `src..src + len` must lie in a live mapping, `dst..dst + len` must be writable, and they must not overlap (clause L2). The
/// handler must be installed.
#[inline]
pub(crate) unsafe fn copy_in(dst: *mut u8, src: *const u8, len: usize) -> usize {
    // SAFETY: clause L2: the caller promises both ranges.
    unsafe { copy(dst, src, len) }
}

/// Copy `len` bytes into a live mapping; returns how many were copied, counted from the first, which is `len` if nothing
/// faulted.
///
/// # Safety
/// `dst..dst + len` must lie in a live writable mapping, `src..src + len` must be readable, and they must not overlap
/// (clause L2). The handler must be installed.
#[inline]
pub(crate) unsafe fn copy_out(dst: *mut u8, src: *const u8, len: usize) -> usize {
    // SAFETY: clause L2: the caller promises both ranges.
    unsafe { copy(dst, src, len) }
}

/// Set `len` bytes of a live mapping to `byte`; returns how many were set, counted from the first.
///
/// # Safety
/// `dst..dst + len` must lie in a live writable mapping (clause L2). The handler must be installed.
#[inline]
pub(crate) unsafe fn fill(dst: *mut u8, byte: u8, len: usize) -> usize {
    // SAFETY: clause L2: the caller promises the range.
    unsafe { routines::fill(dst, u64::from_ne_bytes([byte; 8]), len) }
}

/// How many bytes [`copy_within`] takes up before it puts them down.
const BOUNCE: usize = 4096;

/// Copy `len` bytes between two places of live mappings that may overlap, as memmove(3); returns how many were copied.
///
/// Where the destination overlaps the source from above, the copy works downwards and the number counts from the *last*
/// byte; otherwise it counts from the first. Either way exactly that many bytes of the destination have their new
/// value; of the others some may have it too.
///
/// Overlapping bytes go through a buffer, piece by piece: a piece that faults when it is put down could not be taken up
/// again from a source that is half overwritten.
///
/// # Safety
/// Both ranges must lie in live mappings, the destination's writable (clause L2). The handler must be installed.
pub(crate) unsafe fn copy_within(dst: *mut u8, src: *const u8, len: usize) -> usize {
    let apart = dst.addr().abs_diff(src.addr());
    if apart >= len {
        // SAFETY: clause L2: the caller promises both ranges, and they do not overlap.
        unsafe { copy(dst, src, len) }
    } else if dst.addr() <= src.addr() {
        // SAFETY: clause L2: the caller promises both ranges.
        unsafe { move_up(dst, src, len) }
    } else {
        // SAFETY: clause L2: the caller promises both ranges.
        unsafe { move_down(dst, src, len) }
    }
}

/// [`copy_within`] from the first piece to the last.
unsafe fn move_up(dst: *mut u8, src: *const u8, len: usize) -> usize {
    let mut bounce = [0u8; BOUNCE];
    let mut done = 0;
    while done < len {
        let piece = (len - done).min(BOUNCE);
        // SAFETY: clause L2: the piece lies in the source, and the buffer holds a piece.
        let taken = unsafe { copy(bounce.as_mut_ptr(), src.wrapping_add(done), piece) };
        // SAFETY: clause L2: the piece lies in the destination, and `taken` bytes of the buffer are good.
        let put = unsafe { copy(dst.wrapping_add(done), bounce.as_ptr(), taken) };
        done += put;
        if put < piece {
            break;
        }
    }
    done
}

/// [`copy_within`] from the last piece to the first. A piece that faults is done byte by byte from its end, so that the
/// number is exact.
unsafe fn move_down(dst: *mut u8, src: *const u8, len: usize) -> usize {
    let mut bounce = [0u8; BOUNCE];
    let mut left = len;
    while left > 0 {
        let piece = left.min(BOUNCE);
        let at = left - piece;
        // SAFETY: clause L2: the piece lies in the source, and the buffer holds a piece.
        let taken = unsafe { copy(bounce.as_mut_ptr(), src.wrapping_add(at), piece) };
        if taken < piece {
            // SAFETY: clause L2: what is left lies in both ranges.
            return len - left + unsafe { move_down_bytes(dst, src, left) };
        }
        // SAFETY: clause L2: the piece lies in the destination, and the buffer holds it.
        let put = unsafe { copy(dst.wrapping_add(at), bounce.as_ptr(), piece) };
        if put < piece {
            // SAFETY: clause L2: the piece lies in the destination, and the buffer holds it.
            return len - left
                + unsafe { move_down_bytes(dst.wrapping_add(at), bounce.as_ptr(), piece) };
        }
        left = at;
    }
    len
}

/// Copy bytes from the last to the first until one faults; returns how many were copied.
unsafe fn move_down_bytes(dst: *mut u8, src: *const u8, len: usize) -> usize {
    for left in (0..len).rev() {
        // SAFETY: clause L2: the byte lies in the source.
        let Some(byte) = (unsafe { load_u8(src.wrapping_add(left)) }) else {
            return len - left - 1;
        };
        // SAFETY: clause L2: the byte lies in the destination.
        if !unsafe { store_u8(dst.wrapping_add(left), byte) } {
            return len - left - 1;
        }
    }
    len
}

/// A load and a store of one size, each one machine access: never torn where the address is aligned.
macro_rules! access {
    ($int:ty, $load:ident, $store:ident) => {
        /// Load from a live mapping with one machine access; `None` if it faulted.
        ///
        /// # Safety
        /// `src` must lie in a live mapping, all of it (clause L2). It need not be aligned; if it is, the value is never
        /// torn. The handler must be installed.
        #[inline]
        pub(crate) unsafe fn $load(src: *const $int) -> Option<$int> {
            // SAFETY: clause L2: the caller promises the address.
            let load = unsafe { routines::$load(src) };
            (load.done != 0).then_some(load.value)
        }

        /// Store to a live mapping with one machine access; `false` if it faulted.
        ///
        /// # Safety
        /// `dst` must lie in a live writable mapping, all of it (clause L2). It need not be aligned; if it is, others see
        /// the old value or the new one. The handler must be installed.
        #[inline]
        pub(crate) unsafe fn $store(dst: *mut $int, value: $int) -> bool {
            // SAFETY: clause L2: the caller promises the address.
            unsafe { routines::$store(dst, u64::from(value)) != 0 }
        }
    };
}

access!(u8, load_u8, store_u8);
access!(u16, load_u16, store_u16);
access!(u32, load_u32, store_u32);
access!(u64, load_u64, store_u64);

#[cfg(test)]
mod tests;
