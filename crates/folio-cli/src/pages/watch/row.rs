//! A file in the list: what was last seen of it, what became of it, and how fast it changes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::name::quoted;

use super::event::{Figures, Identity, Occasion, Sight};
use super::rates::{History, per_second};

/// How long a row says what happened to its file, and how long one stays that has no file any more.
pub(super) const NEWS_LAST: Duration = Duration::from_secs(10);

/// A file.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) path: Arc<Path>,
    pub(super) state: State,
    pub(super) mark: Mark,
    pub(super) rate: Rate,
    /// Cached pages of a thousand, a value for each look while it was on the screen.
    pub(super) history: History,
    /// The last sweep that came by it.
    pub(super) sweep: u64,
    news: Option<(News, Duration)>,
    /// What the rate is measured from.
    base: Option<(Duration, u64)>,
}

/// What is under the name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum State {
    Here(Identity, Figures),
    /// No file since then.
    Gone {
        since: Duration,
    },
    Failed(String),
}

/// Whether the next order is for this file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Marked,
    Unmarked,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// It was not there before.
    New,
    /// Another file has its name now.
    Replaced,
    /// It is shorter.
    Truncated,
}

/// Pages that came into memory and that went out of it in a second: the difference of two looks, so what came and went between
/// them is not seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) into: u64,
    pub(super) out: u64,
}

impl Row {
    /// A file that was not known before.
    pub(super) fn new(path: Arc<Path>) -> Self {
        Self {
            path,
            state: State::Failed("not looked at yet".to_owned()),
            mark: Mark::Unmarked,
            rate: Rate::default(),
            history: History::default(),
            sweep: 0,
            news: None,
            base: None,
        }
    }

    /// Its name, fit for a terminal. Put together each time: there may be a million files, and few are on the screen.
    pub(super) fn name(&self) -> String {
        quoted(&self.path)
    }

    /// What is known of it, if there is a file.
    pub(super) fn figures(&self) -> Option<&Figures> {
        match &self.state {
            State::Here(_, figures) => Some(figures),
            State::Gone { .. } | State::Failed(_) => None,
        }
    }

    /// What happened to it a little while ago.
    pub(super) fn news(&self, now: Duration) -> Option<News> {
        self.news.filter(|(_, then)| now.saturating_sub(*then) < NEWS_LAST).map(|(news, _)| news)
    }

    /// It appeared.
    pub(super) fn is_new(&mut self, now: Duration) {
        self.news = Some((News::New, now));
    }

    /// It was looked at. A rate is of at least half of `interval`, lest a sweep that comes by just after another look make a few
    /// pages a flood.
    pub(super) fn see(
        &mut self,
        now: Duration,
        sight: Sight,
        interval: Duration,
        occasion: Occasion,
    ) {
        match sight {
            Sight::Here { identity, figures } => {
                self.compare(now, identity, &figures);
                self.measure(now, figures.cached(), interval);
                if occasion == Occasion::Tick {
                    self.history.push(figures.permille().unwrap_or(0));
                }
                self.state = State::Here(identity, figures);
            }
            Sight::Gone => {
                self.gone(now);
            }
            Sight::Failed(why) => {
                self.forget_rate();
                self.state = State::Failed(why);
            }
        }
    }

    /// There is no file any more.
    pub(super) fn gone(&mut self, now: Duration) {
        if !matches!(self.state, State::Gone { .. }) {
            self.state = State::Gone { since: now };
            self.news = None;
            self.forget_rate();
        }
    }

    fn compare(&mut self, now: Duration, identity: Identity, figures: &Figures) {
        match &self.state {
            State::Here(known, before) if *known == identity => {
                if figures.len < before.len {
                    self.news = Some((News::Truncated, now));
                }
            }
            State::Here(..) => {
                self.news = Some((News::Replaced, now));
                self.forget_rate();
            }
            State::Gone { .. } => self.news = Some((News::New, now)),
            State::Failed(_) => {}
        }
    }

    fn measure(&mut self, now: Duration, cached: Option<u64>, interval: Duration) {
        let Some(cached) = cached else { return self.forget_rate() };
        let Some((then, before)) = self.base else {
            self.base = Some((now, cached));
            return;
        };
        let time = now.saturating_sub(then);
        if time * 2 >= interval {
            self.rate = Rate {
                into: per_second(cached.saturating_sub(before), time),
                out: per_second(before.saturating_sub(cached), time),
            };
            self.base = Some((now, cached));
        }
    }

    /// There is nothing to compare the next look with.
    pub(super) fn forget_rate(&mut self) {
        self.base = None;
        self.rate = Rate::default();
    }
}
