//! The plots of `folio bench`: bars for ways and patterns, lines over record sizes. [`super::axis`] divides their axes,
//! [`super::bars`] and [`super::lines`] draw them.

use super::Output;
use super::scene::Scene;
use super::sheet::Sheet;
use crate::failure::Failure;

/// Several plots, one below the other.
#[derive(Clone, Debug)]
pub(crate) struct Plots {
    /// What was measured: the file.
    pub(crate) title: String,
    /// Sentences below the title: the file system, the kernel, rounds; what the spread is.
    pub(crate) notes: Vec<String>,
    pub(crate) plots: Vec<Plot>,
}

/// One plot.
#[derive(Clone, Debug)]
pub(crate) enum Plot {
    Bars(Bars),
    Lines(Lines),
}

/// Horizontal bars in groups: one group for each pattern, say, and in it one bar for each way to read.
#[derive(Clone, Debug)]
pub(crate) struct Bars {
    pub(crate) title: String,
    /// What their length means.
    pub(crate) axis: Axis,
    pub(crate) groups: Vec<BarGroup>,
}

/// Bars that are compared with one another.
#[derive(Clone, Debug)]
pub(crate) struct BarGroup {
    pub(crate) name: String,
    pub(crate) bars: Vec<Bar>,
}

/// One bar.
#[derive(Clone, Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// Which of the colours; the same number is the same colour in all plots of a picture. Names of numbers are in
    /// [`Bar::series_name`].
    pub(crate) series: usize,
    /// For the legend: `warm`, `cold`; `None` where the colour says nothing that the names do not.
    pub(crate) series_name: Option<String>,
    pub(crate) value: Spread,
    /// A short remark behind the bar: `not cold: 12 % stayed`.
    pub(crate) note: Option<String>,
}

/// Lines over an axis of sizes or numbers.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
}

/// One line.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// By ascending `x`.
    pub(crate) points: Vec<Point>,
}

/// One measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) y: Spread,
}

/// A median and how far the rounds were from it. All in the axis's unit, none below zero, `low <= middle <= high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) middle: f64,
    pub(crate) high: f64,
}

/// What an axis measures.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    /// In words, without the unit: `throughput`.
    pub(crate) label: String,
    pub(crate) unit: Unit,
    pub(crate) scale: Scale,
}

/// How values are written; all values are in the unit without prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// `4 KiB`
    Bytes,
    /// `1.5 GB/s`
    BytesPerSecond,
    /// `3.1 µs`
    Seconds,
    /// `600 k/s`
    PerSecond,
}

/// How values are spread over an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    /// Powers of ten, or of two for bytes. Values that are not above zero have no place on it and are left out.
    Log,
}

impl Plots {
    /// Draw them.
    ///
    /// # Errors
    /// If they cannot be written.
    pub(crate) fn draw(&self, output: &Output) -> Result<(), Failure> {
        output.write(&self.scene())
    }

    pub(super) fn scene(&self) -> Scene {
        let mut sheet = Sheet::new(&self.title, &self.notes);
        for plot in &self.plots {
            sheet.y += 18.0;
            match plot {
                Plot::Bars(bars) => super::bars::draw(&mut sheet, bars),
                Plot::Lines(lines) => super::lines::draw(&mut sheet, lines),
            }
        }
        sheet.finish()
    }
}
