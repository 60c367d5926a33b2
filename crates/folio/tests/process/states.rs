use folio::process::{Kind, MappingsVia, PagesVia, Process, Scan};
use folio::raw;
use folio::{Error, ErrorKind};

use crate::child::Waiting;

/// Everything that can be asked of the memory of a process.
fn asked(process: &Process) -> Vec<Result<(), Error>> {
    vec![
        process.mappings(MappingsVia::Best).map(|_| ()),
        process.mappings(MappingsVia::Text).map(|_| ()),
        process.usage().map(|_| ()),
        process.rollup().map(|_| ()),
    ]
}

pub(crate) fn of_a_process_that_has_ended() {
    let child = Waiting::after(|| ());
    let process = Process::open(child.pid()).unwrap();
    let map = process.pages(PagesVia::Best).unwrap();
    let state = process.state().unwrap();
    assert_eq!((state.kind, state.threads, state.is_zombie()), (Kind::Program, 1, false));
    assert_eq!(state.user, rustix::process::geteuid().as_raw());
    child.kill();
    assert!(process.state().unwrap().is_zombie());
    assert!(process.stack_pointers().unwrap().is_empty());
    for answer in asked(&process) {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::NotFound);
    }
    assert_eq!(map.runs(0..4096, Scan::default()).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(map.entries(0..4096).unwrap_err().kind(), ErrorKind::NotFound);
    // Its parent takes notice: now there is no such process, whoever gets the number.
    drop(child);
    assert_eq!(process.state().unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(process.stack_pointers().unwrap_err().kind(), ErrorKind::NotFound);
    for answer in asked(&process) {
        assert_eq!(answer.unwrap_err().kind(), ErrorKind::NotFound);
    }
}

pub(crate) fn of_a_thread_of_the_kernel() {
    let kernel_thread =
        |process: &Process| process.state().is_ok_and(|state| state.kind == Kind::KernelThread);
    let Some(thread) = (2..100).filter_map(|pid| Process::open(pid).ok()).find(kernel_thread)
    else {
        return testfs::pass_over("a thread of the kernel", "none is shown here");
    };
    assert!(thread.mappings(MappingsVia::Best).unwrap().is_empty());
    assert!(thread.usage().unwrap().is_empty());
    assert!(thread.stack_pointers().unwrap().is_empty());
    assert_eq!(thread.rollup().unwrap(), folio::process::Usage::default());
}

pub(crate) fn of_another_users_process() {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        return testfs::skip("a process of another user", "not root");
    }
    let child = Waiting::after(|| ());
    let seen = raw::observe(|| {
        let nobody = rustix::process::Uid::from_raw(NOBODY);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        let process = Process::open(child.pid()).unwrap();
        let refused = |answer: Result<(), Error>| {
            answer.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
        };
        let all = asked(&process).into_iter().all(refused);
        let own = Process::current().unwrap().mappings(MappingsVia::Best);
        vec![
            u8::from(all),
            u8::from(refused(process.pages(PagesVia::Best).map(|_| ()))),
            u8::from(refused(process.stack_pointers().map(|_| ()))),
            u8::from(process.state().is_ok_and(|state| state.user == 0)),
            u8::from(own.is_ok_and(|own| !own.is_empty())),
        ]
    });
    let seen = seen.unwrap();
    assert_eq!(seen.bytes, [1, 1, 1, 1, 1], "{seen:?}");
}

pub(crate) fn of_a_process_that_does_not_exist() {
    let error = Process::open(u32::MAX).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("/proc/4294967295"), "{error}");
}
