//! A live mapping: what [`Shared`](crate::Shared) and [`SharedMut`](crate::SharedMut) have in common.
//!
//! A [`Mapping`] is a region, the file behind it, and where in the file its first byte stands. Its methods take ranges
//! that were checked already. The fast paths are here; what happens when a copy comes short is in `retry`.

use core::fmt;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::cause;
use crate::descriptor::Descriptor;
use crate::error::{Cause, Error, Result};
use crate::guarantee::{Guarantees, OnLoss};
use crate::options::MapOptions;
use crate::page::MemRange;
use crate::pages::Pages;
use crate::source::{Source, path_of};
use crate::sys::fault;
use crate::sys::region::{Access, Mode, Region, Sharing};
use crate::watch::Watch;

/// The file behind a mapping.
pub(crate) struct Backing {
    descriptor: Arc<Descriptor>,
    path: Option<PathBuf>,
    /// Where the mapping's first byte stands in the file.
    offset: u64,
    /// The length at open of a block device, which fstat does not tell; it does not change while it is open.
    device_len: Option<u64>,
}

/// A region of live bytes and the file behind it.
pub(crate) struct Mapping {
    // Before the region: the handler must not look at addresses that are unmapped already.
    pub(crate) watch: OnceLock<Watch>,
    pub(crate) region: Region,
    pub(crate) backing: Backing,
    /// Held while the file and the mapping grow.
    pub(crate) growing: Mutex<()>,
    /// The errno(3) of the first write-back that failed.
    pub(crate) failed_flush: OnceLock<i32>,
    /// The file was seen too short once. Stores may have gone past its end then, in its last page, where they can be read.
    pub(crate) was_short: AtomicBool,
    /// What to do again when the pages are mapped anew.
    pub(crate) options: MapOptions,
}

impl Mapping {
    /// Map what `options` say of `source`, whose kind is named `kind` in messages.
    pub(crate) fn new(
        source: Source,
        options: &MapOptions,
        access: Access,
        kind: &'static str,
    ) -> Result<Self> {
        if let Some(why) = useless_option(&source, options, access, kind) {
            return Err(source.name(Error::new("map", Cause::InvalidInput(why.into()))));
        }
        fault::install();
        let range = source.range(options)?;
        let reserve = match options.reserve.map(usize::try_from) {
            None => 0,
            Some(Ok(reserve)) => reserve,
            Some(Err(_)) => usize::MAX,
        };
        let mode = mode(access, options);
        let region = Region::map(source.as_fd(), &range, reserve, mode)
            .map_err(|error| source.name(Error::os("map", error)).with_range(range.file_range()))?;
        let device_len = match cause::length_of(source.as_fd()) {
            Some(_) => None,
            None => Some(source.len()),
        };
        let (fd, path) = source.into_parts();
        let descriptor = Descriptor::share(fd);
        let backing = Backing { descriptor, path, offset: range.offset(), device_len };
        let mapping = Self {
            watch: OnceLock::new(),
            region,
            backing,
            growing: Mutex::new(()),
            failed_flush: OnceLock::new(),
            was_short: AtomicBool::new(false),
            options: options.clone(),
        };
        Pages::live(&mapping, mapping.region.whole()).at_open(options)?;
        Ok(mapping)
    }

    /// What the options want of pages that were just mapped in place of others.
    pub(crate) fn prepare(&self) -> Result<()> {
        Pages::live(self, self.region.whole()).apply(&self.options)
    }

    /// The error with the file's name and the bytes of the file that `range` of the mapping shows.
    #[cold]
    pub(crate) fn error(&self, error: Error, range: MemRange) -> Error {
        self.name(error).with_range(self.file_range(range))
    }

    /// The error with the file's name.
    #[cold]
    pub(crate) fn name(&self, error: Error) -> Error {
        match self.backing.path.clone().or_else(|| path_of(self.fd())) {
            Some(path) => error.with_path(path),
            None => error,
        }
    }

    /// The bytes of the file that `range` of the mapping shows.
    pub(crate) fn file_range(&self, range: MemRange) -> Range<u64> {
        let start = self.backing.offset + range.start() as u64;
        start..start + range.len() as u64
    }

    /// Where the mapping's first byte stands in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.backing.offset
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.backing.descriptor.as_fd()
    }

    /// The length of the file now, in bytes.
    pub(crate) fn file_len(&self) -> Result<u64> {
        if let Some(len) = self.backing.device_len {
            return Ok(len);
        }
        match rustix::fs::fstat(self.fd()) {
            Ok(stat) => Ok(u64::try_from(stat.st_size).unwrap_or(0)),
            Err(errno) => Err(self.name(Error::os("ask for the length of", errno))),
        }
    }

    /// Copy the bytes of `range` into `buf`, which is as long, and make sure that the file still reached them afterwards.
    #[inline]
    pub(crate) fn read(&self, range: MemRange, buf: &mut [u8]) -> Result<()> {
        let done = self.region.read(range, buf);
        // Past the end of the file, in its last page, bytes read as zero: only zeros leave a doubt.
        let reached = || buf.last() != Some(&0) || self.region.is_followed_by_content(range);
        if done == buf.len() && reached() && !self.was_short.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.finish_read(range, buf, done)
    }

    /// Copy `bytes` to `range`, which is as long, and make sure that the file still reached them afterwards.
    #[inline]
    pub(crate) fn write(&self, range: MemRange, bytes: &[u8]) -> Result<()> {
        let done = self.region.write(range, bytes);
        if done < bytes.len() {
            self.finish_write(range, bytes, done)?;
        }
        self.reaches("write", range, range.len())
    }

    /// The value in `range`, which is as long as a `T`: in one access if that is a word and aligned.
    #[inline]
    pub(crate) fn load<T: FromBytes + IntoBytes>(&self, range: MemRange) -> Result<T> {
        let region = &self.region;
        let word = match size_of::<T>() {
            1 => region.load_word::<u8>(range).and_then(|w| value(&w.to_ne_bytes())),
            2 => region.load_word::<u16>(range).and_then(|w| value(&w.to_ne_bytes())),
            4 => region.load_word::<u32>(range).and_then(|w| value(&w.to_ne_bytes())),
            8 => region.load_word::<u64>(range).and_then(|w| value(&w.to_ne_bytes())),
            _ => None,
        };
        if let Some(word) = word {
            return Ok(word);
        }
        let mut wide = T::new_zeroed();
        let bytes = wide.as_mut_bytes();
        let done = if self.is_word::<T>(range) { 0 } else { region.read(range, bytes) };
        if done < bytes.len() {
            self.finish_load(range, bytes, done)?;
        }
        Ok(wide)
    }

    /// Store `value` to `range`, which is as long: in one access if that is a word and aligned.
    #[inline]
    pub(crate) fn store<T: IntoBytes + Immutable>(&self, range: MemRange, value: &T) -> Result<()> {
        let (region, bytes) = (&self.region, value.as_bytes());
        let done = match (size_of::<T>(), bytes) {
            (1, &[a]) => region.store_word(range, a),
            (2, &[a, b]) => region.store_word(range, u16::from_ne_bytes([a, b])),
            (4, &[a, b, c, d]) => region.store_word(range, u32::from_ne_bytes([a, b, c, d])),
            (8, &[a, b, c, d, e, f, g, h]) => {
                region.store_word(range, u64::from_ne_bytes([a, b, c, d, e, f, g, h]))
            }
            _ => false,
        };
        if done {
            return Ok(());
        }
        let done = if self.is_word::<T>(range) { 0 } else { region.write(range, bytes) };
        if done == bytes.len() { Ok(()) } else { self.finish_store(range, bytes, done) }
    }

    /// Whether a `T` in `range` is loaded and stored in one access.
    #[inline]
    fn is_word<T>(&self, range: MemRange) -> bool {
        matches!(size_of::<T>(), 1 | 2 | 4 | 8)
            && self.region.is_aligned(range.start(), size_of::<T>())
    }
}

/// How live bytes are mapped.
pub(crate) fn mode(access: Access, options: &MapOptions) -> Mode {
    Mode { access, sharing: Sharing::Shared, no_reserve: options.no_reserve }
}

/// The value with these bytes; they are as many.
#[inline]
fn value<T: FromBytes>(bytes: &[u8]) -> Option<T> {
    T::read_from_bytes(bytes).ok()
}

/// An option that this kind of mapping cannot use, in words.
fn useless_option(
    source: &Source,
    options: &MapOptions,
    access: Access,
    kind: &'static str,
) -> Option<String> {
    if options.guarantees != Guarantees::default() {
        return Some(format!(
            "guarantees are for Frozen and Private: the bytes of {kind} are live and rest on none"
        ));
    }
    if options.on_loss != OnLoss::default() {
        return Some(format!("on_loss is for Frozen and Private: {kind} holds no lease"));
    }
    if options.reserve.is_some() && access != Access::ReadWrite {
        return Some(format!("reserve is for SharedMut, which can grow: {kind} cannot"));
    }
    let huge = source.page() > crate::PageSize::base();
    if options.no_reserve && !huge {
        return Some(format!(
            "no_reserve is about swap space for private pages and huge pages of hugetlbfs: {kind} of this file reserves none"
        ));
    }
    None
}

impl fmt::Debug for Backing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.clone().or_else(|| path_of(self.descriptor.as_fd()));
        f.debug_struct("File").field("path", &path).field("offset", &self.offset).finish()
    }
}
