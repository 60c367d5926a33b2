//! The floor: every `unsafe` block of folio, and nothing above it needs one.
//!
//! What comes out of here is safe to call: an owned [`region::Region`] with bounds held by
//! [`MemRange`](crate::page::MemRange), copies that survive faults, the handler, the leases, and the bytes that a
//! guarantee makes stable. Each `// SAFETY:` names a clause of `docs/soundness.md`.
//!
//! | module | holds |
//! |---|---|
//! | `region` | an owned range of addresses: mmap, mremap, munmap, madvise, msync, mlock, mincore |
//! | `advise` | hints of madvise(2): those that were checked, and the hatch for the others |
//! | `block` | the length of a block device |
//! | `cachestat` | what of a file is in the page cache |
//! | `copy` | the copy routines in assembly that a fault leaves in order |
//! | `fault` | the SIGBUS handler and the table of mappings whose bytes user code touches |
//! | `fork` | forking while other threads hold locks, and ending while others hold a lease |
//! | `pagemap` | what the kernel tells of each page of a process: `PAGEMAP_SCAN`, and the entries of its page map |
//! | `procmap` | one mapping of a process: `PROCMAP_QUERY` |
//! | `process` | the number of this process, remembered |
//! | `live` | reading and writing bytes that other processes change, through `copy` |
//! | `best_effort` | a mapping whose bytes its owner answers for |
//! | `atomics` | atomic references to such bytes |
//! | `hatch` | the `unsafe` functions of the public surface |
//! | `writeback` | sync_file_range(2) |
//! | `stable` | bytes that a guarantee keeps: the only slices made from a mapping |
//! | `ofd` | open file description locks |
//! | `raw` | mappings and processes exactly as the kernel gives them, for experiments |
//! | `ring` | io_uring: reads into pages of its own, whose bytes are the kernel's while a read is under way |
//! | `lease` | file leases, the thread that waits for their breaks, and materialising |

mod advise;
pub(crate) mod atomics;
pub(crate) mod best_effort;
pub(crate) mod block;
pub(crate) mod cachestat;
pub(crate) mod copy;
pub(crate) mod fault;
mod fork;
mod hatch;
pub(crate) mod lease;
mod live;
pub(crate) mod ofd;
pub(crate) mod pagemap;
mod process;
#[cfg(feature = "process")]
pub(crate) mod procmap;
#[cfg(feature = "raw")]
pub(crate) mod raw;
pub(crate) mod region;
#[cfg(feature = "ring")]
pub(crate) mod ring;
pub(crate) mod stable;
pub(crate) mod writeback;
