//! One program, up to the cut.

use std::fmt::Write as _;
use std::fs::File;

use folio::{PageSize, raw};
use folio_model::{
    Access, Backing, Choices, Content, Descriptor, File as FileNumber, FileKind, FileSync, Mapping,
    Model, Msync, Op, Outcome, Process, Protection, Repertoire, Seeded, Setting, Sharing, Verb,
};
use folio_oracle::{Kernel, System};
use testfs::PowerDevice;

/// How many steps a program has.
const STEPS: usize = 24;

/// What is pretended to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lie {
    None,
    /// msync(2)
    Flush,
    /// msync(2) behind the first page of its range
    FlushOfOnePage,
    /// fsync(2) and fdatasync(2)
    Sync,
}

/// What programs are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scene {
    /// Whatever can be done with an empty file.
    Empty,
    /// Whatever can be done with a file that has been synced and mapped.
    Full,
    /// Only stores to such a file, and getting them to the disk.
    Stores,
}

impl Scene {
    pub(crate) fn of(seed: u64) -> Self {
        [Self::Empty, Self::Full, Self::Stores][usize::try_from(seed % 3).unwrap()]
    }

    fn repertoire(self, page_size: u64) -> Repertoire {
        use Verb::{Advise, Allocate, Flush, Map, Store, Sync, Truncate, Unmap, Write};
        let verbs: &[_] = match self {
            Self::Stores => &[Flush, Store, Sync],
            _ => &[Advise, Allocate, Flush, Map, Store, Sync, Truncate, Unmap, Write],
        };
        let mut repertoire = Repertoire::kernel(page_size).only(verbs);
        for (verb, weight) in &mut repertoire.verbs {
            match verb {
                Flush => *weight = 6,
                Truncate => *weight = 3,
                _ => {}
            }
        }
        repertoire.processes = 1;
        repertoire.files = 1;
        repertoire.descriptors = 1;
        repertoire.mappings = 2;
        let read_write = Protection::READ | Protection::WRITE;
        let (shared, private) = ((Sharing::Shared, read_write), (Sharing::Private, read_write));
        repertoire.kinds = vec![shared, shared, shared, private];
        repertoire.opening = self.opening(repertoire.longest);
        repertoire
    }

    fn opening(self, len: u64) -> Vec<Op> {
        let (process, descriptor) = (Process(0), Descriptor(0));
        let access = Access::ReadWrite;
        let open = Op::Open { process, descriptor, file: FILE, access, content: Content::Keep };
        if self == Self::Empty {
            return vec![open];
        }
        let map = |mapping| Op::Map {
            process,
            mapping: Mapping(mapping),
            backing: Backing::File(descriptor),
            sharing: Sharing::Shared,
            protection: Protection::READ | Protection::WRITE,
            offset: 0,
            len,
        };
        // One write would make one large folio in the page cache, and that is written out as a whole.
        let page = PageSize::base().bytes();
        let pages = (0..len).step_by(page);
        let write = |offset| Op::Write { process, descriptor, offset, len: page as u64, fill: 1 };
        let sync = Op::Sync { process, descriptor, how: FileSync::All };
        [open].into_iter().chain(pages.map(write)).chain([sync, map(0), map(1)]).collect()
    }
}

const FILE: FileNumber = FileNumber(0);

/// Run the program of `seed` up to a random step, cut the power, and look. The error says what was found and what was done.
pub(crate) fn run(device: &PowerDevice, seed: u64, scene: Scene, lie: Lie) -> Result<(), String> {
    let page_size = PageSize::base().bytes() as u64;
    let mut choices = Seeded::new(seed);
    let repertoire = scene.repertoire(page_size);
    let program = repertoire.program(&mut choices, STEPS);
    let mut kernel = Kernel::new(device.path(), &[FileKind::Disk]).unwrap();
    let mut model = Model::new(Setting::new(page_size).file(FileKind::Disk));
    let path = kernel.path(FILE).unwrap().to_owned();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    rustix::fs::syncfs(&file).unwrap();

    let begun = repertoire.opening.len();
    let cut = begun + index(&mut choices, program.len() + 1 - begun);
    let mut done = String::new();
    for (number, op) in program.iter().take(cut).enumerate() {
        let lie = if number < begun { Lie::None } else { lie };
        let seen = step(&mut kernel, op, lie);
        let _ = writeln!(done, "{op}: {seen:?}");
        if let Err(disagreement) = model.step(op, &seen) {
            return Err(format!("{disagreement}\nafter\n{done}"));
        }
        write_out(&file, &mut choices);
    }
    let after = device.cut().unwrap();
    let found = std::fs::read(after.path().join(path.file_name().unwrap())).unwrap();
    let allowed = model.disk(FILE).allows(&found);
    allowed.map_err(|impossible| {
        format!("{impossible}\nfound {:?}\nafter\n{done}", Outcome::Bytes(found))
    })
}

/// A number below `n`.
fn index(choices: &mut Seeded, n: usize) -> usize {
    let below = choices.below(n as u64).expect("seeded choices have no end");
    usize::try_from(below).unwrap()
}

/// Do `op`, or pretend to.
fn step(kernel: &mut Kernel, op: &Op, lie: Lie) -> Outcome {
    let instead = match (lie, *op) {
        (Lie::Flush, Op::Flush { process, mapping, offset, len, .. }) => {
            Op::Flush { process, mapping, how: Msync::Async, offset, len }
        }
        (Lie::FlushOfOnePage, Op::Flush { process, mapping, how, offset, len }) => {
            Op::Flush { process, mapping, how, offset, len: len.min(1) }
        }
        (Lie::Sync, Op::Sync { process, descriptor, .. }) => Op::Length { process, descriptor },
        (_, op) => op,
    };
    match (kernel.step(&instead).unwrap(), op) {
        (Outcome::Count(_), Op::Sync { .. }) => Outcome::Done,
        (seen, _) => seen,
    }
}

/// Sometimes write something of the file out, as the kernel may whenever it likes.
fn write_out(file: &File, choices: &mut Seeded) {
    let page = PageSize::base().bytes();
    match index(choices, 64) {
        0 => rustix::fs::syncfs(file).unwrap(),
        1..=12 => {
            let pages = file.metadata().unwrap().len().div_ceil(page as u64);
            let pages = usize::try_from(pages).unwrap();
            if pages > 0 {
                let start = (index(choices, pages) * page) as u64;
                raw::write_out(file, start..start + page as u64).unwrap();
            }
        }
        _ => {}
    }
}
