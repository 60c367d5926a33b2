//! `cargo xtask fio DIR`: does `folio bench` measure what fio measures?
//!
//! The same two jobs, a file read from front to back in pieces of 256 KiB and 4 KiB at random places, each with pread(2) past
//! the page cache by one thread, are done by both in turn, on the same file. The ratio of the medians
//! is told with both spreads, and whether they agree: whether the spreads touch. Not a part of continuous integration, whose machines share
//! their disks.
//!
//! folio bench looks at every byte that it reads, and fio at none. So that the jobs are the same, fio's time grows by what
//! looking takes here, which folio bench measures by itself. (fio 3.33 does not always end with `--thinktime_spin`, which is for that.)

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// How often each of the two has its turn.
const ROUNDS: usize = 7;
/// The file's length, in MiB.
const MEBIBYTES: usize = 256;

/// One job, in the words of both.
struct Job {
    name: &'static str,
    folio: &'static str,
    fio: [&'static str; 2],
}

const JOBS: [Job; 2] = [
    Job { name: "sequential, 256 KiB", folio: "sequential", fio: ["--rw=read", "--bs=256k"] },
    Job { name: "random, 4 KiB", folio: "random", fio: ["--rw=randread", "--bs=4k"] },
];

/// The rates of both, in bytes a second, round by round.
#[derive(Clone, Debug, Default)]
struct Rates {
    folio: Vec<f64>,
    fio: Vec<f64>,
}

/// Compare them in `dir`.
///
/// # Errors
/// fio is not installed, one of the programs fails, or they do not agree.
pub fn run(root: &Path, dir: &Path) -> Result<(), String> {
    let folio = built(root)?;
    let file = made(dir)?;
    let compared = compare_all(&folio, &file);
    fs::remove_file(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    compared
}

/// A file that both read, of bytes that no device can make short work of.
fn made(dir: &Path) -> Result<PathBuf, String> {
    let path = dir.join(format!(".folio-fio-{}", std::process::id()));
    let mut word = 1u64;
    let mut write = |path: &Path| -> std::io::Result<()> {
        let mut file = fs::File::create(path)?;
        for _ in 0..MEBIBYTES {
            let bytes: Vec<u8> = (0..1 << 17)
                .flat_map(|_| {
                    word = word.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                    word.to_le_bytes()
                })
                .collect();
            file.write_all(&bytes)?;
        }
        file.sync_all()
    };
    match write(&path) {
        Ok(()) => Ok(path),
        Err(error) => {
            // The disk may be full: leave nothing there.
            let _ = fs::remove_file(&path);
            Err(format!("{}: {error}", path.display()))
        }
    }
}

fn compare_all(folio: &Path, file: &Path) -> Result<(), String> {
    let look = look(folio, file)?;
    println!(
        "Looking at 256 KiB takes {:.1} µs, which fio's time is the longer for.\n",
        look * 1e6 * (256 << 10) as f64
    );
    println!("| job | folio bench | fio | ratio | within the noise |");
    println!("|---|---|---|---|---|");
    let mut differ = Vec::new();
    for job in &JOBS {
        let mut rates = Rates::default();
        for round in 0..ROUNDS {
            // Each goes first as often as the other, give or take one.
            for turn in 0..2 {
                if (round + turn) % 2 == 0 {
                    rates.folio.push(by_folio(folio, job, file)?);
                } else {
                    rates.fio.push(looking(by_fio(job, file)?, look));
                }
            }
        }
        let line = compare(&mut rates);
        println!(
            "| {} | {} | {} | {:.2} | {} |",
            job.name,
            line.folio,
            line.fio,
            line.ratio,
            if line.agree { "yes" } else { "**no**" }
        );
        if !line.agree {
            differ.push(job.name);
        }
    }
    if differ.is_empty() {
        Ok(())
    } else {
        Err(format!("fio: they differ by more than the noise: {}", differ.join("; ")))
    }
}

/// Build the command as it is shipped.
fn built(root: &Path) -> Result<PathBuf, String> {
    let output = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--package", "folio-cli", "--message-format=json"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let lines = String::from_utf8_lossy(&output.stdout);
    let built = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    built
        .filter(|message| message["target"]["name"] == "folio")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| format!("cargo build: {}", String::from_utf8_lossy(&output.stderr)))
}

fn by_folio(folio: &Path, job: &Job, file: &Path) -> Result<f64, String> {
    let mut command = Command::new(folio);
    command.args([
        "bench", "--json", "--ways", "direct", "--cache", "cold", "--only", "read", "-j", "1",
        "--rounds", "3", "--time", "4",
    ]);
    command.args(["--patterns", job.folio]).arg(file);
    let report = answer(&mut command)?;
    rate_of_folio(&report).ok_or_else(|| format!("folio bench: no rate in {report}"))
}

fn rate_of_folio(report: &Value) -> Option<f64> {
    report["reads"][0]["measured"]["bytes_per_second"]["median"].as_f64()
}

/// What looking at a byte takes, in seconds.
fn look(folio: &Path, file: &Path) -> Result<f64, String> {
    let mut command = Command::new(folio);
    command.args(["bench", "--json", "--only", "read", "--cache", "warm", "--ways", "pread"]);
    command.args(["--patterns", "hot", "-j", "1", "--rounds", "2", "--time", "1"]).arg(file);
    let report = answer(&mut command)?;
    look_of_folio(&report).ok_or_else(|| format!("folio bench: no cost of looking in {report}"))
}

fn look_of_folio(report: &Value) -> Option<f64> {
    Some(report["costs_seconds"]["look_at_4096_bytes"]["median"].as_f64()? / 4096.0)
}

/// The rate of who reads at `rate` and then looks at each byte for `look` seconds.
fn looking(rate: f64, look: f64) -> f64 {
    1.0 / (1.0 / rate + look)
}

fn by_fio(job: &Job, file: &Path) -> Result<f64, String> {
    let mut command = Command::new("fio");
    command.args(["--name=job", "--ioengine=psync", "--direct=1", "--numjobs=1", "--readonly"]);
    command.args(["--time_based", "--runtime=3", "--output-format=json", "--invalidate=1"]);
    command.arg(format!("--size={MEBIBYTES}M")).args(job.fio);
    let report = answer(command.arg(format!("--filename={}", file.display())))?;
    rate_of_fio(&report).ok_or_else(|| format!("fio: no rate in {report}"))
}

/// `bw_bytes` of the first job's reads: bytes a second.
fn rate_of_fio(report: &Value) -> Option<f64> {
    report["jobs"][0]["read"]["bw_bytes"].as_f64().filter(|&rate| rate > 0.0)
}

fn answer(command: &mut Command) -> Result<Value, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    // fio writes notes before the object.
    let start = text.find('{').unwrap_or(0);
    serde_json::from_str(&text[start..]).map_err(|error| format!("{name}: {error}"))
}

/// What is said of a job.
struct Line {
    folio: String,
    fio: String,
    ratio: f64,
    agree: bool,
}

fn compare(rates: &mut Rates) -> Line {
    let (folio, fio) = (spread(&mut rates.folio), spread(&mut rates.fio));
    Line {
        folio: told(folio),
        fio: told(fio),
        ratio: folio[1] / fio[1],
        agree: folio[0] <= fio[2] && fio[0] <= folio[2],
    }
}

/// The lowest, the median and the highest.
fn spread(values: &mut [f64]) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [values[0], values[values.len() / 2], values[values.len() - 1]]
}

fn told([low, median, high]: [f64; 3]) -> String {
    let [low, median, high] = [low, median, high].map(|rate| rate / 1e6);
    format!("{median:.1} MB/s ({low:.1} to {high:.1})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn they_agree_where_the_spreads_touch() {
        let mut near = Rates { folio: vec![90e6, 100e6, 120e6], fio: vec![119e6, 130e6, 140e6] };
        let line = compare(&mut near);
        assert!(line.agree && (line.ratio - 100.0 / 130.0).abs() < 1e-9);
        assert_eq!(line.folio, "100.0 MB/s (90.0 to 120.0)");
        let mut far = Rates { folio: vec![1.0, 2.0, 3.0], fio: vec![3.1, 4.0, 5.0] };
        assert!(!compare(&mut far).agree);
    }

    #[test]
    fn the_rates_are_found_in_what_both_print() {
        let folio = json!({"reads": [{"measured": {"bytes_per_second": {"median": 5.0}}}]});
        assert_eq!(rate_of_folio(&folio), Some(5.0));
        let costs = json!({"costs_seconds": {"look_at_4096_bytes": {"median": 4.096e-7}}});
        assert!((look_of_folio(&costs).unwrap() - 1e-10).abs() < 1e-15);
        assert!((looking(1e9, 1e-10) - 1e9 / 1.1).abs() < 1.0);
        assert_eq!(rate_of_fio(&json!({"jobs": [{"read": {"bw_bytes": 7}}]})), Some(7.0));
        assert_eq!(rate_of_fio(&json!({"jobs": [{"read": {"bw_bytes": 0}}]})), None);
    }
}
