//! `folio-oracle DIR`: random programs of mapping operations, each step compared with the model.
#![forbid(unsafe_code)]

use std::fmt::Debug;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use folio_model::{FileKind, Repertoire};
use folio_oracle::{
    BareKernel, Bench, Folio, Outcome, Processes, Until, WORKER, exhaustive, random, serve, small,
};

const USAGE: &str = "\
usage: folio-oracle [OPTIONS] DIR

Runs programs of mapping operations on files in DIR, and compares what is seen with what the model says, step by step.
Exit status: 0 if all agreed, 1 if something did not, 2 for bad usage or if a program could not be run.

  --system NAME      what they are run on: kernel, or folio (folio)
  --seed N           the first program is that of seed N, the next that of N + 1 (the time)
  --seconds S        go on for S seconds (10)
  --programs N       run N programs
  --steps N          of N steps each (60)
  --exhaustive N     instead, every program of up to N steps over a small repertoire";

/// What programs are run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    Folio,
    Kernel,
}

/// What was typed.
struct Options {
    system: System,
    seed: u64,
    until: Until,
    steps: usize,
    exhaustive: Option<usize>,
    dir: PathBuf,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == [WORKER] {
        return match serve() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.to_string()),
        };
    }
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return printed(writeln!(io::stdout(), "{USAGE}").map(|()| ExitCode::SUCCESS));
    }
    let options = match parse(&arguments) {
        Ok(options) => options,
        Err(why) => return fail(&format!("{why}\n{USAGE}")),
    };
    match run(&options) {
        Ok(outcome) => printed(outcome),
        Err(error) => fail(&format!("{}: {error}", options.dir.display())),
    }
}

/// What came of writing to standard output, whose reader may have enough of it.
fn printed(outcome: io::Result<ExitCode>) -> ExitCode {
    match outcome {
        Ok(code) => code,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(&format!("standard output: {error}")),
    }
}

fn fail(why: &str) -> ExitCode {
    eprintln!("folio-oracle: {why}");
    ExitCode::from(2)
}

fn parse(arguments: &[String]) -> Result<Options, String> {
    let mut options = Options {
        system: System::Folio,
        seed: std::time::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs()),
        until: Until::Time(Duration::from_secs(10)),
        steps: 60,
        exhaustive: None,
        dir: PathBuf::new(),
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--system" => match value()?.as_str() {
                "folio" => options.system = System::Folio,
                "kernel" => options.system = System::Kernel,
                other => return Err(format!("there is no system {other}")),
            },
            "--seed" => options.seed = number(value()?)?,
            "--seconds" => options.until = Until::Time(Duration::from_secs(number(value()?)?)),
            "--programs" => options.until = Until::Programs(number(value()?)?),
            "--steps" => options.steps = number(value()?)?,
            "--exhaustive" => options.exhaustive = Some(number(value()?)?),
            dir if !dir.starts_with('-') && options.dir.as_os_str().is_empty() => {
                options.dir = PathBuf::from(dir);
            }
            _ => return Err(format!("{argument} is not understood")),
        }
    }
    if options.dir.as_os_str().is_empty() { Err("DIR is missing".into()) } else { Ok(options) }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no such number"))
}

/// The inner result is that of telling what came of it.
fn run(options: &Options) -> io::Result<io::Result<ExitCode>> {
    let kinds = [FileKind::Disk, FileKind::Memory, FileKind::Disk];
    match options.system {
        System::Folio => {
            let exe = std::env::current_exe()?;
            let mut folio = Folio::new(&options.dir, &kinds, Processes::Apart(exe))?;
            let repertoire = folio.repertoire();
            on(&mut folio, &repertoire, options)
        }
        System::Kernel => {
            let mut kernel = BareKernel::new(&options.dir, &kinds);
            let repertoire = kernel.repertoire();
            on(&mut kernel, &repertoire, options)
        }
    }
}

fn on<B: Bench>(
    bench: &mut B,
    repertoire: &Repertoire,
    options: &Options,
) -> io::Result<io::Result<ExitCode>> {
    let start = Instant::now();
    let outcome = match options.exhaustive {
        Some(steps) => exhaustive(bench, &small(repertoire.clone()), steps)?,
        None => {
            if let Err(error) = writeln!(io::stdout(), "seed {}", options.seed) {
                return Ok(Err(error));
            }
            random(bench, repertoire, options.seed, options.steps, options.until)?
        }
    };
    Ok(report(&outcome, start.elapsed()))
}

fn report<Seen: Debug>(outcome: &Outcome<Seen>, time: Duration) -> io::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let seconds = time.as_secs_f64();
    writeln!(out, "{} programs, {} steps, {seconds:.1} s", outcome.programs, outcome.steps)?;
    let Some(found) = &outcome.found else {
        writeln!(out, "all agreed")?;
        return Ok(ExitCode::SUCCESS);
    };
    writeln!(out, "\nfound after {:.1} s", found.after.as_secs_f64())?;
    if let Some(seed) = found.seed {
        writeln!(out, "again with --seed {seed} --programs 1")?;
    }
    writeln!(out, "\n{}\n{}", found.disagreement.program(), found.disagreement)?;
    Ok(ExitCode::FAILURE)
}
