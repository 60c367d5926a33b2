//! Huge pages for the files of a hugetlbfs, added to the system's pool while a test needs them.

use std::fs;
use std::sync::Mutex;

use crate::Absence;
use crate::mount::require_root;

/// How many huge pages of the usual size the system keeps, used or not; proc_sys_vm(5).
const COUNT: &str = "/proc/sys/vm/nr_hugepages";

/// Between reading the count and writing it, no other test of this process does.
static TURN: Mutex<()> = Mutex::new(());

/// Pages that the pool has more than before; they go when this is dropped.
#[derive(Debug)]
pub(crate) struct Pool {
    added: u64,
}

impl Pool {
    /// `wanted` pages more.
    pub(crate) fn grow(wanted: u64) -> Result<Self, Absence> {
        require_root()?;
        let before = count()?;
        let after = change(|now| now + wanted)?;
        // Where memory is short or in pieces, it becomes fewer.
        let pool = Self { added: after.saturating_sub(before) };
        if pool.added < wanted {
            return Err(Absence::new(format!(
                "of {wanted} huge pages only {} are to be had",
                pool.added
            )));
        }
        Ok(pool)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Err(why) = change(|now| now.saturating_sub(self.added)) {
            eprintln!("testfs: {} huge pages stay in the pool: {why}", self.added);
        }
    }
}

/// Set the count to another one; returns what it became.
fn change(to: impl Fn(u64) -> u64) -> Result<u64, Absence> {
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    fs::write(COUNT, to(count()?).to_string())
        .map_err(|error| Absence::new(format!("{COUNT}: {error}")))?;
    count()
}

fn count() -> Result<u64, Absence> {
    let text = fs::read_to_string(COUNT)
        .map_err(|error| Absence::new(format!("the kernel has no huge pages: {COUNT}: {error}")))?;
    text.trim().parse().map_err(|error| Absence::new(format!("{COUNT}: {error}")))
}
