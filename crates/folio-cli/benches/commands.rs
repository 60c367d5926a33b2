//! The command beside its peers, on the same file, by turns: `cargo bench -p folio-cli --bench commands`.
//!
//! For each task every contestant is run once per round, in another order each round, and the medians are compared. What
//! is printed is a table for docs/benchmarks.md with the command that makes it again. The plainest contestants, a loop of
//! pread and bytecount and a loop of splice, are roles of this program, run as processes like the others.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `FOLIO_BENCH_DIR` | where files of some gigabytes go | cargo's target directory |
//! | `FOLIO_BENCH_PEERS` | where the uutils are, as `wc` and `cat` | they are left out |
//! | `FOLIO_BENCH_ROUNDS` | how often each is run | 9 |
//! | `FOLIO_BENCH_TASK` | part of a task's name: only such tasks | all |
//!
//! Run by `cargo test --benches` it makes one round with small files, to see that it works.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let args: Vec<String> = env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("role:count") => return count_by_pread(Path::new(&args[2])),
        Some("role:splice") => return splice_to_stdout(Path::new(&args[2])),
        _ => {}
    }
    let bench = Bench::from_environment(args.iter().any(|arg| arg == "--bench"))?;
    bench.run()
}

/// What the output of a contestant leads to.
#[derive(Clone, Copy)]
enum Sink {
    Null,
    /// A pipe that this program reads.
    Pipe,
    /// A new file.
    File,
}

/// One of those that are compared.
struct Contestant {
    name: String,
    program: PathBuf,
    args: Vec<String>,
    /// How many times as fast folio should be at least.
    goal: f64,
}

/// What is done by all of them.
struct Task {
    name: String,
    sink: Sink,
    contestants: Vec<Contestant>,
}

struct Bench {
    dir: PathBuf,
    peers: Option<PathBuf>,
    rounds: usize,
    only: String,
    /// Lengths of the files in bytes: to count and pipe, to copy, to view.
    lens: [usize; 3],
}

impl Bench {
    fn from_environment(full: bool) -> Outcome<Self> {
        let dir =
            env::var_os("FOLIO_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
        let rounds = match env::var("FOLIO_BENCH_ROUNDS") {
            Ok(rounds) => rounds.parse()?,
            Err(_) => 9,
        };
        fs::create_dir_all(&dir)?;
        Ok(Self {
            dir: dir.into(),
            peers: env::var_os("FOLIO_BENCH_PEERS").map(PathBuf::from),
            rounds: if full { rounds } else { 1 },
            only: env::var("FOLIO_BENCH_TASK").unwrap_or_default(),
            lens: if full {
                [1_000_000_000, 256 << 20, 32 << 20]
            } else {
                [3_000_000, 1 << 20, 1 << 20]
            },
        })
    }

    fn run(&self) -> Outcome<()> {
        println!("    cargo bench -p folio-cli --bench commands\n");
        println!(
            "{} cores, {} rounds by turns, medians; the file is in the page cache.\n",
            cores(),
            self.rounds
        );
        println!("| task | contestant | time | folio is … × as fast | goal |");
        println!("|---|---|---:|---:|---:|");
        for task in self.tasks()? {
            if task.name.contains(&self.only) {
                self.compare(&task)?;
            }
        }
        Ok(())
    }

    fn tasks(&self) -> Outcome<Vec<Task>> {
        let [whole, copied, viewed] = self.lens;
        let whole = self.text_file("whole", whole)?;
        let copied = self.text_file("copied", copied)?;
        let viewed = self.text_file("viewed", viewed)?;
        let count = [self.folio("folio count", &["count", &whole])]
            .into_iter()
            .chain(
                [
                    self.found("wc -l", "wc", &["-l", &whole], 2.0),
                    self.found("rg -c ''", "rg", &["-c", "", &whole], 1.0),
                    self.uutils("uutils wc -l", "wc", &["-l", &whole], 1.0),
                    self.role("pread and bytecount", "role:count", &whole),
                ]
                .into_iter()
                .flatten(),
            )
            .chain(["read", "map", "frozen"].map(|via| {
                self.folio(&format!("folio count --via {via}"), &["count", "--via", via, &whole])
            }))
            .collect();
        let cat = |file: &String| -> Vec<Contestant> {
            [self.folio("folio cat", &["cat", file])]
                .into_iter()
                .chain(
                    [
                        self.found("cat", "cat", &[file], 1.0),
                        self.uutils("uutils cat", "cat", &[file], 1.0),
                        self.role("splice loop", "role:splice", file),
                    ]
                    .into_iter()
                    .flatten(),
                )
                .collect()
        };
        let view = [self.folio("folio view", &["view", &viewed])].into_iter().chain(
            [
                self.found("xxd", "xxd", &[&viewed], 1.0),
                self.found("hexdump -C", "hexdump", &["-C", &viewed], 1.0),
                self.found("hexyl", "hexyl", &[&viewed], 5.0),
            ]
            .into_iter()
            .flatten(),
        );
        let (megabytes, copy, dump) =
            (self.lens[0] / 1_000_000, self.lens[1] >> 20, self.lens[2] >> 20);
        Ok(vec![
            Task {
                name: format!("count lines, {megabytes} MB"),
                sink: Sink::Null,
                contestants: count,
            },
            Task {
                name: format!("cat to a pipe, {megabytes} MB"),
                sink: Sink::Pipe,
                contestants: cat(&whole),
            },
            Task {
                name: format!("cat to a file, {copy} MiB"),
                sink: Sink::File,
                contestants: cat(&copied),
            },
            Task {
                name: format!("view, {dump} MiB"),
                sink: Sink::Null,
                contestants: view.collect(),
            },
        ])
    }

    fn folio(&self, name: &str, args: &[&str]) -> Contestant {
        contestant(name, env!("CARGO_BIN_EXE_folio").into(), args, 0.0)
    }

    /// A program on the PATH.
    fn found(&self, name: &str, program: &str, args: &[&str], goal: f64) -> Option<Contestant> {
        let path = env::var_os("PATH")?;
        let found =
            env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file());
        if found.is_none() {
            eprintln!("without {name}: no {program} on the PATH");
        }
        Some(contestant(name, found?, args, goal))
    }

    fn uutils(&self, name: &str, program: &str, args: &[&str], goal: f64) -> Option<Contestant> {
        let found = self.peers.as_ref().map(|dir| dir.join(program)).filter(|path| path.is_file());
        if found.is_none() {
            eprintln!(
                "without {name}: no {program} in FOLIO_BENCH_PEERS; cargo install uu_{program} --root DIR, and set it to DIR/bin"
            );
        }
        Some(contestant(name, found?, args, goal))
    }

    /// This program in another part.
    fn role(&self, name: &str, role: &str, file: &str) -> Option<Contestant> {
        Some(contestant(name, env::current_exe().ok()?, &[role, file], 1.0))
    }

    /// A file of lines, the same each time, in the page cache.
    fn text_file(&self, name: &str, len: usize) -> Outcome<String> {
        let path = self.dir.join(format!("folio-bench-{name}-{len}"));
        if fs::metadata(&path).map_or(0, |metadata| metadata.len()) != len as u64 {
            let mut out = BufWriter::with_capacity(1 << 20, File::create(&path)?);
            let block = lines(len.min(8 << 20));
            let mut left = len;
            while left > 0 {
                let part = left.min(block.len());
                out.write_all(&block[..part])?;
                left -= part;
            }
            out.into_inner()?.sync_all()?;
        }
        io::copy(&mut File::open(&path)?, &mut io::sink())?;
        Ok(path.into_os_string().into_string().map_err(|_| "the directory's name is not UTF-8")?)
    }

    fn compare(&self, task: &Task) -> Outcome<()> {
        let mut times = vec![Vec::new(); task.contestants.len()];
        for round in 0..self.rounds {
            for turn in 0..task.contestants.len() {
                let index = (turn + round) % task.contestants.len();
                times[index].push(self.time(&task.contestants[index], task.sink)?);
            }
        }
        let medians: Vec<f64> = times.into_iter().map(median).collect();
        for (contestant, time) in task.contestants.iter().zip(&medians) {
            let ratio = time / medians[0];
            let goal = if contestant.goal > 0.0 {
                format!("{:.0} ×", contestant.goal)
            } else {
                String::new()
            };
            println!(
                "| {} | {} | {:.1} ms | {ratio:.2} | {goal} |",
                task.name,
                contestant.name,
                time * 1e3
            );
        }
        Ok(())
    }

    fn time(&self, contestant: &Contestant, sink: Sink) -> Outcome<Duration> {
        let mut command = Command::new(&contestant.program);
        command.args(&contestant.args).env("LC_ALL", "C").stdin(Stdio::null());
        let out = self.dir.join("folio-bench-out");
        let start;
        match sink {
            Sink::Null => {
                command.stdout(Stdio::null());
                start = Instant::now();
                succeeded(contestant, command.status()?.success())?;
            }
            Sink::File => {
                let _ = fs::remove_file(&out);
                command.stdout(File::create(&out)?);
                start = Instant::now();
                succeeded(contestant, command.status()?.success())?;
            }
            Sink::Pipe => {
                command.stdout(Stdio::piped());
                start = Instant::now();
                let mut child = command.spawn()?;
                let mut reader = child.stdout.take().ok_or("no pipe")?;
                let drained = thread::spawn(move || -> io::Result<()> {
                    let mut buffer = vec![0; 256 << 10];
                    while reader.read(&mut buffer)? > 0 {}
                    Ok(())
                });
                succeeded(contestant, child.wait()?.success())?;
                drained.join().map_err(|_| "the reader panicked")??;
            }
        }
        let time = start.elapsed();
        let _ = fs::remove_file(&out);
        Ok(time)
    }
}

fn contestant(name: &str, program: PathBuf, args: &[&str], goal: f64) -> Contestant {
    let args = args.iter().map(ToString::to_string).collect();
    Contestant { name: name.to_owned(), program, args, goal }
}

fn succeeded(contestant: &Contestant, success: bool) -> Outcome<()> {
    if success { Ok(()) } else { Err(format!("{} failed", contestant.name).into()) }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, Into::into)
}

/// Lines of up to 120 letters and spaces.
fn lines(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut text = Vec::with_capacity(len + 128);
    while text.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let [length, letter, ..] = state.to_le_bytes();
        for at in 0..length % 120 {
            text.push(if at % 7 == letter % 7 { b' ' } else { b'a' + (letter ^ at) % 26 });
        }
        text.push(b'\n');
    }
    text.truncate(len);
    text
}

/// The plainest fast way to count: one thread, one buffer.
fn count_by_pread(path: &Path) -> Outcome<()> {
    let file = File::open(path)?;
    let mut buffer = vec![0; 256 << 10];
    let (mut count, mut position) = (0, 0);
    loop {
        let n = file.read_at(&mut buffer, position)?;
        if n == 0 {
            break;
        }
        count += bytecount::count(&buffer[..n], b'\n');
        position += n as u64;
    }
    println!("{count}");
    Ok(())
}

/// The plainest copy without a buffer: to a pipe, or through one to anything else.
fn splice_to_stdout(path: &Path) -> Outcome<()> {
    use rustix::pipe::{SpliceFlags, fcntl_setpipe_size, splice};
    const LEN: usize = 1 << 20;
    let file = File::open(path)?;
    let out = io::stdout();
    let flags = SpliceFlags::MOVE;
    if fcntl_setpipe_size(&out, LEN).is_ok() {
        while splice(&file, None, &out, None, LEN, flags)? > 0 {}
        return Ok(());
    }
    let (reader, writer) = io::pipe()?;
    fcntl_setpipe_size(&writer, LEN)?;
    loop {
        let mut left = splice(&file, None, &writer, None, LEN, flags)?;
        if left == 0 {
            return Ok(());
        }
        while left > 0 {
            left -= splice(&reader, None, &out, None, left, flags)?;
        }
    }
}
