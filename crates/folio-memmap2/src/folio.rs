//! What memmap2 does not have: what carries a mapping, what was lost, and the program's say in both.
//!
//! What is set here holds for the mappings that are made afterwards, and wins over the environment variable
//! `FOLIO_MEMMAP2`.

pub use ::folio::best_effort::OnFault;
pub use ::folio::{Guarantee, Guarantees};

use ::folio::best_effort::BestEffort;

use crate::settings;
use crate::{Mmap, MmapMut, MmapRaw};

/// What becomes of a touch of a page that cannot be had, where no guarantee keeps it.
///
/// ```
/// memmap2::folio::set_on_fault(memmap2::folio::OnFault::LineAndAbort);
/// ```
pub fn set_on_fault(on_fault: OnFault) {
    settings::change(|settings| settings.on_fault = on_fault);
}

/// Which guarantees may carry a mapping: [`Guarantees::SEALED`] and [`Guarantees::LEASE`] by default, none at all with
/// [`Guarantees::empty`]. [`Guarantees::SNAPSHOT`] allows clones of the file (`FICLONE`), and [`Guarantees::COPIED`] copies in
/// memory, also of files that somebody is writing to.
///
/// ```
/// use memmap2::folio::{Guarantees, guarantee_of, set_guarantees};
/// # let dir = tempfile::tempdir()?; let path = dir.path().join("f"); std::fs::write(&path, vec![7; 50_000])?;
/// # let file = std::fs::File::open(&path)?;
/// set_guarantees(Guarantees::all());
/// // SAFETY: the bytes are a copy, if nothing cheaper is to be had.
/// let map = unsafe { memmap2::Mmap::map(&file)? };
/// assert!(guarantee_of(&map).is_some());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn set_guarantees(guarantees: Guarantees) {
    settings::change(|settings| settings.guarantees = guarantees);
}

/// Why nobody changes the bytes of `map`; `None` where it shows the file as it changes.
pub fn guarantee_of(map: &impl Mapping) -> Option<Guarantee> {
    map.best_effort().guarantee()
}

/// The position in `map` of the first byte that zeros took the place of; `None` if none did. One load.
pub fn poisoned(map: &impl Mapping) -> Option<usize> {
    map.best_effort().poisoned()
}

/// [`Mmap`], [`MmapMut`] and [`MmapRaw`].
pub trait Mapping: sealed::Sealed {}

impl Mapping for Mmap {}
impl Mapping for MmapMut {}
impl Mapping for MmapRaw {}

mod sealed {
    use super::BestEffort;

    pub trait Sealed {
        fn best_effort(&self) -> &BestEffort;
    }
}

impl sealed::Sealed for Mmap {
    fn best_effort(&self) -> &BestEffort {
        &self.map
    }
}

impl sealed::Sealed for MmapMut {
    fn best_effort(&self) -> &BestEffort {
        &self.map
    }
}

impl sealed::Sealed for MmapRaw {
    fn best_effort(&self) -> &BestEffort {
        &self.map
    }
}
