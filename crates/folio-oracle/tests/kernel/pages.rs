use folio_model::{
    Advice, Backing, Errno, File, Mapping, Msync, Op, Outcome, Protection, Sharing, Signal,
};
use folio_oracle::System;

use crate::bed::{Bed, RW, each, page};

pub(crate) fn fault_where_the_file_ends() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, page() + 2, 7);
        bed.map(0, Sharing::Shared, 4 * page());
        let end = 2 * page();
        assert_eq!(bed.load(0, page(), 4), [7, 7, 0, 0]);
        bed.faults(bed.loading(0, end - 2, 4), Signal::Bus, 2, &[0, 0]);
        bed.faults(bed.storing(0, end, 1, 5), Signal::Bus, 0, &[]);
        bed.faults(bed.storing(0, 1, 3 * page(), 5), Signal::Bus, end - 1, &[]);
        // What came before the fault was stored.
        let mut expected = vec![5; usize::try_from(page() + 2).unwrap()];
        expected[0] = 7;
        assert_eq!(bed.kernel.content(File(0)).unwrap(), expected);
        bed.faults(bed.loading(0, 4 * page(), 1), Signal::Segv, 0, &[]);
        assert_eq!(bed.load(0, 0, 0), []);
    });
}

pub(crate) fn of_a_private_mapping_follow_until_they_are_stored_to() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, 2 * page(), 7);
        bed.map(0, Sharing::Private, 2 * page());
        bed.store(0, 0, 1, 1);
        bed.write(0, 2 * page(), 8);
        assert_eq!(bed.load(0, 0, 2), [1, 7]);
        assert_eq!(bed.load(0, page(), 1), [8]);
        assert_eq!(bed.read(0, 1), [8]);
    });
}

pub(crate) fn are_lost_to_a_truncation() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, 2 * page(), 7);
        bed.map(0, Sharing::Shared, 2 * page());
        bed.map(1, Sharing::Private, 2 * page());
        bed.store(1, page(), 1, 1);
        bed.truncate(1);
        for mapping in [0, 1] {
            bed.faults(bed.loading(mapping, page(), 1), Signal::Bus, 0, &[]);
        }
        bed.truncate(2 * page());
        for mapping in [0, 1] {
            assert_eq!(bed.load(mapping, page(), 1), [0]);
            assert_eq!(bed.load(mapping, 0, 2), [7, 0]);
        }
    });
}

fn protecting(bed: &Bed, protection: Protection, offset: u64, len: u64) -> Op {
    Op::Protect { process: bed.process, mapping: Mapping(0), protection, offset, len }
}

pub(crate) fn that_are_protected_fault() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, 3 * page(), 7);
        bed.map(0, Sharing::Shared, 3 * page());
        bed.done(protecting(bed, Protection::READ, page(), page()));
        bed.done(protecting(bed, Protection::empty(), 2 * page(), 1));
        bed.faults(bed.storing(0, page() - 1, 3, 1), Signal::Segv, 1, &[]);
        bed.faults(bed.loading(0, 2 * page() - 1, 3), Signal::Segv, 1, &[7]);
        bed.fails(protecting(bed, RW, 1, page()), Errno::EINVAL);
        bed.done(protecting(bed, RW, 0, 3 * page()));
        bed.store(0, 0, 3 * page(), 2);
    });
}

pub(crate) fn that_were_unmapped_are_holes() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, 4 * page(), 7);
        bed.map(0, Sharing::Shared, 4 * page());
        let (process, mapping) = (bed.process, Mapping(0));
        let unmap = |offset, len| Op::Unmap { process, mapping, offset, len };
        bed.fails(unmap(1, page()), Errno::EINVAL);
        bed.fails(unmap(0, 0), Errno::EINVAL);
        bed.done(unmap(page(), 1));
        bed.done(unmap(page(), page()));
        // A start that is no page's is refused in a hole too, and nothing is taken behind it.
        bed.fails(unmap(page() + 1, 2 * page()), Errno::EINVAL);
        bed.faults(bed.loading(0, page() - 2, 3), Signal::Segv, 2, &[7, 7]);
        assert_eq!(bed.load(0, 2 * page(), 1), [7]);
        // What comes before the hole is protected, what comes behind is not.
        bed.fails(protecting(bed, Protection::READ, 0, 3 * page()), Errno::ENOMEM);
        bed.faults(bed.storing(0, 0, 1, 1), Signal::Segv, 0, &[]);
        bed.store(0, 2 * page(), 1, 1);
        let how = Msync::Sync;
        bed.fails(Op::Flush { process, mapping, how, offset: 0, len: 4 * page() }, Errno::ENOMEM);
        let remap = |len| Op::Remap { process, mapping, len };
        bed.fails(remap(5 * page()), Errno::EFAULT);
        bed.done(remap(3 * page()));
        bed.faults(bed.loading(0, 3 * page(), 1), Signal::Segv, 0, &[]);
        bed.done(unmap(0, 9 * page()));
        assert_eq!(bed.seen(unmap(0, page())), Outcome::Nothing);
    });
}

pub(crate) fn grow_and_shrink() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, 3 * page(), 7);
        bed.map(0, Sharing::Private, page());
        bed.store(0, 0, 1, 1);
        let (process, mapping) = (bed.process, Mapping(0));
        let remap = |len| Op::Remap { process, mapping, len };
        bed.done(remap(4 * page()));
        assert_eq!(bed.load(0, 0, 2), [1, 7]);
        assert_eq!(bed.load(0, 3 * page() - 1, 1), [7]);
        bed.faults(bed.loading(0, 3 * page(), 1), Signal::Bus, 0, &[]);
        bed.done(remap(1));
        bed.faults(bed.loading(0, page(), 1), Signal::Segv, 0, &[]);
        bed.fails(remap(0), Errno::EINVAL);
        bed.done(Op::Map {
            process,
            mapping,
            backing: Backing::Anonymous,
            sharing: Sharing::Private,
            protection: RW,
            offset: 0,
            len: 1,
        });
        assert_eq!(bed.load(0, 0, 1), [0]);
    });
}

pub(crate) fn are_advised_and_flushed() {
    each(|bed| {
        bed.open(0, 0);
        bed.write(0, 2 * page(), 7);
        bed.map(0, Sharing::Private, 2 * page());
        bed.map(1, Sharing::Shared, 3 * page());
        bed.store(0, 0, 1, 1);
        let process = bed.process;
        let advise = |mapping, advice, offset, len| Op::Advise {
            process,
            mapping: Mapping(mapping),
            advice,
            offset,
            len,
        };
        bed.done(advise(0, Advice::PopulateRead, 0, 2 * page()));
        bed.done(advise(0, Advice::DontNeed, 0, page()));
        assert_eq!(bed.load(0, 0, 1), [7]);
        bed.fails(advise(1, Advice::PopulateRead, 0, 3 * page()), Errno::EFAULT);
        bed.store(1, 5, 1, 9);
        let mapping = Mapping(1);
        bed.done(Op::Flush { process, mapping, how: Msync::Sync, offset: 0, len: page() });
        bed.done(advise(1, Advice::Remove, 0, page()));
        assert_eq!(bed.load(1, 5, 1), [0]);
    });
}
