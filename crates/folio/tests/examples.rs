//! Each example does on a real file what it says.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use tempfile::TempDir;

/// The example's binary, which `cargo test` builds along with the tests.
fn example(name: &str) -> Command {
    let tests = std::env::current_exe().expect("a test knows its binary");
    let target = tests.ancestors().nth(2).expect("it is in deps, in the profile's directory");
    let path = target.join("examples").join(name);
    assert!(
        path.exists(),
        "{} is not built: cargo build --package folio --examples",
        path.display()
    );
    Command::new(path)
}

/// What the example printed; it must have ended well.
#[track_caller]
fn output(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().expect("it can be started");
    assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("it prints text")
}

/// A text of a thousand numbered lines, some pages long.
fn text() -> (TempDir, PathBuf, String) {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("text");
    let text: String = (1..=1000).map(|line| format!("line {line} of a thousand\n")).collect();
    fs::write(&path, &text).expect("a file");
    (dir, path, text)
}

#[test]
fn print_file_prints_it() {
    let (_dir, path, text) = text();
    assert_eq!(output(example("print_file").arg(&path)), text);
}

#[test]
fn second_page_shows_the_page_and_the_byte() {
    let (_dir, path, text) = text();
    let said = output(example("second_page").arg(&path).arg("5000"));
    let page = folio::PageSize::base().bytes();
    let line = text[page..].lines().next().expect("it has a second page");
    assert!(said.contains(&format!("its second page begins with {line:?}")), "{said}");
    let byte =
        format!("byte 5000 is {:#04x}, {} bytes into the page", text.as_bytes()[5000], 5000 % page);
    assert!(said.contains(&byte), "{said}");
}

#[test]
fn second_page_says_what_is_past_the_end() {
    let (_dir, path, _) = text();
    let output =
        example("second_page").arg(&path).arg("99999999").output().expect("it can be started");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("past the end"));
}

#[test]
fn private_change_leaves_the_file_alone() {
    let (_dir, path, text) = text();
    let said = output(example("private_change").arg(&path));
    assert!(said.contains("the mapping begins with \"LINE 1 OF A THOUSAND\""), "{said}");
    assert!(said.contains("the file begins with \"line 1 of a thousand\""), "{said}");
    assert!(said.contains("the file is unchanged"), "{said}");
    assert!(said.contains("bytes 0..4 of the mapping differ"), "{said}");
    assert!(said.contains("reverted, the mapping is the file again"), "{said}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), text);
}

#[test]
fn parent_and_child_share_a_page() {
    let (_dir, path, _) = text();
    let said = output(example("parent_child").arg(&path));
    assert!(said.contains("left \"LINE 1 OF A THOUSAND\""), "{said}");
    assert!(said.contains("together they counted to 200000"), "{said}");
}

#[test]
fn update_in_place_changes_those_bytes_and_no_other() {
    let (_dir, path, text) = text();
    let said = output(example("update_in_place").arg(&path).args(["line 7 of", "LINE 7 OF"]));
    let at = text.find("line 7 of").expect("it is there");
    assert_eq!(said, format!("bytes {at}..{} are updated and on the device\n", at + 9));
    assert_eq!(
        fs::read_to_string(&path).expect("it is there"),
        text.replacen("line 7 of", "LINE 7 OF", 1)
    );
}

#[test]
fn count_lines_counts_as_wc_does() {
    let (_dir, path, _) = text();
    assert_eq!(output(example("count_lines").arg(&path)), format!("1000 {}\n", path.display()));
}

#[test]
fn survive_truncation_does() {
    let (_dir, path, text) = text();
    let said = output(example("survive_truncation").arg(&path));
    let half = text.len() / 2;
    assert!(
        said.contains(&format!("the file was truncated to {half} bytes, byte {half} is gone")),
        "{said}"
    );
    assert!(said.contains(&format!("shared: {half} bytes are good")), "{said}");
    assert!(
        said.contains(&format!("frozen: {} bytes are there, 1000 lines", text.len())),
        "{said}"
    );
    assert!(said.ends_with("still alive\n"), "{said}");
    assert_eq!(
        fs::read_to_string(&path).expect("it is there"),
        text,
        "the file itself is left alone"
    );
}

#[test]
fn each_tells_its_usage_without_a_file() {
    let names = [
        "print_file",
        "second_page",
        "private_change",
        "parent_child",
        "update_in_place",
        "count_lines",
        "survive_truncation",
    ];
    for name in names {
        let output = example(name).output().expect("it can be started");
        assert_eq!(output.status.code(), Some(2), "{name}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.starts_with(&format!("usage: {name} FILE")), "{said}");
    }
}
