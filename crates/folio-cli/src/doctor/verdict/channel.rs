//! Messages between processes over one mapped file: whether two processes see each other's stores, in order, and how soon.

use std::path::Path;
use std::process::{Child, Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use folio::SharedMut;

use super::{Question, Ruling, refused};
use crate::doctor::experiment::Unable;
use crate::doctor::facilities::median;
use crate::doctor::filesystem::Keeper;
use crate::doctor::place::Place;
use crate::doctor::worker::{Role, THIS_PROGRAM};
use crate::failure::reason;

pub(super) const CHANNEL: Question = Question {
    name: "channel",
    label: "channel",
    about: "messages to another process and back, through a mapping that both have",
    source: "mmap(2), MAP_SHARED",
    rests_on: &["shared-processes", "sigbus", "truncate-shared"],
    answer: channel,
};

/// Where the number of the last request is, then that of the last answer, on cache lines of their own, then the message.
const REQUEST: usize = 0;
const ANSWER: usize = 64;
const MESSAGE: usize = 128;
/// A message's bytes.
const LEN: usize = 64;
/// So many requests, unless their time is up before; the last one has the peer end.
const ROUNDS: u64 = 1000;
/// Where other programs want the processor, each request may take as long as their turns do.
const BUDGET: Duration = Duration::from_millis(300);
/// Two processes that cannot see each other wait no longer.
const PATIENCE: Duration = Duration::from_secs(2);

fn channel(place: &Place) -> Result<Ruling, Unable> {
    let path = place.path("channel")?;
    let file = place.file("channel", place.page_size())?;
    let mapping = match SharedMut::from_file(&file).and_then(cleared) {
        Ok(mapping) => mapping,
        Err(error) => return Ok(refused("cannot be mapped for writing", &error)),
    };
    let peer = Peer::start(&path)?;
    let first = exchange(&mapping, 1).map_err(of_folio)?;
    if first != Round::Answered {
        return Ok(missed(first, 1));
    }
    let mut took = Vec::new();
    let start = Instant::now();
    for number in 2..=ROUNDS {
        let sent = Instant::now();
        let round = exchange(&mapping, number).map_err(of_folio)?;
        if round != Round::Answered {
            return Ok(missed(round, number));
        }
        took.push(sent.elapsed());
        if start.elapsed() > BUDGET {
            break;
        }
    }
    drop(peer);
    let each = median(&mut took).unwrap_or_default().as_secs_f64() * 1e6;
    let mut ruling = Ruling::yes(
        "a shared mapping with atomics",
        format!("another process sees what is stored; a round trip takes {each:.1} µs"),
    );
    match place.file_system().keeper() {
        Keeper::Memory | Keeper::Unknown => {}
        Keeper::Device | Keeper::Layers => ruling.why.push(
            "what is stored goes to the disk now and then, too; in tmpfs or a memfd it does not".into(),
        ),
        Keeper::Server => ruling.limit("between processes of one machine only: others have a page cache of their own"),
        Keeper::Program => ruling.limit("between processes of this machine only; the program that serves the file system sees it late"),
    }
    Ok(ruling.measured("round_trip_us", each))
}

/// The mapping, with no request and no answer in it.
fn cleared(mapping: SharedMut) -> folio::Result<SharedMut> {
    mapping.fill(.., 0)?;
    Ok(mapping)
}

fn of_folio(error: folio::Error) -> Unable {
    Unable::Failed { what: "exchange messages".into(), why: reason(&error) }
}

fn missed(round: Round, number: u64) -> Ruling {
    match round {
        Round::Silence if number == 1 => {
            Ruling::no("another process does not see what is stored here")
        }
        Round::Silence => Ruling::no(format!("another process has not seen store {number}")),
        _ => Ruling::no(format!("message {number} was seen before its bytes were")),
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    Answered,
    /// There was an answer, but the bytes beside it were not the message.
    Garbled,
    Silence,
}

/// Send the message of this number, and see whether its answer comes.
fn exchange(mapping: &SharedMut, number: u64) -> folio::Result<Round> {
    let bytes = number.to_ne_bytes();
    mapping.write_at(MESSAGE, &bytes.repeat(LEN / bytes.len()))?;
    mapping.atomic_u64(REQUEST)?.store(number, Ordering::Release);
    if !reaches(mapping.atomic_u64(ANSWER)?, number) {
        return Ok(Round::Silence);
    }
    let mut answer = [0; LEN];
    mapping.read_at(MESSAGE, &mut answer)?;
    let expected = (!number).to_ne_bytes();
    let whole = answer.chunks(expected.len()).all(|chunk| chunk == expected);
    Ok(if whole { Round::Answered } else { Round::Garbled })
}

/// Whether `word` becomes `number` in time.
fn reaches(word: &AtomicU64, number: u64) -> bool {
    let mut start = None;
    for turn in 0u32.. {
        if word.load(Ordering::Acquire) == number {
            return true;
        }
        if turn % 64 < 63 {
            std::hint::spin_loop();
        } else if start.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
            return false;
        } else {
            // There may be one core only.
            std::thread::yield_now();
        }
    }
    false
}

/// The other process.
#[derive(Debug)]
struct Peer(Child);

impl Peer {
    fn start(path: &Path) -> Result<Self, Unable> {
        let mut command = Command::new(THIS_PROGRAM);
        command.args([Role::PEER, &std::process::id().to_string()]).arg(path);
        command.spawn().map(Self).map_err(|error| Unable::failed("start a process", error))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Where it has not ended by itself it waits for a request that does not come.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the other process does: answer each request with the message's bytes turned over.
pub(in crate::doctor) fn peer(path: &Path) -> ExitCode {
    match SharedMut::open(path).and_then(|mapping| answer_all(&mapping)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer_all(mapping: &SharedMut) -> folio::Result<()> {
    for number in 1..=ROUNDS {
        if !reaches(mapping.atomic_u64(REQUEST)?, number) {
            break;
        }
        let mut message = [0; LEN];
        mapping.read_at(MESSAGE, &mut message)?;
        mapping.write_at(MESSAGE, &message.map(|byte| !byte))?;
        mapping.atomic_u64(ANSWER)?.store(number, Ordering::Release);
    }
    Ok(())
}
