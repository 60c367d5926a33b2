//! `folio maps` beside pmap, on the same process, by turns: `cargo bench -p folio-cli --bench maps`.
//!
//! For each process every contestant is run once per round, in another order each round, and the medians are compared. The
//! processes are this program itself in another part: as it is, with thousands of mappings, with many pages.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `FOLIO_BENCH_ROUNDS` | how often each is run | 41 |
//!
//! Run by `cargo test --benches` it makes one round with small processes, to see that it works.

use std::env;
use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use folio::raw::{Advice, MapFlags, Mapping, Protection, Sharing};

type Outcome<T> = Result<T, Box<dyn Error>>;

const PAGE: usize = 4096;

fn main() -> Outcome<()> {
    let args: Vec<String> = env::args().collect();
    if args.get(1).map(String::as_str) == Some("role:mapped") {
        return stay_mapped(args[2].parse()?, args[3].parse()?);
    }
    let full = args.iter().any(|arg| arg == "--bench");
    let rounds = match env::var("FOLIO_BENCH_ROUNDS") {
        Ok(rounds) => rounds.parse()?,
        Err(_) => 41,
    };
    let (rounds, many, pages) = if full { (rounds, 5000, 65_536) } else { (1, 50, 64) };
    let cores = std::thread::available_parallelism().map_or(1, Into::into);
    println!("    cargo bench -p folio-cli --bench maps\n");
    println!("{cores} cores, {rounds} rounds by turns, medians and the fastest to the slowest.\n");
    println!("| process | contestant | time | × the first | fastest to slowest |");
    println!("|---|---|---:|---:|---|");
    for (name, mappings, pages) in [
        ("a small one".to_owned(), 0, 0),
        (format!("{many} mappings"), many, 0),
        (format!("{} MiB in {PAGE}-byte pages", (pages * PAGE) >> 20), 0, pages),
    ] {
        compare(&name, &Subject::start(mappings, pages)?, rounds)?;
    }
    Ok(())
}

/// A process to look at.
struct Subject(Child);

impl Subject {
    /// One that has so many mappings and so many pages more than it needs.
    fn start(mappings: usize, pages: usize) -> Outcome<Self> {
        let mut child = Command::new(env::current_exe()?)
            .args(["role:mapped", &mappings.to_string(), &pages.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        child.stdout.as_mut().ok_or("no pipe")?.read_exact(&mut [0])?;
        Ok(Self(child))
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Its standard input ends with this process, if nothing else helps.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn stay_mapped(mappings: usize, pages: usize) -> Outcome<()> {
    let map = |pages: usize| {
        let protection = Protection::READ | Protection::WRITE;
        let len = pages.max(1) * PAGE;
        Mapping::anonymous(len, protection, Sharing::Private, MapFlags::empty())
    };
    let many = map(mappings)?;
    many.store_range(0..many.len(), 1);
    // Every second page is kept out of core dumps, so that each is a mapping of its own.
    for page in (0..mappings).step_by(2) {
        many.advise(page * PAGE..(page + 1) * PAGE, Advice::DontDump)?;
    }
    let large = map(pages)?;
    large.advise(0..large.len(), Advice::NoHugePage)?;
    large.advise(0..large.len(), Advice::PopulateWrite)?;
    io::stdout().write_all(b"!")?;
    io::stdout().flush()?;
    io::stdin().read_to_end(&mut Vec::new())?;
    drop((many, large));
    Ok(())
}

fn compare(name: &str, subject: &Subject, rounds: usize) -> Outcome<()> {
    let pid = subject.0.id().to_string();
    let folio = env!("CARGO_BIN_EXE_folio");
    let mut contestants = vec![("pmap -X", "pmap", vec!["-X", &pid])];
    if Command::new("pmap").arg("-V").output().is_err() {
        eprintln!("without pmap -X: there is no pmap on the PATH");
        contestants.clear();
    }
    contestants.extend([
        ("folio maps", folio, vec!["maps", &pid]),
        ("folio maps --all", folio, vec!["maps", "--all", &pid]),
        ("folio maps --json", folio, vec!["maps", "--json", &pid]),
        ("folio maps --pages", folio, vec!["maps", "--pages", &pid]),
        ("folio maps --total", folio, vec!["maps", "--total", &pid]),
    ]);
    let mut times = vec![Vec::new(); contestants.len()];
    for round in 0..rounds {
        for turn in 0..contestants.len() {
            let index = (turn + round) % contestants.len();
            let (name, program, args) = &contestants[index];
            times[index].push(time(name, program, args)?);
        }
    }
    times.iter_mut().for_each(|times| times.sort());
    let median = |times: &[Duration]| times[times.len() / 2].as_secs_f64() * 1e3;
    let first = median(&times[0]);
    for ((contestant, ..), times) in contestants.iter().zip(&times) {
        let [fastest, slowest] =
            [times[0], times[times.len() - 1]].map(|time| time.as_secs_f64() * 1e3);
        println!(
            "| {name} | {contestant} | {:.2} ms | {:.2} | {fastest:.2} ms to {slowest:.2} ms |",
            median(times),
            median(times) / first
        );
    }
    Ok(())
}

fn time(name: &str, program: &str, args: &[&str]) -> Outcome<Duration> {
    let mut command = Command::new(program);
    command.args(args).env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let time = start.elapsed();
    if status.success() { Ok(time) } else { Err(format!("{name} failed").into()) }
}
