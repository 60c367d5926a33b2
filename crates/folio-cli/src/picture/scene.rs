//! A picture as shapes and texts at places, before it is SVG or pixels.
//!
//! Both outputs are made from this and from nothing else, so that they show the same. Lengths are pixels at the size
//! that a picture is meant to be seen at; `y` grows downwards.

/// Red, green, blue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

/// A place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct At {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A short way to write a place.
pub(super) fn at(x: f64, y: f64) -> At {
    At { x, y }
}

/// An upright rectangle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A short way to write a rectangle.
pub(super) fn rect(x: f64, y: f64, width: f64, height: f64) -> Rect {
    Rect { x, y, width, height }
}

/// What fills a rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Paint {
    Plain(Colour),
    /// Rising stripes: told from plain ones without seeing colours.
    Striped {
        ground: Colour,
        stripe: Colour,
    },
    /// A line around it, inside its bounds.
    Outlined {
        ground: Colour,
        line: Colour,
    },
}

/// How a text is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Font {
    /// The em, in pixels.
    pub(super) size: f64,
    pub(super) weight: Weight,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    Regular,
    Bold,
}

/// Which part of a text its place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// One thing that is drawn; later ones cover earlier ones.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    Rect {
        rect: Rect,
        paint: Paint,
    },
    /// A closed shape; `opacity` is from 0 to 1.
    Polygon {
        points: Vec<At>,
        colour: Colour,
        opacity: f64,
    },
    Line {
        points: Vec<At>,
        colour: Colour,
        width: f64,
        /// How long a stroke and the gap after it are; `None` for an unbroken line.
        dash: Option<[f64; 2]>,
    },
    /// One line of text; `at` is on its baseline.
    Text {
        at: At,
        text: String,
        font: Font,
        anchor: Anchor,
        colour: Colour,
    },
    /// What is told together when pointed at; SVG only, so it adds to what is seen and is never the only place for it.
    Tip {
        tip: String,
        marks: Vec<Mark>,
    },
}

/// A picture.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scene {
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) title: String,
    /// What is seen, in words, for those who do not see it.
    pub(super) description: String,
    pub(super) marks: Vec<Mark>,
}

/// How far apart stripes are: the tile that repeats is a square of this side.
pub(super) const STRIPES: f64 = 5.0;
/// How broad a stripe is, across.
pub(super) const STRIPE: f64 = 1.6;

/// The stripes of one tile: each a line from one place to another, reaching over its edges so that tiles join.
pub(super) fn stripes() -> [[At; 2]; 3] {
    let side = STRIPES;
    [
        [at(-side / 2.0, side / 2.0), at(side / 2.0, -side / 2.0)],
        [at(-side / 2.0, side * 1.5), at(side * 1.5, -side / 2.0)],
        [at(side / 2.0, side * 1.5), at(side * 1.5, side / 2.0)],
    ]
}
