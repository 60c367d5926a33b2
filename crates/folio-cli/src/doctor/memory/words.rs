//! Outcomes in words for people, as they follow a subject: `shows old bytes to 5000, zeros to 8192, then SIGBUS`.

use folio_model::{Allowed, Byte, Op, Outcome, Pattern, Sharing, Signal};

use super::operations::NEW;

/// What the positions and bytes of an outcome are called.
///
/// Bytes that the file held there at first are *old*, and those stored or written since *new*, so the names are right for a file of the user's too, whose
/// bytes are any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    /// What the file held when the program began.
    pub(super) content: &'a Content,
    /// The file's byte that the operation's first one is, before its own offset is added.
    pub(super) base: u64,
}

/// What a file holds, or as much of it as a program looks at.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// Where each part begins, and its bytes.
    pub(super) parts: Vec<(u64, Vec<u8>)>,
}

impl Content {
    fn at(&self, position: u64) -> Option<u8> {
        self.parts.iter().find_map(|(start, bytes)| {
            let at = usize::try_from(position.checked_sub(*start)?).ok()?;
            bytes.get(at).copied()
        })
    }
}

/// Bytes of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    name: String,
    /// The file's byte after the last.
    end: u64,
}

/// `shared` or `private`, for the part of an experiment.
pub(super) fn sharing(sharing: Sharing) -> &'static str {
    match sharing {
        Sharing::Shared => "shared",
        Sharing::Private => "private",
    }
}

/// What was seen of `op`.
pub(super) fn seen(op: &Op, outcome: &Outcome, names: Names<'_>) -> String {
    let known = |bytes: &[u8]| bytes.iter().copied().map(Byte::Known).collect();
    let pattern = match outcome {
        Outcome::Nothing => Pattern::Nothing,
        Outcome::Done => Pattern::Done,
        Outcome::Failed(errno) => Pattern::Failed(*errno),
        Outcome::Bytes(bytes) => Pattern::Bytes(known(bytes)),
        Outcome::Count(count) => Pattern::Count(*count),
        Outcome::Fault { signal, at, before } => {
            Pattern::Fault { signal: *signal, at: *at, before: known(before) }
        }
    };
    one(op, &pattern, names)
}

/// What the model allows of `op`: every way, joined by *or*.
pub(super) fn promised(op: &Op, allowed: &Allowed, names: Names<'_>) -> String {
    let mut ways: Vec<String> = Vec::new();
    for alternative in &allowed.alternatives {
        let way = one(op, &alternative.outcome, names);
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways.join(" or ")
}

fn one(op: &Op, pattern: &Pattern, names: Names<'_>) -> String {
    match pattern {
        Pattern::Nothing => "has nothing to do it with".to_owned(),
        Pattern::Done => done(op).to_owned(),
        Pattern::Failed(errno) => format!("gives {errno}"),
        Pattern::Count(count) => format!("is {count} bytes"),
        Pattern::Bytes(bytes) => match &names.whole_or_runs(first(op), bytes)[..] {
            [] => "gives nothing".to_owned(),
            [only] => format!("shows {}", only.name),
            several => ends(several),
        },
        Pattern::Fault { signal, at: 0, .. } => format!("gives {}", name(*signal)),
        Pattern::Fault { signal, at, before } => {
            let good = match &names.runs(first(op), before)[..] {
                [] => format!("is done to {}", names.base + first(op) + at),
                runs => ends(runs),
            };
            format!("{good}, then {}", name(*signal))
        }
    }
}

fn ends(runs: &[Run]) -> String {
    let told: Vec<String> = runs.iter().map(|run| format!("{} to {}", run.name, run.end)).collect();
    format!("shows {}", told.join(", "))
}

/// What an operation does, for a step that is not the point of its program.
pub(super) fn act(op: &Op) -> &'static str {
    match op {
        Op::Open { .. } => "open(2)",
        Op::Read { .. } => "what is read",
        Op::Write { .. } => "write(2)",
        Op::Truncate { .. } => "truncating",
        Op::Map { .. } => "mmap(2)",
        Op::Unmap { .. } => "munmap(2)",
        Op::Remap { .. } => "mremap(2)",
        Op::Load { .. } => "what is loaded",
        Op::Store { .. } => "storing",
        Op::Advise { .. } => "madvise(2)",
        Op::Fork { .. } => "fork(2)",
        _ => "a step before",
    }
}

fn done(op: &Op) -> &'static str {
    match op {
        Op::Map { .. } => "is allowed",
        _ => "is done",
    }
}

fn name(signal: Signal) -> &'static str {
    match signal {
        Signal::Bus => "SIGBUS",
        Signal::Segv => "SIGSEGV",
    }
}

/// The offset of the first byte that an operation reads or touches.
fn first(op: &Op) -> u64 {
    match *op {
        Op::Read { offset, .. } | Op::Load { offset, .. } | Op::Store { offset, .. } => offset,
        _ => 0,
    }
}

impl Names<'_> {
    /// What to call `byte`, found at `position` of the file.
    fn of(self, position: u64, byte: Byte) -> String {
        let at_first = self.content.at(position);
        let known = |value: u8| match value {
            value if at_first == Some(value) => "old bytes".to_owned(),
            NEW => "new bytes".to_owned(),
            0 => "zeros".to_owned(),
            value => format!("{value:#04x}"),
        };
        match byte {
            Byte::Known(value) => known(value),
            Byte::ZeroOr(value) => format!("zeros or {}", known(value)),
        }
    }

    /// `bytes`, the first of which is the operation's byte `first`: new if all of them are, even where the file happened to
    /// hold such bytes before; else by runs of one name.
    fn whole_or_runs(self, first: u64, bytes: &[Byte]) -> Vec<Run> {
        let end = self.base + first + bytes.len() as u64;
        let runs = self.runs(first, bytes);
        if runs.len() > 1 && bytes.iter().all(|&byte| byte == Byte::Known(NEW)) {
            return vec![Run { name: "new bytes".to_owned(), end }];
        }
        runs
    }

    /// `bytes`, the first of which is the operation's byte `first`, by runs of one name.
    fn runs(self, first: u64, bytes: &[Byte]) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (&byte, at) in bytes.iter().zip(self.base + first..) {
            let name = self.of(at, byte);
            match runs.last_mut() {
                Some(run) if run.name == name => run.end = at + 1,
                _ => runs.push(Run { name, end: at + 1 }),
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::super::operations::{FIRST, OLD};
    use super::*;
    use folio_model::{Alternative, Errno};

    fn five_thousand_old() -> Content {
        Content { parts: vec![(0, vec![OLD; 4096]), (4096, vec![OLD; 904])] }
    }

    #[test]
    fn bytes_are_named_by_where_they_come_from() {
        let content = five_thousand_old();
        let op = FIRST.load(0, 4998, 5);
        let names = Names { content: &content, base: 0 };
        let told = |bytes: &[u8]| seen(&op, &Outcome::Bytes(bytes.to_vec()), names);
        assert_eq!(told(&[OLD, OLD]), "shows old bytes");
        assert_eq!(told(&[NEW]), "shows new bytes");
        assert_eq!(told(&[]), "gives nothing");
        assert_eq!(
            told(&[OLD, OLD, 0, 0, 7]),
            "shows old bytes to 5000, zeros to 5002, 0x07 to 5003"
        );
        // What looks like an old byte is none where the file had nothing.
        assert_eq!(told(&[OLD, OLD, OLD]), "shows old bytes to 5000, 0x6f to 5001");
    }

    #[test]
    fn a_file_of_any_bytes_is_old_too() {
        let content = Content { parts: vec![(8, vec![3, NEW, 0, 9])] };
        let names = Names { content: &content, base: 8 };
        let op = FIRST.load(0, 2, 2);
        assert_eq!(seen(&op, &Outcome::Bytes(vec![0, 9]), names), "shows old bytes");
        let words = "shows old bytes to 11, new bytes to 12";
        assert_eq!(seen(&op, &Outcome::Bytes(vec![0, NEW]), names), words);
        let op = FIRST.load(0, 0, 3);
        assert_eq!(seen(&op, &Outcome::Bytes(vec![NEW; 3]), names), "shows new bytes");
    }

    #[test]
    fn faults_say_how_far_it_went() {
        let content = five_thousand_old();
        let names = Names { content: &content, base: 0 };
        let op = FIRST.load(0, 4096, 8192);
        let fault = |at, before| Outcome::Fault { signal: Signal::Bus, at, before };
        assert_eq!(seen(&op, &fault(0, vec![]), names), "gives SIGBUS");
        let mut before = vec![OLD; 904];
        before.resize(4096, 0);
        let words = "shows old bytes to 5000, zeros to 8192, then SIGBUS";
        assert_eq!(seen(&op, &fault(4096, before), names), words);
        let store = FIRST.store(0, 4096, 8192, NEW);
        assert_eq!(seen(&store, &fault(4096, vec![]), names), "is done to 8192, then SIGBUS");
    }

    #[test]
    fn every_way_that_is_allowed_is_told_once() {
        let content = five_thousand_old();
        let op = FIRST.load(0, 5000, 1);
        let way = |outcome| Alternative { outcome, why: Vec::new() };
        let allowed = Allowed {
            alternatives: vec![
                way(Pattern::Bytes(vec![Byte::ZeroOr(NEW)])),
                way(Pattern::Bytes(vec![Byte::ZeroOr(NEW)])),
                way(Pattern::Failed(Errno::EACCES)),
            ],
        };
        let names = Names { content: &content, base: 0 };
        assert_eq!(promised(&op, &allowed, names), "shows zeros or new bytes or gives EACCES");
    }
}
