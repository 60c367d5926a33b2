//! A scene as pixels, in a PNG.

use std::collections::BTreeMap;
use std::io;

use tiny_skia::{
    FillRule, FilterQuality, Paint as Brush, Path, PathBuilder, Pattern, Pixmap, SpreadMode,
    Stroke, StrokeDash, Transform,
};

use super::letters::Faces;
use super::scene::{
    Anchor, At, Colour, Font, Mark, Paint, Rect, STRIPE, STRIPES, Scene, rect, stripes,
};
use super::{letters, scene};

/// Pixels of the PNG for one of the scene: small letters stay sharp on screens with small pixels, and when enlarged.
pub(super) const SCALE: u32 = 2;

/// The scene as a PNG.
///
/// # Errors
/// If there is no memory for so many pixels.
pub(super) fn png(scene: &Scene) -> io::Result<Vec<u8>> {
    let pixels = |length: f64| whole(length * f64::from(SCALE));
    let mut canvas = Canvas {
        pixmap: Pixmap::new(pixels(scene.width), pixels(scene.height))
            .ok_or_else(|| io::Error::other("the picture would be too large"))?,
        tiles: BTreeMap::new(),
    };
    canvas.pixmap.fill(solid(WHITE));
    canvas.draw(&scene.marks);
    encoded(&canvas.pixmap).map_err(io::Error::other)
}

/// Nothing is transparent, so there are three bytes for a pixel. Of pictures with so few
/// colours and so many like letters, bytes as they are compress best.
fn encoded(pixmap: &Pixmap) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, pixmap.width(), pixmap.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    encoder.set_filter(png::Filter::NoFilter);
    let pixels: Vec<u8> = pixmap
        .pixels()
        .iter()
        .flat_map(|pixel| [pixel.red(), pixel.green(), pixel.blue()])
        .collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(bytes)
}

const WHITE: Colour = Colour(255, 255, 255);

#[derive(Debug)]
struct Canvas {
    pixmap: Pixmap,
    /// What stripes are made of, by the paint; made when first needed.
    tiles: BTreeMap<Paint, Pixmap>,
}

impl Canvas {
    fn draw(&mut self, marks: &[Mark]) {
        for mark in marks {
            match mark {
                Mark::Rect { rect, paint } => self.rectangle(*rect, *paint),
                Mark::Polygon { points, colour, opacity } => {
                    let mut shade = solid(*colour);
                    shade.apply_opacity(single(*opacity));
                    self.fill(path(points, Ends::Joined), &brush(shade));
                }
                Mark::Line { points, colour, width, dash } => {
                    self.line(points, *colour, *width, *dash);
                }
                Mark::Text { at, text, font, anchor, colour } => {
                    self.text(*at, text, *font, *anchor, *colour);
                }
                Mark::Tip { marks, .. } => self.draw(marks),
            }
        }
    }

    fn fill(&mut self, path: Option<Path>, brush: &Brush<'_>) {
        // A shape without an area has no path, and nothing to fill.
        if let Some(path) = path {
            self.pixmap.fill_path(&path, brush, FillRule::Winding, enlarged(), None);
        }
    }

    fn rectangle(&mut self, area: Rect, paint: Paint) {
        match paint {
            Paint::Plain(colour) => self.area(area, &brush(solid(colour))),
            Paint::Outlined { ground, line } => {
                self.area(area, &brush(solid(line)));
                let (width, height) = ((area.width - 2.0).max(0.0), (area.height - 2.0).max(0.0));
                let within = rect(area.x + 1.0, area.y + 1.0, width, height);
                self.area(within, &brush(solid(ground)));
            }
            Paint::Striped { ground, stripe } => self.striped(area, paint, ground, stripe),
        }
    }

    fn area(&mut self, area: Rect, brush: &Brush<'_>) {
        if let Some(area) = corners(area) {
            self.pixmap.fill_rect(area, brush, enlarged(), None);
        }
    }

    fn striped(&mut self, area: Rect, paint: Paint, ground: Colour, stripe: Colour) {
        let made = self.tiles.remove(&paint).or_else(|| tile(ground, stripe));
        let Some(tile) = made else { return self.area(area, &brush(solid(ground))) };
        let scale = 1.0 / single(f64::from(SCALE));
        let shader = Pattern::new(
            tile.as_ref(),
            SpreadMode::Repeat,
            FilterQuality::Nearest,
            1.0,
            Transform::from_scale(scale, scale),
        );
        self.area(area, &Brush { shader, ..Brush::default() });
        self.tiles.insert(paint, tile);
    }

    fn line(&mut self, points: &[At], colour: Colour, width: f64, dash: Option<[f64; 2]>) {
        let stroke = Stroke {
            width: single(width),
            dash: dash.and_then(|lengths| StrokeDash::new(lengths.map(single).to_vec(), 0.0)),
            ..Stroke::default()
        };
        if let Some(path) = path(points, Ends::Open) {
            self.pixmap.stroke_path(&path, &brush(solid(colour)), &stroke, enlarged(), None);
        }
    }

    fn text(&mut self, at: At, text: &str, font: Font, anchor: Anchor, colour: Colour) {
        let text = letters::clean(text);
        let width = letters::width(&text, font);
        let mut x = match anchor {
            Anchor::Start => at.x,
            Anchor::Middle => at.x - width / 2.0,
            Anchor::End => at.x - width,
        };
        let ink = brush(solid(colour));
        for character in text.chars() {
            // On whole pixels of the PNG: alike letters are alike in it, which it is smaller for.
            let place = scene::at(on_pixel(x), on_pixel(at.y));
            self.letter(place, character, font, &ink);
            x += letters::advance(character, font.weight) * font.size;
        }
    }

    fn letter(&mut self, at: At, character: char, font: Font, ink: &Brush<'_>) {
        let Some(letter) = Faces::get().letter(character, font.weight) else {
            // A box, as everywhere for letters that a font lacks.
            let size = font.size;
            let frame = rect(at.x + size * 0.1, at.y - size * 0.75, size * 0.8, size * 0.8);
            return self.line(&around(frame), Colour(0x60, 0x60, 0x60), 1.0, None);
        };
        let scale = font.size / f64::from(letter.face.units_per_em());
        let mut outline = Outline { path: PathBuilder::new(), at, scale };
        // A blank has no outline.
        letter.face.outline_glyph(letter.glyph, &mut outline);
        self.fill(outline.path.finish(), ink);
    }
}

/// A letter's outline, put at its place. A font's `y` grows upwards.
struct Outline {
    path: PathBuilder,
    at: At,
    scale: f64,
}

impl Outline {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        let x = self.at.x + f64::from(x) * self.scale;
        let y = self.at.y - f64::from(y) * self.scale;
        (single(x), single(y))
    }
}

impl ttf_parser::OutlineBuilder for Outline {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.place(x1, y1), self.place(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2)) = (self.place(x1, y1), self.place(x2, y2));
        let (x, y) = self.place(x, y);
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

/// The tile that stripes are made of.
fn tile(ground: Colour, stripe: Colour) -> Option<Pixmap> {
    let side = whole(STRIPES * f64::from(SCALE));
    let mut canvas = Canvas { pixmap: Pixmap::new(side, side)?, tiles: BTreeMap::new() };
    canvas.pixmap.fill(solid(ground));
    for ends in stripes() {
        canvas.line(&ends, stripe, STRIPE, None);
    }
    Some(canvas.pixmap)
}

/// Whether the last point is joined to the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ends {
    Open,
    Joined,
}

fn path(points: &[At], ends: Ends) -> Option<Path> {
    let mut builder = PathBuilder::new();
    let (first, rest) = points.split_first()?;
    builder.move_to(single(first.x), single(first.y));
    for point in rest {
        builder.line_to(single(point.x), single(point.y));
    }
    if ends == Ends::Joined {
        builder.close();
    }
    builder.finish()
}

fn corners(area: Rect) -> Option<tiny_skia::Rect> {
    let (x, y) = (single(area.x), single(area.y));
    tiny_skia::Rect::from_xywh(x, y, single(area.width), single(area.height))
}

fn around(frame: Rect) -> [At; 5] {
    let (right, bottom) = (frame.x + frame.width, frame.y + frame.height);
    let first = scene::at(frame.x, frame.y);
    [first, scene::at(right, frame.y), scene::at(right, bottom), scene::at(frame.x, bottom), first]
}

fn on_pixel(length: f64) -> f64 {
    (length * f64::from(SCALE)).round() / f64::from(SCALE)
}

fn enlarged() -> Transform {
    let scale = single(f64::from(SCALE));
    Transform::from_scale(scale, scale)
}

fn solid(Colour(red, green, blue): Colour) -> tiny_skia::Color {
    tiny_skia::Color::from_rgba8(red, green, blue, 255)
}

fn brush(colour: tiny_skia::Color) -> Brush<'static> {
    let mut brush = Brush::default();
    brush.set_color(colour);
    brush
}

#[expect(clippy::cast_possible_truncation, reason = "a fraction of a pixel is lost at most")]
fn single(number: f64) -> f32 {
    number as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` keeps within bounds"
)]
pub(super) fn whole(number: f64) -> u32 {
    number.ceil() as u32
}
