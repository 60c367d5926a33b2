//! Faults that folio answers.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering};
use std::sync::Barrier;
use std::thread;

use super::*;
use crate::sys::copy::{copy_in, load_u32, store_u32};

#[test]
fn a_slice_that_faults_reads_zeros_and_poisons_its_entry_for_good() {
    let (file, region) = mapped(4, Access::Read, Sharing::Private);
    let entry = Entry::new(&region, Touch::Slices);
    assert_eq!(load(&region, 3 * page()), FILLED);
    assert_eq!((entry.poisoned_at(), entry.poison_count()), (None, 0));
    file.set_len(page() as u64).unwrap();

    assert_eq!(load(&region, 3 * page() + 17), 0);
    assert_eq!((entry.poisoned_at(), entry.poison_count()), (Some(3 * page()), 1));
    assert_eq!(load(&region, page() + 1), 0);
    assert_eq!((entry.poisoned_at(), entry.poison_count()), (Some(page()), 2));
    assert_eq!(load(&region, 3 * page()), 0);
    assert_eq!(entry.poison_count(), 2, "a page faults once");

    file.write_all_at(&vec![FILLED; 4 * page()], 0).unwrap();
    assert_eq!(load(&region, 3 * page()), 0, "poison stays");
    assert_eq!(
        load(&region, 2 * page()),
        FILLED,
        "a page that never was touched while it was gone"
    );
    assert_eq!(entry.poisoned_at(), Some(page()));
}

/// Another thread may materialise the mapping before the instruction is executed again.
#[test]
fn a_zero_page_is_told_of_before_anybody_touches_it() {
    for access in [Access::Read, Access::ReadWrite] {
        let (file, region) = mapped(2, access, Sharing::Private);
        let entry = Entry::new(&region, Touch::Slices);
        file.set_len(page() as u64).unwrap();
        let start = region.base().addr() + page();
        assert!(handler::zero_page(&table().find(start).unwrap(), start));
        assert_eq!(entry.settled_poison_count(), 1);
        let told = crate::sys::pagemap::anonymous_pages(region.base().addr()..start + page());
        assert_eq!(told, [start..start + page()]);
    }
}

#[test]
fn a_store_that_faults_goes_to_the_zero_page() {
    for sharing in [Sharing::Private, Sharing::Shared] {
        let (file, region) = mapped(2, Access::ReadWrite, sharing);
        let entry = Entry::new(&region, Touch::Slices);
        file.set_len(0).unwrap();
        store(&region, page() + 5, 9);
        assert_eq!((load(&region, page() + 4), load(&region, page() + 5)), (0, 9));
        assert_eq!((entry.poisoned_at(), entry.poison_count()), (Some(page()), 1));
    }
}

#[test]
fn an_atomic_that_faults_is_zero_and_a_routine_in_the_same_mapping_returns_short() {
    let (file, region) = mapped(2, Access::ReadWrite, Sharing::Shared);
    let entry = Entry::new(&region, Touch::Atomics);
    file.set_len(0).unwrap();
    let address = region.as_ptr().wrapping_add(page()).cast::<u32>();
    // SAFETY: clause L2: the address is in the mapping.
    assert_eq!(unsafe { load_u32(address) }, None);
    // SAFETY: clause L2: the address is in the mapping.
    assert!(!unsafe { store_u32(address, 1) });
    assert_eq!(entry.poison_count(), 0);

    // SAFETY: clause A1: aligned, in the mapping, and touched by atomics alone.
    let atomic = unsafe { AtomicU32::from_ptr(address) };
    assert_eq!(atomic.fetch_add(7, Ordering::SeqCst), 0);
    assert_eq!(atomic.load(Ordering::SeqCst), 7);
    assert_eq!((entry.poisoned_at(), entry.poison_count()), (Some(page()), 1));
    // SAFETY: clause L2: the address is in the mapping.
    assert_eq!(unsafe { load_u32(address) }, Some(7));
}

#[test]
fn a_copy_whose_other_operand_is_a_slice_goes_on_over_zeros() {
    let (live_file, live) = mapped(2, Access::Read, Sharing::Shared);
    let (file, region) = mapped(2, Access::ReadWrite, Sharing::Private);
    let entry = Entry::new(&region, Touch::Slices);
    file.set_len(0).unwrap();
    // SAFETY: clause L2: both ranges are in their mappings.
    let done = unsafe { copy_in(region.as_ptr(), live.as_ptr(), 2 * page()) };
    assert_eq!((done, entry.poison_count()), (2 * page(), 2));
    assert_eq!(load(&region, 2 * page() - 1), FILLED);
    drop(live_file);
}

#[test]
fn two_thousand_mappings_are_told_apart() {
    let count = 2000;
    let mut mappings: Vec<_> = (0..count)
        .map(|_| {
            let (file, region) = mapped(2, Access::Read, Sharing::Private);
            let entry = Entry::new(&region, Touch::Slices);
            file.set_len(page() as u64).unwrap();
            (entry, region)
        })
        .collect();
    for (i, (_, region)) in mappings.iter().enumerate().filter(|(i, _)| i % 3 == 0) {
        assert_eq!(load(region, page() + i), 0, "{i}");
    }
    for (i, (entry, region)) in mappings.iter().enumerate() {
        let poisoned = if i % 3 == 0 { Some(page()) } else { None };
        assert_eq!(entry.poisoned_at(), poisoned, "{i}");
        assert_eq!(load(region, i), FILLED, "{i}");
    }
    // Slots that are used again hold nothing of before.
    mappings.truncate(count / 2);
    let (_file, region) = mapped(1, Access::Read, Sharing::Private);
    let entries: Vec<_> = (0..count).map(|_| Entry::new(&region, Touch::Slices)).collect();
    assert!(entries.iter().all(|entry| entry.poisoned_at().is_none() && entry.poison_count() == 0));
}

/// The second of two threads that fault on one page must not put zeros over what the first has stored.
#[test]
fn threads_that_fault_on_one_page_at_once_lose_no_store() {
    const THREADS: usize = 4;
    const ROUNDS: usize = 300;
    let (file, region) = mapped(ROUNDS, Access::ReadWrite, Sharing::Private);
    let entry = Entry::new(&region, Touch::Slices);
    file.set_len(0).unwrap();
    let barrier = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (region, barrier) = (&region, &barrier);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    barrier.wait();
                    let at = round * page() + thread * 64;
                    // SAFETY: clause A1: in the mapping; other threads touch other bytes.
                    let byte = unsafe { AtomicU8::from_ptr(region.as_ptr().wrapping_add(at)) };
                    byte.store(1, Ordering::SeqCst);
                    byte.fetch_add(1, Ordering::SeqCst);
                    assert_eq!(byte.load(Ordering::SeqCst), 2, "round {round}, thread {thread}");
                }
            });
        }
    });
    assert_eq!((entry.poisoned_at(), entry.poison_count()), (Some(0), ROUNDS));
    for round in 0..ROUNDS {
        for thread in 0..THREADS {
            assert_eq!(
                load(&region, round * page() + thread * 64),
                2,
                "round {round}, thread {thread}"
            );
        }
    }
}

#[test]
fn entries_come_and_go_and_readers_read_while_others_fault() {
    let stop = AtomicBool::new(false);
    let (_file, whole) = mapped(4, Access::Read, Sharing::Shared);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                let (_file, region) = mapped(1, Access::Read, Sharing::Private);
                let entries: Vec<_> =
                    (0..100).map(|_| Entry::new(&region, Touch::Slices)).collect();
                assert!(entries.iter().all(|entry| entry.poisoned_at().is_none()));
            }
        });
        scope.spawn(|| {
            let mut buffer = vec![0u8; 4 * page()];
            while !stop.load(Ordering::Relaxed) {
                buffer.fill(0);
                // SAFETY: clause L2: the source is the mapping, the destination as long.
                let done = unsafe { copy_in(buffer.as_mut_ptr(), whole.as_ptr(), buffer.len()) };
                assert_eq!(done, buffer.len());
                assert!(buffer.iter().all(|&byte| byte == FILLED));
            }
        });
        let faulting: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    for _ in 0..300 {
                        let (file, region) = mapped(3, Access::ReadWrite, Sharing::Private);
                        let entry = Entry::new(&region, Touch::Slices);
                        file.set_len(page() as u64).unwrap();
                        assert_eq!(load(&region, 2 * page()), 0);
                        assert_eq!(load(&region, page()), 0);
                        assert_eq!(load(&region, 0), FILLED);
                        assert_eq!((entry.poisoned_at(), entry.poison_count()), (Some(page()), 2));
                        assert_eq!(copy_into_a_fault(), 100);
                    }
                })
            })
            .collect();
        let ended: Vec<_> = faulting.into_iter().map(|thread| thread.join().is_ok()).collect();
        stop.store(true, Ordering::Relaxed);
        assert_eq!(ended, [true, true]);
    });
}

#[test]
fn during_a_pause_a_fault_is_tried_again_until_the_page_is_there() {
    let (file, region) = mapped(2, Access::Read, Sharing::Private);
    let entry = Entry::new(&region, Touch::Slices);
    file.set_len(0).unwrap();
    let pause = entry.pause();
    let about_to_fault = AtomicBool::new(false);
    let byte = thread::scope(|scope| {
        let reader = scope.spawn(|| {
            about_to_fault.store(true, Ordering::SeqCst);
            load(&region, page() + 1)
        });
        while !about_to_fault.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        let again = vec![FILLED; 2 * page()];
        file.write_all_at(&again, 0).unwrap();
        reader.join().unwrap()
    });
    assert_eq!((byte, entry.poisoned_at()), (FILLED, None));
    file.set_len(0).unwrap();
    drop(pause);
    assert_eq!(load(&region, 0), 0);
    assert_eq!(entry.poisoned_at(), Some(0));
}

#[test]
fn poison_can_be_marked_without_a_fault() {
    let (_file, region) = mapped(4, Access::Read, Sharing::Private);
    let entry = Entry::new(&region, Touch::Slices);
    entry.poison(2 * page());
    entry.poison(3 * page());
    assert_eq!((entry.poisoned_at(), entry.poison_count()), (Some(2 * page()), 2));
}

#[test]
fn errno_is_kept() {
    let (file, region) = mapped(2, Access::Read, Sharing::Private);
    let _entry = Entry::new(&region, Touch::Slices);
    file.set_len(0).unwrap();
    // SAFETY: clause H1: this thread's errno.
    let errno = unsafe { libc::__errno_location() };
    for fault in [
        |_: &Region| assert_eq!(copy_into_a_fault(), 100),
        |region: &Region| assert_eq!(load(region, 0), 0),
    ] {
        // SAFETY: clause H1: this thread's errno.
        unsafe { errno.write_volatile(4242) };
        fault(&region);
        // SAFETY: clause H1: this thread's errno.
        assert_eq!(unsafe { errno.read_volatile() }, 4242);
    }
}

#[test]
fn a_thread_without_an_alternate_stack_survives() {
    let survived = thread::spawn(|| {
        let none =
            libc::stack_t { ss_sp: core::ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        let before = signal_stack(&none);
        let done = copy_into_a_fault();
        let (file, region) = mapped(1, Access::Read, Sharing::Private);
        let _entry = Entry::new(&region, Touch::Slices);
        file.set_len(0).unwrap();
        let byte = load(&region, 0);
        signal_stack(&before);
        (done, byte)
    });
    assert_eq!(survived.join().unwrap(), (100, 0));
}

static NESTED: AtomicUsize = AtomicUsize::new(0);
static NESTED_REGION: AtomicUsize = AtomicUsize::new(0);

/// Copies from a fault, in a signal handler.
extern "C" fn copy_in_a_handler(_: c_int, _: *mut siginfo_t, _: *mut c_void) {
    let mut buffer = [0u8; 300];
    let from = core::ptr::with_exposed_provenance(NESTED_REGION.load(Ordering::SeqCst));
    // SAFETY: clause L2: the test keeps the mapping, and the destination is the buffer.
    let done = unsafe { copy_in(buffer.as_mut_ptr(), from, buffer.len()) };
    NESTED.fetch_add(done, Ordering::SeqCst);
}

#[test]
fn a_fault_inside_a_signal_handler_is_survived() {
    let output =
        in_child("surviving::a_fault_inside_a_signal_handler_is_survived", "nested", || {
            let (file, region) = mapped(2, Access::Read, Sharing::Shared);
            file.set_len(page() as u64).unwrap();
            NESTED_REGION.store(
                region.as_ptr().wrapping_add(page() - 10).expose_provenance(),
                Ordering::SeqCst,
            );
            install();
            for (flags, count) in
                [(libc::SA_SIGINFO, 10), (libc::SA_SIGINFO | libc::SA_ONSTACK, 20)]
            {
                handle(libc::SIGUSR1, copy_in_a_handler as Handler as usize, flags);
                // SAFETY: clause S1: a number. The signal comes to this thread before the call returns.
                with_roomy_signal_stack(|| assert_eq!(unsafe { libc::raise(libc::SIGUSR1) }, 0));
                assert_eq!((NESTED.load(Ordering::SeqCst), copy_into_a_fault()), (count, 100));
            }
        });
    assert_returns(output);
}

#[test]
fn a_huge_page_is_replaced_whole() {
    use rustix::fs::MemfdFlags;
    let huge = PageSize::new(2 << 20).unwrap();
    let flags = MemfdFlags::HUGETLB | MemfdFlags::HUGE_2MB;
    let region = rustix::fs::memfd_create("folio", flags).and_then(|file| {
        rustix::fs::ftruncate(&file, 4 << 20)?;
        let range = PageRange::new(huge, 0, 4 << 20).unwrap();
        let mode = Mode { access: Access::ReadWrite, sharing: Sharing::Shared, no_reserve: true };
        let region =
            Region::map(file.as_fd(), &range, 0, mode).map_err(|_| rustix::io::Errno::NOMEM)?;
        rustix::fs::ftruncate(&file, 0)?;
        Ok(region)
    });
    let region = match region {
        Ok(region) => region,
        Err(why) => return eprintln!("skipped: no huge pages of hugetlbfs here: {why}"),
    };
    let entry = Entry::new(&region, Touch::Slices);
    store(&region, (3 << 20) + 5, 1);
    assert_eq!((load(&region, (3 << 20) + 5), load(&region, 2 << 20)), (1, 0));
    assert_eq!((entry.poisoned_at(), entry.poison_count()), (Some(2 << 20), 1));
    assert_eq!(load(&region, 5), 0);
    assert_eq!((entry.poisoned_at(), entry.poison_count()), (Some(0), 2));
}
