//! Making a file cold or warm, and making sure that it is.
//!
//! Cold needs no root: what is dirty is written out, `POSIX_FADV_DONTNEED` drops what nobody has mapped, and cachestat(2) tells
//! whether anything stayed. Where the kernel does not tell, the rows say that nobody checked.

use std::fs::File;

use folio::FilePages;
use rustix::fs::Advice;

use crate::failure::{Failure, reason};

use super::place::{Subject, is_in_memory, read_through};
use super::way::Cache;

/// How many of the measured pages are in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// So many of so many.
    Pages { cached: u64, of: u64 },
    /// The kernel does not tell: why.
    Unknown(String),
}

/// Whether the file is as a row needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Looked at, and so.
    Verified,
    /// Nobody could look: why.
    Unverified(String),
    /// Looked at, and not so: what stayed, or what is missing.
    Not(String),
}

impl State {
    /// Of a row that was first in this state and then in `other`: it is verified only if both are.
    pub(super) fn and(self, other: Self) -> Self {
        match (&self, &other) {
            (Self::Verified, _) | (Self::Unverified(_), Self::Not(_)) => other,
            _ => self,
        }
    }
}

/// What is in memory of the first `span` bytes of `file`.
pub(super) fn held(file: &File, span: u64) -> Held {
    // Of a file that was truncated since, too: what it lacks is not in memory.
    let of = span.div_ceil(folio::PageSize::base().bytes() as u64);
    match FilePages::of(file).and_then(|pages| pages.counts(..span)) {
        Ok(counts) => Held::Pages { cached: counts.cached, of },
        Err(error) => Held::Unknown(reason(&error)),
    }
}

/// Why the file can never be cold, if that is so.
pub(super) fn never_cold(file: &File) -> Option<&'static str> {
    is_in_memory(file)
        .then_some("the file system keeps its files in memory (tmpfs), so nothing is ever cold")
}

/// Bring `subject` into the state that rows of `cache` need.
pub(super) fn prepare(subject: &Subject, cache: Cache) -> Result<State, Failure> {
    match cache {
        Cache::Cold => make_cold(subject),
        Cache::Warm => make_warm(subject),
    }
}

fn make_cold(subject: &Subject) -> Result<State, Failure> {
    let mut patience = PATIENCE;
    loop {
        drop_pages(subject)?;
        match held(&subject.file, subject.span) {
            Held::Pages { cached: 0, .. } => return Ok(State::Verified),
            Held::Unknown(why) => return Ok(State::Unverified(why)),
            Held::Pages { cached, of } if patience == 0 => {
                return Ok(State::Not(format!(
                    "{cached} of {of} pages stayed in memory: somebody has them mapped or locked"
                )));
            }
            // Pages that are being read ahead cannot be dropped until they are there.
            Held::Pages { .. } => {
                if patience == PATIENCE {
                    subject.file.sync_all().map_err(|error| subject.failed("write out", &error))?;
                }
                pause();
                patience -= 1;
            }
        }
    }
}

/// How often pages are dropped again, a pause apart.
const PATIENCE: u32 = 100;

/// Let reads that are under way come on: there is nothing that tells of their end.
fn pause() {
    let instant = rustix::event::Timespec { tv_sec: 0, tv_nsec: 1_000_000 };
    // Cut short by a signal it is shorter, and there are more to come.
    let _ = rustix::event::poll(&mut [], Some(&instant));
}

fn drop_pages(subject: &Subject) -> Result<(), Failure> {
    rustix::fs::fadvise(&subject.file, 0, None, Advice::DontNeed)
        .map_err(|errno| subject.failed("evict", &errno.into()))
}

fn make_warm(subject: &Subject) -> Result<State, Failure> {
    for last in [false, true] {
        match held(&subject.file, subject.span) {
            Held::Pages { cached, of } if cached == of => return Ok(State::Verified),
            Held::Pages { cached, of } if last => {
                return Ok(State::Not(format!(
                    "{} of {of} pages do not stay in memory",
                    of - cached
                )));
            }
            held => {
                let unknown = |why| State::Unverified(why);
                let done = read_through(&subject.file, subject.span);
                if done.map_err(|error| subject.failed("read", &error))? < subject.span {
                    subject.check_length()?;
                }
                if let Held::Unknown(why) = held {
                    return Ok(unknown(why));
                }
            }
        }
    }
    Ok(State::Verified)
}

/// Start as a reader finds a file: its pages as reading ahead brings them, not as writing left them.
pub(super) fn start_over(subject: &Subject) -> Result<(), Failure> {
    subject.file.sync_all().map_err(|error| subject.failed("write out", &error))?;
    drop_pages(subject)
}

#[cfg(test)]
mod tests {
    use super::super::place::Place;
    use super::*;

    #[test]
    fn a_file_is_made_cold_and_warm_and_looked_at() {
        let dir = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let place = Place::open(dir.path(), Some(4 << 20), false).unwrap();
        let subject = place.subject();
        let pages = (4 << 20) / folio::PageSize::base().bytes() as u64;
        if let Some(why) = never_cold(&subject.file) {
            testfs::skip("a cold file", why);
            return;
        }
        assert_eq!(prepare(subject, Cache::Cold).unwrap(), State::Verified);
        assert_eq!(held(&subject.file, subject.span), Held::Pages { cached: 0, of: pages });
        assert_eq!(prepare(subject, Cache::Warm).unwrap(), State::Verified);
        assert_eq!(held(&subject.file, subject.span), Held::Pages { cached: pages, of: pages });
        // Locked pages stay, and that is told.
        let lock = folio::MapOptions::new().range(0..4096).lock(folio::LockPages::Now);
        let Ok(_locked) = lock.map_shared(&subject.file) else {
            testfs::skip("locked pages", "RLIMIT_MEMLOCK");
            return;
        };
        let State::Not(why) = prepare(subject, Cache::Cold).unwrap() else {
            panic!("a page is locked")
        };
        assert!(why.contains(&format!("of {pages} pages stayed")), "{why}");
    }

    #[test]
    fn pages_that_were_truncated_away_are_missing() {
        let file = tempfile::tempfile_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &[1; 65536], 0).unwrap();
        let of = 65536_u64.div_ceil(folio::PageSize::base().bytes() as u64);
        assert_eq!(held(&file, 65536), Held::Pages { cached: of, of });
        file.set_len(0).unwrap();
        assert_eq!(held(&file, 65536), Held::Pages { cached: 0, of });
    }

    #[test]
    fn one_run_that_was_not_cold_is_enough() {
        let (warm, unknown) = (State::Not("stayed".into()), State::Unverified("not told".into()));
        let all = [State::Verified, unknown.clone(), warm.clone()];
        for (weight, state) in all.iter().enumerate() {
            for (other_weight, other) in all.iter().enumerate() {
                assert_eq!(state.clone().and(other.clone()), all[weight.max(other_weight)]);
            }
        }
    }

    #[test]
    fn tmpfs_is_never_cold() {
        let memory = folio::Memfd::create("bench").unwrap();
        let file = File::open(format!(
            "/proc/self/fd/{}",
            std::os::fd::AsRawFd::as_raw_fd(&std::os::fd::AsFd::as_fd(&memory))
        ));
        assert!(never_cold(&file.unwrap()).is_some());
    }
}
