//! The ways to read, what each is, and where each makes sense.

use super::plan::Pattern;

/// A way to read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Way {
    Read,
    Pread,
    Preadv2,
    NoWait,
    Map,
    MapPopulate,
    MapRandom,
    MapSequential,
    MapWillNeed,
    MapHuge,
    MapAhead,
    Frozen,
    Shared,
    Chunks,
    Ring,
    Sendfile,
    Splice,
    Direct,
    RingDirect,
}

/// What the page cache holds of the file before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Cache {
    /// All of it.
    Warm,
    /// Nothing.
    Cold,
}

impl Cache {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Warm => "warm",
            Self::Cold => "cold",
        }
    }
}

impl Way {
    pub(super) const ALL: [Self; 19] = [
        Self::Read,
        Self::Pread,
        Self::Preadv2,
        Self::NoWait,
        Self::Map,
        Self::MapPopulate,
        Self::MapRandom,
        Self::MapSequential,
        Self::MapWillNeed,
        Self::MapHuge,
        Self::MapAhead,
        Self::Frozen,
        Self::Shared,
        Self::Chunks,
        Self::Ring,
        Self::Sendfile,
        Self::Splice,
        Self::Direct,
        Self::RingDirect,
    ];

    /// What it is called in tables and after `--ways`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Pread => "pread",
            Self::Preadv2 => "preadv2",
            Self::NoWait => "preadv2-nowait",
            Self::Map => "map",
            Self::MapPopulate => "map-populate",
            Self::MapRandom => "map-random",
            Self::MapSequential => "map-sequential",
            Self::MapWillNeed => "map-willneed",
            Self::MapHuge => "map-huge",
            Self::MapAhead => "map-ahead",
            Self::Frozen => "frozen",
            Self::Shared => "shared",
            Self::Chunks => "shared-chunks",
            Self::Ring => "uring",
            Self::Sendfile => "sendfile",
            Self::Splice => "splice",
            Self::Direct => "direct",
            Self::RingDirect => "uring-direct",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Read => "read(2) into a buffer, lseek(2) where the pattern jumps",
            Self::Pread => "pread(2) into a buffer",
            Self::Preadv2 => "preadv2(2) without flags",
            Self::NoWait => "preadv2(2) with RWF_NOWAIT, and pread(2) for what is not in memory",
            Self::Map => "the bytes of a mapping in place (under a lease), advice normal",
            Self::MapPopulate => "the same, all pages of the range faulted in first",
            Self::MapRandom => "the same with MADV_RANDOM: no reading ahead",
            Self::MapSequential => "the same with MADV_SEQUENTIAL: reading far ahead",
            Self::MapWillNeed => "the same with MADV_WILLNEED for all of the range at first",
            Self::MapHuge => "the same with MADV_HUGEPAGE",
            Self::MapAhead => {
                "the same, MADV_WILLNEED for the next 2 MiB, or the next 32 records, in turn"
            }
            Self::Frozen => "folio::Frozen as it opens here: a lease, a clone or a copy",
            Self::Shared => "folio::Shared, copied out with read_at",
            Self::Chunks => "folio::Shared, copied out with chunks",
            Self::Ring => "io_uring through the page cache, --depth reads at a time",
            Self::Sendfile => {
                "sendfile(2) into a pipe of 1 MiB, whose other end the same thread reads"
            }
            Self::Splice => "splice(2) into a pipe of 1 MiB, whose other end the same thread reads",
            Self::Direct => "pread(2) with O_DIRECT, past the page cache",
            Self::RingDirect => "io_uring with O_DIRECT, --depth reads at a time",
        }
    }

    /// Whether it reads from a mapping.
    pub(super) fn maps(self) -> bool {
        self.maps_in_place() || matches!(self, Self::Frozen | Self::Shared | Self::Chunks)
    }

    /// Whether it needs the bytes of a mapping to stay, so that they can be read where they are.
    pub(super) fn maps_in_place(self) -> bool {
        matches!(
            self,
            Self::Map
                | Self::MapPopulate
                | Self::MapRandom
                | Self::MapSequential
                | Self::MapWillNeed
                | Self::MapHuge
                | Self::MapAhead
        )
    }

    /// Whether it makes sense for the pattern and the state of the cache, or why not.
    pub(super) fn fits(self, pattern: Pattern, cache: Cache) -> Result<(), &'static str> {
        match (self, pattern, cache) {
            (Self::Chunks, Pattern::Strided | Pattern::Random | Pattern::Hot, _) => {
                Err("chunks come in order")
            }
            (Self::MapPopulate | Self::MapWillNeed, Pattern::Random, _) => {
                Err("would read the whole file for a few records")
            }
            (Self::Direct | Self::RingDirect, _, Cache::Warm) => {
                Err("passes the page cache by, so warm is as cold")
            }
            _ => Ok(()),
        }
    }
}

/// A name after `--ways` or `--patterns`, looked up; `What` is what the names are of.
pub(super) fn find<T: Copy>(
    all: &[T],
    name: impl Fn(T) -> &'static str,
    typed: &str,
) -> Result<T, String> {
    all.iter().copied().find(|&one| name(one) == typed).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|&one| name(one)).collect();
        format!("there are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_way_has_a_name_of_its_own_and_a_pattern_that_it_fits() {
        let names: HashSet<_> = Way::ALL.iter().map(|way| way.name()).collect();
        assert_eq!(names.len(), Way::ALL.len());
        for way in Way::ALL {
            assert_eq!(find(&Way::ALL, Way::name, way.name()), Ok(way));
            assert!(way.fits(Pattern::Sequential, Cache::Cold).is_ok(), "{}", way.name());
            // The table's first column is that wide.
            assert!(way.name().len() <= 14);
        }
        assert!(find(&Way::ALL, Way::name, "mmap").unwrap_err().contains("map-populate"));
    }
}
