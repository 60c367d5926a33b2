//! `Executable`: a file mapped as code.

use core::fmt;
use std::os::fd::AsFd;

use crate::error::{Cause, Error, Result};
use crate::guarantee::{Guarantees, OnLoss};
use crate::options::MapOptions;
use crate::pages::{Backing, FileBehind, Pages};
use crate::source::{Needs, Source};
use crate::sys::region::{Access, Mode, Region, Sharing};

/// A file mapped as code: readable, executable, private. It gives an address and a length, and nothing that is safe to use
/// them with; made by the unsafe [`MapOptions::map_executable`].
///
/// ```
/// use folio::{MapOptions, Memfd};
/// let memory = Memfd::create("code")?;
/// memory.set_len(6)?;
/// memory.shared_mut()?.write_at(0, &[0xb8, 42, 0, 0, 0, 0xc3])?; // on x86-64: mov eax, 42; ret
/// // SAFETY: nobody else has the file, and nobody jumps into it here.
/// let code = unsafe { MapOptions::new().map_executable(&memory) }?;
/// assert_eq!(code.len(), 6);
/// # Ok::<(), folio::Error>(())
/// ```
pub struct Executable {
    region: Region,
}

impl Executable {
    pub(crate) fn from_file(file: &impl AsFd, options: &MapOptions) -> Result<Self> {
        let source = Source::from_fd(file.as_fd(), Needs::Read)?;
        if options.reserve.is_some()
            || options.guarantees != Guarantees::default()
            || options.on_loss != OnLoss::default()
            || options.advice.is_some()
        {
            let why = "reserve, guarantees, on_loss and advice do not apply to executable mappings";
            return Err(source.name(Error::new("map", Cause::InvalidInput(why.into()))));
        }
        let range = source.range(options)?;
        let mode = Mode {
            access: Access::ReadExec,
            sharing: Sharing::Private,
            no_reserve: options.no_reserve,
        };
        let region = Region::map(source.as_fd(), &range, 0, mode)
            .map_err(|error| source.name(Error::os("map", error)).with_range(range.file_range()))?;
        let file = FileBehind { fd: source.as_fd(), offset: range.offset() };
        Pages::new(&region, region.whole(), Some(file), Backing::PrivateFile).at_open(options)?;
        Ok(Self { region })
    }

    /// The address of the first byte. It stays valid while this value lives.
    ///
    /// ```
    /// # let memory = folio::Memfd::create("code")?; memory.set_len(64)?;
    /// // SAFETY: nobody else has the file, and nobody jumps into it here.
    /// let code = unsafe { folio::MapOptions::new().map_executable(&memory) }?;
    /// let entry = code.as_ptr().wrapping_add(16); // where a function begins, say
    /// assert_eq!(entry.addr() - code.as_ptr().addr(), 16); // an address, which nothing reads through
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn as_ptr(&self) -> *const u8 {
        self.region.as_ptr()
    }

    /// The number of bytes mapped.
    ///
    /// ```
    /// # let memory = folio::Memfd::create("code")?; memory.set_len(100)?;
    /// let options = folio::MapOptions::new().range(64..);
    /// // SAFETY: nobody else has the file, and nobody jumps into it here.
    /// let code = unsafe { options.map_executable(&memory) }?;
    /// assert_eq!(code.len(), 36); // bytes, not whole pages
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.region.len()
    }

    /// Whether no byte is mapped.
    ///
    /// ```
    /// # let memory = folio::Memfd::create("code")?;
    /// // SAFETY: nobody else has the file, and nobody jumps into it here.
    /// let code = unsafe { folio::MapOptions::new().map_executable(&memory) }?;
    /// assert!(code.is_empty()); // as the file is: there is nothing to jump to
    /// # Ok::<(), folio::Error>(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Executable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executable").field("ptr", &self.as_ptr()).field("len", &self.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Advice, ErrorKind, Guarantee};

    #[test]
    fn options_without_use_are_refused() {
        let file = tempfile::tempfile().unwrap();
        for options in [
            MapOptions::new().reserve(4096),
            MapOptions::new().guarantees(Guarantee::Copied),
            MapOptions::new().on_loss(OnLoss::Fence),
            MapOptions::new().advice(Advice::Random),
        ] {
            let error = Executable::from_file(&file, &options).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        }
    }
}
