//! Who has a file mapped: the lines of /proc/PID/maps of every process that may be looked at.
//!
//! A page that is in anybody's page tables is not evicted. Which process that is the kernel does not tell from the file's side,
//! so all are asked, once for many files. A process of another user can be looked at by root alone; how many there were is told.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::Stat;

/// What was found is asked for anew after this.
const STALE: Duration = Duration::from_secs(5);

/// A process that has the file mapped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::pages) struct Mapper {
    pub(super) pid: i32,
    /// Its name, as the kernel has it: at most 15 bytes.
    pub(super) command: String,
    /// Bytes of the file that are in its page tables; `None` if it was gone when it was asked.
    pub(super) resident: Option<u64>,
    /// Bytes of these that it has locked.
    pub(super) locked: u64,
}

/// Who has which file mapped.
#[derive(Debug)]
pub(in crate::pages) struct Mappers {
    by_inode: HashMap<u64, Vec<Mapping>>,
    /// What each process has of which file, device and inode, once it was asked for; `None` if it was gone by then.
    usages: HashMap<i32, Option<Usages>>,
    unseen: usize,
    asked: Instant,
}

/// What a process has of each file: device and inode.
type Usages = HashMap<(u64, u64), Usage>;

/// A file as a process has it mapped.
#[derive(Debug)]
struct Mapping {
    pid: i32,
    dev: u64,
    path: Arc<str>,
}

impl Mappers {
    /// Ask every process.
    pub(super) fn ask() -> Self {
        let mut mappers = Self {
            by_inode: HashMap::new(),
            usages: HashMap::new(),
            unseen: 0,
            asked: Instant::now(),
        };
        for pid in processes() {
            match fs::read(format!("/proc/{pid}/maps")) {
                Ok(maps) => mappers.add(pid, &String::from_utf8_lossy(&maps)),
                Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                    mappers.unseen += 1;
                }
                // It has ended.
                Err(_) => {}
            }
        }
        mappers
    }

    /// Whether it is some time ago.
    pub(super) fn is_stale(&self) -> bool {
        self.asked.elapsed() > STALE
    }

    /// How many processes could not be looked at.
    pub(super) fn unseen(&self) -> usize {
        self.unseen
    }

    fn add(&mut self, pid: i32, maps: &str) {
        for line in maps.lines().filter_map(Line::parse).filter(|line| line.ino != 0) {
            let mappings = self.by_inode.entry(line.ino).or_default();
            if mappings.iter().any(|known| known.pid == pid && known.dev == line.dev) {
                continue;
            }
            let known = mappings.iter().find(|known| &*known.path == line.path);
            let path = known.map_or_else(|| line.path.into(), |known| Arc::clone(&known.path));
            mappings.push(Mapping { pid, dev: line.dev, path });
        }
    }

    /// Who has the file of `stat` mapped, which the kernel calls `path`, those first who have the most of it.
    pub(super) fn of(&mut self, stat: &Stat, path: Option<&Path>) -> Vec<Mapper> {
        let Self { by_inode, usages, .. } = self;
        let Some(mappings) = by_inode.get(&stat.st_ino) else { return Vec::new() };
        // On btrfs and overlays the device of a mapping is not the one that stat(2) gives; then the name decides.
        let is_it = |mapping: &&Mapping| {
            mapping.dev == stat.st_dev
                || path.is_some_and(|path| path.as_os_str() == &*mapping.path)
        };
        let mut mappers: Vec<_> = mappings
            .iter()
            .filter(is_it)
            .map(|mapping| {
                let usages = usages.entry(mapping.pid).or_insert_with(|| usages_of(mapping.pid));
                let file = (mapping.dev, stat.st_ino);
                Mapper::new(mapping.pid, usages.as_ref().map(|usages| usages.get(&file)))
            })
            // Who maps a file and has touched nothing of it keeps nothing.
            .filter(|mapper| mapper.resident != Some(0))
            .collect();
        mappers.sort_by_key(|mapper| std::cmp::Reverse(mapper.resident));
        mappers
    }
}

impl Mapper {
    /// `usage` is what it has of the file, of which it may have nothing any more; `None` if that cannot be told.
    fn new(pid: i32, usage: Option<Option<&Usage>>) -> Self {
        let command = fs::read(format!("/proc/{pid}/comm")).unwrap_or_default();
        let command = String::from_utf8_lossy(command.trim_ascii_end()).into_owned();
        let usage = usage.map(|usage| usage.copied().unwrap_or_default());
        Self {
            pid,
            command,
            resident: usage.map(|usage| usage.resident),
            locked: usage.map_or(0, |usage| usage.locked),
        }
    }
}

/// What a process has of each file.
fn usages_of(pid: i32) -> Option<Usages> {
    let smaps = fs::read(format!("/proc/{pid}/smaps")).ok()?;
    Some(usages(&String::from_utf8_lossy(&smaps)))
}

/// Bytes of a file in the page tables of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Usage {
    resident: u64,
    locked: u64,
}

/// The sums of smaps for each file, by device and inode. Pages that were copied on write are not the file's.
fn usages(smaps: &str) -> Usages {
    let mut usages = Usages::new();
    let mut file = None;
    for line in smaps.lines() {
        if let Some(header) = Line::parse(line) {
            file = (header.ino != 0).then_some((header.dev, header.ino));
            continue;
        }
        let (Some(file), Some((name, value))) = (file, line.split_once(':')) else { continue };
        let kib = value.trim().strip_suffix("kB").and_then(|kib| kib.trim().parse::<u64>().ok());
        let bytes = kib.unwrap_or(0).saturating_mul(1024);
        match name {
            "Rss" => usages.entry(file).or_default().resident += bytes,
            "Anonymous" => {
                let usage = usages.entry(file).or_default();
                usage.resident = usage.resident.saturating_sub(bytes);
            }
            "Locked" => usages.entry(file).or_default().locked += bytes,
            _ => {}
        }
    }
    usages
}

/// A line of maps, or a header of smaps: `address perms offset dev inode path`.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    dev: u64,
    ino: u64,
    path: &'a str,
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let (addresses, rest) = line.split_once(' ')?;
        let (start, _) = addresses.split_once('-')?;
        u64::from_str_radix(start, 16).ok()?;
        let mut fields = rest.splitn(4, ' ');
        let (_protection, _offset) = (fields.next()?, fields.next()?);
        let (major, minor) = fields.next()?.split_once(':')?;
        let number = |text| u32::from_str_radix(text, 16).ok();
        let dev = rustix::fs::makedev(number(major)?, number(minor)?);
        let rest = fields.next()?;
        let (ino, path) = rest.split_once(' ').unwrap_or((rest, ""));
        Some(Self { dev, ino: ino.parse().ok()?, path: path.trim_start() })
    }
}

/// The processes that there are.
fn processes() -> impl Iterator<Item = i32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd as _;

    const SMAPS: &str = "\
7f0000000000-7f0000400000 r--s 00000000 fe:00 1234                       /srv/a b (deleted)
Size:               4096 kB
Rss:                1024 kB
Anonymous:             4 kB
Locked:              512 kB
VmFlags: rd sh mr mw me ms lo
7f0000400000-7f0000401000 rw-p 00000000 00:00 0
Rss:                   4 kB
7f0000500000-7f0000501000 r--s 00001000 fe:00 1234                       /srv/a b (deleted)
Rss:                   4 kB
";

    #[test]
    fn the_sums_are_of_one_file() {
        let dev = rustix::fs::makedev(0xfe, 0);
        let expected = Usage { resident: 1024 << 10, locked: 512 << 10 };
        assert_eq!(usages(SMAPS), HashMap::from([((dev, 1234), expected)]));
        let line = SMAPS.lines().next().and_then(Line::parse).unwrap();
        assert_eq!(line, Line { dev, ino: 1234, path: "/srv/a b (deleted)" });
        assert_eq!(Line::parse("VmFlags: rd sh mr mw me ms lo"), None);
        assert_eq!(Line::parse("Size:               4096 kB"), None);
    }

    #[test]
    fn this_process_is_found_by_what_it_has_mapped_and_touched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mapped");
        fs::write(&path, vec![1; 1 << 20]).unwrap();
        let file = File::open(&path).unwrap();
        let stat = rustix::fs::fstat(&file).unwrap();
        let map = folio::Shared::from_file(&file.as_fd()).unwrap();
        assert_eq!(Mappers::ask().of(&stat, Some(&path)), []);
        map.pages().populate(..8192, folio::PopulateFor::Read).unwrap();
        let mappers = Mappers::ask().of(&stat, Some(&path));
        let [mapper] = &mappers[..] else { panic!("{mappers:?}") };
        assert_eq!(u32::try_from(mapper.pid), Ok(std::process::id()));
        assert!(mapper.resident.is_some_and(|bytes| bytes >= 8192), "{mapper:?}");
        drop(map);
        assert_eq!(Mappers::ask().of(&stat, Some(&path)), []);
    }
}
