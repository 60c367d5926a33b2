//! Pictures: what `pages`, `maps` and `bench` found, as SVG and as PNG.
//!
//! A command fills in plain values and names an [`Output`]; nothing here looks at a file or a process.
//! [`pages::Pages`] are maps of files, [`process::Process`] is how one or two processes are mapped,
//! [`exe::Exe`] a program's file on one side and its memory on the other, [`plots::Plots`] measurements.
//! The first two are made of [`cells::Strip`]s: rows of cells, each of which stands for as many pages as its neighbour.
//!
//! Every text may come from a file's name. It is shown in one line whatever it holds: control characters are replaced,
//! what does not fit is shortened in the middle. Names that are no UTF-8 are for the command to quote
//! ([`quoted`](crate::name::quoted)).

mod axis;
mod bars;
pub(crate) mod cells;
mod columns;
pub(crate) mod exe;
pub(crate) mod flags;
mod grid;
mod letters;
mod lines;
mod output;
pub(crate) mod pages;
mod palette;
mod pieces;
pub(crate) mod plots;
mod png;
pub(crate) mod process;
mod scene;
mod sheet;
mod svg;
mod words;

use std::path::PathBuf;

/// Where a picture goes, and as what. The path `-` is standard output, on which the command then prints nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// Scalable, for a browser or a document; holds its texts as texts, and more of them when pointed at.
    Svg(PathBuf),
    /// Pixels, for everywhere else.
    Png(PathBuf),
}

#[cfg(test)]
mod tests;
