//! What happens when somebody wants to write a file under lease: its content is put into a file of folio's own, whose
//! mapping takes the place of the old one at the same addresses, and only then is the lease given up.
//!
//! Clauses G5 and G6 of `docs/soundness.md` say why nobody who reads or stores meanwhile can tell.

use core::ops::Range;
use std::borrow::Cow;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::io::Errno;

use super::{GivenUp, Lease, watch};
use crate::error::Cause;
use crate::page::{MemRange, PageRange, PageSize};
use crate::room;
use crate::snapshot::{self, Snapshot};
use crate::source::path_of;
use crate::sys::fault::{self, Answer, Entry};
use crate::sys::region::{Access, Mode, Region, Sharing};
use crate::sys::stable::{Base, Loss, Purpose, Stable};
use crate::sys::{copy, pagemap};

type Result<T> = core::result::Result<T, Failure>;

/// Held while stores to a window are forbidden.
static WINDOW: Mutex<()> = Mutex::new(());

/// Wait until stores are forbidden nowhere, and keep it so: a child of fork(2) would find the window as it is and nobody
/// who ends it.
pub(super) fn hold() -> MutexGuard<'static, ()> {
    WINDOW.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Why it came to nothing.
enum Failure {
    /// Nobody holds the bytes any more.
    NotNeeded,
    /// The program closed the descriptor of the copy. There can be another.
    Closed,
    /// The content cannot be kept.
    Lost(Cause),
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self::Lost(cause)
    }
}

/// What a snapshot is a copy of.
#[derive(Clone, Copy)]
enum Of {
    /// The file's bytes.
    File,
    /// The mapping's, with what was stored to it.
    Mapping,
}

/// One materialising.
struct Job<'a> {
    stable: &'a Arc<Stable>,
    lease: &'a Lease,
    region: &'a Region,
    entry: &'a Entry,
    deadline: Instant,
    /// The file's name as it was before anything was replaced, where it may have to be said.
    name: Option<PathBuf>,
}

/// Put the content of `stable`, whose lease is breaking and was `whole` at that time, out of the writer's reach and give up the
/// lease.
pub(super) fn materialise(stable: &Arc<Stable>, whole: Instant) {
    let (Some(lease), Some(entry)) = (stable.lease(), stable.entry()) else {
        return;
    };
    let region = stable.region();
    let name = match stable.loss() {
        Loss::LetGo(answer) if answer != Answer::Zeros => {
            let name = lease.descriptor().ok().and_then(path_of);
            name.or_else(|| fault::name_at(region.base().addr()))
        }
        _ => stable.origin().path.clone(),
    };
    let job = Job { stable, lease, region, entry, deadline: deadline(whole), name };
    let outcome = loop {
        let outcome = match stable.purpose() {
            Purpose::Frozen => job.keep_frozen(),
            Purpose::Private => job.keep_private(),
        };
        if !matches!(outcome, Err(Failure::Closed)) {
            break outcome;
        }
    };
    match outcome {
        Ok(base) => {
            stable.remember_cause();
            // Whoever reads the original bytes goes on to the copy, before a writer may change them.
            *stable.base() = base;
            stable.drop_anchor(lease);
            stable.became_snapshot();
            let in_time = match lease.give_up() {
                GivenUp::Held => true,
                GivenUp::Broken => false,
                GivenUp::Closed => {
                    // Then the last mapping of the file is gone, and the kernel's patience counts from a writer's call.
                    stable.weigh_anchor();
                    Instant::now() < whole + watch::patience()
                }
            };
            if in_time {
                // The writer does not wait for it, because it may read all pages in.
                job.lock_again(region.whole());
            } else {
                job.lose(&Cause::Busy(Cow::Borrowed("the kernel broke the lease by force")));
            }
        }
        Err(Failure::NotNeeded | Failure::Closed) => {
            lease.give_up();
        }
        Err(Failure::Lost(cause)) => {
            job.lose(&cause);
            lease.give_up();
        }
    }
}

/// Until when a lease may be kept that was `whole`. The kernel breaks it by force when its patience is out, counted from the
/// writer's call, and then it is too late; other leases may have been materialised since.
fn deadline(whole: Instant) -> Instant {
    whole + watch::patience() / 10 * 9
}

impl Job<'_> {
    /// The bytes shall never be seen again.
    fn lose(&self, cause: &Cause) {
        let answered = match self.stable.loss() {
            Loss::Abort => false,
            Loss::Fence => self.region.fence().is_ok(),
            Loss::LetGo(answer) => {
                self.say_that_it_is_lost(answer, cause);
                true
            }
        };
        if answered {
            self.stable.set_lost();
            return;
        }
        let name = quoted(self.name.as_deref());
        let why = self.why("somebody wants to write the file while it is mapped");
        end(format!(
            "folio: {name}: {why}, and its content could not be kept: {cause}; ending the process, because the \
             alternative is undefined behaviour\n"
        ));
    }

    /// What a program that bears it should know all the same.
    fn say_that_it_is_lost(&self, answer: Answer, cause: &Cause) {
        if answer != Answer::Zeros {
            let name = quoted(self.name.as_deref());
            let why = self.why("somebody writes the file while it is mapped");
            let line = format!(
                "folio: {name}: {why}, and its content could not be kept: {cause}; the mapping shows what is written\n"
            );
            fault::say(line.as_bytes());
        }
    }

    /// Why the content has to be kept: because of the `writer`, or because nobody could tell whether there is one.
    fn why(&self, writer: &'static str) -> &'static str {
        match self.lease.descriptor() {
            Err(_) if self.lease.is_held() => {
                "folio's descriptor of the file was closed while it is mapped"
            }
            _ => writer,
        }
    }

    /// Whether to go on: somebody still holds the bytes, and there is time.
    fn pace(&self) -> Result<()> {
        if Arc::strong_count(self.stable) == 1 {
            return Err(Failure::NotNeeded);
        }
        self.in_time().map_err(Failure::Lost)
    }

    fn in_time(&self) -> core::result::Result<(), Cause> {
        if Instant::now() < self.deadline {
            return Ok(());
        }
        Err(Cause::Busy(Cow::Borrowed(
            "it took longer than the kernel waits (/proc/sys/fs/lease-break-time)",
        )))
    }

    fn range(&self) -> &PageRange {
        &self.stable.origin().range
    }

    fn mode(&self) -> Mode {
        Mode { access: self.region.access(), sharing: Sharing::Private, no_reserve: false }
    }

    /// Clause G5: all at once.
    fn keep_frozen(&self) -> Result<Option<Base>> {
        loop {
            self.pace()?;
            // Pages that were poisoned so far are zeros in the mapping and must stay so in the copy.
            let poisoned = self.entry.settled_poison_count();
            let (snapshot, lost) = match self.clone_of_file() {
                Ok(clone) if poisoned == 0 => (clone, 0),
                _ => self.copy_of_mapping()?,
            };
            let range = self.range();
            let start = snapshot.start() + range.lead() as u64;
            let same =
                PageRange::new(range.page(), start, range.len() as u64).map_err(Cause::Range)?;
            let new = map(&snapshot, &same, self.mode())?;
            let _pause = self.entry.pause();
            // Only the handler's zeros may be missing in the copy.
            if self.entry.poison_count() == poisoned + lost {
                self.replace(0..self.region.map_len(), new);
                // Nothing is compared with or goes back to the original bytes.
                return Ok(None);
            }
        }
    }

    /// A clone of the file. The descriptor is asked about before and after: between, it could become another file's, and cannot
    /// become this one's again.
    fn clone_of_file(&self) -> core::result::Result<Snapshot, Cause> {
        let clone = snapshot::clone_of(self.lease.descriptor()?, self.range())?;
        self.lease.descriptor()?;
        Ok(clone)
    }

    /// The bytes as they stand in the mapping, in memory or else on disk, and how many pages could not be had.
    fn copy_of_mapping(&self) -> Result<(Snapshot, usize)> {
        self.fresh(|to| self.write_mapping(to))
    }

    /// A file that nobody else can change, with what `fill` writes to it: in memory where there is room, or else on disk.
    fn fresh<T>(&self, fill: impl FnOnce(&Snapshot) -> Result<T>) -> Result<(Snapshot, T)> {
        let len = self.region.map_len() as u64;
        let needed = match self.stable.loss() {
            Loss::Abort | Loss::Fence => len,
            // Nobody asked for a copy: it takes a quarter of the memory that is free, and no more.
            Loss::LetGo(_) => len.saturating_mul(4),
        };
        let in_memory = room::in_memory(needed).is_ok();
        let fd = if in_memory {
            snapshot::memory()?
        } else {
            snapshot::unnamed_for(self.lease.descriptor().ok(), len)?
        };
        let snapshot = Snapshot::new(fd)?;
        let filled = fill(&snapshot).and_then(|filled| {
            snapshot.still()?;
            if in_memory {
                snapshot::seal(snapshot.as_fd())?;
            }
            Ok(filled)
        });
        if !snapshot.is_still() {
            return Err(Failure::Closed);
        }
        Ok((snapshot, filled?))
    }

    /// Write the mapping's pages to `to`. A page that cannot be had becomes zeros there, and poison here; returns how many
    /// did.
    fn write_mapping(&self, to: &Snapshot) -> Result<usize> {
        const WINDOW: usize = 8 << 20;
        let page = self.region.page().bytes();
        let len = self.region.map_len();
        rustix::fs::ftruncate(to.as_fd(), len as u64).map_err(os)?;
        let (mut at, mut lost) = (0, 0);
        while at < len {
            self.pace()?;
            to.still()?;
            let window = (len - at).min(WINDOW);
            match self.region.write_to(to.as_fd(), at..at + window, at as u64) {
                Ok(count) if count > 0 => at += count,
                Err(Errno::INTR) => {}
                Ok(_) | Err(Errno::FAULT) => {
                    let missing = at / page * page;
                    self.entry.poison(missing);
                    lost += 1;
                    at = missing + page;
                }
                Err(errno) => return Err(os(errno).into()),
            }
        }
        Ok(lost)
    }

    /// Clause G6: window by window, stores wait meanwhile.
    fn keep_private(&self) -> Result<Option<Base>> {
        let (snapshot, of) = self.copy_of_file()?;
        let page = self.region.page().bytes();
        let len = self.region.map_len();
        // Each window can become a mapping of its own, and vm.max_map_count allows 65,530 of them.
        let window = (len / 512).max(2 << 20).next_multiple_of(page);
        fault::install_store_gate();
        let mut at = 0;
        while at < len {
            self.pace()?;
            let outer = at..(at + window).min(len);
            let _not_forked = hold();
            self.entry.gate(outer.clone());
            let moved = self.move_window(&snapshot, outer.clone());
            if moved.is_err() {
                let _ = self.region.allow_stores(outer.clone());
            }
            self.entry.ungate();
            moved?;
            at = outer.end;
        }
        match (of, self.stable.loss()) {
            // Nobody asks a mapping that its owner answers for what was changed.
            (_, Loss::LetGo(_)) | (Of::Mapping, _) => Ok(None),
            (Of::File, _) if !snapshot.is_still() => Err(Failure::Closed),
            (Of::File, _) => Ok(Some(snapshot.into_base()?)),
        }
    }

    /// A copy of the *file's* bytes, because the mapping may have changes; of the mapping with them where nobody has the file. Pages
    /// that are stored to meanwhile are copied once more, when nobody can ([`Job::copy_window`]).
    fn copy_of_file(&self) -> Result<(Snapshot, Of)> {
        if let Ok(clone) = self.clone_of_file() {
            return Ok((clone, Of::File));
        }
        let copied = match self.lease.descriptor() {
            Ok(fd) => self.copy_through(fd),
            Err(closed) => Err(Failure::Lost(closed)),
        };
        if self.lease.descriptor().is_ok() {
            return copied.map(|copy| (copy, Of::File));
        }
        self.copy_of_mapping().map(|(copy, _)| (copy, Of::Mapping))
    }

    /// What `fd`, the lease's descriptor, reads. If it is that no more afterwards, it may be another file's bytes.
    fn copy_through(&self, fd: BorrowedFd<'_>) -> Result<Snapshot> {
        let range = self.range();
        let bytes = range.map_offset()..range.file_range().end;
        let (copy, lost) = self.fresh(|to| {
            let mut lost = Some(snapshot::Lost::new());
            let pace = || self.in_time().and_then(|()| to.still());
            snapshot::copy(fd, bytes, to.as_fd(), &pace, &mut lost)?;
            Ok(lost)
        })?;
        self.lease.descriptor()?;
        for page in lost.into_iter().flatten() {
            let position = usize::try_from(page.start - range.map_offset())
                .map_err(|_| os(Errno::OVERFLOW))?;
            self.entry.poison(position);
        }
        Ok(copy)
    }

    /// Replace the pages of `outer` by the snapshot's, with those that were stored to as they are now.
    fn move_window(&self, snapshot: &Snapshot, outer: Range<usize>) -> Result<()> {
        // Changes are not forgotten (`drop_changes`) while they are copied.
        let _not_forgotten = self.stable.base();
        loop {
            self.in_time()?;
            // A zero page that the handler puts here takes stores: then all begins anew.
            let poisoned = self.entry.settled_poison_count();
            // SAFETY: clause G6: the gate is closed, so that a store waits for the end of this function.
            unsafe { self.region.forbid_stores(outer.clone()) }.map_err(Cause::Os)?;
            let new = self.copy_window(snapshot, outer.clone())?;
            let _pause = self.entry.pause();
            if self.entry.poison_count() == poisoned {
                self.replace(outer, new);
                return Ok(());
            }
        }
    }

    /// The snapshot's pages for `outer`, with those that were stored to. The handler is not paused meanwhile: a page that
    /// cannot be had is its to replace, also when this thread touches it.
    fn copy_window(&self, snapshot: &Snapshot, outer: Range<usize>) -> Result<Region> {
        let base = self.region.base().addr();
        let stored = pagemap::anonymous_pages(base + outer.start..base + outer.end);
        let start = snapshot.start() + outer.start as u64;
        let range =
            PageRange::new(PageSize::base(), start, outer.len() as u64).map_err(Cause::Range)?;
        let mode = Mode { access: Access::ReadWrite, ..self.mode() };
        let new = map(snapshot, &range, mode)?;
        for pages in stored {
            let position = pages.start - base;
            let from = self.region.base().wrapping_add(position);
            let to = new.base().wrapping_add(position - outer.start);
            // SAFETY: clause G6: both ranges are folio's own pages; nobody stores to the one (the gate is closed) or knows the other.
            let count = unsafe { copy::copy_in(to, from, pages.len()) };
            if count < pages.len() {
                return Err(Failure::Lost(Cause::Io(Errno::IO.into())));
            }
        }
        Ok(new)
    }

    /// Put `new` in place of `outer`.
    fn replace(&self, outer: Range<usize>, new: Region) {
        // SAFETY: clauses G5 and G6: `new` shows the same bytes.
        let replaced = unsafe { self.region.replace(outer, new) };
        if let Err(error) = replaced {
            // The kernel may have unmapped the old pages before it failed, and anybody's mapping could land there.
            end(format!(
                "folio: cannot move pages in place of a mapping: {error}; ending the process\n"
            ));
        }
    }

    /// The new pages are not locked; lock them where the mapping was made so. A limit that is reached now is no
    /// reason to lose the bytes: locking is about speed and swapping alone.
    fn lock_again(&self, range: MemRange) {
        if let Some(lock) = self.stable.lock() {
            let _ = self.region.lock(range, lock);
        }
    }
}

/// Map `range` of `snapshot`. If it is the copy's afterwards, all that was written went to it.
fn map(snapshot: &Snapshot, range: &PageRange, mode: Mode) -> Result<Region> {
    let region = Region::map(snapshot.as_fd(), range, 0, mode);
    if !snapshot.is_still() {
        return Err(Failure::Closed);
    }
    Ok(region.map_err(Cause::Os)?)
}

/// The file's name for a message, with nothing in it that a terminal obeys.
fn quoted(path: Option<&Path>) -> String {
    path.map_or_else(|| "a file".into(), |path| format!("{path:?}"))
}

/// End the process with `message`. Writing it may take no more than a moment, whether stderr is a full pipe or another thread
/// has the lock of [`std::io::Stderr`]: the bytes change when the kernel's patience is out.
fn end(message: String) -> ! {
    let (written, waiting) = std::sync::mpsc::channel();
    let writer = std::thread::Builder::new().spawn(move || {
        // A closed stderr changes nothing about having to end.
        let _ = rustix::io::write(std::io::stderr(), message.as_bytes());
        let _ = written.send(());
    });
    if writer.is_ok() {
        let _ = waiting.recv_timeout(watch::patience() / 20);
    }
    std::process::abort();
}

fn os(errno: Errno) -> Cause {
    Cause::Os(errno.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_time_for_one_lease_does_not_begin_anew_after_another() {
        let now = Instant::now();
        let Some(whole) = now.checked_sub(watch::patience()) else { return };
        assert!(deadline(whole) < now);
        assert!(deadline(now) - now < watch::patience());
        assert!(deadline(now) - now > Duration::ZERO);
    }
}
