//! Axes: which values get a tick, where a value lies, and how it is written.

use super::letters::{fit, width};
use super::plots::{Axis, Scale, Spread, Unit};
use super::sheet::SMALL;

/// An axis with its ends: values from `low` to `high` lie between 0 and 1.
#[derive(Clone, Debug)]
pub(super) struct Ruler {
    unit: Unit,
    scale: Scale,
    low: f64,
    high: f64,
    /// Values that get a line and a number, ascending.
    pub(super) ticks: Vec<f64>,
}

/// How many ticks there are at most on a logarithmic axis, without the first.
const MOST: f64 = 12.0;

impl Ruler {
    /// An axis for these values. Those that have no place on it, and infinite ones, are not looked at.
    pub(super) fn new(axis: &Axis, values: impl IntoIterator<Item = f64>) -> Self {
        let Axis { unit, scale, .. } = *axis;
        let fitting = values.into_iter().filter(|value| fits(scale, *value));
        let ends = fitting.fold(None, |ends: Option<(f64, f64)>, value| {
            Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
        });
        let (low, high) = ends.unwrap_or((0.0, 0.0));
        match scale {
            Scale::Linear => Self::linear(unit, high),
            Scale::Log => Self::log(unit, low, high),
        }
    }

    /// From zero, so that lengths may be compared, to the next tick.
    fn linear(unit: Unit, high: f64) -> Self {
        let high = if high > 0.0 { high } else { 1.0 };
        let (base, steps): (f64, &[f64]) = match unit {
            Unit::Bytes => (1024f64.powf(log(high, 1024.0).floor()), &[1.0, 2.0, 4.0, 5.0]),
            _ => (1.0, &[1.0, 2.0, 2.5, 5.0]),
        };
        // About five ticks: the first step that needs no more than six.
        let ten = 10f64.powf((high / base / 6.0).log10().floor());
        let candidates =
            [ten, ten * 10.0].into_iter().flat_map(|ten| steps.iter().map(move |s| s * ten));
        let step = candidates.map(|step| step * base).find(|step| high / step <= 6.0);
        let step = step.unwrap_or(high);
        let count = (high / step - 1e-9).ceil().max(1.0);
        let ticks = numbers(count).map(|index| index * step).collect();
        Self { unit, scale: Scale::Linear, low: 0.0, high: count * step, ticks }
    }

    /// From a power of ten, or of two for bytes, to another, each of them with a tick as far as there is room.
    fn log(unit: Unit, low: f64, high: f64) -> Self {
        let base = match unit {
            Unit::Bytes => 2.0,
            _ => 10.0,
        };
        let (low, high) = if low > 0.0 { (low, high) } else { (1.0, base) };
        let (first, last) = ((log(low, base) + 1e-9).floor(), (log(high, base) - 1e-9).ceil());
        let room = |step: &f64| (last - first) / step <= MOST;
        let step = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0].into_iter().find(room).unwrap_or(200.0);
        let from = (first / step).floor() * step;
        let to = ((last / step).ceil() * step).max(from + step);
        // Of ten there are powers that are no numbers.
        let power = |exponent: f64| base.powf(exponent).clamp(f64::MIN_POSITIVE, f64::MAX);
        let powers = numbers((to - from) / step).map(|index| power(from + index * step));
        let mut ticks: Vec<f64> = powers.collect();
        if base > 2.0 && to - from <= 3.0 {
            // So few powers say little of what is between them.
            let between = ticks.clone();
            let between = between.iter().flat_map(|tick| [tick * 2.0, tick * 5.0]);
            ticks.extend(between.filter(|tick| *tick < power(to)));
            ticks.sort_by(f64::total_cmp);
        }
        Self { unit, scale: Scale::Log, low: power(from), high: power(to), ticks }
    }

    /// Where a value lies, from 0 to 1; `None` if it has no place on the axis.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        if !fits(self.scale, value) {
            return None;
        }
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
        };
        Some(share.clamp(0.0, 1.0))
    }

    /// The ticks whose numbers are written side by side, each not nearer than `apart` pixels to the next on an axis of
    /// `length` pixels: all, or every second one, and so on.
    pub(super) fn numbered(&self, length: f64, apart: f64) -> Vec<(f64, String)> {
        let numbers: Vec<(f64, String)> = self
            .ticks
            .iter()
            .filter_map(|tick| Some((self.place(*tick)? * length, self.label(*tick))))
            .collect();
        let half = |number: &(f64, String)| width(&number.1, SMALL) / 2.0;
        for stride in 1..numbers.len() {
            let chosen: Vec<_> = numbers.iter().step_by(stride).cloned().collect();
            let free = |pair: &[(f64, String)]| {
                pair[1].0 - half(&pair[1]) - pair[0].0 - half(&pair[0]) >= apart
            };
            if chosen.windows(2).all(free) {
                return chosen;
            }
        }
        numbers.into_iter().take(1).collect()
    }

    /// A tick's number.
    pub(super) fn label(&self, tick: f64) -> String {
        self.unit.write(tick)
    }
}

/// Whole numbers from 0 to `last`.
fn numbers(last: f64) -> impl Iterator<Item = f64> {
    (0..=64u32).map(f64::from).take_while(move |number| *number <= last)
}

fn fits(scale: Scale, value: f64) -> bool {
    value.is_finite() && (scale == Scale::Linear && value >= 0.0 || value > 0.0)
}

fn log(value: f64, base: f64) -> f64 {
    value.ln() / base.ln()
}

impl Unit {
    /// A value with the prefix that makes it short.
    pub(super) fn write(self, value: f64) -> String {
        match self {
            Self::Bytes => {
                let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
                let (value, unit) = prefixed(value, 1024.0, &units);
                format!("{} {unit}", short(value))
            }
            // As the table has it.
            Self::BytesPerSecond => {
                let units = ["B", "kB", "MB", "GB", "TB"];
                let (value, unit) = prefixed(value, 1000.0, &units);
                format!("{} {unit}/s", short(value))
            }
            Self::Seconds => {
                let (factor, unit) = match value {
                    0.0 => return "0 s".to_owned(),
                    value if value < 0.999_5e-6 => (1e9, "ns"),
                    value if value < 0.999_5e-3 => (1e6, "µs"),
                    value if value < 0.999_5 => (1e3, "ms"),
                    _ => (1.0, "s"),
                };
                format!("{} {unit}", short(value * factor))
            }
            Self::PerSecond => format!("{}/s", decimal(value)),
        }
    }

    /// How the axis calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes per second",
            Self::Seconds => "seconds",
            Self::PerSecond => "operations per second",
        }
    }
}

fn decimal(value: f64) -> String {
    let (value, unit) = prefixed(value, 1000.0, &["", " k", " M", " G", " T"]);
    format!("{}{unit}", short(value))
}

fn prefixed<'a>(mut value: f64, base: f64, units: &[&'a str]) -> (f64, &'a str) {
    let mut index = 0;
    // What would be rounded up to a whole unit is one.
    while value >= base * 0.999_5 && index + 1 < units.len() {
        value /= base;
        index += 1;
    }
    (value, units[index])
}

/// At most three digits and a fraction only where it says something.
fn short(value: f64) -> String {
    if value >= 1e6 {
        return format!("{value:.1e}");
    }
    let digits = match value {
        value if value >= 99.95 => 0,
        value if value >= 9.995 => 1,
        value if value >= 0.095 || value == 0.0 => 2,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    text
}

impl Axis {
    /// What stands beside the axis.
    pub(super) fn name(&self, most: f64) -> String {
        let scale = match self.scale {
            Scale::Linear => "",
            Scale::Log => ", logarithmic scale",
        };
        fit(&format!("{}, in {}{scale}", self.label, self.unit.name()), SMALL, most)
    }
}

impl Spread {
    /// Everything that has to have a place.
    pub(super) fn values(self) -> [f64; 3] {
        [self.low, self.middle, self.high]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ruler(unit: Unit, scale: Scale, values: &[f64]) -> Ruler {
        Ruler::new(&Axis { label: String::new(), unit, scale }, values.iter().copied())
    }

    fn labels(unit: Unit, scale: Scale, values: &[f64]) -> String {
        let ruler = ruler(unit, scale, values);
        ruler.ticks.iter().map(|tick| ruler.label(*tick)).collect::<Vec<_>>().join(" | ")
    }

    #[test]
    fn ticks_are_numbers_that_people_count_by() {
        assert_eq!(
            labels(Unit::BytesPerSecond, Scale::Linear, &[4.7e9]),
            "0 B/s | 1 GB/s | 2 GB/s | 3 GB/s | 4 GB/s | 5 GB/s"
        );
        let mib = f64::from(1 << 20);
        assert_eq!(
            labels(Unit::Bytes, Scale::Linear, &[4.7 * mib]),
            "0 B | 1 MiB | 2 MiB | 3 MiB | 4 MiB | 5 MiB"
        );
        assert_eq!(
            labels(Unit::Seconds, Scale::Linear, &[0.000_031]),
            "0 s | 10 µs | 20 µs | 30 µs | 40 µs"
        );
        assert_eq!(
            labels(Unit::PerSecond, Scale::Log, &[900.0, 2e6]),
            "100/s | 1 k/s | 10 k/s | 100 k/s | 1 M/s | 10 M/s"
        );
        assert_eq!(
            labels(Unit::Bytes, Scale::Log, &[16.0, 4096.0]),
            "16 B | 32 B | 64 B | 128 B | 256 B | 512 B | 1 KiB | 2 KiB | 4 KiB"
        );
        assert_eq!(labels(Unit::PerSecond, Scale::Log, &[1.1, 7.0]), "1/s | 2/s | 5/s | 10/s");
        assert_eq!(
            labels(Unit::Seconds, Scale::Linear, &[]),
            "0 s | 200 ms | 400 ms | 600 ms | 800 ms | 1 s"
        );
    }

    #[test]
    fn values_are_short() {
        for (unit, value, expected) in [
            (Unit::BytesPerSecond, 1.234e9, "1.23 GB/s"),
            (Unit::BytesPerSecond, 999_960.0, "1 MB/s"),
            (Unit::Seconds, 1.6e-6, "1.6 µs"),
            (Unit::Seconds, 0.0314, "31.4 ms"),
            (Unit::Seconds, 0.999_96e-3, "1 ms"),
            (Unit::PerSecond, 612_345.0, "612 k/s"),
            (Unit::PerSecond, 0.0, "0/s"),
            (Unit::Bytes, 1023.9, "1 KiB"),
        ] {
            assert_eq!(unit.write(value), expected);
        }
    }

    #[test]
    fn what_has_no_place_has_none() {
        let log = ruler(Unit::PerSecond, Scale::Log, &[1.0, 100.0]);
        assert_eq!((log.place(0.0), log.place(f64::NAN), log.place(10.0)), (None, None, Some(0.5)));
        assert_eq!(ruler(Unit::PerSecond, Scale::Linear, &[4.0]).place(-1.0), None);
    }

    proptest! {
        #[test]
        fn every_value_has_a_place_between_few_ticks(
            values in prop::collection::vec(1e-9..1e15f64, 1..9),
            linear: bool,
            unit in prop::sample::select(vec![Unit::Bytes, Unit::BytesPerSecond, Unit::Seconds, Unit::PerSecond]),
        ) {
            let scale = if linear { Scale::Linear } else { Scale::Log };
            let ruler = ruler(unit, scale, &values);
            prop_assert!((2..=14).contains(&ruler.ticks.len()), "{:?}", ruler.ticks);
            for value in values {
                prop_assert!(ruler.low <= value * 1.000_001 && value <= ruler.high * 1.000_001, "{value} {ruler:?}");
            }
            for tick in ruler.ticks.windows(2) {
                prop_assert!(ruler.place(tick[0]) < ruler.place(tick[1]));
                prop_assert_ne!(ruler.label(tick[0]), ruler.label(tick[1]));
            }
        }
    }
}
