//! A signal that is blocked when the fault comes.

use std::io;

use folio::raw::{Ended, Observation, Signal, block_signal, observe, unblock_signal};
use folio::{ErrorKind, Shared};

use super::super::experiment::{Experiment, Finding, Unable};
use super::super::place::Place;

pub(super) const BLOCKED_SIGBUS: Experiment = Experiment {
    name: "blocked-sigbus",
    about: "folio survives a fault; a thread that blocks SIGBUS is killed by it, handler or not",
    source: "sigprocmask(2), NOTES; kernel/signal.c: force_sig_info_to_task",
    run: blocked_sigbus,
};

/// Whether the signal can reach a handler.
#[derive(Clone, Copy, Debug)]
enum Sigbus {
    LetIn,
    Blocked,
}

/// What the child says if folio reported the truncation.
const TOLD: &[u8] = b"an error that says truncated";

fn blocked_sigbus(place: &Place) -> Result<Vec<Finding>, Unable> {
    let survived = read_past_a_cut(place, "let-in", Sigbus::LetIn)?;
    let promised = "folio reads past a truncation with an error that says so";
    let survived = if survived.ended == Ended::Exited(0) && survived.bytes == TOLD {
        Finding::ok(promised, in_words(&survived))
    } else {
        let means = "a truncation is not told as one: a program that maps files of others here cannot rely on folio's errors";
        Finding::differs(promised, in_words(&survived), means)
    };

    let killed = read_past_a_cut(place, "blocked", Sigbus::Blocked)?;
    let promised = "with SIGBUS blocked the same kills: no handler runs";
    let killed = if killed.ended == Ended::Signalled(Signal::Bus.number()) {
        Finding::ok(promised, in_words(&killed))
    } else {
        let means = "a blocked SIGBUS does not end the process: a fault may go unnoticed or repeat for ever";
        Finding::differs(promised, in_words(&killed), means)
    };
    Ok(vec![survived.part("folio"), killed.part("blocked")])
}

/// Map four pages with folio, cut the file to one, and read the third in a child.
fn read_past_a_cut(place: &Place, name: &str, sigbus: Sigbus) -> Result<Observation, Unable> {
    let page = place.page_size();
    let file = place.file(name, 4 * page)?;
    let shared = Shared::from_file(&file)
        .map_err(|error| Unable::unmapped_by_folio("map a file", &error))?;
    file.set_len(page).map_err(|error| Unable::failed("truncate a file", error))?;
    let seen = observe(|| match sigbus.set() {
        Ok(()) => read(&shared),
        Err(error) => error.to_string().into_bytes(),
    });
    seen.map_err(|error| Unable::failed("start a process", error))
}

/// What folio answers to a read of the third page.
fn read(shared: &Shared) -> Vec<u8> {
    let mut byte = [0];
    match shared.read_at(2 * rustix::param::page_size(), &mut byte) {
        Ok(()) => format!("a byte {:#04x}, no error", byte[0]).into_bytes(),
        Err(error) if matches!(error.kind(), ErrorKind::Truncated { .. }) => TOLD.to_vec(),
        Err(error) => error.to_string().into_bytes(),
    }
}

impl Sigbus {
    fn set(self) -> io::Result<()> {
        match self {
            Self::LetIn => unblock_signal(Signal::Bus),
            Self::Blocked => block_signal(Signal::Bus),
        }
    }
}

fn in_words(seen: &Observation) -> String {
    match seen.ended {
        Ended::Exited(0) => String::from_utf8_lossy(&seen.bytes).into_owned(),
        Ended::Exited(code) => format!("the process exits with {code}"),
        Ended::Signalled(number) if number == Signal::Bus.number() => "killed by SIGBUS".to_owned(),
        Ended::Signalled(number) => format!("killed by signal {number}"),
    }
}
