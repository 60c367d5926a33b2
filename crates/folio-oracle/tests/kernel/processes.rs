use std::path::Path;

use folio_model::{Descriptor, File, FileKind, Mapping, Op, Outcome, Process, Sharing, Signal};
use folio_oracle::{Kernel, System};

use crate::bed::{each, page};

pub(crate) fn inherit_and_go_their_own_ways() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, page(), 7);
        bed.map(0, Sharing::Shared, page());
        bed.map(1, Sharing::Private, page());
        bed.store(1, 0, 1, 1);
        let fork = Op::Fork { process: Process(0), child: Process(1) };
        bed.done(fork);
        assert_eq!(bed.seen(fork), Outcome::Nothing);
        bed.process = Process(1);
        assert_eq!((bed.load(0, 0, 1), bed.load(1, 0, 2)), (vec![7], vec![1, 7]));
        bed.store(0, 1, 1, 2);
        bed.store(1, 1, 1, 3);
        bed.done(Op::Close { process: Process(1), descriptor: Descriptor(0) });
        bed.process = Process(0);
        assert_eq!((bed.load(0, 0, 2), bed.load(1, 0, 2)), (vec![7, 2], vec![1, 7]));
        assert_eq!(bed.read(0, 2), [7, 2]);

        // The child outlives its parent, and has children of its own.
        bed.done(Op::Exit { process: Process(0) });
        assert_eq!(bed.seen(fork), Outcome::Nothing);
        bed.done(Op::Fork { process: Process(1), child: Process(0) });
        assert_eq!(bed.load(1, 0, 2), [1, 3]);
    });
}

fn children() -> Vec<String> {
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap();
    children.split_whitespace().map(str::to_owned).collect()
}

/// Every process of the program, whoever its parent is.
fn processes_of(child: &str) -> Vec<String> {
    let mut found = vec![child.to_owned()];
    let children = std::fs::read_to_string(format!("/proc/{child}/task/{child}/children")).unwrap();
    for child in children.split_whitespace() {
        found.extend(processes_of(child));
    }
    found
}

pub(crate) fn leave_nothing_behind() {
    testfs::each(&[testfs::Kind::Here], |fs| {
        let mut kernel = Kernel::new(fs.path(), &[FileKind::Disk, FileKind::Disk]).unwrap();
        for (process, child) in [(0, 1), (1, 2), (0, 3)] {
            let fork = Op::Fork { process: Process(process), child: Process(child) };
            assert_eq!(kernel.step(&fork).unwrap(), Outcome::Done);
        }
        assert_eq!(kernel.step(&Op::Exit { process: Process(0) }).unwrap(), Outcome::Done);
        let path = kernel.path(File(1)).unwrap().to_owned();
        assert!(path.exists() && kernel.path(File(2)).is_none());
        let [first] = &children()[..] else { panic!("{:?}", children()) };
        let processes = processes_of(first);
        assert_eq!(processes.len(), 4);
        drop(kernel);
        assert_eq!(children(), [""; 0]);
        let gone = |process: &String| !Path::new("/proc").join(process).exists();
        assert!(processes.iter().all(gone), "{processes:?}");
        assert_eq!(std::fs::read_dir(fs.path()).unwrap().count(), 0);
    });
}

pub(crate) fn fork_where_a_touch_is_tried_out() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, page(), 7);
        bed.map(0, Sharing::Private, 2 * page());
        // The store that is tried out is not the one that is done: the page stays the file's until that.
        bed.faults(bed.storing(0, page(), 1, 1), Signal::Bus, 0, &[]);
        bed.write(0, 1, 8);
        assert_eq!(bed.load(0, 0, 1), [8]);
        bed.faults(bed.storing(0, page() - 1, 2, 1), Signal::Bus, 1, &[]);
        bed.write(0, page(), 9);
        assert_eq!(bed.load(0, page() - 2, 2), [7, 1]);
    });
}

pub(crate) fn slots_that_are_empty_answer_nothing() {
    each(|bed| {
        let (process, mapping, descriptor) = (Process(0), Mapping(0), Descriptor(0));
        let empty = [
            Op::Close { process, descriptor },
            Op::Read { process, descriptor, offset: 0, len: 1 },
            Op::Remap { process, mapping, len: 1 },
            bed.loading(0, 0, 1),
            bed.storing(0, 0, 1, 1),
            bed.opening(0, 9, folio_model::Access::Read),
            Op::Fork { process: Process(7), child: Process(8) },
            Op::Exit { process: Process(1) },
        ];
        for op in empty {
            assert_eq!(bed.seen(op), Outcome::Nothing, "{op:?}");
        }
        // What is opened into a slot closes what was there.
        bed.open(0, 0);
        bed.write(0, 1, 7);
        bed.open(0, 1);
        assert_eq!(bed.read(0, 1), []);
        bed.map(0, Sharing::Shared, page());
        bed.map(0, Sharing::Private, page());
        bed.faults(bed.loading(0, 0, 1), Signal::Bus, 0, &[]);
    });
}
