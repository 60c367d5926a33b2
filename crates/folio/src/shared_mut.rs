//! SharedMut.
use crate::{options::MapOptions, source::Source, Result, Error};
use std::path::Path;
/// SharedMut.
#[derive(Debug)]
pub struct SharedMut(());
impl SharedMut {
    pub(crate) fn from_source(source: Source, options: &MapOptions) -> Result<Self> { let _ = source.range(options)?; Err(source.name(Error::os("map", std::io::Error::from_raw_os_error(38)))) }
    /// Open.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> { MapOptions::new().open_shared_mut(path) }
}
