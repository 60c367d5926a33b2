//! How often to look.

use std::str::FromStr;
use std::time::Duration;

/// The intervals that + and - choose from, in milliseconds.
const STEPS: [u64; 9] = [100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000];

/// The time from one look to the next, as typed: `1`, `0.5`; from 0.1 to 3600 seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interval(Duration);

impl Interval {
    pub(super) fn time(self) -> Duration {
        self.0
    }
}

impl FromStr for Interval {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "seconds are a number from 0.1 to 3600, as in 1 or 0.5";
        let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let seconds: f64 =
            if is_plain { text.parse().map_err(|_| WRONG)? } else { return Err(WRONG) };
        if !(0.1..=3600.0).contains(&seconds) {
            return Err(WRONG);
        }
        Duration::try_from_secs_f64(seconds).map(Self).map_err(|_| WRONG)
    }
}

/// The interval, and whether it is running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    Every(Duration),
    /// Paused; with this interval later.
    Paused(Duration),
}

impl Pace {
    pub(super) fn new(interval: Interval) -> Self {
        Self::Every(interval.0)
    }

    pub(super) fn interval(self) -> Duration {
        match self {
            Self::Every(interval) | Self::Paused(interval) => interval,
        }
    }

    pub(super) fn is_paused(self) -> bool {
        matches!(self, Self::Paused(_))
    }

    pub(super) fn toggled(self) -> Self {
        match self {
            Self::Every(interval) => Self::Paused(interval),
            Self::Paused(interval) => Self::Every(interval),
        }
    }

    /// Look more seldom.
    pub(super) fn longer(self) -> Self {
        let now = self.interval().as_millis();
        let step = STEPS.iter().find(|step| u128::from(**step) > now);
        self.with(step)
    }

    /// Look more often.
    pub(super) fn shorter(self) -> Self {
        let now = self.interval().as_millis();
        let step = STEPS.iter().rev().find(|step| u128::from(**step) < now);
        self.with(step)
    }

    fn with(self, step: Option<&u64>) -> Self {
        let interval = step.map_or(self.interval(), |step| Duration::from_millis(*step));
        match self {
            Self::Every(_) => Self::Every(interval),
            Self::Paused(_) => Self::Paused(interval),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_that_people_type() {
        for (text, millis) in
            [("1", 1000), ("0.5", 500), (".25", 250), ("3600", 3_600_000), ("0.1", 100)]
        {
            assert_eq!(text.parse(), Ok(Interval(Duration::from_millis(millis))), "{text}");
        }
        for text in ["", ".", "0", "0.09", "3601", "-1", "+1", "1e3", "1s", "inf", "NaN", " 1"] {
            assert!(text.parse::<Interval>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn plus_and_minus_step_and_stop_at_the_ends() {
        let mut pace = Pace::Every(Duration::from_millis(1500));
        assert_eq!(pace.longer().interval(), Duration::from_secs(2));
        assert_eq!(pace.shorter().interval(), Duration::from_secs(1));
        for _ in 0..20 {
            pace = pace.longer();
        }
        assert_eq!(pace.interval(), Duration::from_secs(60));
        for _ in 0..20 {
            pace = pace.shorter();
        }
        assert_eq!(pace.interval(), Duration::from_millis(100));
        // An interval beyond the steps stays where it is.
        let rare = Pace::Paused(Duration::from_secs(3600));
        assert_eq!(rare.longer(), rare);
    }
}
