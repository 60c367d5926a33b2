//! Touching bytes that may not bear it.

use core::ops::Range;
use std::io;

use rustix::process::DumpableBehavior;

use super::process::dump_no_core;
use super::{
    Ended, Fork, MapFlags, Mapping, Protection, Sharing, Signal, default_signal, exit, fork,
};

/// How bytes are touched.
///
/// ```
/// use folio::raw::{MapFlags, Mapping, Protection, Sharing, Touch, observe_touches};
/// let rw = Protection::READ | Protection::WRITE;
/// let mapping = Mapping::anonymous(1, rw, Sharing::Shared, MapFlags::empty())?;
/// observe_touches(&mapping, 1..3, Touch::Store(7))?;
/// assert_eq!(observe_touches(&mapping, 0..4, Touch::Load)?.bytes, [0, 7, 7, 0]);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Touch {
    /// To read them.
    Load,
    /// To set them to this byte.
    Store(u8),
}

/// How far a process came that touched bytes.
///
/// ```
/// use folio::raw::{MapFlags, Mapping, Protection, Sharing, Touch, Touched, observe_touches};
/// let mapping = Mapping::anonymous(1, Protection::empty(), Sharing::Private, MapFlags::empty())?;
/// let Touched { bytes, done, signal } = observe_touches(&mapping, 0..4, Touch::Load)?;
/// assert_eq!((bytes.len(), done, signal), (0, 0, Some(11))); // SIGSEGV at the first
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// What was loaded; empty for stores.
    pub bytes: Vec<u8>,
    /// How many bytes were touched: the next one raised the signal.
    pub done: usize,
    /// The number of the signal that ended the process, if one did.
    pub signal: Option<i32>,
}

/// Touch the bytes of `range` one after the other in a child, which may die of it. A store to a shared mapping reaches the
/// file; one to a private mapping is lost with the child.
///
/// ```
/// use folio::raw::{MapFlags, Mapping, Protection, Sharing, Touch, observe_touches};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f");
/// std::fs::write(&path, [7; 4096])?;
/// let file = std::fs::File::open(&path)?;
/// let mapping =
///     Mapping::file(&file, 0, 8192, Protection::READ, Sharing::Shared, MapFlags::empty())?;
/// let touched = observe_touches(&mapping, 4090..4100, Touch::Load)?;
/// assert_eq!((touched.done, touched.signal), (6, Some(7))); // SIGBUS at byte 4096
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
/// As [`fork`]; [`InvalidInput`](io::ErrorKind::InvalidInput), without a number, for a range that does not lie within the
/// mapping.
pub fn observe_touches(
    mapping: &Mapping,
    range: Range<usize>,
    touch: Touch,
) -> io::Result<Touched> {
    let len = mapping.within(range.clone())?.len();
    // What the child leaves here survives it: the bytes, and behind them a mark for each that was touched.
    let slate = Mapping::anonymous(
        len.saturating_mul(2).max(1),
        Protection::READ | Protection::WRITE,
        Sharing::Shared,
        MapFlags::empty(),
    )?;
    let child = match fork()? {
        Fork::Parent(child) => child,
        Fork::Child => die_touching(mapping, range, touch, &slate),
    };
    let signal = match child.wait()? {
        Ended::Signalled(number) => Some(number),
        Ended::Exited(_) => None,
    };
    let done = (0..len).take_while(|at| slate.load(len + at) == 1).count();
    let loaded = if touch == Touch::Load { done } else { 0 };
    Ok(Touched { bytes: slate.load_range(0..loaded), done, signal })
}

/// The child's part.
fn die_touching(mapping: &Mapping, range: Range<usize>, touch: Touch, slate: &Mapping) -> ! {
    dump_no_core();
    // Where the kernel pipes cores to a program, only this keeps it from doing so.
    let _ = rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable);
    for signal in [Signal::Bus, Signal::Segv] {
        if default_signal(signal).is_err() {
            exit(1);
        }
    }
    let len = range.len();
    for (at, position) in range.enumerate() {
        match touch {
            Touch::Load => slate.store(at, mapping.load(position)),
            Touch::Store(fill) => mapping.store(position, fill),
        }
        slate.store(len + at, 1);
    }
    exit(0)
}
