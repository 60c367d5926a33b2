//! `folio pages --watch` in a pseudo terminal, and its stream of JSON.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitStatus, Stdio};

use serde_json::Value;

use crate::harness::{Dir, folio, run};
use crate::terminal::{Terminal, signal_of};

/// A file of a mebibyte that is on the disk.
fn synced(dir: &Dir, name: &str) -> std::path::PathBuf {
    let path = dir.file(name, &vec![1; 1 << 20]);
    File::open(&path).unwrap().sync_all().unwrap();
    path
}

fn watch(dir: &Dir) -> Command {
    let mut command = folio();
    command.args(["pages", "--watch=0.1"]).arg(dir.as_ref());
    command
}

#[test]
fn keys_steer_the_page_cache_and_files_are_followed() {
    let dir = Dir::new();
    let path = synced(&dir, "table");
    let mut terminal = Terminal::run(100, 30, &watch(&dir));
    terminal.wait_for("1 file ");
    terminal.wait_for("100%");

    terminal.keys("e");
    terminal.wait_for(" of table");
    terminal.keys("w");
    // On a file system that keeps all in memory there is nothing to read in.
    terminal.wait_until("it was warmed", |screen| {
        let text = screen.contents();
        text.contains("read in 1.0 MiB of table")
            || text.contains("nothing of table had to be read in")
    });
    terminal.wait_for("100%");
    terminal.keys("s");
    terminal.wait_for("wrote back 0 B of table");

    File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
    terminal.wait_for("truncated ");
    fs::write(dir.path("other"), "x").unwrap();
    terminal.wait_for("new ");
    fs::rename(dir.path("other"), &path).unwrap();
    terminal.wait_for("replaced ");
    fs::remove_file(&path).unwrap();
    terminal.wait_for("there is no file of this name any more");

    terminal.keys("?");
    terminal.wait_for("any key goes back");
    terminal.keys(" ");
    terminal.wait_until("the help is gone", |screen| !screen.contents().contains("any key"));
    terminal.keys("q");
    assert_eq!(terminal.end().code(), Some(0));
    terminal.assert_given_back();
}

#[test]
fn it_follows_the_size_of_the_terminal() {
    let dir = Dir::new();
    synced(&dir, "table");
    let mut terminal = Terminal::run(80, 24, &watch(&dir));
    terminal.wait_for("a cell is 8.0 KiB");
    terminal.resize(30, 5);
    terminal.wait_for("folio needs 40 columns");
    terminal.resize(200, 50);
    terminal.wait_for("a cell is 4.0 KiB");
    terminal.resize(40, 8);
    terminal.wait_until("the map is gone", |screen| {
        let text = screen.contents();
        text.contains("CACHE") && !text.contains("a cell is")
    });
    terminal.keys("\u{3}");
    assert_eq!(terminal.end().code(), Some(0));
    terminal.assert_given_back();
}

#[test]
fn a_signal_ends_it_and_the_terminal_is_as_before() {
    use rustix::process::{Signal, kill_process};
    let dir = Dir::new();
    synced(&dir, "table");
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        let mut terminal = Terminal::run(80, 24, &watch(&dir));
        terminal.wait_for("1 file ");
        kill_process(terminal.pid(), signal).unwrap();
        assert_eq!(signal_of(terminal.end()), Some(signal.as_raw()));
        terminal.assert_given_back();
    }
}

#[test]
fn a_shell_can_stop_and_continue_it() {
    let mut shell = Command::new("sh");
    shell.arg("-i");
    assert_eq!(is_stopped_and_continued_by(&mut shell).code(), Some(0));
}

/// As in a container: the leader of the session is outside, and the kernel tells 0 for it inside.
#[test]
fn a_shell_of_another_namespace_can_stop_and_continue_it() {
    let Some(mut inside) = in_a_namespace_of_processes() else { return };
    inside.args(["sh", "-i"]);
    // dash fails when it gives the terminal back to a process group outside; that is its own affair.
    is_stopped_and_continued_by(&mut inside);
}

fn is_stopped_and_continued_by(shell: &mut Command) -> ExitStatus {
    let dir = Dir::new();
    synced(&dir, "table");
    shell.env("FOLIO", folio().get_program()).env("DIR", dir.as_ref());
    let mut terminal = Terminal::run(80, 24, shell);
    terminal.wait_for("$ ");
    terminal.keys("\"$FOLIO\" pages --watch=0.1 \"$DIR\"\n");
    terminal.wait_until("the screen is there", |screen| {
        screen.alternate_screen() && screen.contents().contains("1 file ")
    });
    terminal.keys("\u{1a}");
    terminal.wait_until("it is stopped", |screen| {
        !screen.alternate_screen() && screen.contents().contains("Stopped")
    });
    terminal.assert_given_back();
    terminal.keys("fg\n");
    terminal.wait_until("the screen is back", |screen| {
        screen.alternate_screen() && screen.contents().contains("1 file ")
    });
    terminal.keys("q");
    // What is typed before the shell asks for it is lost: the modes of the terminal are changed once more.
    terminal.wait_until("the shell is back", |screen| {
        !screen.alternate_screen() && screen.contents().trim_end().ends_with('$')
    });
    terminal.keys("exit\n");
    let status = terminal.end();
    terminal.assert_given_back();
    status
}

#[test]
fn without_a_shell_to_continue_it_it_does_not_stop() {
    let dir = Dir::new();
    synced(&dir, "table");
    does_not_stop(&watch(&dir));
}

#[test]
fn without_a_shell_in_its_namespace_it_does_not_stop() {
    let dir = Dir::new();
    synced(&dir, "table");
    let command = watch(&dir);
    // Started by nobody whom it could see; and by a script, which has no process groups of its own.
    for starter in [&[][..], &["sh", "-c", "\"$@\"; exit $?", "sh"]] {
        let Some(mut inside) = in_a_namespace_of_processes() else { return };
        inside.args(starter).arg(command.get_program()).args(command.get_args());
        does_not_stop(&inside);
    }
}

fn does_not_stop(command: &Command) {
    let mut terminal = Terminal::run(80, 24, command);
    terminal.wait_for("1 file ");
    terminal.keys("\u{1a}");
    terminal.wait_for("there is no shell that would continue it");
    terminal.keys("q");
    assert_eq!(terminal.end().code(), Some(0));
}

/// unshare(1), to be given what to run; `None` where it may not.
fn in_a_namespace_of_processes() -> Option<Command> {
    let inside = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"]);
        command
    };
    if inside().arg("true").output().is_ok_and(|ran| ran.status.success()) {
        return Some(inside());
    }
    testfs::skip("a namespace of processes", "not allowed, or no unshare(1)");
    None
}

#[test]
fn a_screen_needs_a_terminal() {
    let dir = Dir::new();
    let ran = run(&mut watch(&dir));
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("standard output is no terminal"), "{}", ran.err);
    assert_eq!(ran.out, b"");
    let mut shell = Command::new("sh");
    shell.args(["-c", "TERM=dumb exec \"$FOLIO\" pages --watch ."]);
    shell.env("FOLIO", folio().get_program());
    let mut dumb = Terminal::run(80, 24, &shell);
    assert_eq!(dumb.end().code(), Some(2));
    assert!(dumb.text().contains("TERM is dumb"), "{}", dumb.text());
    for bad in ["--watch=0", "--watch=x", "--watch=1e9", "--watch=1s"] {
        assert_eq!(run(folio().args(["pages", bad]).arg(dir.as_ref())).code, Some(2), "{bad}");
    }
    // What a screen would not heed is not passed over in silence.
    for other in ["--csv", "--ranges", "--evict", "--sync", "--top=3", "--sort=name", "--svg=x.svg"]
    {
        assert_eq!(run(watch(&dir).arg(other)).code, Some(2), "{other}");
    }
}

#[test]
fn json_tells_what_changes() {
    let dir = Dir::new();
    let path = synced(&dir, "table");
    let mut child = watch(&dir).arg("--json").stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    let first = next();
    assert_eq!(first["file"], path.to_str().unwrap());
    assert_eq!((&first["len"], &first["pages"]), (&(1 << 20).into(), &256.into()));
    assert_eq!(first["cached"], 256);
    let whole = next();
    assert_eq!(whole["files"], 1);
    assert_eq!((&whole["total"], &whole["cached"]), (&true.into(), &256.into()));
    assert!(whole["machine"]["dirty"].is_u64(), "{whole}");
    // A file that does not change is not told of again.
    let second = next();
    assert!(second["machine"]["minor_faults_per_s"].is_u64(), "{second}");

    File::options().write(true).open(&path).unwrap().set_len(4096).unwrap();
    let mut told = |what: &str, is_it: &dyn Fn(&Value) -> bool| {
        let mut read = Vec::new();
        while read.len() < 1000 {
            let object = next();
            if is_it(&object) {
                return;
            }
            read.push(object);
        }
        panic!("{what} was not told: {read:?}");
    };
    told("the new length", &|object| object["len"] == 4096);
    fs::remove_file(&path).unwrap();
    told("that it is gone", &|object| object["gone"] == true);
    told("that there is no file", &|object| object["files"] == 0);

    // When the reader goes away it ends in silence.
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_faults_of_each_process_are_told() {
    let dir = Dir::new();
    let path = synced(&dir, "table");
    let reader =
        || Command::new("tail").arg("-f").arg(&path).stdout(Stdio::null()).spawn().unwrap();
    let mut readers = [reader(), reader()];
    let pids = readers.each_ref().map(|reader| reader.id().to_string());
    let mut terminal = {
        let mut command = folio();
        command.args(["pages", "--watch=0.1", "--pid", &pids[0], "--pid", &pids[1]]);
        Terminal::run(100, 30, &command)
    };
    for pid in &pids {
        terminal.wait_until("each process is there", |screen| {
            let text = screen.contents();
            let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
            lines.any(|words| words.starts_with(&["pid", pid.as_str(), "tail"]))
        });
    }
    terminal.wait_for("/table");
    terminal.wait_until("their faults are told", |screen| {
        screen.contents().matches("minor faults 0/s").count() == 2
    });
    for reader in &mut readers {
        reader.kill().unwrap();
        reader.wait().unwrap();
    }
    terminal.wait_until("their end is told", |screen| {
        screen.contents().matches("tail  has ended").count() == 2
    });
    terminal.wait_for("gone ");
    terminal.keys("q");
    assert_eq!(terminal.end().code(), Some(0));
}

#[test]
fn the_stream_ends_with_its_reader_in_the_middle_of_an_interval() {
    let dir = Dir::new();
    synced(&dir, "table");
    let mut command = folio();
    command.args(["pages", "--watch=3600", "--json"]).arg(dir.as_ref());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    drop(lines);
    let ran = child.wait_with_output().unwrap();
    assert_eq!((ran.status.code(), &ran.stderr[..]), (Some(0), &b""[..]));
}
