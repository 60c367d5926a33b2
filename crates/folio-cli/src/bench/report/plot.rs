//! The results as plots: bars of rates for each pattern, and lines of times by size of record.

use crate::picture::plots::{
    Axis, Bar, BarGroup, Bars, Lines, Plot, Plots, Point, Scale, Series, Spread as Drawn, Unit,
};
use crate::units::human;

use super::super::cache::State;
use super::super::plan::Pattern;
use super::super::results::Results;
use super::super::rounds::{Measured, Row};
use super::super::stats::Spread;
use super::super::way::{Cache, Way};
use super::super::writing::Store;

/// How many ways of a group are drawn: a picture of all is longer than anybody looks at, and the table has them.
const SHOWN: usize = 6;

/// What was measured, as plots.
pub(in super::super) fn plots(results: &Results) -> Plots {
    let method = &results.method;
    let mut plots: Vec<Plot> = results
        .distinct(|row| row.group.pattern)
        .into_iter()
        .filter_map(|pattern| bars(results, pattern))
        .map(Plot::Bars)
        .collect();
    plots.extend([1, 64].into_iter().filter_map(|batch| lines(results, batch)).map(Plot::Lines));
    let asked = match (results.reads.is_empty(), results.writes.is_empty()) {
        (false, true) => "Ways to read",
        (true, false) => "Ways to write",
        _ => "Ways to read and write",
    };
    Plots {
        title: format!("{asked}: {}", method.name),
        notes: vec![
            format!(
                "{}, {} of it, Linux {}, {} rounds; the spread is from the lowest to the highest round",
                method.filesystem,
                human(method.span),
                method.kernel,
                method.rounds
            ),
            format!("of each group the {SHOWN} fastest ways, and pread; the table has all"),
            "cold: nothing of the file in the page cache; warm: all of it".to_owned(),
        ],
        plots,
    }
}

/// The ways of one pattern, a group for each number of threads, warm beside cold.
fn bars(results: &Results, pattern: Pattern) -> Option<Bars> {
    let groups: Vec<BarGroup> = results
        .distinct(|row| row.group.threads)
        .into_iter()
        .map(|threads| BarGroup {
            name: if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") },
            bars: [Cache::Warm, Cache::Cold]
                .into_iter()
                .flat_map(|cache| shown(results, cache, pattern, threads))
                .filter_map(|row| bar(row, pattern))
                .collect(),
        })
        .filter(|group| !group.bars.is_empty())
        .collect();
    let unit = if pattern == Pattern::Sequential { Unit::BytesPerSecond } else { Unit::PerSecond };
    let label = if pattern == Pattern::Sequential { "throughput" } else { "records of 4 KiB" };
    // Warm and cold are orders of magnitude apart.
    let axis = Axis { label: label.to_owned(), unit, scale: Scale::Log };
    let title = format!("{}: {}", pattern.name(), pattern.about());
    (!groups.is_empty()).then_some(Bars { title, axis, groups })
}

/// The fastest ways of a group, the fastest first, and pread to compare them with.
fn shown(results: &Results, cache: Cache, pattern: Pattern, threads: usize) -> Vec<&Row> {
    let ranking = results.ranking(cache, pattern, threads).into_iter().enumerate();
    ranking
        .filter(|&(place, (way, _))| place < SHOWN || way == Way::Pread)
        .filter_map(|(_, (way, _))| results.row(cache, pattern, threads, way))
        .collect()
}

fn bar(row: &Row, pattern: Pattern) -> Option<Bar> {
    let rate = row.rate()?;
    let by = if pattern == Pattern::Sequential { 1.0 } else { pattern.piece() as f64 };
    let note = match &row.result {
        Measured::Rates { state: State::Not(_), .. } => {
            Some(format!("not {}", row.group.cache.name()))
        }
        Measured::Rates { state: State::Unverified(_), .. } => Some("not checked".to_owned()),
        _ => None,
    };
    Some(Bar {
        name: row.way.name().to_owned(),
        series: usize::from(row.group.cache == Cache::Cold),
        series_name: Some(row.group.cache.name().to_owned()),
        value: drawn(rate, by),
        note,
    })
}

fn lines(results: &Results, batch: u64) -> Option<Lines> {
    let series: Vec<Series> = Store::ALL
        .iter()
        .map(|&store| {
            let rows = results.writes.iter().filter(|row| (row.store, row.batch) == (store, batch));
            let mut points: Vec<Point> = rows
                .filter_map(|row| {
                    Some(Point { x: row.record as f64, y: drawn(row.rate()?.per(1.0), 1.0) })
                })
                .collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            Series { name: store.name().to_owned(), points }
        })
        .filter(|series| !series.points.is_empty())
        .collect();
    let together = if batch == 1 {
        "each made durable".to_owned()
    } else {
        format!("{batch} made durable together")
    };
    let axis = |label: &str, unit| Axis { label: label.to_owned(), unit, scale: Scale::Log };
    (!series.is_empty()).then(|| Lines {
        title: format!("writing records at random places, {together}"),
        x: axis("size of a record", Unit::Bytes),
        y: axis("time for a record", Unit::Seconds),
        series,
    })
}

fn drawn(spread: Spread, by: f64) -> Drawn {
    Drawn { low: spread.low / by, middle: spread.median / by, high: spread.high / by }
}

#[cfg(test)]
mod tests {
    use super::super::super::results::tests::{results, row, write};
    use super::*;

    #[test]
    fn the_fastest_are_drawn_and_pread() {
        let rates = Way::ALL.iter().enumerate().map(|(place, &way)| {
            row(Cache::Warm, Pattern::Random, 1, way, &[4096.0 * (place + 1) as f64])
        });
        let results = results(rates.collect(), Vec::new());
        let names: Vec<_> = shown(&results, Cache::Warm, Pattern::Random, 1)
            .iter()
            .map(|row| row.way.name())
            .collect();
        assert_eq!(
            names,
            ["uring-direct", "direct", "splice", "sendfile", "uring", "shared-chunks", "pread"]
        );
    }

    #[test]
    fn a_plot_for_each_pattern_and_each_way_to_flush() {
        let results = results(
            vec![
                row(Cache::Warm, Pattern::Sequential, 1, Way::Map, &[1e9, 2e9]),
                row(Cache::Cold, Pattern::Sequential, 1, Way::Map, &[1e8]),
                row(Cache::Cold, Pattern::Random, 2, Way::Map, &[4096.0]),
            ],
            vec![write(Store::Map, 4096, 1, &[5.0], 1), write(Store::Map, 64, 1, &[10.0], 1)],
        );
        let plots = plots(&results).plots;
        let [Plot::Bars(sequential), Plot::Bars(random), Plot::Lines(writing)] = &plots[..] else {
            panic!("{plots:?}")
        };
        assert_eq!(
            sequential.groups[0].bars.iter().map(|bar| bar.series).collect::<Vec<_>>(),
            [0, 1]
        );
        assert_eq!(random.groups[0].bars[0].value.middle, 1.0);
        assert_eq!(
            writing.series[0].points.iter().map(|point| point.x).collect::<Vec<_>>(),
            [64.0, 4096.0]
        );
        assert_eq!(writing.series[0].points[0].y.middle, 0.1);
    }
}
