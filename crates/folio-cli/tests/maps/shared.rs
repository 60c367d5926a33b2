use std::fs;

use folio::raw::{Advice, MapFlags, Mapping, Protection, Sharing};
use serde_json::Value;

use crate::child::Waiting;
use crate::copied::{PAGE, READ_WRITE, data};
use crate::run::{json, maps, number, sum, what};

const LEN: usize = 16 * 4096;

/// What the comparison says of a file or of memory of a name.
fn of_name<'a>(objects: &'a [Value], what_of: &str, name: &str) -> Vec<&'a Value> {
    let matching =
        |object: &&Value| object["file"].as_str().is_some_and(|file| file.ends_with(name));
    what(objects, what_of).into_iter().filter(matching).collect()
}

/// Both have pages 0 to 32; the first copied 2, the second 2 and 3; the second alone has 32 to 48. Each maps no more than
/// it has, because the kernel maps neighbours with a page that is touched.
pub(crate) fn pages_of_a_file_that_two_processes_map() {
    let dir = tempfile::tempdir().unwrap();
    let file = data(&dir);
    let page = usize::try_from(PAGE).unwrap();
    let child = |pages: usize, stored: &[usize]| {
        Waiting::after(|| {
            let (len, flags) = (pages * page, MapFlags::empty());
            let mapping =
                Mapping::file(&file, 0, len, READ_WRITE, Sharing::Private, flags).unwrap();
            mapping.advise(0..len, Advice::PopulateRead).unwrap();
            stored.iter().for_each(|&at| mapping.store(at * page, 1));
            mapping
        })
    };
    let (first, second) = (child(32, &[2]), child(48, &[2, 3]));
    let pids = [first.pid().to_string(), second.pid().to_string()];
    let objects = json(&[&pids[0], &pids[1], "--only", "some-data", "--pages"]);
    let [both] = of_name(&objects, "both", "some-data")[..] else { panic!("{objects:#?}") };
    let pages = ["same", "different", "first", "second"].map(|key| number(both, key) / PAGE);
    assert_eq!(pages, [30, 2, 0, 16], "{both}");
    let listed: Vec<_> = of_name(&objects, "both_pages", "some-data")
        .iter()
        .map(|run| (number(run, "start") / PAGE, run["are"].as_str().unwrap().to_owned()))
        .collect();
    let expected = [(0, "same"), (2, "different"), (4, "same"), (32, "second")];
    assert_eq!(listed, expected.map(|(page, are)| (page, are.to_owned())));

    // smaps counts the pages that both have as shared, and the others as each process's own.
    let smaps = |pid: &str| {
        let objects = json(&[pid, "--only", "some-data"]);
        let [mapping] = what(&objects, "mapping")[..] else { panic!("{objects:#?}") };
        (number(mapping, "shared") / PAGE, number(mapping, "own") / PAGE)
    };
    // The first copied its page 2, the second 2 and 3: the file's page 3 is in the first alone.
    assert_eq!(smaps(&pids[0]), (30, 2));
    assert_eq!(smaps(&pids[1]), (30, 18));

    let text_way = json(&[&pids[0], &pids[1], "--only", "some-data", "--pages", "--via", "text"]);
    assert_eq!(what(&text_way, "both_pages"), what(&objects, "both_pages"));
    let totals = [pids[0].as_str(), &pids[1], "--total"];
    assert!(what(&json(&totals), "both").iter().all(|both| both["total"] == true));
    let text = maps(&totals).text();
    assert!(text.contains("both: the same pages") && !text.contains("by file"), "{text}");
    let text = maps(&[&pids[0], &pids[1], "--only", "some-data"]).text();
    assert!(text.contains("120.0 KiB both: the same pages of memory in both processes"), "{text}");
}

/// Both show the file and have copies of it beside: the first of page 2, the second of 2 and 3. The file's pages are the same in
/// both none the less, and no copy is forgotten.
pub(crate) fn pages_of_a_file_that_each_maps_twice() {
    let dir = tempfile::tempdir().unwrap();
    let file = data(&dir);
    let child = |stored: &[u64]| {
        Waiting::after(|| {
            let map = |protection, sharing| {
                Mapping::file(&file, 0, LEN, protection, sharing, MapFlags::empty()).unwrap()
            };
            let shown = map(Protection::READ, Sharing::Shared);
            let copied = map(READ_WRITE, Sharing::Private);
            shown.advise(0..LEN, Advice::PopulateRead).unwrap();
            for page in stored {
                copied.store(usize::try_from(page * PAGE).unwrap(), 1);
            }
            (shown, copied)
        })
    };
    let (first, second) = (child(&[2]), child(&[2, 3]));
    let pids = [first.pid().to_string(), second.pid().to_string()];
    let objects = json(&[&pids[0], &pids[1], "--only", "some-data", "--pages"]);
    let [both] = of_name(&objects, "both", "some-data")[..] else { panic!("{objects:#?}") };
    let pages = ["same", "different", "first", "second"].map(|key| number(both, key) / PAGE);
    assert_eq!(pages, [LEN as u64 / PAGE, 1, 0, 1], "{both}");
    let resident =
        |pid: &str| sum(&what(&json(&[pid, "--only", "some-data"]), "mapping"), "resident");
    assert_eq!(pages[0] + pages[1] + pages[2], resident(&pids[0]) / PAGE);
    assert_eq!(pages[0] + pages[1] + pages[3], resident(&pids[1]) / PAGE);
}

/// The kernel puts the same pages into every process, wherever chance will have them.
pub(crate) fn the_kernels_pages_are_those_of_every_process() {
    let children = [(); 2].map(|()| std::process::Command::new("sleep").arg("600").spawn());
    let [mut one, mut two] = children.map(|child| child.expect("sleep is installed"));
    let pids = [&one, &two].map(|child| child.id().to_string());
    // Before that one of them may not have touched the pages yet.
    for child in [&one, &two] {
        testfs::wait_until_asleep(child.id());
    }
    let objects = json(&[&pids[0], &pids[1], "--only", "vdso"]);
    for child in [&mut one, &mut two] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let Some(vdso) = of_name(&objects, "both", "[vdso]").first().copied() else {
        return testfs::skip("the kernel's pages", "neither process touched one");
    };
    let told = what(&objects, "both").iter().any(|both| both["frames_told"] == true);
    let same = number(vdso, if told { "same" } else { "perhaps" });
    assert!(same > 0 && number(vdso, "different") == 0, "{vdso}");
}

/// Of eight pages that were there before the fork, two are stored to afterwards.
pub(crate) fn pages_after_a_fork() {
    let memory = Mapping::anonymous(LEN, READ_WRITE, Sharing::Private, MapFlags::empty()).unwrap();
    memory.advise(0..LEN, Advice::NoHugePage).unwrap();
    // A mapping that no other is joined to, so that it can be found by its size.
    memory.advise(0..LEN, Advice::DontDump).unwrap();
    let page = usize::try_from(PAGE).unwrap();
    memory.store_range(0..8 * page, 1);
    let child = Waiting::after(|| memory.store_range(3 * page..5 * page, 2));
    let base = memory.address() as u64;
    let pids = [std::process::id().to_string(), child.pid().to_string()];
    for via in ["best", "text"] {
        let objects = json(&[&pids[0], &pids[1], "--pages=each", "--via", via]);
        let told = what(&objects, "both").iter().any(|both| both["frames_told"] == true);
        let mut found: Vec<_> = what(&objects, "both_pages")
            .iter()
            .filter(|run| run["by"] == "address")
            .filter(|run| (base..base + LEN as u64).contains(&number(run, "start")))
            .map(|run| {
                ((number(run, "start") - base) / PAGE, run["are"].as_str().unwrap().to_owned())
            })
            .collect();
        found.sort();
        let same = if told { "same" } else { "perhaps" };
        let expected: Vec<_> = (0..8)
            .map(|page| (page, if (3..5).contains(&page) { "different" } else { same }.to_owned()))
            .collect();
        assert_eq!(found, expected, "{via}");
    }
}

pub(crate) fn pictures_are_drawn() {
    let dir = tempfile::tempdir().unwrap();
    let child = Waiting::after(|| ());
    let pid = child.pid().to_string();
    let (svg, png) = (dir.path().join("a.svg"), dir.path().join("a.png"));
    let (svg_name, png_name) = (svg.to_str().unwrap(), png.to_str().unwrap());
    let parent = std::process::id().to_string();
    for pids in [&[pid.as_str()][..], &[parent.as_str(), pid.as_str()]] {
        let args: Vec<_> =
            pids.iter().copied().chain(["--svg", svg_name, "--png", png_name]).collect();
        assert!(maps(&args).text().contains("by file"));
        let drawn = fs::read_to_string(&svg).unwrap();
        assert!(drawn.contains("<svg") && drawn.contains(&pid) && drawn.contains("[heap]"));
        assert!(fs::read(&png).unwrap().starts_with(b"\x89PNG"));
    }
    let printed = maps(&[&pid, "--svg", "-"]).text();
    assert!(printed.contains("<svg") && printed.trim_end().ends_with("</svg>"), "nothing else");
    let refused = maps(&[&pid, "--svg", "/no/such/directory/a.svg"]).failed();
    assert!(refused.contains("/no/such/directory/a.svg: cannot write the picture"), "{refused}");
}
