//! The programs: well-known users of memmap2 0.9 on crates.io, and what they are put to.

/// A package of crates.io that maps files by memmap2.
#[derive(Debug)]
pub struct Program {
    /// Its name on crates.io.
    pub package: &'static str,
    /// Its version there.
    pub version: &'static str,
    /// What is built.
    pub code: Code,
    /// Arguments for `cargo test`, if the package comes with tests.
    pub tests: Option<&'static [&'static str]>,
    /// What it does on a file, if the file is to be touched meanwhile.
    pub job: Option<Job>,
}

/// What is built of a package.
#[derive(Debug)]
pub enum Code {
    /// The program that it is, by this name, with these arguments for `cargo build`.
    Program(&'static str, &'static [&'static str]),
    /// A library: a small program that uses it as its documentation does, `xtask/adoption/NAME.rs`, with these
    /// further dependencies.
    Library(&'static str),
    /// Nothing but its tests.
    Tests,
}

/// What a program does on a file.
#[derive(Debug)]
pub struct Job {
    /// In words, for the table.
    pub says: &'static str,
    /// What the file is.
    pub input: Input,
    /// The arguments: `DIR` is where the input is, `FILE` the largest file there, `OUTPUT` a file for the result.
    pub arguments: &'static [&'static str],
    /// Where the answer is.
    pub answer: Answer,
    /// How many bytes of `FILE` it has touched when the file is changed.
    pub touched: u64,
}

/// Files for a job, made anew from a seed, so that there are two of each with different content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// 128 MiB of words in lines.
    Text,
    /// What the program of [`Code::Library`] makes when it is called as `make SEED DIR`.
    Made,
    /// A git repository whose objects are in one pack.
    Repository,
    /// A program with debug information, and that file again with its bytes in reverse.
    Debuggable,
    /// An object file for a linker, with 128 MiB of data.
    Object,
}

/// Where a program puts its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// On standard output.
    Stdout,
    /// In the file that was called `OUTPUT`.
    Output,
    /// In place of the input.
    InPlace,
}

const MIB: u64 = 1 << 20;

/// All of them.
pub const PROGRAMS: &[Program] = &[
    Program {
        package: "b3sum",
        version: "1.8.7",
        code: Code::Program("b3sum", &[]),
        tests: Some(&[]),
        job: Some(Job {
            says: "hash 128 MiB",
            input: Input::Text,
            arguments: &["--no-names", "FILE"],
            answer: Answer::Stdout,
            touched: 8 * MIB,
        }),
    },
    Program {
        package: "ripgrep",
        version: "15.2.0",
        code: Code::Program("rg", &[]),
        tests: Some(&[]),
        job: Some(Job {
            says: "count matching lines in 128 MiB",
            input: Input::Text,
            arguments: &["--no-config", "--mmap", "--count", "[a-f]{3}[0-9]{2}[a-f]", "FILE"],
            answer: Answer::Stdout,
            touched: 8 * MIB,
        }),
    },
    Program {
        package: "sd",
        version: "1.0.0",
        code: Code::Program("sd", &[]),
        tests: Some(&[]),
        job: Some(Job {
            says: "replace words in 128 MiB",
            input: Input::Text,
            arguments: &["[a-f]{3}[0-9]{2}[a-f]", "found", "FILE"],
            answer: Answer::InPlace,
            touched: 8 * MIB,
        }),
    },
    Program {
        package: "addr2line",
        version: "0.27.1",
        code: Code::Program("addr2line", &["--features", "all"]),
        tests: Some(&["--features", "all"]),
        job: Some(Job {
            says: "name the source lines of addresses",
            input: Input::Debuggable,
            arguments: &["--all", "-e", "FILE", "-fi"],
            answer: Answer::Stdout,
            touched: MIB / 2,
        }),
    },
    Program {
        package: "gitoxide",
        version: "0.61.0",
        code: Code::Program("gix", &["--no-default-features", "--features", "lean"]),
        tests: None,
        job: Some(Job {
            says: "verify a repository of 64 MiB",
            input: Input::Repository,
            arguments: &["-r", "DIR", "--no-verbose", "--format", "json", "verify", "--statistics"],
            answer: Answer::Stdout,
            touched: 4 * MIB,
        }),
    },
    Program {
        package: "wild-linker",
        version: "0.10.0",
        code: Code::Program("wild", &[]),
        tests: None,
        job: Some(Job {
            says: "link an object file of 128 MiB",
            input: Input::Object,
            arguments: &["--no-fork", "-static", "-o", "OUTPUT", "FILE"],
            answer: Answer::Output,
            touched: 4 * MIB,
        }),
    },
    Program {
        package: "tantivy",
        version: "0.27.0",
        code: Code::Library(""),
        tests: Some(&["--lib"]),
        job: Some(Job {
            says: "read all documents of an index",
            input: Input::Made,
            arguments: &["read", "DIR"],
            answer: Answer::Stdout,
            touched: 4 * MIB,
        }),
    },
    Program {
        package: "safetensors",
        version: "0.8.0",
        code: Code::Library("memmap2 = \"0.9\""),
        tests: Some(&[]),
        job: Some(Job {
            says: "sum up tensors of 128 MiB",
            input: Input::Made,
            arguments: &["read", "DIR"],
            answer: Answer::Stdout,
            touched: 8 * MIB,
        }),
    },
    Program {
        package: "fst",
        version: "0.4.7",
        code: Code::Library("memmap2 = \"0.9\""),
        tests: None,
        job: Some(Job {
            says: "walk through a map of 4,000,000 keys",
            input: Input::Made,
            arguments: &["read", "DIR"],
            answer: Answer::Stdout,
            touched: 2 * MIB,
        }),
    },
    Program {
        package: "grep-searcher",
        version: "0.1.17",
        code: Code::Tests,
        tests: Some(&[]),
        job: None,
    },
];
