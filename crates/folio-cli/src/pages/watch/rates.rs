//! Counters of the kernel, and what became of them in a second. Pure: what /proc says goes in.
//!
//! Of the machine, /proc/vmstat (the names are those of `vmstat_text` in mm/vmstat.c): page faults and those among
//! them that had to read (major), what was read from and written to disks (`pgpgin` and `pgpgout`, in KiB), pages of files that
//! were read in again soon after they were dropped (`workingset_refault_file`, since 5.9), and how many pages are dirty
//! or being written. Of a process, the faults in /proc/PID/stat, proc_pid_stat(5).

use std::collections::VecDeque;
use std::time::Duration;

use procfs::process::Stat;

/// What /proc/vmstat says. A name that this kernel does not have is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counters {
    /// All page faults since boot.
    pub(super) faults: Option<u64>,
    /// Those that had to wait for a disk.
    pub(super) major: Option<u64>,
    /// Read from disks since boot, in KiB.
    pub(super) read_kib: Option<u64>,
    /// Written to disks since boot, in KiB.
    pub(super) written_kib: Option<u64>,
    /// Pages of files that came back soon after they were dropped, since boot.
    pub(super) refaults: Option<u64>,
    /// Dirty pages, now.
    pub(super) dirty: Option<u64>,
    /// Pages being written, now.
    pub(super) writeback: Option<u64>,
}

impl Counters {
    /// Of the text of /proc/vmstat.
    pub(super) fn parse(vmstat: &str) -> Self {
        let mut counters = Self::default();
        for line in vmstat.lines() {
            let Some((name, value)) = line.split_once(' ') else { continue };
            let value = value.trim().parse().ok();
            match name {
                "pgfault" => counters.faults = value,
                "pgmajfault" => counters.major = value,
                "pgpgin" => counters.read_kib = value,
                "pgpgout" => counters.written_kib = value,
                "workingset_refault_file" => counters.refaults = value,
                "nr_dirty" => counters.dirty = value,
                "nr_writeback" => counters.writeback = value,
                _ => {}
            }
        }
        counters
    }
}

/// What /proc/PID/stat says of page faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Faults {
    /// The name of the program, at most 15 bytes of it.
    pub(super) name: String,
    /// Faults that needed no disk, since the process began.
    pub(super) minor: u64,
    /// Faults that did.
    pub(super) major: u64,
    /// When it began, in clock ticks since boot: what tells it from another process of this number.
    pub(super) began: u64,
}

impl From<Stat> for Faults {
    fn from(stat: Stat) -> Self {
        Self { name: stat.comm, minor: stat.minflt, major: stat.majflt, began: stat.starttime }
    }
}

/// How much of something there was in a second.
pub(super) fn per_second(amount: u64, time: Duration) -> u64 {
    let nanos = time.as_nanos().max(1);
    let scaled = u128::from(amount) * 1_000_000_000;
    u64::try_from((scaled + nanos / 2) / nanos).unwrap_or(u64::MAX)
}

/// What a counter counted in a second. It never falls, but on 32-bit kernels it wraps; then there is no rate this once.
fn rate(before: u64, now: u64, time: Duration) -> Option<u64> {
    now.checked_sub(before).map(|amount| per_second(amount, time))
}

/// What the machine does in a second, and how many pages wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rates {
    pub(super) minor: Option<u64>,
    pub(super) major: Option<u64>,
    /// Bytes.
    pub(super) read: Option<u64>,
    /// Bytes.
    pub(super) written: Option<u64>,
    /// Pages.
    pub(super) refaults: Option<u64>,
    /// Pages, now.
    pub(super) dirty: Option<u64>,
    /// Pages, now.
    pub(super) writeback: Option<u64>,
}

impl Rates {
    /// What happened from `before` to `now`.
    fn between(before: &Counters, now: &Counters, time: Duration) -> Self {
        let rate = |before: Option<u64>, now: Option<u64>| rate(before?, now?, time);
        let kib = |rate: Option<u64>| rate.map(|kib| kib.saturating_mul(1024));
        let faults = rate(before.faults, now.faults);
        let major = rate(before.major, now.major);
        Self {
            minor: faults.map(|faults| faults.saturating_sub(major.unwrap_or(0))),
            major,
            read: kib(rate(before.read_kib, now.read_kib)),
            written: kib(rate(before.written_kib, now.written_kib)),
            refaults: rate(before.refaults, now.refaults),
            dirty: now.dirty,
            writeback: now.writeback,
        }
    }
}

/// Whether a process is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Running,
    Ended,
}

/// The machine and the processes over time.
#[derive(Debug, Default)]
pub(super) struct Meter {
    last: Option<(Duration, Counters)>,
    pub(super) rates: Rates,
    /// Bytes read in a second, the newest last.
    pub(super) reads: History,
    /// Bytes written in a second.
    pub(super) writes: History,
    /// In the order in which they were first looked at.
    pub(super) processes: Vec<ProcessMeter>,
}

/// A process over time, and what it does in a second.
#[derive(Debug)]
pub(super) struct ProcessMeter {
    pub(super) pid: i32,
    pub(super) is: Life,
    /// What was last seen of it.
    pub(super) faults: Option<Faults>,
    /// `None` before it was looked at twice.
    pub(super) minor: Option<u64>,
    pub(super) major: Option<u64>,
    /// When it was looked at last, unless there was a pause since.
    then: Option<Duration>,
}

impl Meter {
    /// The machine's counters at `now`, which is the time since the beginning.
    pub(super) fn machine(&mut self, now: Duration, counters: Counters) {
        if let Some((then, before)) = &self.last {
            self.rates = Rates::between(before, &counters, now.saturating_sub(*then));
            self.reads.push(self.rates.read.unwrap_or(0));
            self.writes.push(self.rates.written.unwrap_or(0));
        } else {
            self.rates.dirty = counters.dirty;
            self.rates.writeback = counters.writeback;
        }
        self.last = Some((now, counters));
    }

    /// The process of number `pid` at `now`; `None` if there is none.
    pub(super) fn process(&mut self, now: Duration, pid: i32, faults: Option<Faults>) {
        let place = self.processes.iter().position(|known| known.pid == pid);
        let place = place.unwrap_or_else(|| {
            self.processes.push(ProcessMeter::new(pid));
            self.processes.len() - 1
        });
        self.processes[place].see(now, faults);
    }

    /// Forget the last look, so that a pause does not count as time in which nothing happened.
    pub(super) fn rest(&mut self) {
        self.last = None;
        for process in &mut self.processes {
            process.then = None;
        }
    }
}

impl ProcessMeter {
    fn new(pid: i32) -> Self {
        Self { pid, is: Life::Running, faults: None, minor: None, major: None, then: None }
    }

    /// Once it has ended, whoever gets its number is another.
    fn see(&mut self, now: Duration, faults: Option<Faults>) {
        (self.minor, self.major) = (None, None);
        let is_same =
            |now: &Faults| self.faults.as_ref().is_none_or(|before| before.began == now.began);
        let Some(faults) = faults.filter(|faults| self.is == Life::Running && is_same(faults))
        else {
            self.is = Life::Ended;
            return;
        };
        if let (Some(before), Some(then)) = (&self.faults, self.then) {
            let time = now.saturating_sub(then);
            self.minor = rate(before.minor, faults.minor, time);
            self.major = rate(before.major, faults.major, time);
        }
        (self.faults, self.then) = (Some(faults), Some(now));
    }

    /// The name of its program; one that was never seen has none.
    pub(super) fn name(&self) -> &str {
        self.faults.as_ref().map_or("", |faults| &faults.name)
    }
}

/// The last values of something, the newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History(VecDeque<u64>);

/// As many as the widest terminal shows, about.
const KEPT: usize = 240;

impl History {
    pub(super) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// One more; the oldest goes when there are many.
    pub(super) fn push(&mut self, value: u64) {
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    /// The newest `len` of them, oldest first.
    pub(super) fn last(&self, len: usize) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().copied().skip(self.0.len().saturating_sub(len))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use procfs::FromRead as _;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn vmstat_is_read_by_name() {
        let text = "nr_free_pages 12\nnr_dirty 7\nnr_writeback 2\nworkingset_refault_file 40\npgpgin 100\npgpgout 200\npgfault 5000\npgmajfault 30\nnr_dirty_threshold 99\n";
        let counters = Counters::parse(text);
        assert_eq!(
            counters,
            Counters {
                faults: Some(5000),
                major: Some(30),
                read_kib: Some(100),
                written_kib: Some(200),
                refaults: Some(40),
                dirty: Some(7),
                writeback: Some(2),
            }
        );
        // A kernel without a name, and nonsense.
        assert_eq!(Counters::parse("pgfault x\n\nnr_dirty\n"), Counters::default());
    }

    #[test]
    fn this_kernel_has_every_counter() {
        let counters = Counters::parse(&std::fs::read_to_string("/proc/vmstat").unwrap());
        assert!(counters.faults > Some(0) && counters.major.is_some(), "{counters:?}");
        assert!(counters.read_kib.is_some() && counters.written_kib.is_some(), "{counters:?}");
        assert!(counters.dirty.is_some() && counters.writeback.is_some(), "{counters:?}");
    }

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "42 (a) b\n(c) S 1 42 42 0 -1 4194560 1234 99 56 7 1 2 3 4 20 0 1 0 98765 1000 20 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0\n";
        let faults = |stat: &str| Stat::from_read(stat.as_bytes()).ok().map(Faults::from);
        let name = "a) b\n(c".to_owned();
        assert_eq!(faults(stat), Some(Faults { name, minor: 1234, major: 56, began: 98765 }));
        for broken in ["", "42", "42 (a", "42 (a) S 1", "42 (a) S x x x x x x x x x x"] {
            assert_eq!(faults(broken), None, "{broken:?}");
        }
    }

    #[test]
    fn rates_are_of_a_second_whatever_the_interval() {
        assert_eq!(per_second(100, SECOND), 100);
        assert_eq!(per_second(100, SECOND / 4), 400);
        assert_eq!(per_second(100, SECOND * 8), 13);
        assert_eq!(per_second(u64::MAX, Duration::ZERO), u64::MAX);
    }

    #[test]
    fn a_meter_compares_with_the_last_look() {
        let mut meter = Meter::default();
        let first = Counters {
            faults: Some(1000),
            major: Some(10),
            read_kib: Some(50),
            dirty: Some(3),
            ..Counters::default()
        };
        meter.machine(SECOND, first);
        assert_eq!((meter.rates.minor, meter.rates.dirty), (None, Some(3)));
        let second = Counters {
            faults: Some(1300),
            major: Some(110),
            read_kib: Some(52),
            dirty: Some(9),
            ..Counters::default()
        };
        meter.machine(SECOND * 3, second);
        assert_eq!(
            meter.rates,
            Rates {
                minor: Some(100),
                major: Some(50),
                read: Some(1024),
                dirty: Some(9),
                ..Rates::default()
            }
        );
        // After a pause there is nothing to compare with.
        meter.rest();
        meter.machine(SECOND * 60, second);
        assert_eq!(meter.reads.last(9).collect::<Vec<_>>(), [1024]);
    }

    #[test]
    fn a_process_that_ends_stays_ended_even_if_its_number_is_taken() {
        let faults = |minor, began| Faults { name: "p".into(), minor, major: 0, began };
        let mut meter = Meter::default();
        meter.process(SECOND, 7, Some(faults(10, 1)));
        meter.process(SECOND, 8, Some(faults(0, 1)));
        meter.process(SECOND * 2, 7, Some(faults(30, 1)));
        assert_eq!(meter.processes[0].minor, Some(20));
        meter.process(SECOND * 3, 7, Some(faults(5, 2)));
        assert_eq!(meter.processes[0].is, Life::Ended);
        meter.process(SECOND * 4, 7, Some(faults(6, 2)));
        let ended = &meter.processes[0];
        assert_eq!((ended.is, ended.name(), ended.minor), (Life::Ended, "p", None));
        assert_eq!((meter.processes[1].pid, meter.processes[1].is), (8, Life::Running));
        meter.process(SECOND * 5, 8, None);
        assert_eq!(meter.processes[1].is, Life::Ended);
    }

    #[test]
    fn a_history_keeps_the_newest() {
        let mut history = History::default();
        for value in 0..1000 {
            history.push(value);
        }
        assert_eq!(history.len(), KEPT);
        assert_eq!(history.last(3).collect::<Vec<_>>(), [997, 998, 999]);
        assert_eq!(history.last(9999).count(), KEPT);
    }
}
