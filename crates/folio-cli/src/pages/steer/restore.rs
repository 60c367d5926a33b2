//! `--restore`: bringing back the ranges that [`save`](super::save) remembered.
//!
//! The file is read twice: to see that all of it makes sense and how much there is, before anything is done; and to do it, in the
//! order of files and offsets in which it was saved. So memory is bounded, and half a file restores nothing.

use std::fs::File;
use std::io::{self, BufReader, Seek as _, Write};
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use folio::{FilePages, PageState};
use rustix::fs::{CWD, FileType, OFlags, Stat};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::Plan;
use super::flags::Changed;
use super::memory::{Memory, Short};
use super::report::{self, Form};
use super::save::saved;
use super::saved::{Item, Reader, SavedFile, Sums, Trouble};
use super::warm::{rate, unreadable};
use crate::failure::{Complaints, Failure, InputFailure, why};
use crate::name::quoted;
use crate::pages::select::open_at;
use crate::scratch::scratch;
use crate::units::human;

/// Bring back what `source` says.
pub(super) fn run(
    plan: &Plan<'_>,
    source: &Path,
    changed: Changed,
    out: &mut (impl Write + Send),
    complaints: &mut Complaints,
) -> io::Result<()> {
    let name = match source.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => quoted(source),
    };
    let told = |trouble| match trouble {
        Trouble::Malformed(wrong) => format!("{name}: {wrong}"),
        Trouble::Unreadable(error) => format!("{name}: cannot read: {}", why(&error)),
    };
    let (mut file, sums) = match check(source) {
        Ok(checked) => checked,
        Err(trouble) => {
            complaints.tell(&told(trouble));
            return Ok(());
        }
    };
    plan.progress.expect(sums.bytes);
    let mut restore = Restore {
        plan,
        changed,
        out,
        memory: Memory::new(),
        done: Done::default(),
        target: None,
        start: Instant::now(),
    };
    let items = file
        .rewind()
        .map_err(Trouble::Unreadable)
        .and_then(|()| Reader::new(BufReader::new(&file)));
    match items {
        Ok(items) => {
            for item in items {
                match item {
                    Ok(item) => restore.item(item, complaints)?,
                    // It was changed since it was checked.
                    Err(trouble) => complaints.tell(&told(trouble)),
                }
            }
        }
        Err(trouble) => complaints.tell(&told(trouble)),
    }
    restore.end(sums, complaints)
}

/// Read it to its end.
fn check(source: &Path) -> Result<(File, Sums), Trouble> {
    let file = open_source(source).map_err(Trouble::Unreadable)?;
    let mut items = Reader::new(BufReader::new(&file))?;
    for item in items.by_ref() {
        item?;
    }
    let sums = items.sums();
    Ok((file, sums))
}

/// Open it. What can be read only once is copied to a file first.
fn open_source(source: &Path) -> io::Result<File> {
    let mut file = if source == Path::new("-") {
        io::stdin().as_fd().try_clone_to_owned()?.into()
    } else {
        File::open(source)?
    };
    if !matches!(file.stream_position(), Err(error) if error.kind() == io::ErrorKind::NotSeekable) {
        return Ok(file);
    }
    let mut copy = scratch()?;
    io::copy(&mut file, &mut copy)?;
    copy.rewind()?;
    Ok(copy)
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Done {
    files: u64,
    /// Files that are gone, that were changed, and that could not be read.
    gone: u64,
    changed: u64,
    failed: u64,
    /// Bytes that were absent and are not.
    read: u64,
    /// Bytes of ranges that are in the page cache now.
    cached: u64,
    /// Bytes of ranges that are not: of files that are gone too.
    missing: u64,
}

struct Restore<'a, W> {
    plan: &'a Plan<'a>,
    changed: Changed,
    out: &'a mut W,
    memory: Memory,
    done: Done,
    /// The file at hand.
    target: Option<Target>,
    start: Instant,
}

/// A file whose ranges are brought back.
struct Target {
    saved: SavedFile,
    /// `None` if it is passed over.
    file: Option<File>,
    /// What was done of its ranges, in bytes.
    read: u64,
    cached: u64,
    missing: u64,
    /// Why it is passed over, or what failed.
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Restored,
    Gone,
    Changed,
    Failed,
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Restored => "restored",
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::Failed => "failed",
        }
    }
}

impl<W: Write> Restore<'_, W> {
    fn item(&mut self, item: Item, complaints: &mut Complaints) -> io::Result<()> {
        match item {
            Item::File(saved) => {
                self.finish()?;
                self.begin(saved, complaints)
            }
            Item::Range(range) => self.range(range, complaints),
        }
    }

    /// Open a file, unless there is a reason to pass it over.
    fn begin(&mut self, saved: SavedFile, complaints: &mut Complaints) -> io::Result<()> {
        self.done.files += 1;
        let (file, outcome) = match open(&saved, self.changed) {
            Ok(file) => (Some(file), Outcome::Restored),
            Err((outcome, failure)) => {
                self.plan.progress.aside(|| complaints.sort(Err(failure)))?;
                (None, outcome)
            }
        };
        self.target = Some(Target { saved, file, read: 0, cached: 0, missing: 0, outcome });
        Ok(())
    }

    fn range(&mut self, range: Range<u64>, complaints: &mut Complaints) -> io::Result<()> {
        // The reader gives no range before the first file.
        let Some(target) = &mut self.target else { return Ok(()) };
        let len = range.end - range.start;
        let (mut noted, mut cached) = (0, 0);
        if let Some(file) = &target.file {
            let mut read = |window: &Range<u64>| {
                let bytes = window.end - window.start;
                target.read += bytes;
                noted += bytes;
                self.plan.progress.add(bytes);
                self.memory.note(file, window)
            };
            match warm(file, &range, self.memory.short(), &mut read) {
                Ok(there) => cached = there,
                Err(error) => {
                    target.outcome = Outcome::Failed;
                    let failure = unreadable(quoted(&target.saved.path), &error);
                    self.plan.progress.aside(|| complaints.sort(Err(failure)))?;
                }
            }
        }
        target.cached += cached;
        target.missing += len - cached;
        // What was there already, or is passed over, is done as well.
        self.plan.progress.add(len.saturating_sub(noted));
        Ok(())
    }

    /// The file at hand is done.
    fn finish(&mut self) -> io::Result<()> {
        let Some(target) = self.target.take() else { return Ok(()) };
        self.done.read += target.read;
        self.done.cached += target.cached;
        self.done.missing += target.missing;
        match target.outcome {
            Outcome::Restored => {}
            Outcome::Gone => self.done.gone += 1,
            Outcome::Changed => self.done.changed += 1,
            Outcome::Failed => self.done.failed += 1,
        }
        if self.plan.form == Form::Text {
            return Ok(());
        }
        use std::os::unix::ffi::OsStrExt as _;
        let mut object = report::object(target.saved.path.as_os_str().as_bytes());
        let members = [
            ("outcome", target.outcome.word().into()),
            ("read", target.read.into()),
            ("cached", target.cached.into()),
            ("absent", target.missing.into()),
        ];
        report::add(&mut object, members);
        let text = Value::Object(object).to_string();
        self.plan.progress.aside(|| report::line(self.out, &text))
    }

    fn end(mut self, sums: Sums, complaints: &mut Complaints) -> io::Result<()> {
        self.finish()?;
        let elapsed = self.start.elapsed();
        match self.memory.short() {
            Some(short) => self.plan.progress.aside(|| complaints.tell(&short)),
            None if self.done.missing > 0 => complaints.note(),
            None => {}
        }
        let text = match self.plan.form {
            Form::Json => in_json(&self.done, sums, self.memory.short(), elapsed).to_string(),
            Form::Text => in_words(&self.done, sums, elapsed),
        };
        self.plan.progress.aside(|| report::line(self.out, &text))
    }
}

/// Read in what is absent of `range`, unless memory is `short`; how many of its bytes are cached then. A hole has nothing
/// that could be.
fn warm(
    file: &File,
    range: &Range<u64>,
    short: Option<Short>,
    read: &mut dyn FnMut(&Range<u64>) -> Result<(), Short>,
) -> folio::Result<u64> {
    let pages = FilePages::of(file)?;
    let len = range.end - range.start;
    if short.is_none() {
        for window in pages.warm(range.clone())? {
            if read(&window?).is_err() {
                break;
            }
        }
    }
    if pages.why_unknown().is_some() {
        // Each page was waited for; what became of it since is not told.
        return Ok(if short.is_none() { len } else { 0 });
    }
    let mut cached = 0;
    for run in pages.runs(range.clone())? {
        let run = run?;
        if run.state != PageState::Absent {
            cached += run.range.end - run.range.start;
        }
    }
    Ok(cached)
}

/// The file, if it is the one that was saved.
fn open(saved_file: &SavedFile, changed: Changed) -> Result<File, (Outcome, Failure)> {
    let name = || quoted(&saved_file.path);
    let gone = |why| (Outcome::Gone, InputFailure::refused(name(), why));
    let failed = |errno: Errno| (Outcome::Failed, InputFailure::os(name(), "open", &errno.into()));
    // Before it is opened: opening what is no file does something to it.
    match rustix::fs::stat(&saved_file.path) {
        Ok(stat) if !has_pages(&stat) => return Err(gone("is no regular file any more")),
        Ok(_) => {}
        Err(Errno::NOENT | Errno::NOTDIR) => return Err(gone("is gone since it was saved")),
        Err(errno) => return Err(failed(errno)),
    }
    let (file, stat) = open_at(CWD, &saved_file.path, OFlags::empty()).map_err(failed)?;
    if !has_pages(&stat) {
        return Err(gone("is no regular file any more"));
    }
    let len = match FilePages::of(&file) {
        Ok(pages) => pages.len(),
        Err(error) => return Err((Outcome::Failed, unreadable(name(), &error))),
    };
    let now = saved(saved_file.path.clone(), &stat, len);
    match difference(saved_file, &now, FileType::from_raw_mode(stat.st_mode)) {
        Some(why) if changed == Changed::Skip => {
            let failure = InputFailure::cannot(name(), "restore", why);
            Err((Outcome::Changed, failure))
        }
        _ => Ok(file),
    }
}

fn has_pages(stat: &Stat) -> bool {
    matches!(FileType::from_raw_mode(stat.st_mode), FileType::RegularFile | FileType::BlockDevice)
}

/// How the file differs from what it was, if it does. The number of a device may be another after a reboot, and a device's
/// own inode is made anew then, so they prove nothing.
fn difference(then: &SavedFile, now: &SavedFile, kind: FileType) -> Option<String> {
    if then.len != now.len {
        return Some(format!(
            "it was changed since it was saved: {} bytes then, {} now",
            then.len, now.len
        ));
    }
    if kind == FileType::BlockDevice {
        return None;
    }
    if then.ino != now.ino {
        return Some("another file is in its place since it was saved".to_owned());
    }
    (then.modified != now.modified).then(|| "it was changed since it was saved".to_owned())
}

/// `read in 1.2 GiB in 2.1 s, 580.0 MiB/s; 3.4 GiB of 3.5 GiB are cached again; of 12 files 1 is gone, 2 were changed`
fn in_words(done: &Done, sums: Sums, elapsed: Duration) -> String {
    let files = if done.files == 1 { "file" } else { "files" };
    let mut words = format!(
        "{}; of {} {files}, {} of {} are cached again",
        rate(done.read, elapsed),
        done.files,
        human(done.cached),
        human(sums.bytes)
    );
    for (count, one, many) in [
        (done.gone, "is gone", "are gone"),
        (done.changed, "was changed", "were changed"),
        (done.failed, "failed", "failed"),
    ] {
        match count {
            0 => {}
            1 => words += &format!(", 1 {one}"),
            _ => words += &format!(", {count} {many}"),
        }
    }
    words
}

fn in_json(done: &Done, sums: Sums, short: Option<Short>, elapsed: Duration) -> Value {
    json!({
        "total": true, "files": done.files, "gone": done.gone, "changed": done.changed, "failed": done.failed,
        "saved": sums.bytes, "read": done.read, "cached": done.cached, "absent": done.missing,
        "seconds": elapsed.as_secs_f64(), "stopped": short.map(|short| short.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_by_inode_length_and_time() {
        let then = SavedFile { path: "/a".into(), dev: (8, 1), ino: 2, len: 3, modified: (4, 5) };
        let differs = |change: fn(&mut SavedFile), kind| {
            let mut now = then.clone();
            change(&mut now);
            difference(&then, &now, kind)
        };
        let regular = FileType::RegularFile;
        assert_eq!(differs(|now| now.dev = (9, 1), regular), None);
        assert!(differs(|now| now.ino = 1, regular).unwrap().contains("another file"));
        assert!(differs(|now| now.len = 1, regular).unwrap().contains("3 bytes then, 1 now"));
        assert!(differs(|now| now.modified.1 = 6, regular).unwrap().contains("changed"));
        assert_eq!(differs(|now| now.ino = 1, FileType::BlockDevice), None);
        assert!(differs(|now| now.len = 1, FileType::BlockDevice).is_some());
    }
}
