//! Why pages stayed when they were to be evicted.

use std::fmt::Write as _;
use std::fs::File;
use std::os::fd::AsRawFd as _;

use folio::PageCounts;
use rustix::fs::Stat;
use serde_json::{Value, json};

use super::mappers::{Mapper, Mappers};
use super::report::bytes;
use crate::units::human;

/// What is known about pages that stayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::pages) struct Because {
    /// Pages that stayed.
    pub(super) stayed: u64,
    /// Pages that were dirty, or being written, before; and are being written, or not yet, afterwards.
    pub(super) dirty: u64,
    pub(super) writeback: u64,
    pub(super) mapped: Vec<Mapper>,
    /// Processes that could not be looked at.
    pub(super) unseen: usize,
    pub(super) store: Store,
}

/// Where else the pages are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::pages) enum Store {
    /// On a device, so that they can be had again.
    #[default]
    Device,
    /// Nowhere: it is a tmpfs or ramfs.
    Nowhere,
}

/// How many processes are named.
const NAMED: usize = 3;

/// `TMPFS_MAGIC` and `RAMFS_MAGIC` of statfs(2).
const IN_MEMORY: [u32; 2] = [0x0102_1994, 0x8584_58f6];

impl Because {
    /// Why pages of the file stayed: `counts` are those before and after the eviction. `mappers` are who has what mapped,
    /// asked for if there are none yet or not any more.
    pub(in crate::pages) fn of(
        file: &File,
        stat: &Stat,
        counts: [PageCounts; 2],
        mappers: &mut Option<Mappers>,
    ) -> Self {
        let in_memory = rustix::fs::fstatfs(file)
            .is_ok_and(|fs| u32::try_from(fs.f_type).is_ok_and(|magic| IN_MEMORY.contains(&magic)));
        if in_memory {
            return Self { store: Store::Nowhere, ..Self::default() };
        }
        let [before, after] = counts;
        let most = |count: fn(&PageCounts) -> Option<u64>| {
            let count = |counts| count(counts).unwrap_or(0);
            count(&before).max(count(&after)).min(after.cached)
        };
        let dirty = most(|counts| counts.states.map(|states| states.dirty));
        let writeback = most(|counts| counts.states.map(|states| states.writeback));
        let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).ok();
        let fresh = mappers.take().filter(|mappers| !mappers.is_stale());
        let mappers = mappers.insert(fresh.unwrap_or_else(Mappers::ask));
        Self {
            stayed: after.cached,
            dirty,
            // To evict dirty pages the kernel begins to write them.
            writeback: if dirty > 0 { 0 } else { writeback },
            mapped: mappers.of(stat, path.as_deref()),
            unseen: mappers.unseen(),
            store: Store::Device,
        }
    }

    /// In words, after `stayed`.
    pub(super) fn in_words(&self) -> String {
        self.in_words_with("--sync")
    }

    /// The same, where `sync` is how dirty pages are written.
    pub(in crate::pages) fn in_words_with(&self, sync: &str) -> String {
        if self.store == Store::Nowhere {
            return "they are nowhere else: it is a tmpfs or ramfs".to_owned();
        }
        let mut reasons = Vec::new();
        if self.dirty > 0 {
            let dirty = human(bytes(self.dirty));
            reasons.push(format!("{dirty} were dirty ({sync} writes them first)"));
        }
        if self.writeback > 0 {
            let writeback = human(bytes(self.writeback));
            reasons.push(format!("{writeback} are being written ({sync} waits for that)"));
        }
        if !self.mapped.is_empty() {
            reasons.push(mapped_in_words(&self.mapped));
            if self.explained() < self.stayed {
                reasons.push("the rest is of the same large folios, or in use just now".to_owned());
            }
        }
        if reasons.is_empty() {
            reasons.push(if self.unseen > 0 {
                "somebody has them mapped or is using them just now".to_owned()
            } else {
                "nobody has them mapped; they are being read just now, or belong to a large folio that is in use".to_owned()
            });
        }
        if self.unseen > 0 && self.explained() < self.stayed {
            let processes = if self.unseen == 1 { "process" } else { "processes" };
            let who = if rustix::process::geteuid().is_root() {
                "may not be looked at"
            } else {
                "of others may be looked at by root alone"
            };
            reasons.push(format!("{} {processes} {who}", self.unseen));
        }
        reasons.join("; ")
    }

    /// How many of the pages there is a reason for.
    fn explained(&self) -> u64 {
        let mapped: u64 = self.mapped.iter().filter_map(|mapper| mapper.resident).sum();
        self.dirty + self.writeback + mapped / bytes(1)
    }

    /// As members of a JSON object: bytes.
    pub(super) fn in_json(&self) -> Value {
        let mapped: Vec<_> = self
            .mapped
            .iter()
            .map(|mapper| {
                json!({ "pid": mapper.pid, "command": mapper.command, "resident": mapper.resident, "locked": mapper.locked })
            })
            .collect();
        json!({
            "dirty": bytes(self.dirty), "writeback": bytes(self.writeback), "mapped": mapped,
            "processes_unseen": self.unseen, "no_device": self.store == Store::Nowhere,
        })
    }
}

/// `mapped by cat (pid 12, 4.0 KiB, locked), less (pid 13, 8.0 KiB) and 2 more`
fn mapped_in_words(mappers: &[Mapper]) -> String {
    let mut words = "mapped by ".to_owned();
    for (index, mapper) in mappers.iter().take(NAMED).enumerate() {
        words += if index > 0 { ", " } else { "" };
        // A process chooses its name, and may choose to command the terminal.
        let command = crate::name::quoted(mapper.command.as_ref());
        // Writing to a string does not fail.
        let _ = write!(words, "{command} (pid {}", mapper.pid);
        if let Some(resident) = mapper.resident {
            let _ = write!(words, ", {}", human(resident));
        }
        words += if mapper.locked > 0 { ", locked)" } else { ")" };
    }
    if mappers.len() > NAMED {
        let _ = write!(words, " and {} more", mappers.len() - NAMED);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapper(pid: i32, command: &str, resident: Option<u64>, locked: u64) -> Mapper {
        Mapper { pid, command: command.to_owned(), resident, locked }
    }

    #[test]
    fn each_reason_has_words() {
        let page = folio::PageSize::base().bytes() as u64;
        let because = Because {
            dirty: 1,
            writeback: 2,
            mapped: vec![
                mapper(1, "cat", Some(8192), 4096),
                mapper(2, "a\x1b[2J", None, 0),
                mapper(3, "less", Some(0), 0),
                mapper(4, "more", None, 0),
            ],
            ..Because::default()
        };
        assert_eq!(
            because.in_words(),
            format!(
                "{} were dirty (--sync writes them first); {} are being written (--sync waits for that); mapped by cat (pid 1, \
                 8.0 KiB, locked), $'a\\x1b[2J' (pid 2), less (pid 3, 0 B) and 1 more",
                human(page),
                human(2 * page)
            )
        );
        let json = because.in_json();
        assert_eq!((&json["dirty"], &json["mapped"][0]["locked"]), (&json!(page), &json!(4096)));
    }

    #[test]
    fn a_mapped_page_keeps_its_folio() {
        let page = bytes(1);
        let mapped = vec![mapper(1, "cat", Some(2 * page), 0)];
        let mut because = Because { stayed: 2, mapped, ..Because::default() };
        assert!(because.in_words().ends_with(&format!("cat (pid 1, {})", human(2 * page))));
        because.stayed = 16;
        assert!(
            because
                .in_words()
                .ends_with("; the rest is of the same large folios, or in use just now")
        );
    }

    #[test]
    fn what_root_would_see_is_said_only_where_something_is_missing() {
        let mut because = Because { stayed: 1, unseen: 2, ..Because::default() };
        assert!(because.in_words().contains("; 2 processes "), "{}", because.in_words());
        because.dirty = 1;
        assert!(!because.in_words().contains("processes"));
        because.store = Store::Nowhere;
        assert_eq!(because.in_words(), "they are nowhere else: it is a tmpfs or ramfs");
    }
}
