//! What is printed, and how it can be asked for.

use super::*;

#[test]
fn a_pipe_gets_a_line_for_each_finding_and_no_colour() {
    let dir = Dir::new();
    let text = run(doctor(dir.as_ref()).args(["--only", "replace", "--only", "log"])).text();
    let lines: Vec<_> = text.lines().collect();
    let real = dir.as_ref().canonicalize().unwrap();
    assert!(lines[0].starts_with(&format!("{}: ", real.display())), "{text}");
    assert!(lines[0].contains(", Linux ") && lines[0].contains("pages of "), "{text}");
    assert_eq!(&lines[1..3], ["", "directory"]);
    let promise = "ok        replace  name: the name leads to the new file at once → the new file's 100 bytes";
    assert_eq!(lines[3], promise);
    assert!(
        lines.iter().any(|line| line.starts_with("yes ") || line.starts_with("limited ")),
        "{text}"
    );
    assert!(lines[lines.len() - 1].starts_with("3 ok, 0 differ, 0 not here, in "), "{text}");
    assert!(!text.contains('\x1b'));
}

#[test]
fn colour_is_used_when_it_is_asked_for() {
    let dir = Dir::new();
    let always = run(doctor(dir.as_ref()).args(["--only", "mount", "--color", "always"])).text();
    assert!(always.contains("\x1b[32mok      \x1b[0m"), "{always:?}");
    let forced =
        run(doctor(dir.as_ref()).args(["--only", "mount"]).env("CLICOLOR_FORCE", "1")).text();
    assert!(forced.contains("\x1b[32m"), "{forced:?}");
}

#[test]
fn the_list_names_each_experiment_once_with_its_source() {
    let text = run(folio().args(["doctor", "--list"])).text();
    let names: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    for name in ["replace", "frozen", "channel"] {
        assert_eq!(names.iter().filter(|listed| **listed == name).count(), 1, "{text}");
    }
    assert!(text.lines().all(|line| !line.starts_with("  ") || line.ends_with(']')), "{text}");
    // Each can be asked for by its name.
    let some = run(folio().args(["doctor", "--list", "--only", "REPLACE"])).text();
    assert_eq!(some.lines().count(), 2, "{some}");
}

#[test]
fn only_what_is_asked_for_is_tried() {
    let dir = Dir::new();
    let found = report(doctor(dir.as_ref()).args(["--only", "repl", "--only", "frozen"]));
    let experiments: Vec<_> =
        list(&found["findings"]).iter().map(|found| &found["experiment"]).collect();
    assert_eq!(experiments, ["replace"; 3]);
    assert_eq!(list(&found["verdicts"]).len(), 1);
    assert_eq!(verdict(&found, "Frozen")["rests_on"][0], "lease");
    for wrong in ["no-such-thing", ""] {
        let ran = run(doctor(dir.as_ref()).args(["--only", wrong]));
        assert_eq!(ran.code, Some(2));
        assert!(ran.err.contains("--list shows them"), "{}", ran.err);
    }
}

#[test]
fn help_and_completions_know_nothing_of_the_other_processes() {
    let texts = [
        run(folio().arg("--help")).text(),
        run(folio().args(["doctor", "--help"])).text(),
        run(folio().args(["completions", "bash"])).text(),
        run(folio().args(["man", "--page", "doctor"])).text(),
    ];
    for text in texts {
        assert!(text.contains("doctor"), "{text}");
        assert!(!text.contains("worker") && !text.contains("janitor"), "{text}");
    }
}
