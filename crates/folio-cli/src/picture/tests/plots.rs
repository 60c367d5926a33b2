//! Bars and lines.

use super::super::plots::{
    Axis, Bar, BarGroup, Bars, Lines, Plot, Plots, Point, Scale, Series, Spread, Unit,
};
use super::{sound, texts};

fn spread(middle: f64, share: f64) -> Spread {
    Spread { low: middle * (1.0 - share), middle, high: middle * (1.0 + share) }
}

fn axis(label: &str, unit: Unit, scale: Scale) -> Axis {
    Axis { label: label.to_owned(), unit, scale }
}

const WAYS: [&str; 8] = [
    "read, 128 KiB",
    "pread, 128 KiB",
    "mapping",
    "mapping, populated",
    "mapping, sequential advice",
    "Shared, copied out",
    "io_uring, buffered",
    "O_DIRECT",
];

fn bars(scale: Scale) -> Bars {
    let group = |name: &str, first: f64| BarGroup {
        name: name.to_owned(),
        bars: WAYS
            .iter()
            .enumerate()
            .flat_map(|(index, way)| {
                ["warm", "cold"].into_iter().enumerate().map(move |(series, state)| Bar {
                    name: if series == 0 { (*way).to_owned() } else { String::new() },
                    series,
                    series_name: Some(state.to_owned()),
                    value: spread(first / (1.0 + index as f64) / (1.0 + 5.0 * series as f64), 0.12),
                    note: (index == 3 && series == 1).then(|| "not cold: 12 % stayed".to_owned()),
                })
            })
            .collect(),
    };
    Bars {
        title: "Reading, one thread".to_owned(),
        axis: axis("throughput", Unit::BytesPerSecond, scale),
        groups: vec![group("sequential", 12e9), group("random 4 KiB", 2.2e9)],
    }
}

fn lines() -> Lines {
    let line = |name: &str, base: f64, each: f64| Series {
        name: name.to_owned(),
        points: (4..=16)
            .map(|power| {
                let x = f64::from(1u32 << power);
                Point { x, y: spread(x / (base + x * each), 0.08) }
            })
            .collect(),
    };
    Lines {
        title: "Writing in place, by record".to_owned(),
        x: axis("record", Unit::Bytes, Scale::Log),
        y: axis("throughput", Unit::BytesPerSecond, Scale::Log),
        series: vec![
            line("mapping and flush", 2e-7, 1.2e-9),
            line("pwrite and fdatasync", 1.2e-6, 0.6e-9),
            line("O_DIRECT, with a name that is longer than there is room for", 9e-5, 1e-9),
            line("io_uring", 1.1e-6, 0.62e-9),
        ],
    }
}

fn plots(plots: Vec<Plot>) -> Plots {
    Plots {
        title: "Ways to read /srv/data/image.raw".to_owned(),
        notes: vec!["1 GiB on ext4, Linux 6.18. Bars are medians of 5 rounds, the lines on them reach from the slowest to the fastest.".to_owned()],
        plots,
    }
}

#[test]
fn bars_on_both_scales_and_lines() {
    let all = plots(vec![
        Plot::Bars(bars(Scale::Linear)),
        Plot::Bars(bars(Scale::Log)),
        Plot::Lines(lines()),
    ]);
    let scene = all.scene();
    let (svg, _) = sound("plots", &scene);
    let texts = texts(&scene);
    for text in ["warm", "cold", "throughput, in bytes per second", "not cold", "4 KiB", "12 GB/s"]
    {
        assert!(texts.iter().any(|found| found.contains(text)), "{text}: {texts:?}");
    }
    assert!(svg.contains("<title>mapping: 4 GB/s, from 3.52 GB/s to 4.48 GB/s</title>"), "{svg}");
}

#[test]
fn a_small_plot() {
    let few = Bars {
        title: "One".to_owned(),
        axis: axis("time per page", Unit::Seconds, Scale::Linear),
        groups: vec![BarGroup {
            name: String::new(),
            bars: vec![Bar {
                name: "pread".to_owned(),
                series: 0,
                series_name: None,
                value: spread(1.6e-6, 0.1),
                note: None,
            }],
        }],
    };
    let (svg, _) = sound("plots-small", &plots(vec![Plot::Bars(few)]).scene());
    insta::assert_snapshot!("plots_small", svg);
}

#[test]
fn nothing_measured_and_nothing_sensible() {
    let mut empty = bars(Scale::Log);
    empty.groups.clear();
    let mut odd = bars(Scale::Log);
    for (bar, value) in
        odd.groups[0].bars.iter_mut().zip([0.0, f64::NAN, f64::INFINITY, 1e300, 1e-300])
    {
        bar.value = spread(value, 0.5);
        bar.name = "\u{1b}".repeat(4000);
        bar.note = Some("<&>".repeat(1000));
    }
    let mut none = lines();
    none.series.clear();
    let mut single = lines();
    single.series.truncate(1);
    single.series[0].points.truncate(1);
    let mut many = lines();
    let line = many.series[0].clone();
    many.series = vec![line; 20];
    let all = vec![
        Plot::Bars(empty),
        Plot::Bars(odd),
        Plot::Lines(none),
        Plot::Lines(single),
        Plot::Lines(many),
    ];
    sound("plots-odd", &plots(all).scene());
}
