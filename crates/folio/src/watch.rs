//! Watching the pages that atomic references reach, and telling of a fault there afterwards.

use core::fmt;
use std::sync::OnceLock;

use crate::cause::{FaultCause, Touched};
use crate::error::{Cause, Error, Result};
use crate::mapping::Mapping;
use crate::page::MemRange;
use crate::sys::fault::{Entry, Touch};

/// The mapping's place in the table of the fault handler, from its first atomic reference on.
pub(crate) struct Watch {
    entry: Entry,
    /// Why the first page was lost, as far as it could be seen when the loss was noticed.
    cause: OnceLock<FaultCause>,
}

impl Mapping {
    /// Put the mapping into the handler's table, whole pages and reserved addresses included, unless it is there.
    pub(crate) fn watch(&self) {
        self.watch.get_or_init(|| Watch {
            entry: Entry::new(&self.region, Touch::Atomics),
            cause: OnceLock::new(),
        });
    }

    /// `Ok` unless a fault under an atomic reference left zeros in place of a page.
    #[inline]
    pub(crate) fn check(&self, op: &'static str) -> Result<()> {
        match self.watch.get() {
            Some(watch) => match watch.entry.poisoned_at() {
                Some(at) => Err(self.poisoned(op, watch, at)),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    #[cold]
    fn poisoned(&self, op: &'static str, watch: &Watch, at: usize) -> Error {
        let page = self.region.page();
        let lost = at & !(page.bytes() - 1);
        // Of the lost page, the bytes that are the mapping's.
        let start = lost.saturating_sub(self.region.lead());
        let end = (lost + page.bytes() - self.region.lead()).min(self.region.len()).max(start);
        let offset = self.offset();
        let range = offset + start as u64..offset + end as u64;
        let cause = *watch.cause.get_or_init(|| {
            FaultCause::find(self.fd(), range.clone(), Touched::Either)
                .unwrap_or(FaultCause::Passed)
        });
        let error = Error::new(op, Cause::Poisoned(Box::new(cause.into())));
        self.name(error).with_range(range)
    }

    /// The range as atomics, which put the mapping under watch.
    pub(crate) fn atomics<A: crate::sys::atomics::Atomic>(&self, range: MemRange) -> Result<&[A]> {
        let size = size_of::<A>();
        if !range.len().is_multiple_of(size) {
            let why =
                format!("{} bytes are no whole number of atomics of {size} bytes", range.len());
            return Err(
                self.error(Error::new("reach atomics in", Cause::InvalidInput(why.into())), range)
            );
        }
        self.watch();
        self.region.atomics(range).ok_or_else(|| {
            let cause = Cause::Misaligned { offset: range.start(), align: size };
            self.error(Error::new("reach atomics in", cause), range)
        })
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("poisoned_at", &self.entry.poisoned_at()).finish()
    }
}
