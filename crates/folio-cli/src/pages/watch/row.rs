//! A file in the list: what was last seen of it, what became of it, and how fast it changes.

use std::time::Duration;

use super::event::{Figures, Identity, Occasion, Sight};
use super::files::{FileName, Named};
use super::rates::{History, per_second};

/// How long a row says what happened to its file, and how long one stays that has no file any more.
pub(super) const NEWS_LAST: Duration = Duration::from_secs(10);

/// A file. There may be a million of them, and of most nothing happens: what is only of the others is elsewhere.
#[derive(Debug)]
pub(super) struct Row {
    name: FileName,
    pub(super) state: State,
    pub(super) mark: Mark,
    /// The last sweep that came by it.
    pub(super) sweep: u32,
    /// What the rate is measured from.
    base: Option<(Duration, u64)>,
    live: Option<Box<Live>>,
}

/// What there is of a file that is on the screen, or that something happens to.
#[derive(Debug, Default)]
struct Live {
    rate: Rate,
    /// Cached pages of a thousand, a value for each look while it was on the screen.
    history: History,
    news: Option<(News, Duration)>,
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

impl Rate {
    /// From so many cached pages to so many.
    pub(super) fn between(before: u64, now: u64, time: Duration) -> Self {
        let rate = |more: u64, less: u64| per_second(more.saturating_sub(less), time);
        Self { into: rate(now, before), out: rate(before, now) }
    }
}

impl Named for Row {
    fn file_name(&self) -> &FileName {
        &self.name
    }
}

impl Row {
    /// A file that was not known before.
    pub(super) fn new(name: FileName) -> Self {
        Self {
            name,
            state: State::Failed("not looked at yet".to_owned()),
            mark: Mark::Unmarked,
            sweep: 0,
            base: None,
            live: None,
        }
    }

    /// Its name, fit for a terminal. Put together each time: there may be a million files, and few are on the screen.
    pub(super) fn name(&self) -> String {
        self.name.quoted()
    }

    /// What is known of it, if there is a file.
    pub(super) fn figures(&self) -> Option<&Figures> {
        match &self.state {
            State::Here(_, figures) => Some(figures),
            State::Gone { .. } | State::Failed(_) => None,
        }
    }

    pub(super) fn rate(&self) -> Rate {
        self.live.as_ref().map_or(Rate::default(), |live| live.rate)
    }

    /// Cached pages of a thousand, a value for each look while it was on the screen.
    pub(super) fn history(&self) -> &History {
        static NONE: History = History::new();
        self.live.as_ref().map_or(&NONE, |live| &live.history)
    }

    /// What happened to it a little while ago.
    pub(super) fn news(&self, now: Duration) -> Option<News> {
        let (news, then) = self.live.as_ref()?.news?;
        (now.saturating_sub(then) < NEWS_LAST).then_some(news)
    }

    fn live(&mut self) -> &mut Live {
        self.live.get_or_insert_default()
    }

    /// It appeared.
    pub(super) fn is_new(&mut self, now: Duration) {
        self.live().news = Some((News::New, now));
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
                    self.live().history.push(figures.permille().unwrap_or(0));
                }
                self.state = State::Here(identity, figures);
                if self.rate() == Rate::default()
                    && self.news(now).is_none()
                    && self.history().len() == 0
                {
                    self.live = None;
                }
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
            self.forget_rate();
            if let Some(live) = &mut self.live {
                live.news = None;
            }
        }
    }

    fn compare(&mut self, now: Duration, identity: Identity, figures: &Figures) {
        let news = match &self.state {
            State::Here(known, before) if *known == identity => {
                (figures.len < before.len).then_some(News::Truncated)
            }
            State::Here(..) => {
                self.forget_rate();
                Some(News::Replaced)
            }
            State::Gone { .. } => Some(News::New),
            State::Failed(_) => None,
        };
        if let Some(news) = news {
            self.live().news = Some((news, now));
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
            let rate = Rate::between(before, cached, time);
            if rate != self.rate() {
                self.live().rate = rate;
            }
            self.base = Some((now, cached));
        }
    }

    /// There is nothing to compare the next look with.
    pub(super) fn forget_rate(&mut self) {
        self.base = None;
        if let Some(live) = &mut self.live {
            live.rate = Rate::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::survey::Cached;
    use crate::pages::watch::files::Files;
    use std::path::Path;

    const SECOND: Duration = Duration::from_secs(1);

    fn sight(cached: u64) -> Sight {
        let identity = Identity { dev: 1, ino: 1 };
        let figures = Figures::new(1 << 20, Cached::Known(cached), None);
        Sight::Here { identity, figures }
    }

    #[test]
    fn a_file_to_which_nothing_happens_takes_little() {
        let mut files = Files::default();
        let row = files.of(Path::new("d/a"), Row::new);
        assert!(size_of_val(row) <= 120, "{}", size_of_val(row));
        row.see(SECOND, sight(1), SECOND, Occasion::Change);
        row.see(SECOND * 2, sight(1), SECOND, Occasion::Change);
        assert!(row.live.is_none());
        row.see(SECOND * 3, sight(9), SECOND, Occasion::Change);
        assert_eq!(row.rate(), Rate { into: 8, out: 0 });
        row.see(SECOND * 4, sight(9), SECOND, Occasion::Change);
        assert!(row.live.is_none() && row.rate() == Rate::default());
        // What was on the screen keeps its history.
        row.see(SECOND * 5, sight(9), SECOND, Occasion::Tick);
        row.see(SECOND * 6, sight(9), SECOND, Occasion::Change);
        assert_eq!(row.history().len(), 1);
    }
}
