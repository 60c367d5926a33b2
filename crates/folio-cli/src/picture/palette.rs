//! Colours: told apart with any colour vision, and without colours by their lightness or by stripes.
//!
//! Blue and orange differ for everybody; the light and the dark of them differ in grey too. What is not there is
//! nearly white, what nobody knows is striped grey.

use super::cells::Class;
use super::scene::{Colour, Paint};

pub(super) const INK: Colour = Colour(0x22, 0x26, 0x2b);
pub(super) const FAINT: Colour = Colour(0x56, 0x5d, 0x66);
pub(super) const GRID: Colour = Colour(0xd5, 0xda, 0xdf);
pub(super) const RULE: Colour = Colour(0x9a, 0xa2, 0xab);
pub(super) const WHITE: Colour = Colour(0xff, 0xff, 0xff);

pub(super) const BLUE: Colour = Colour(0x1f, 0x5f, 0xa8);
pub(super) const SKY: Colour = Colour(0x7c, 0xba, 0xe8);
pub(super) const ORANGE: Colour = Colour(0xf2, 0xa1, 0x1b);
pub(super) const BROWN: Colour = Colour(0x8a, 0x45, 0x08);
pub(super) const GREEN: Colour = Colour(0x2a, 0x8c, 0x6a);
pub(super) const CREAM: Colour = Colour(0xfc, 0xe0, 0xb0);
pub(super) const PALE: Colour = Colour(0xe3, 0xe7, 0xeb);

/// Those of bars and lines, in turn: neighbours differ in lightness.
pub(super) const SERIES: [Colour; 6] = [BLUE, ORANGE, GREEN, SKY, BROWN, INK];

impl Class {
    pub(super) fn paint(self) -> Paint {
        match self {
            Self::Clean | Self::FilePage | Self::Both => Paint::Plain(BLUE),
            Self::Dirty | Self::OwnPage | Self::Different => Paint::Plain(ORANGE),
            Self::Writeback => Paint::Striped { ground: WHITE, stripe: BROWN },
            Self::Swapped => Paint::Striped { ground: ORANGE, stripe: BROWN },
            Self::Absent | Self::NotPresent | Self::Neither => Paint::Plain(PALE),
            Self::Hole => Paint::Outlined { ground: WHITE, line: RULE },
            Self::Unknown => Paint::Striped { ground: WHITE, stripe: RULE },
            Self::SharedPage | Self::FirstOnly => Paint::Plain(SKY),
            Self::SecondOnly => Paint::Plain(GREEN),
        }
    }

    /// What the legend says.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Clean => "cached, as on disk",
            Self::Dirty => "cached, not yet on disk (dirty)",
            Self::Writeback => "cached, being written to disk",
            Self::Absent => "not cached",
            Self::Hole => "hole: no data, not cached",
            Self::Unknown => "unknown: the kernel does not tell",
            Self::FilePage => "the file's page, in the page cache",
            Self::OwnPage => "anonymous or copied, no page of a file",
            Self::SharedPage => "of shared memory, or the kernel's",
            Self::Swapped => "in swap",
            Self::NotPresent => "not present: the next access faults",
            Self::Both => "the same page in both",
            Self::Different => "present in both, as different pages",
            Self::FirstOnly => "present in the first only",
            Self::SecondOnly => "present in the second only",
            Self::Neither => "present in neither",
        }
    }
}
