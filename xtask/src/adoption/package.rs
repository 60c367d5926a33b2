//! A program's source, on one side of the comparison or the other: had from crates.io, built, tested.
//!
//! The sides differ in one thing: where the package `memmap2` comes from. Both have version 0.9.12 of it, and what
//! cargo resolved is asked afterwards, because a `[patch]` that does not fit is only a warning.
//!
//! Below the scratch directory, `memmap2` and `folio` hold the sources, `bin` the programs, and `target` is shared, so that
//! what does not depend on memmap2 is compiled once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::programs::{Code, Program};

/// The version of memmap2 that is compared with.
const MEMMAP2: &str = "0.9.12";

/// Which crate is under the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// memmap2 as it is on crates.io.
    Memmap2,
    /// The drop-in on folio.
    Folio,
}

impl Side {
    /// Before and after.
    pub const BOTH: [Self; 2] = [Self::Memmap2, Self::Folio];

    /// For what is said while it runs.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Memmap2 => "with memmap2",
            Self::Folio => "with folio in memmap2's place",
        }
    }

    fn dir(self) -> &'static str {
        match self {
            Self::Memmap2 => "memmap2",
            Self::Folio => "folio",
        }
    }
}

/// What came of a package's own tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tests {
    /// How many passed.
    pub passed: u64,
    /// The names of those that did not, as cargo prints them.
    pub failed: Vec<String>,
}

/// The directory where all of it happens, and the crate that takes memmap2's place.
#[derive(Debug)]
pub struct Workshop {
    scratch: PathBuf,
    patch: PathBuf,
}

impl Workshop {
    /// Work below `scratch`, with the crate at `patch` in memmap2's place.
    ///
    /// # Errors
    /// The directory cannot be made, or there is no crate at `patch`.
    pub fn new(scratch: &Path, patch: &Path) -> Result<Self, String> {
        let full = |path: &Path| {
            path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
        };
        full(&patch.join("Cargo.toml"))?;
        fs::create_dir_all(scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
        Ok(Self { scratch: full(scratch)?, patch: full(patch)? })
    }

    /// Where things of `program` that belong to no side are: inputs, outputs.
    #[must_use]
    pub fn bench(&self, program: &Program) -> PathBuf {
        self.scratch.join("bench").join(program.package)
    }

    /// The built program.
    #[must_use]
    pub fn binary(&self, program: &Program, side: Side) -> PathBuf {
        self.scratch.join("bin").join(side.dir()).join(binary_name(program))
    }

    fn source(&self, program: &Program, side: Side) -> PathBuf {
        self.scratch.join(side.dir()).join(program.package)
    }

    /// Fetch, lock and build `program`; a library's program is in `drivers`.
    ///
    /// # Errors
    /// What cargo said.
    pub fn build(&self, program: &Program, side: Side, drivers: &Path) -> Result<(), String> {
        let source = self.source(program, side);
        // A library without tests here is built by its name, as a dependency.
        if program.tests.is_some() || matches!(program.code, Code::Program(..)) {
            self.fetch(program, side)?;
            self.lock(&source, side)?;
        }
        let (dir, arguments) = match program.code {
            Code::Tests => return Ok(()),
            Code::Program(_, arguments) => (source, arguments),
            Code::Library(dependencies) => {
                let dir = self.scratch.join(side.dir()).join(binary_name(program));
                let manifest = driver_manifest(program, dependencies, drivers);
                write(&dir.join("Cargo.toml"), &manifest)?;
                self.lock(&dir, side)?;
                (dir, &[][..])
            }
        };
        self.cargo(&dir, side, "build", arguments)?;
        let built = self.scratch.join("target/release").join(binary_name(program));
        let kept = self.binary(program, side);
        make_dir(kept.parent().unwrap_or(&self.scratch))?;
        fs::copy(&built, &kept).map_err(|error| format!("{}: {error}", built.display()))?;
        Ok(())
    }

    /// Run the tests that come with `program`.
    ///
    /// # Errors
    /// They do not build, or none ran.
    pub fn test(&self, program: &Program, arguments: &[&str], side: Side) -> Result<Tests, String> {
        let source = self.source(program, side);
        let mut command = self.command(&source, side, "test");
        let output = command
            .arg("--no-fail-fast")
            .args(arguments)
            .output()
            .map_err(|error| format!("cargo test: {error}"))?;
        let said = String::from_utf8_lossy(&output.stdout);
        let tests = tally(&said);
        if tests.passed == 0 && tests.failed.is_empty() {
            return Err(format!(
                "{}: cargo test {}: no test ran: {}",
                program.package,
                side.words(),
                last_lines(&String::from_utf8_lossy(&output.stderr))
            ));
        }
        write(&self.scratch.join(side.dir()).join(format!("{}.tests", program.package)), &said)?;
        Ok(tests)
    }

    /// A copy of the package's source, as cargo had it from crates.io.
    fn fetch(&self, program: &Program, side: Side) -> Result<(), String> {
        let source = self.source(program, side);
        if source.join("Cargo.toml").exists() {
            return Ok(());
        }
        let (package, version) = (program.package, program.version);
        let probe = self.scratch.join("probe").join(package);
        write(&probe.join("src/lib.rs"), "")?;
        let manifest = format!(
            "[package]\nname = \"probe\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{package} = \"={version}\"\n"
        );
        write(&probe.join("Cargo.toml"), &manifest)?;
        run(Command::new("cargo").current_dir(&probe).args(["fetch", "--target", env_host()]))?;
        let found = registry_sources()?
            .into_iter()
            .map(|registry| registry.join(format!("{package}-{version}")))
            .find(|found| found.is_dir())
            .ok_or_else(|| {
                format!("{package} {version}: cargo fetched it, and it is not in its registry")
            })?;
        make_dir(source.parent().unwrap_or(&self.scratch))?;
        run(Command::new("cp")
            .args(["--recursive", "--no-target-directory"])
            .arg(found)
            .arg(&source))?;
        // Its manifest says nothing of a workspace, and must not be taken for a member of the one around the scratch.
        let manifest = source.join("Cargo.toml");
        let text = read(&manifest)?;
        write(&manifest, &format!("{text}\n[workspace]\n"))
    }

    /// Lock the one version of memmap2 from where `side` has it, and everything else as the package's authors did, if that
    /// can be.
    fn lock(&self, source: &Path, side: Side) -> Result<(), String> {
        if !source.join("Cargo.lock").exists() {
            run(&mut self.command(source, side, "generate-lockfile"))?;
        }
        let memmap2 =
            || run(self.command(source, side, "update").args(["memmap2", "--precise", MEMMAP2]));
        if memmap2().is_err() {
            // Its authors locked crates that are older than folio's crates can do with.
            run(&mut self.command(source, side, "update"))?;
            memmap2()?;
        }
        let tree = run(self.command(source, side, "tree").args([
            "--all-features",
            "--edges",
            "normal,dev",
            "--invert",
            "memmap2",
            "--depth",
            "0",
        ]))?;
        let expected = match side {
            Side::Memmap2 => format!("memmap2 v{MEMMAP2}"),
            Side::Folio => format!("memmap2 v{MEMMAP2} ({})", self.patch.display()),
        };
        let found = tree.lines().next().unwrap_or_default();
        if found == expected {
            Ok(())
        } else {
            Err(format!("{}: cargo resolved `{found}`, not `{expected}`", source.display()))
        }
    }

    fn cargo(&self, dir: &Path, side: Side, verb: &str, arguments: &[&str]) -> Result<(), String> {
        run(self.command(dir, side, verb).args(arguments)).map(drop)
    }

    /// `cargo VERB` in `dir`, with memmap2 patched on folio's side.
    fn command(&self, dir: &Path, side: Side, verb: &str) -> Command {
        let mut command = Command::new("cargo");
        command.current_dir(dir).env("CARGO_TARGET_DIR", self.scratch.join("target"));
        command.env_remove("CARGO_MANIFEST_DIR").env_remove("FOLIO_MEMMAP2");
        // Optimised, and no longer in the making than need be.
        for (setting, value) in
            [("LTO", "off"), ("DEBUG", "0"), ("CODEGEN_UNITS", "16"), ("PANIC", "unwind")]
        {
            command.env(format!("CARGO_PROFILE_RELEASE_{setting}"), value);
        }
        command.env("CARGO_PROFILE_RELEASE_STRIP", "none");
        if side == Side::Folio {
            let patch =
                format!("patch.crates-io.memmap2.path={:?}", self.patch.display().to_string());
            command.args(["--config", &patch]);
        }
        command.arg(verb);
        if matches!(verb, "build" | "test") {
            command.arg("--release");
        }
        command
    }
}

/// What cargo calls the built program.
fn binary_name(program: &Program) -> String {
    match program.code {
        Code::Program(name, _) => name.to_owned(),
        Code::Library(_) | Code::Tests => format!("{}-job", program.package),
    }
}

fn driver_manifest(program: &Program, dependencies: &str, drivers: &Path) -> String {
    let Program { package, version, .. } = program;
    let (name, path) = (binary_name(program), drivers.join(format!("{package}.rs")));
    format!(
        "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
         [[bin]]\nname = \"{name}\"\npath = {:?}\n[dependencies]\n{package} = \"={version}\"\n{dependencies}\n",
        path.display().to_string()
    )
}

/// The counts and names in what `cargo test` printed.
fn tally(said: &str) -> Tests {
    let mut tests = Tests::default();
    for line in said.lines() {
        if let Some(counts) = line.strip_prefix("test result: ") {
            let words: Vec<_> = counts.split_whitespace().collect();
            let passed = words.windows(2).find(|pair| pair[1] == "passed;");
            tests.passed += passed.and_then(|pair| pair[0].parse::<u64>().ok()).unwrap_or(0);
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|test| test.strip_suffix(" ... FAILED"))
        {
            tests.failed.push(name.to_owned());
        }
    }
    tests
}

fn env_host() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "aarch64-unknown-linux-gnu",
        _ => "x86_64-unknown-linux-gnu",
    }
}

/// Where cargo unpacks what it had from registries.
fn registry_sources() -> Result<Vec<PathBuf>, String> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))
        .ok_or("neither CARGO_HOME nor HOME is set")?;
    let sources = home.join("registry/src");
    let entries =
        fs::read_dir(&sources).map_err(|error| format!("{}: {error}", sources.display()))?;
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
}

/// Run `command` to its end: what it printed.
///
/// # Errors
/// It could not be started, or it failed, with the last that it said.
pub(super) fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {}", output.status, last_lines(&said)))
}

fn last_lines(said: &str) -> String {
    let lines: Vec<_> = said.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn make_dir(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Write a file, in a directory that need not be there. Left alone if it is so already, so that cargo builds nothing anew.
fn write(path: &Path, text: &str) -> Result<(), String> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    make_dir(path.parent().unwrap_or(path))?;
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_counted_over_all_runs() {
        let said = "test a ... ok\ntest b::c ... FAILED\n\
            test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n";
        assert_eq!(tally(said), Tests { passed: 13, failed: vec!["b::c".to_owned()] });
        assert_eq!(tally("error: could not compile"), Tests::default());
    }

    #[test]
    fn a_failing_command_says_why() {
        let why = run(Command::new("sh").args(["-c", "echo broken >&2; exit 3"])).unwrap_err();
        assert!(why.contains("exit status: 3: broken"), "{why}");
        assert_eq!(run(Command::new("echo").arg("fine")).unwrap(), "fine\n");
    }
}
