//! Every kind of picture, of little and of much: nothing is cut off, nothing covers a text, both outputs are whole.
//!
//! `FOLIO_PICTURES=DIR cargo test -p folio-cli picture` also writes all of them there, to be looked at.

mod exe;
mod pages;
mod plots;
mod process;

use std::path::Path;

use tiny_skia::{Pixmap, PremultipliedColorU8};

use super::letters::width;
use super::png::{SCALE, png, whole};
use super::scene::{Anchor, At, Colour, Mark, Paint, Rect, Scene, rect};
use super::svg::svg;

/// A decoded PNG.
struct Pixels(Pixmap);

impl Pixels {
    /// The colour at a place of the scene.
    fn at(&self, x: f64, y: f64) -> Colour {
        let found: PremultipliedColorU8 =
            self.0.pixel(whole(x * f64::from(SCALE)), whole(y * f64::from(SCALE))).unwrap();
        Colour(found.red(), found.green(), found.blue())
    }
}

/// Check what holds for every picture, and show it to whoever asked to see it.
fn sound(name: &str, scene: &Scene) -> (String, Pixels) {
    let mut flat = Vec::new();
    flatten(&scene.marks, &mut flat);
    let texts: Vec<(Rect, &str)> = flat.iter().filter_map(|mark| text_box(mark)).collect();
    for (index, (area, text)) in texts.iter().enumerate() {
        assert!(within(*area, scene), "{name}: cut off: {text:?} {area:?}");
        for (other, covered) in &texts[..index] {
            assert!(!meet(*area, *other), "{name}: {text:?} {area:?} covers {covered:?} {other:?}");
        }
    }
    for mark in &flat {
        match mark {
            Mark::Rect { rect, .. } => assert!(within(*rect, scene), "{name}: {rect:?}"),
            Mark::Line { points, .. } | Mark::Polygon { points, .. } => {
                for At { x, y } in points {
                    assert!(within(rect(*x, *y, 0.0, 0.0), scene), "{name}: {x} {y}");
                }
            }
            Mark::Text { font, text, .. } => assert!(font.size >= 10.0, "{name}: {text}"),
            Mark::Tip { .. } => {}
        }
    }
    let svg = svg(scene);
    let document = roxmltree::Document::parse(&svg).unwrap_or_else(|why| panic!("{name}: {why}"));
    let root = document.root_element();
    let size = |name| root.attribute(name).and_then(|text| text.parse::<f64>().ok());
    assert_eq!((size("width"), size("height")), (Some(scene.width), Some(scene.height)));
    let png = png(scene).unwrap();
    if let Some(dir) = std::env::var_os("FOLIO_PICTURES") {
        std::fs::write(Path::new(&dir).join(format!("{name}.svg")), &svg).unwrap();
        std::fs::write(Path::new(&dir).join(format!("{name}.png")), &png).unwrap();
    }
    let pixels = Pixmap::decode_png(&png).unwrap();
    let scaled = |length: f64| length * f64::from(SCALE);
    assert_eq!(f64::from(pixels.width()), scaled(scene.width));
    assert_eq!(f64::from(pixels.height()), scaled(scene.height));
    (svg, Pixels(pixels))
}

fn flatten<'a>(marks: &'a [Mark], flat: &mut Vec<&'a Mark>) {
    for mark in marks {
        flat.push(mark);
        if let Mark::Tip { marks, .. } = mark {
            flatten(marks, flat);
        }
    }
}

/// Where a text's letters are: from the top of a capital to its baseline.
fn text_box(mark: &Mark) -> Option<(Rect, &str)> {
    let Mark::Text { at, text, font, anchor, .. } = mark else { return None };
    let width = width(text, *font);
    let x = match anchor {
        Anchor::Start => at.x,
        Anchor::Middle => at.x - width / 2.0,
        Anchor::End => at.x - width,
    };
    let height = font.size * 0.75;
    Some((rect(x, at.y - height, width, height), text))
}

fn within(area: Rect, scene: &Scene) -> bool {
    let (right, bottom) = (area.x + area.width, area.y + area.height);
    area.x >= 0.0 && area.y >= 0.0 && right <= scene.width && bottom <= scene.height
}

fn meet(a: Rect, b: Rect) -> bool {
    let apart = a.x + a.width <= b.x
        || b.x + b.width <= a.x
        || a.y + a.height <= b.y
        || b.y + b.height <= a.y;
    !apart
}

/// The texts of a picture, in the order in which they are drawn.
fn texts(scene: &Scene) -> Vec<&str> {
    let mut flat = Vec::new();
    flatten(&scene.marks, &mut flat);
    flat.iter()
        .filter_map(|mark| match mark {
            Mark::Text { text, .. } => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

/// The rectangles painted so.
fn painted(scene: &Scene, wanted: Paint) -> Vec<Rect> {
    let mut flat = Vec::new();
    flatten(&scene.marks, &mut flat);
    flat.iter()
        .filter_map(|mark| match mark {
            Mark::Rect { rect, paint } if *paint == wanted => Some(*rect),
            _ => None,
        })
        .collect()
}
