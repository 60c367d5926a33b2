//! What each key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::event::{Effect, Occasion, Order, Status, Tone, Verb};
use super::model::{Follow, Mode, Model, Work};
use super::order::Direction;
use super::row::Mark;

impl Model {
    /// A key was pressed.
    pub(super) fn press(&mut self, key: KeyEvent) -> Vec<Effect> {
        // What was said was read.
        self.status = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return self.press_with_control(key.code);
        }
        match self.mode {
            Mode::Browse => self.browse(key.code),
            Mode::Filter => self.type_filter(key.code),
            Mode::Help => {
                self.mode = Mode::Browse;
                Vec::new()
            }
        }
    }

    fn press_with_control(&mut self, code: KeyCode) -> Vec<Effect> {
        match code {
            KeyCode::Char('c') => vec![Effect::Quit],
            KeyCode::Char('z') => vec![Effect::Suspend],
            KeyCode::Char('l') => vec![Effect::Redraw],
            KeyCode::Char('u') if self.mode == Mode::Filter => self.set_filter(String::new()),
            _ => Vec::new(),
        }
    }

    fn browse(&mut self, code: KeyCode) -> Vec<Effect> {
        match code {
            KeyCode::Char('q') => vec![Effect::Quit],
            KeyCode::Esc if !self.filter.is_empty() => self.set_filter(String::new()),
            KeyCode::Esc => vec![Effect::Quit],
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => {
                self.mode = Mode::Help;
                Vec::new()
            }
            KeyCode::Char('/') => {
                self.mode = Mode::Filter;
                Vec::new()
            }
            KeyCode::Char('w') => self.order(Verb::Warm),
            KeyCode::Char('e') => self.order(Verb::Evict),
            KeyCode::Char('s') => self.order(Verb::Sync),
            KeyCode::Char('x') if self.work != Work::Idle => vec![Effect::StopSteering],
            KeyCode::Char('p') => self.toggle_pause(),
            KeyCode::Char('+' | '=') => {
                self.pace = self.pace.longer();
                Vec::new()
            }
            KeyCode::Char('-') => {
                self.pace = self.pace.shorter();
                Vec::new()
            }
            KeyCode::Char('o') => {
                self.sort = self.sort.next();
                self.direction = Direction::Usual;
                self.sorted_anew()
            }
            KeyCode::Char('r') => {
                self.direction = self.direction.turned();
                self.sorted_anew()
            }
            _ => self.select(code),
        }
    }

    /// Keys that move the cursor or mark files.
    fn select(&mut self, code: KeyCode) -> Vec<Effect> {
        let page = usize::from(self.layout().rows()).max(1);
        let last = self.shown.len().saturating_sub(1);
        match code {
            KeyCode::Up | KeyCode::Char('k') => self.cursor = self.cursor.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => self.cursor = last.min(self.cursor + 1),
            KeyCode::PageUp => self.cursor = self.cursor.saturating_sub(page),
            KeyCode::PageDown => self.cursor = last.min(self.cursor + page),
            KeyCode::Home | KeyCode::Char('g') => self.cursor = 0,
            KeyCode::End | KeyCode::Char('G') => self.cursor = last,
            KeyCode::Char(' ') => {
                self.toggle_mark();
                self.cursor = last.min(self.cursor + 1);
            }
            KeyCode::Char('a') => self.mark_all(Mark::Marked),
            KeyCode::Char('u') => self.mark_all(Mark::Unmarked),
            _ => return Vec::new(),
        }
        self.follow = match code {
            KeyCode::Home | KeyCode::Char('g') => Follow::Top,
            _ => Follow::File,
        };
        vec![self.look(Occasion::Change)]
    }

    /// Do something to the marked files, or to the one under the cursor.
    fn order(&mut self, verb: Verb) -> Vec<Effect> {
        if let Work::Busy(_) = self.work {
            return self.say(Tone::Bad, "still at work on the last order; x ends it early");
        }
        let files = self.targets();
        if files.is_empty() {
            return self.say(Tone::Bad, "there is no file to do this to");
        }
        vec![self.steer(Order { verb, files })]
    }

    fn say(&mut self, tone: Tone, text: &str) -> Vec<Effect> {
        self.status = Some(Status { tone, text: text.to_owned() });
        Vec::new()
    }

    fn sorted_anew(&mut self) -> Vec<Effect> {
        self.reorder();
        self.cursor = 0;
        self.follow = Follow::Top;
        let words = self.sort.words();
        let which = match self.direction {
            Direction::Usual => "",
            Direction::Reversed => ", the other way round",
        };
        self.say(Tone::Plain, &format!("sorted by {words}{which}"));
        vec![self.look(Occasion::Change)]
    }

    fn type_filter(&mut self, code: KeyCode) -> Vec<Effect> {
        let mut text = self.filter.0.clone();
        match code {
            KeyCode::Esc => {
                self.mode = Mode::Browse;
                return self.set_filter(String::new());
            }
            KeyCode::Enter => {
                self.mode = Mode::Browse;
                return Vec::new();
            }
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Char(letter) => text.push(letter),
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => {
                return self.select(code);
            }
            _ => return Vec::new(),
        }
        self.set_filter(text)
    }

    fn set_filter(&mut self, text: String) -> Vec<Effect> {
        self.filter.0 = text;
        self.reorder();
        vec![self.look(Occasion::Change)]
    }
}

impl Verb {
    /// What is said as soon as the order is given.
    pub(super) fn beginning(self, files: usize) -> String {
        let doing = self.doing();
        match files {
            1 => format!("{doing}…"),
            many => format!("{doing} {many} files…"),
        }
    }

    /// `warming`, `evicting`, `writing back`.
    pub(super) fn doing(self) -> &'static str {
        match self {
            Self::Warm => "reading in",
            Self::Evict => "evicting",
            Self::Sync => "writing back",
        }
    }
}
