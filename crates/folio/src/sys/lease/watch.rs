//! The one thread that hears of breaking leases, and the table of what is under lease.
//!
//! The kernel sends SIGIO to this thread alone (`F_SETOWN_EX` with its thread id), where the signal is blocked and
//! taken with sigtimedwait(2): no handler runs, and the program's own use of SIGIO is not touched. Pending SIGIOs merge
//! into one, so each is answered by looking at every lease. A signal can get lost (the kernel checks the
//! credentials that the process had when it took the lease), so the thread also looks unasked several times within
//! the kernel's patience.

use std::collections::HashMap;
use std::io;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::materialise;
use crate::sys::process::id as process;
use crate::sys::stable::{Loss, Stable};

/// The process and the thread of the watcher, in the upper and lower half; 0 before the first need. A child of
/// fork(2) finds its parent's number here and starts a watcher of its own.
static WATCHER: AtomicU64 = AtomicU64::new(0);

/// What is under lease, by address of the `Stable`.
static TABLE: Mutex<Option<HashMap<usize, Weak<Stable>>>> = Mutex::new(None);

/// How many times the watcher has looked at the table.
static LOOKS: AtomicU64 = AtomicU64::new(0);

/// Held while the watcher is started.
static START: Mutex<()> = Mutex::new(());

/// The locks of this module, for a process that forks.
pub(crate) struct Held {
    _start: MutexGuard<'static, ()>,
    _table: MutexGuard<'static, Option<HashMap<usize, Weak<Stable>>>>,
}

/// Wait until no other thread holds them, and hold them.
pub(crate) fn hold() -> Held {
    Held { _start: START.lock().unwrap_or_else(PoisonError::into_inner), _table: table() }
}

/// A point in time, in looks of the watcher.
#[derive(Clone, Copy)]
pub(crate) struct Look(u64);

/// Now; to be taken before the lease is.
pub(crate) fn now() -> Look {
    Look(LOOKS.load(Ordering::SeqCst))
}

/// The id of the watcher's thread, started on first need.
pub(crate) fn thread() -> io::Result<i32> {
    let pid = process();
    if let Some(tid) = running(pid) {
        return Ok(tid);
    }
    let _start = START.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(tid) = running(pid) {
        return Ok(tid);
    }
    let (sender, receiver) = std::sync::mpsc::channel();
    let before = block_all_signals();
    let spawned = std::thread::Builder::new()
        .name("folio-leases".into())
        .stack_size(256 * 1024)
        .spawn(move || {
            let tid = rustix::thread::gettid().as_raw_nonzero().get();
            if sender.send(tid).is_ok() {
                run();
            }
        });
    restore_signals(&before);
    spawned?;
    let tid = receiver.recv().map_err(io::Error::other)?;
    WATCHER.store(
        u64::from(pid.cast_unsigned()) << 32 | u64::from(tid.cast_unsigned()),
        Ordering::Release,
    );
    Ok(tid)
}

/// The watcher's thread, if it is one of process `pid`.
fn running(pid: i32) -> Option<i32> {
    let watcher = WATCHER.load(Ordering::Acquire);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves of the number")]
    let (owner, tid) = ((watcher >> 32) as u32, watcher as u32);
    (owner == pid.cast_unsigned()).then_some(tid.cast_signed())
}

/// Put `stable`, whose lease was taken after `since`, under watch.
pub(crate) fn add(stable: &Arc<Stable>, since: Look) {
    table().get_or_insert_default().insert(Arc::as_ptr(stable).addr(), Arc::downgrade(stable));
    // The lease may have begun to break before the watcher could find it here. Then it has looked in between, having
    // counted the look before it took the table's lock, so that the count has moved.
    if now().0 != since.0 {
        wake();
    }
}

/// Take `stable`, which is being dropped, from under watch.
pub(crate) fn remove(stable: &Stable) {
    if let Some(table) = table().as_mut() {
        table.remove(&std::ptr::from_ref(stable).addr());
    }
}

fn table() -> MutexGuard<'static, Option<HashMap<usize, Weak<Stable>>>> {
    TABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is under watch, collected: dropping the last reference takes the table's lock.
pub(crate) fn all() -> Vec<Arc<Stable>> {
    table().iter().flat_map(HashMap::values).filter_map(Weak::upgrade).collect()
}

/// How many mappings are under watch.
pub(crate) fn count() -> usize {
    table().as_ref().map_or(0, HashMap::len)
}

/// Make the watcher look.
fn wake() {
    let pid = process();
    if let Some(tid) = running(pid) {
        // SAFETY: clause S1: tgkill takes three integers; SIGIO is blocked in the watcher, so it only becomes pending.
        unsafe { libc::syscall(libc::SYS_tgkill, pid, tid, libc::SIGIO) };
    }
}

fn run() {
    let mut looked = Instant::now();
    loop {
        wait();
        // Whatever is breaking now was whole when the last look began, or was no lease yet.
        let whole = std::mem::replace(&mut looked, Instant::now());
        LOOKS.fetch_add(1, Ordering::SeqCst);
        let mut stables = all();
        // First those whose loss ends the process: one that can bear it may take all the time that there is.
        stables.sort_by_key(|stable| matches!(stable.loss(), Loss::LetGo(_)));
        for stable in stables {
            if stable.lease().is_some_and(|lease| lease.is_own() && lease.is_breaking()) {
                materialise::materialise(&stable, whole);
            }
        }
    }
}

/// Wait for SIGIO, or for as long as is safe without looking.
fn wait() {
    let longest = patience() / 5;
    let timeout = libc::timespec {
        tv_sec: i64::try_from(longest.as_secs()).unwrap_or(3600),
        tv_nsec: i64::from(longest.subsec_nanos()),
    };
    let mut wanted = empty_set();
    // SAFETY: clause S1: `wanted` is an initialised set.
    unsafe { libc::sigaddset(&raw mut wanted, libc::SIGIO) };
    // SAFETY: clause S1: the set and the time are valid for the call; no siginfo is asked for. Every answer, an
    // error too, is a reason to look.
    unsafe { libc::sigtimedwait(&raw const wanted, std::ptr::null_mut(), &raw const timeout) };
}

/// How long the kernel holds a writer back before it breaks the lease by force; proc_sys_fs(5), 45 s by default. Zero
/// means for ever.
pub(crate) fn patience() -> Duration {
    let seconds = std::fs::read_to_string("/proc/sys/fs/lease-break-time").ok();
    match seconds.and_then(|text| text.trim().parse().ok()) {
        Some(0) => Duration::from_secs(3600),
        Some(seconds) => Duration::from_secs(seconds),
        None => Duration::from_secs(45),
    }
}

fn empty_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: clause S1: sigemptyset initialises the set that it is given.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: clause S1: it was initialised just above.
    unsafe { set.assume_init() }
}

/// Block every signal but those of faults in this thread, so that the thread it starts inherits that.
fn block_all_signals() -> libc::sigset_t {
    let mut all = MaybeUninit::uninit();
    // SAFETY: clause S1: sigfillset initialises the set that it is given.
    unsafe { libc::sigfillset(all.as_mut_ptr()) };
    // SAFETY: clause S1: it was initialised just above.
    let mut all = unsafe { all.assume_init() };
    for fault in
        [libc::SIGBUS, libc::SIGSEGV, libc::SIGILL, libc::SIGFPE, libc::SIGTRAP, libc::SIGABRT]
    {
        // SAFETY: clause S1: `all` is an initialised set.
        unsafe { libc::sigdelset(&raw mut all, fault) };
    }
    let mut before = empty_set();
    // SAFETY: clause S1: both sets are valid for the call.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const all, &raw mut before) };
    before
}

fn restore_signals(before: &libc::sigset_t) {
    // SAFETY: clause S1: the set is valid for the call.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
}
