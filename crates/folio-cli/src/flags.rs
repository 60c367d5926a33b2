//! What can be typed on the command line, as it is typed. What it means is each command's own.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bench;
use crate::doctor;
use crate::maps::flags::MapsFlags;
use crate::pages::flags::PagesFlags;
use crate::threads;
use crate::units::{Byte, Offset, Size};
use crate::window::Window;

/// The command.
#[derive(Debug, Parser)]
#[command(
    name = "folio",
    version,
    about = "Print, count and view files, whatever happens to them meanwhile; see their pages, and how processes are mapped; try what mappings promise here",
    after_help = "Exit codes: 0 all went well, 1 something failed, 2 wrong usage. When the reader of the output \
                  goes away, folio ends quietly with 0.",
    max_term_width = 100
)]
pub(crate) struct Flags {
    /// Use colour: auto (on a terminal), always, never
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN",
        hide_possible_values = true, hide_default_value = true, display_order = 900)]
    pub(crate) color: Colour,

    #[command(subcommand)]
    pub(crate) command: Command,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    Auto,
    Always,
    Never,
}

impl Colour {
    /// Whether `stream` gets colour. `auto` heeds NO_COLOR, CLICOLOR, CLICOLOR_FORCE and TERM.
    pub(crate) fn wanted(self, stream: &impl anstream::stream::RawStream) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never,
        }
    }
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Cat(CatFlags),
    Count(CountFlags),
    View(ViewFlags),
    Pages(PagesFlags),
    Doctor(DoctorFlags),
    Maps(MapsFlags),
    Bench(Box<bench::BenchFlags>),
    Completions(CompletionsFlags),
    Man(ManFlags),
}

/// A part of an input.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct WindowFlags {
    /// Start at this byte; with a minus, so many bytes before the end
    #[arg(
        short,
        long,
        value_name = "N",
        allow_hyphen_values = true,
        default_value = "0",
        hide_default_value = true
    )]
    offset: Offset,

    /// Stop after this many bytes
    #[arg(short = 'n', long, value_name = "N")]
    len: Option<Size>,
}

impl WindowFlags {
    /// The part that they mean.
    pub(crate) fn window(self) -> Window {
        Window { offset: self.offset, len: self.len.map(|size| size.0) }
    }
}

const SIZES: &str = "Sizes: 4096, 0x1000, 4K = 4KiB = 4096, 4KB = 4000; and so with M, G, T, P, E.";

/// Print files, one after the other, without copying them through this program
#[derive(Args, Debug)]
#[command(
    after_help = format!("\
The output is that of cat, byte for byte. It goes to a pipe, file, socket or terminal by the shortest way that the \
kernel has for the pair: copy_file_range, sendfile, splice, or reads and writes.\n\n\
A file that is truncated while it is being printed is an error. Pages that went into a pipe without a copy show what \
happens to the file until the reader has taken them.\n\n\
{SIZES} With several files, --offset and --len apply to each.\n\n\
Examples:
  folio cat a b > c                    join two files
  folio cat -o 1MiB -n 4K disk.img     4096 bytes from the second mebibyte
  folio cat -o -100 log                the last 100 bytes
  gzip -dc x.gz | folio cat -o 0x200   all but the first 512 bytes of a stream")
)]
pub(crate) struct CatFlags {
    /// Files to print; - or none: standard input
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<OsString>,

    #[command(flatten)]
    pub(crate) window: WindowFlags,
}

/// Count lines, or any byte, on all cores
#[derive(Args, Debug)]
#[command(after_help = "\
The output is that of wc -l: newlines, a file a line, a total if there are several. A regular file is counted up to \
the length that it has when it is opened; what is appended meanwhile is not counted. A file that is truncated while it \
is being counted is an error, and gets no count.\n\n\
With -r, files come in the order of their names. Symbolic links and special files are passed over, except where they \
are named themselves.\n\n\
Examples:
  folio count access.log               lines
  folio count -b '\\0' core             zero bytes; also -b 0x00, -b ';'
  folio count -r src                   every file below src, and the total
  folio count --total only *.csv       the sum alone, for scripts
  folio count --json -r . | jq .count  a JSON object a line")]
pub(crate) struct CountFlags {
    /// Files to count in; - or none: standard input (with -r and none: the current directory)
    #[arg(value_name = "FILE")]
    pub(crate) files: Vec<OsString>,

    /// Count this byte instead of newlines: a character, 0x0a, or an escape such as \t
    #[arg(short, long, value_name = "B", default_value = "\\n", hide_default_value = true)]
    pub(crate) byte: Byte,

    /// Count the files in directories, however deep
    #[arg(short, long)]
    pub(crate) recursive: bool,

    /// Print the sum: auto (if there is more than one file), always, only, never
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Total::Auto, hide_possible_values = true, hide_default_value = true)]
    pub(crate) total: Total,

    /// Print a JSON object a line: file, byte, count, len; then total
    #[arg(long)]
    pub(crate) json: bool,

    /// How to read: auto, read (into a buffer), map (copies from a mapping), frozen (a mapping under a guarantee)
    #[arg(long, value_enum, value_name = "WAY", default_value_t = Via::Auto, hide_possible_values = true, hide_default_value = true)]
    pub(crate) via: Via,

    /// Threads to use; by default as many as there are cores to run on
    #[arg(short = 'j', long, value_name = "N", value_parser = threads::parse)]
    pub(crate) threads: Option<NonZeroUsize>,
}

/// When to print the sum; as `wc --total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Total {
    /// If there is more than one file.
    Auto,
    Always,
    /// The sum and nothing else.
    Only,
    Never,
}

/// How bytes get to where they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Via {
    /// What is fastest.
    Auto,
    /// pread(2) into a buffer that fits the cache.
    Read,
    /// Copies out of a shared mapping, which survive what happens to the file.
    Map,
    /// The bytes of a mapping themselves, under a guarantee that they do not change.
    Frozen,
}

/// Show the bytes of a file in hexadecimal and as text
#[derive(Args, Debug)]
#[command(
    after_help = format!("\
The layout is that of hexdump -C. A row that repeats the one above is left out, and a * stands for all that are; a hole \
in the file is not even read, so a sparse file of any size is shown at once. The last line is the offset after the last \
byte. On a terminal, bytes are coloured by their class.\n\n\
With --json each line is an object: for a row offset, hex and text; for repeated rows offset, len and repeat, which is \
the row that fills these bytes; after the last byte end.\n\n\
{SIZES}\n\n\
Examples:
  folio view a.out                     everything
  folio view -o 1GiB -n 256 disk.img   256 bytes from the second gibibyte
  folio view -o -4K disk.img           the last 4096 bytes
  folio view --raw -o 64 -n 16 a.out   these bytes as they are
  folio view --json a.out | jq -r .hex the digits alone")
)]
pub(crate) struct ViewFlags {
    /// The file to show; - or none: standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<OsString>,

    #[command(flatten)]
    pub(crate) window: WindowFlags,

    /// Bytes a row, 16 by default
    #[arg(short, long, value_name = "N", default_value_t = 16, hide_default_value = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) width: u16,

    /// Show repeated rows and holes too
    #[arg(short = 'v', long)]
    pub(crate) no_squeeze: bool,

    /// Print the rows as JSON objects, one a line
    #[arg(long)]
    pub(crate) json: bool,

    /// Print the bytes themselves
    #[arg(long, conflicts_with_all = ["json", "width", "no_squeeze"])]
    pub(crate) raw: bool,
}

/// Try what mappings promise on this kernel and file system
#[derive(Args, Debug)]
#[command(after_help = "\
Each experiment runs in a process of its own, so that one that ends in SIGBUS is an observation. A line says what was \
promised, what was seen, and how the two compare: ok, differs, or not here; for the last two the line below says what \
it means for a mapped database, a log or messages between processes. Bytes are old if the file held them at first, and new \
if they were stored or written since. The verdicts say how folio maps files here, and why so.\n\n\
Files are made in a directory of doctor's own in DIR, which is gone afterwards, also when doctor is interrupted. No \
other file is written, nothing is changed for other programs, and root is not needed. On a file system that cannot be \
written, a file of a few pages in DIR or below is read.\n\n\
Exit codes: 0 all is as promised, or not here; 1 something differs, or an experiment failed; 2 wrong usage.\n\n\
Examples:
  folio doctor                         the current directory
  folio doctor /var/lib/db             where a database is to be
  folio doctor --only msync --only log what flushing costs, and whether a log can be here
  folio doctor --json | jq .verdicts   the verdicts, for a script")]
pub(crate) struct DoctorFlags {
    /// The directory to try; the current one by default
    #[arg(value_name = "DIR", default_value = ".", hide_default_value = true)]
    pub(crate) dir: PathBuf,

    /// Run this experiment only: a name that --list shows, or a part of one; can be repeated
    #[arg(long, value_name = "NAME", value_parser = doctor::known_name)]
    pub(crate) only: Vec<String>,

    /// Print what there is to try, and where it is promised
    #[arg(long)]
    pub(crate) list: bool,

    /// Print one JSON object: place, kernel, findings, verdicts, summary
    #[arg(long)]
    pub(crate) json: bool,

    /// Try a full disk on DIR's own file system, if it has at most 1 GiB free
    #[arg(long)]
    pub(crate) fill_disk: bool,
}

/// Write the completions for a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  folio completions bash > ~/.local/share/bash-completion/completions/folio
  folio completions zsh > ~/.zfunc/_folio
  folio completions fish > ~/.config/fish/completions/folio.fish")]
pub(crate) struct CompletionsFlags {
    /// bash, elvish, fish, powershell or zsh
    #[arg(value_name = "SHELL", value_enum, hide_possible_values = true)]
    pub(crate) shell: clap_complete::Shell,
}

/// Write the manual pages
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  folio man ~/.local/share/man/man1    all of them, for man folio and man folio-count
  folio man --page count | man -l -    one of them, to read now")]
pub(crate) struct ManFlags {
    /// The directory to write folio.1, folio-cat.1 and so on to; without it, one page is printed
    #[arg(value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,

    /// Print the page of this subcommand instead of folio's own
    #[arg(long, value_name = "COMMAND", conflicts_with = "dir")]
    pub(crate) page: Option<String>,
}
