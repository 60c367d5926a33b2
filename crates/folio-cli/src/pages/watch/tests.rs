//! The model and the view together, without a terminal: events go in, and the screen is read as text.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use folio::{StateCounts, WhyUnknown};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::event::{
    Cell, Effect, Event, Figures, FileMap, Ground, Identity, Occasion, Order, Seen, Sight, Signal,
    Size, Status, Tone, Verb, Wanted,
};
use super::model::Model;
use super::order::SortKey;
use super::pace::Pace;
use super::rates::{Counters, Faults};
use super::view::{self, Palette};
use crate::pages::survey::Cached;

const SECOND: Duration = Duration::from_secs(1);
const MIB: u64 = 1 << 20;

/// A screen, and the time that the events come at.
struct Stage {
    model: Model,
    now: Duration,
}

impl Stage {
    fn new(columns: u16, rows: u16, pids: &[i32]) -> Self {
        let size = Size { columns, rows };
        let model = Model::new(size, Pace::Every(SECOND), "/var/lib/db".to_owned(), pids.to_vec());
        Self { model, now: SECOND }
    }

    fn event(&mut self, event: Event) -> Vec<Effect> {
        let effects = self.model.update(self.now, event);
        self.model.settle();
        effects
    }

    fn key(&mut self, code: KeyCode) -> Vec<Effect> {
        self.event(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
    }

    fn type_text(&mut self, text: &str) {
        for letter in text.chars() {
            self.key(KeyCode::Char(letter));
        }
    }

    fn sweep(&mut self, seen: Vec<Seen>) {
        self.event(Event::Swept(seen));
        self.event(Event::SweepEnded { complaints: Vec::new() });
    }

    fn looked(&mut self, seen: Seen) {
        self.event(Event::Looked { seen: vec![seen], occasion: Occasion::Tick });
    }

    /// What the screen shows, a line each.
    fn screen(&self) -> Vec<String> {
        self.screen_of(self.model.size)
    }

    fn screen_of(&self, Size { columns, rows }: Size) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| view::draw(&self.model, &Palette::coloured(), frame)).unwrap();
        // The backend cannot show lines without columns.
        let text = if columns == 0 { String::new() } else { terminal.backend().to_string() };
        let line = |line: &str| line.trim_matches('"').trim_end().to_owned();
        text.lines().map(line).collect()
    }

    fn shows(&self, text: &str) -> bool {
        self.screen().iter().any(|line| line.contains(text))
    }

    /// The names that the list shows, in order, each with what is before it.
    fn names(&self) -> Vec<String> {
        (0..self.model.shown.len())
            .filter_map(|place| Some(self.model.row(place)?.name()))
            .collect()
    }

    fn selected(&self) -> String {
        self.model.selected().map_or_else(String::new, |row| row.name())
    }
}

fn figures(len: u64, cached: u64) -> Figures {
    Figures::new(len, Cached::Known(cached), Some(StateCounts::default()))
}

fn states(dirty: u64, writeback: u64) -> Option<StateCounts> {
    let mut states = StateCounts::default();
    states.dirty = dirty;
    states.writeback = writeback;
    Some(states)
}

fn seen(name: &str, ino: u64, figures: Figures) -> Seen {
    let identity = Identity { dev: 1, ino };
    Seen { path: path(name), sight: Sight::Here { identity, figures } }
}

fn path(name: &str) -> Arc<Path> {
    Arc::from(Path::new(name))
}

/// Files of every kind, looked at twice, with the machine and a process.
fn full(columns: u16, rows: u16) -> Stage {
    let mut stage = Stage::new(columns, rows, &[4242, 4243, 4244]);
    let faults =
        |minor, major| Some(Faults { name: "postgres".to_owned(), minor, major, began: 7 });
    let counters = |k: u64| Counters {
        faults: Some(10_000 * k),
        major: Some(12 * k),
        read_kib: Some(3000 * k * k),
        written_kib: Some(800 * k),
        refaults: Some(5 * k),
        dirty: Some(3100),
        writeback: Some(64),
    };
    let table = |cached| seen("/var/lib/db/base/16384/table", 1, figures(200 * MIB, cached));
    let log = Figures::new(16 * MIB, Cached::Known(4096), states(700, 64));
    let why = WhyUnknown::NeitherOwnerNorWriter { owner: 0, user: 1000 };
    let secret = Figures::new(3 * MIB, Cached::Unknown(why), None);
    let tree = |cached| {
        vec![
            table(cached),
            seen("/var/lib/db/wal/000000010000000000000001", 2, log.clone()),
            seen("/var/lib/db/odd\u{1b}[31m", 3, figures(5000, 1)),
            seen("/var/lib/db/empty", 4, figures(0, 0)),
            seen("/var/lib/db/secret", 5, secret.clone()),
            seen("/var/lib/db/cut", 6, figures(8 * MIB, 2048)),
            Seen {
                path: path("/var/lib/db/bad"),
                sight: Sight::Failed("cannot open it: Input/output error".to_owned()),
            },
        ]
    };
    for k in 1..=3 {
        stage.now = SECOND * u32::try_from(k).unwrap();
        stage.event(Event::Tick);
        stage.event(Event::Counted {
            machine: counters(k),
            processes: vec![(4242, faults(100 * k, k)), (4243, faults(k, 0)), (4244, None)],
        });
        stage.sweep(tree(20_000 + 1000 * k));
        stage.looked(table(20_000 + 1000 * k));
    }
    stage.now += SECOND;
    stage.looked(seen("/var/lib/db/cut", 6, figures(4 * MIB, 1024)));
    stage.event(Event::Swept(vec![seen("/var/lib/db/fresh", 9, figures(MIB, 256))]));
    stage
}

/// The pages of the first file: half cached, a hole, some dirty, some being written.
fn mapped(stage: &mut Stage, columns: u16) {
    let cells = usize::from(columns - 12) * 2 + 20;
    let pages = 200 * MIB / 4096;
    let per_cell = pages.div_ceil(cells as u64);
    let cell = |place: usize| {
        let cell = Cell { pages: per_cell, ..Cell::default() };
        match place % 40 {
            0..10 => Cell { cached: per_cell, ..cell },
            10..16 => Cell { cached: per_cell * (place as u64 % 40 - 9) / 7, ..cell },
            16..18 => Cell { cached: per_cell, dirty: 3, ..cell },
            18 => Cell { cached: per_cell, writeback: 1, dirty: 1, ..cell },
            19..25 => Cell { ground: Ground::Hole, ..cell },
            _ => cell,
        }
    };
    stage.event(Event::Mapped(FileMap {
        path: path("/var/lib/db/base/16384/table"),
        len: 200 * MIB,
        per_cell: per_cell * 4096,
        cells: (0..cells).map(cell).collect(),
        why_not: None,
    }));
}

/// Screens are kept as text to be read by people; INSTA_UPDATE=always makes them anew.
fn keep(name: &str, stage: &Stage) {
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(format!("watch_{name}"), stage.screen().join("\n"));
    });
}

#[test]
fn screens() {
    for (columns, rows) in [(80, 24), (200, 50), (120, 30), (60, 14), (40, 8)] {
        let mut stage = full(columns, rows);
        mapped(&mut stage, columns);
        keep(&format!("{columns}x{rows}"), &stage);
    }
    let mut small = full(80, 24);
    small.event(Event::Resized(Size { columns: 30, rows: 5 }));
    keep("30x5", &small);
    let mut help = full(80, 24);
    help.key(KeyCode::Char('?'));
    keep("help_80x24", &help);
}

#[test]
fn no_size_makes_it_panic() {
    let mut stage = full(80, 24);
    mapped(&mut stage, 80);
    for columns in (0..8).chain(36..44).chain([59, 60, 75, 76, 110, 150, 400]) {
        for rows in (0..27).chain([100]) {
            let size = Size { columns, rows };
            // Before the model knows of the new size, and when it does.
            let _ = stage.screen_of(size);
            stage.event(Event::Resized(size));
            assert_eq!(stage.screen().len(), usize::from(if columns == 0 { 0 } else { rows }));
            stage.key(KeyCode::Char('?'));
            let _ = stage.screen();
            stage.key(KeyCode::Esc);
            stage.event(Event::Resized(Size { columns: 80, rows: 24 }));
        }
    }
}

#[test]
fn what_happens_to_a_file_is_said_beside_its_name() {
    let mut stage = Stage::new(80, 24, &[]);
    assert!(stage.shows("looking at /var/lib/db"));
    stage.sweep(vec![seen("a", 1, figures(8192, 2))]);
    assert!(stage.shows("100%") && !stage.shows("new a"));

    stage.looked(seen("a", 1, figures(4096, 1)));
    assert!(stage.shows("truncated a"));
    stage.looked(seen("a", 2, figures(4096, 0)));
    assert!(stage.shows("replaced a"));
    stage.looked(Seen { path: path("a"), sight: Sight::Gone });
    assert!(stage.shows("gone a") && stage.shows("there is no file of this name any more"));
    assert_eq!(stage.model.totals.files, 0);
    stage.looked(seen("a", 3, figures(4096, 0)));
    assert!(stage.shows("new a"));
    stage.looked(Seen {
        path: path("a"),
        sight: Sight::Failed("cannot open it: Permission denied".into()),
    });
    assert!(stage.shows("error a") && stage.shows("cannot open it: Permission denied"));

    // News grow old.
    stage.looked(seen("a", 3, figures(4096, 0)));
    stage.now += SECOND * 11;
    stage.event(Event::Tick);
    assert!(!stage.shows("new a") && stage.shows("  a"));
}

#[test]
fn files_come_and_go_with_the_sweep() {
    let mut stage = Stage::new(80, 24, &[]);
    let file = |name: &str, ino| seen(name, ino, figures(4096, 1));
    stage.sweep(vec![file("a", 1), file("b", 2)]);
    stage.now += SECOND;
    stage.sweep(vec![file("b", 2), file("c", 3)]);
    assert_eq!(stage.names(), ["b", "c", "a"]);
    assert!(stage.shows("gone a") && stage.shows("new c") && stage.shows("2 files"));
    // One that stays away is taken off the list.
    stage.now += SECOND * 10;
    stage.sweep(vec![file("b", 2), file("c", 3)]);
    assert_eq!(stage.names(), ["b", "c"]);
    stage.sweep(Vec::new());
    stage.now += SECOND * 10;
    stage.sweep(Vec::new());
    assert!(stage.shows("no file at /var/lib/db; one that appears will be shown"));
}

#[test]
fn a_key_is_for_the_file_that_was_under_the_cursor_though_others_have_gone() {
    let mut stage = Stage::new(80, 24, &[]);
    let all = |names: &[&str]| {
        let ino = 1..;
        names.iter().zip(ino).map(|(name, ino)| seen(name, ino, figures(4096, 1))).collect()
    };
    stage.sweep(all(&["a", "b", "c", "d"]));
    stage.sweep(all(&["c", "d"]));
    stage.key(KeyCode::Down);
    assert_eq!(stage.selected(), "d");
    stage.now += SECOND * 11;
    // No frame is drawn between the end of the sweep and the key.
    stage.model.update(stage.now, Event::SweepEnded { complaints: Vec::new() });
    let space = KeyEvent::new(KeyCode::Char(' '), KeyModifiers::NONE);
    stage.model.update(stage.now, Event::Key(space));
    assert_eq!(stage.model.targets(), [path("d")]);
}

#[test]
fn a_file_that_the_process_has_closed_does_not_come_back_because_it_is_still_there() {
    let mut stage = Stage::new(80, 24, &[1]);
    let file = || seen("a", 1, figures(4096, 1));
    stage.sweep(vec![file()]);
    stage.sweep(Vec::new());
    assert!(stage.shows("gone a") && stage.shows("the process does not have it any more"));
    stage.looked(file());
    assert!(stage.shows("gone a"));
    stage.sweep(vec![file()]);
    assert!(stage.shows("new a"));
    stage.looked(file());
    assert!(stage.shows("100%"));
}

#[test]
fn what_a_sweep_could_not_look_at_is_said_once() {
    let mut stage = Stage::new(80, 24, &[]);
    let end = |stage: &mut Stage| {
        let complaints = vec!["d: cannot open: Permission denied".to_owned(), "e: x".to_owned()];
        stage.event(Event::SweepEnded { complaints });
    };
    end(&mut stage);
    assert!(stage.shows("d: cannot open: Permission denied (and 1 more)"));
    stage.key(KeyCode::Down);
    end(&mut stage);
    assert!(!stage.shows("Permission denied"));
}

#[test]
fn rates_are_those_between_two_looks() {
    let mut stage = Stage::new(80, 24, &[]);
    stage.sweep(vec![seen("a", 1, figures(400 * MIB, 1000))]);
    stage.now += SECOND * 2;
    stage.looked(seen("a", 1, figures(400 * MIB, 5000)));
    let rate = |stage: &Stage| stage.model.selected().map(|row| (row.rate().into, row.rate().out));
    assert_eq!(rate(&stage), Some((2000, 0)));
    // A look right after is not a rate of its own.
    stage.now += SECOND / 10;
    stage.looked(seen("a", 1, figures(400 * MIB, 5050)));
    assert_eq!(rate(&stage), Some((2000, 0)));
    stage.now += SECOND * 9 / 10;
    stage.looked(seen("a", 1, figures(400 * MIB, 4000)));
    assert_eq!(rate(&stage), Some((0, 1000)));
    assert!(stage.shows("out 1.0k/s"));
    // Another file of that name does not make a rate, nor does a pause.
    stage.now += SECOND;
    stage.looked(seen("a", 2, figures(400 * MIB, 0)));
    assert_eq!(rate(&stage), Some((0, 0)));
    stage.key(KeyCode::Char('p'));
    stage.now += SECOND * 60;
    stage.key(KeyCode::Char('p'));
    stage.looked(seen("a", 2, figures(400 * MIB, 60_000)));
    assert_eq!(rate(&stage), Some((0, 0)));
}

#[test]
fn the_list_is_sorted_by_each_column_and_either_way() {
    let mut stage = Stage::new(80, 24, &[]);
    let dirty = Figures::new(4096 * 10, Cached::Known(5), states(2, 0));
    let unknown = Figures::new(4096 * 100, Cached::Unknown(WhyUnknown::CannotTell(1)), None);
    stage.sweep(vec![
        seen("a", 1, figures(4096 * 2, 2)),
        seen("b", 2, dirty),
        seen("c", 3, figures(4096 * 50, 1)),
        seen("d", 4, unknown),
    ]);
    let mut orders = Vec::new();
    for _ in 0..6 {
        orders.push((stage.model.sort, stage.names().concat()));
        stage.key(KeyCode::Char('o'));
    }
    let expected = [
        (SortKey::Cached, "bacd"),
        (SortKey::Percent, "abcd"),
        (SortKey::Size, "dcba"),
        (SortKey::Dirty, "bacd"),
        (SortKey::Activity, "abcd"),
        (SortKey::Name, "abcd"),
    ];
    assert_eq!(orders, expected.map(|(key, names)| (key, names.to_owned())));
    // What is not told comes last, also the other way round.
    stage.key(KeyCode::Char('r'));
    assert_eq!(stage.names(), ["c", "a", "b", "d"]);
    assert!(stage.shows("sorted by cached size, the other way round"));
}

#[test]
fn the_cursor_stays_on_its_file_and_at_the_top_until_it_is_moved() {
    let mut stage = Stage::new(80, 24, &[]);
    let list = |cached: [u64; 3]| {
        ["a", "b", "c"]
            .iter()
            .zip(cached)
            .zip(1..)
            .map(|((name, cached), ino)| seen(name, ino, figures(4096 * 100, cached)))
            .collect()
    };
    stage.sweep(list([3, 2, 1]));
    assert_eq!(stage.selected(), "a");
    stage.sweep(list([1, 3, 2]));
    assert_eq!(stage.selected(), "b");
    stage.key(KeyCode::Down);
    assert_eq!(stage.selected(), "c");
    stage.sweep(list([1, 2, 3]));
    assert_eq!((stage.selected().as_str(), stage.model.cursor), ("c", 0));
    stage.sweep(list([3, 2, 1]));
    assert_eq!((stage.selected().as_str(), stage.model.cursor), ("c", 2));
    stage.key(KeyCode::Home);
    stage.sweep(list([1, 2, 3]));
    assert_eq!(stage.selected(), "c");
    // An order is for a file, and so is the next one.
    stage.key(KeyCode::Char('e'));
    stage.event(Event::Worked(Status { tone: Tone::Plain, text: "evicted".into() }));
    stage.sweep(list([1, 2, 0]));
    assert_eq!(stage.selected(), "c");
}

#[test]
fn of_many_files_only_those_on_the_screen_are_looked_at() {
    let mut stage = Stage::new(80, 24, &[]);
    let files: Vec<_> =
        (0..20_000).map(|k| seen(&format!("{k:05}"), k, figures(4096, 1))).collect();
    stage.sweep(files);
    let looked_at = |effects: Vec<Effect>| match effects.into_iter().next() {
        Some(Effect::Look(Wanted { files, .. })) => {
            files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    let top = looked_at(stage.event(Event::Tick));
    assert_eq!((top.len(), top[0].as_str()), (11, "00000"));
    assert_eq!(stage.model.totals.files, 20_000);
    let next = looked_at(stage.key(KeyCode::PageDown));
    assert_eq!((next[0].as_str(), stage.selected().as_str()), ("00001", "00011"));
    let last = looked_at(stage.key(KeyCode::End));
    assert_eq!((last[0].as_str(), stage.selected().as_str()), ("19989", "19999"));
    let again = looked_at(stage.key(KeyCode::PageUp));
    assert_eq!((again[0].as_str(), stage.selected().as_str()), ("19988", "19988"));
    let first = looked_at(stage.key(KeyCode::Home));
    assert_eq!(first[0], "00000");
    // A larger screen shows more.
    let larger = looked_at(stage.event(Event::Resized(Size { columns: 80, rows: 50 })));
    assert!(larger.len() > 30, "{}", larger.len());
}

#[test]
fn a_filter_is_typed_and_taken_back() {
    let mut stage = Stage::new(80, 24, &[]);
    stage.sweep(vec![
        seen("Table", 1, figures(4096, 1)),
        seen("log.q", 2, figures(4096, 1)),
        seen("b", 3, figures(4096, 1)),
    ]);
    stage.key(KeyCode::Char('/'));
    // Letters are not keys now.
    stage.type_text("q");
    assert_eq!(stage.names(), ["log.q"]);
    stage.key(KeyCode::Backspace);
    stage.type_text("tab");
    assert_eq!(stage.names(), ["Table"]);
    assert!(stage.shows("show names with: tab"));
    stage.key(KeyCode::Enter);
    assert!(stage.shows("1 of 1 with \"tab\""));
    stage.key(KeyCode::Char('/'));
    stage.type_text("x");
    assert!(stage.shows("none of 3 files has \"tabx\" in its name"));
    // Totals are of all files.
    assert!(stage.shows("3 files"));
    stage.key(KeyCode::Enter);
    assert_eq!(stage.key(KeyCode::Char('e')), []);
    assert!(stage.shows("there is no file to do this to"));
    // Esc takes the filter back first, then it quits.
    assert!(!stage.key(KeyCode::Esc).contains(&Effect::Quit));
    assert_eq!(stage.names().len(), 3);
    assert_eq!(stage.key(KeyCode::Esc), [Effect::Quit]);
}

#[test]
fn orders_are_for_the_marked_files_or_the_one_under_the_cursor() {
    let mut stage = Stage::new(80, 24, &[]);
    stage.sweep(
        ["a", "b", "c"]
            .iter()
            .zip(1..)
            .map(|(name, ino)| seen(name, ino, figures(4096, 1)))
            .collect(),
    );
    stage.key(KeyCode::Down);
    let order = |verb, names: &[&str]| {
        let files = names.iter().map(|name| path(name)).collect();
        vec![Effect::Steer(Order { verb, files })]
    };
    assert_eq!(stage.key(KeyCode::Char('w')), order(Verb::Warm, &["b"]));
    assert!(stage.shows("reading in…"));
    // One at a time, and it can be ended early.
    assert_eq!(stage.key(KeyCode::Char('s')), []);
    assert_eq!(stage.key(KeyCode::Char('x')), [Effect::StopSteering]);
    stage.event(Event::Working("reading in: 1.0 MiB, 3.0 MiB/s: b".into()));
    assert!(stage.shows("reading in: 1.0 MiB, 3.0 MiB/s: b"));
    stage.event(Event::Worked(Status { tone: Tone::Bad, text: "read in 1.0 MiB of b".into() }));
    assert!(stage.shows("read in 1.0 MiB of b"));

    stage.key(KeyCode::Home);
    stage.key(KeyCode::Char(' '));
    stage.key(KeyCode::Down);
    stage.key(KeyCode::Char(' '));
    assert!(stage.shows("2 files are marked"));
    assert_eq!(stage.key(KeyCode::Char('e')), order(Verb::Evict, &["a", "c"]));
    stage.event(Event::Worked(Status { tone: Tone::Plain, text: String::new() }));
    stage.key(KeyCode::Char('a'));
    stage.key(KeyCode::Char('u'));
    stage.key(KeyCode::Home);
    assert_eq!(stage.key(KeyCode::Char('s')), order(Verb::Sync, &["a"]));
}

#[test]
fn a_pause_stops_looking_but_not_the_keys() {
    let mut stage = Stage::new(80, 24, &[]);
    stage.sweep(vec![seen("a", 1, figures(4096, 1)), seen("b", 2, figures(4096, 1))]);
    stage.key(KeyCode::Char('p'));
    assert!(stage.shows(" PAUSED") && stage.shows("p go on"));
    assert_eq!(stage.event(Event::Tick), []);
    stage.key(KeyCode::Down);
    assert_eq!(stage.selected(), "b");
    assert!(matches!(stage.key(KeyCode::Char('p'))[..], [Effect::Look(_)]));
    stage.key(KeyCode::Char('-'));
    assert!(stage.shows("every 0.5 s"));
    stage.key(KeyCode::Char('+'));
    stage.key(KeyCode::Char('='));
    assert!(stage.shows("every 2 s"));
}

#[test]
fn signals_and_control_keys() {
    let mut stage = Stage::new(80, 24, &[]);
    let mut control = |letter| {
        let key = KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL);
        stage.event(Event::Key(key))
    };
    assert_eq!(control('c'), [Effect::Quit]);
    assert_eq!(control('z'), [Effect::Suspend]);
    assert_eq!(control('l'), [Effect::Redraw]);
    assert_eq!(control('w'), []);
    assert_eq!(stage.event(Event::Signal(Signal::End(15))), [Effect::EndBy(15)]);
    assert_eq!(stage.event(Event::Signal(Signal::Stop)), [Effect::Suspend]);
    assert_eq!(stage.event(Event::Signal(Signal::Continue)), [Effect::Retake]);
    assert_eq!(stage.event(Event::Broken("x".into())), [Effect::Fail("x".into())]);
    assert_eq!(stage.key(KeyCode::Char('q')), [Effect::Quit]);
    // Any key leaves the help and does nothing else.
    stage.key(KeyCode::Char('?'));
    assert!(stage.shows("any key goes back"));
    assert_eq!(stage.key(KeyCode::Char('q')), []);
    assert!(!stage.shows("any key goes back"));
}

#[test]
fn without_colour_everything_is_still_told() {
    let mut stage = full(80, 24);
    mapped(&mut stage, 80);
    let draw = |palette: Palette| {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| view::draw(&stage.model, &palette, frame)).unwrap();
        terminal.backend().buffer().content().to_vec()
    };
    let (plain, coloured) = (draw(Palette::plain()), draw(Palette::coloured()));
    assert!(plain.iter().all(|cell| cell.fg == ratatui::style::Color::Reset));
    assert!(coloured.iter().any(|cell| cell.fg != ratatui::style::Color::Reset));
    assert!(plain.iter().zip(&coloured).all(|(a, b)| a.symbol() == b.symbol()));
}
