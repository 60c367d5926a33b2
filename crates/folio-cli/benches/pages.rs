//! `folio pages` beside vmtouch(8) and fincore(1), by turns: `cargo bench -p folio-cli --bench pages`.
//!
//! Each contestant is run once per round, in another order each round, and the medians are compared. What is printed is a
//! table for docs/benchmarks.md with the command that makes it again. Peers that are not installed are left out, and that
//! is said.
//!
//! | variable | meaning | default |
//! |---|---|---|
//! | `FOLIO_BENCH_DIR` | where the tree and the sparse file go | cargo's target directory |
//! | `FOLIO_BENCH_ROUNDS` | how often each is run | 9 |
//! | `FOLIO_BENCH_MILLION` | a directory, better a tmpfs: also how much memory a million files take there | not done |
//!
//! Run by `cargo test --benches` it makes one round with few files, to see that it works.

use std::env;
use std::error::Error;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// One of those that are compared.
struct Contestant {
    name: &'static str,
    program: PathBuf,
    args: Vec<String>,
    /// How many times as fast folio should be at least.
    goal: f64,
}

struct Bench {
    dir: PathBuf,
    rounds: usize,
    /// How many files the tree has, and how long the sparse file is.
    files: usize,
    sparse: u64,
    million: Option<PathBuf>,
}

fn main() -> Outcome<()> {
    let is_full = env::args().any(|arg| arg == "--bench");
    let dir = env::var_os("FOLIO_BENCH_DIR").unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into());
    let rounds = env::var("FOLIO_BENCH_ROUNDS").map_or(Ok(9), |rounds| rounds.parse())?;
    let bench = Bench {
        dir: dir.into(),
        rounds: if is_full { rounds } else { 1 },
        files: if is_full { 100_000 } else { 1_000 },
        sparse: if is_full { 100 << 30 } else { 1 << 30 },
        million: env::var_os("FOLIO_BENCH_MILLION").filter(|_| is_full).map(PathBuf::from),
    };
    bench.run()
}

impl Bench {
    fn run(&self) -> Outcome<()> {
        println!("    cargo bench -p folio-cli --bench pages\n");
        let cores = thread::available_parallelism().map_or(1, usize::from);
        println!("{cores} cores, {} rounds by turns, medians.\n", self.rounds);
        println!("| task | contestant | time | folio is … × as fast | goal |");
        println!("|---|---|---:|---:|---:|");
        let tree = self.dir.join(format!("folio-bench-tree-{}", self.files));
        make_tree(&tree, self.files)?;
        let tree = text(&tree)?;
        let task = format!("a tree of {} files", self.files);
        self.compare(&task, &self.contestants(&tree, &["--total", "only"], 3.0)?)?;
        let sparse = self.dir.join("folio-bench-sparse");
        File::create(&sparse)?.set_len(self.sparse)?;
        let task = format!("a sparse file of {} GiB", self.sparse >> 30);
        let compared = self.compare(&task, &self.contestants(&text(&sparse)?, &[], 10.0)?);
        fs::remove_file(&sparse)?;
        compared?;
        match &self.million {
            Some(dir) => million(dir),
            None => Ok(()),
        }
    }

    fn contestants(&self, path: &str, args: &[&str], goal: f64) -> Outcome<Vec<Contestant>> {
        let with = |args: &[&str]| args.iter().chain([&path]).map(ToString::to_string).collect();
        let folio = PathBuf::from(env!("CARGO_BIN_EXE_folio"));
        let folio = |name, args: &[&str]| Contestant {
            name,
            program: folio.clone(),
            args: with(&[&["pages"], args].concat()),
            goal: 0.0,
        };
        let mut all = vec![folio("folio pages", args)];
        all.push(folio("folio pages -j 1", &[args, &["-j", "1"]].concat()));
        all.push(folio("folio pages --json", &["--json"]));
        let peers =
            [("vmtouch", "vmtouch", vec!["-q"], goal), ("fincore", "fincore", vec!["-b"], 0.0)];
        for (name, program, args, goal) in peers {
            // fincore(1) takes no directories.
            if name == "fincore" && Path::new(path).is_dir() {
                continue;
            }
            match found(program) {
                Some(program) => all.push(Contestant { name, program, args: with(&args), goal }),
                None => eprintln!("without {name}: it is not on the PATH"),
            }
        }
        Ok(all)
    }

    fn compare(&self, task: &str, contestants: &[Contestant]) -> Outcome<()> {
        let mut times = vec![Vec::new(); contestants.len()];
        for round in 0..self.rounds {
            for turn in 0..contestants.len() {
                let index = (turn + round) % contestants.len();
                times[index].push(time(&contestants[index])?);
            }
        }
        let medians: Vec<f64> = times.into_iter().map(median).collect();
        for (contestant, time) in contestants.iter().zip(&medians) {
            let goal = match contestant.goal {
                goal if goal > 0.0 => format!("{goal:.0} ×"),
                _ => String::new(),
            };
            let (name, ratio) = (contestant.name, time / medians[0]);
            println!("| {task} | {name} | {:.1} ms | {ratio:.2} | {goal} |", time * 1e3);
        }
        Ok(())
    }
}

fn time(contestant: &Contestant) -> Outcome<Duration> {
    let mut command = Command::new(&contestant.program);
    command.args(&contestant.args).stdin(Stdio::null()).stdout(Stdio::null());
    let start = Instant::now();
    let status = command.status()?;
    let time = start.elapsed();
    if status.success() { Ok(time) } else { Err(format!("{} failed", contestant.name).into()) }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn found(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|path| path.is_file())
}

fn text(path: &Path) -> Outcome<String> {
    Ok(path.to_str().ok_or("the directory's name is not UTF-8")?.to_owned())
}

/// A tree of small files, a hundred in a directory, all of them in the page cache.
fn make_tree(root: &Path, files: usize) -> Outcome<()> {
    let whole = root.join("whole");
    let write = !whole.is_file();
    for index in 0..files {
        let dir = root.join(format!("{:03}", index / 1000)).join(format!("{}", index / 100 % 10));
        let file = dir.join(format!("file-{:02}.txt", index % 100));
        if write {
            fs::create_dir_all(&dir)?;
            fs::write(&file, vec![b'x'; 100 + index * 37 % 3000])?;
        } else {
            fs::read(&file)?;
        }
    }
    Ok(fs::write(whole, "")?)
}

/// The most memory that looking at a million files takes, by time(1).
fn million(dir: &Path) -> Outcome<()> {
    let root = dir.join("folio-bench-million");
    for index in 0..1_000_000 {
        let dir = root.join(format!("{:03}", index / 1000));
        if index % 1000 == 0 {
            fs::create_dir_all(&dir)?;
        }
        fs::write(dir.join(format!("a-file-{index}.txt")), b"x")?;
    }
    println!("\n| a million files | time | most memory |\n|---|---:|---:|");
    let Some(time) = found("time") else { return Err("time(1) is not installed".into()) };
    let forms: [&[&str]; 4] =
        [&["--total", "only"], &[], &["--json"], &["--top", "all", "--sort", "cached"]];
    for args in forms {
        let command = Command::new(&time)
            .args(["-f", "| %e s | %M KiB |", env!("CARGO_BIN_EXE_folio"), "pages"])
            .args(args)
            .arg(&root)
            .stdout(Stdio::null())
            .output()?;
        let measured = String::from_utf8_lossy(&command.stderr).trim().to_owned();
        println!("| folio pages {} {measured}", args.join(" "));
    }
    Ok(fs::remove_dir_all(&root)?)
}
