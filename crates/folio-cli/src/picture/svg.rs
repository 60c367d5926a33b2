//! A scene as SVG.

use std::fmt::{self, Write as _};

use super::letters::clean;
use super::scene::{
    Anchor, At, Colour, Mark, Paint, Rect, STRIPE, STRIPES, Scene, Weight, stripes,
};

/// The font of the PNG where it is installed, then others that are as wide.
const FAMILY: &str = "DejaVu Sans, Verdana, Bitstream Vera Sans, sans-serif";

/// The scene as an SVG document.
pub(super) fn svg(scene: &Scene) -> String {
    let mut out = String::new();
    document(&mut out, scene).expect("a string takes everything");
    out
}

fn document(out: &mut String, scene: &Scene) -> fmt::Result {
    let (width, height) = (Number(scene.width), Number(scene.height));
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-labelledby=\"title description\" \
         font-family=\"{FAMILY}\">"
    )?;
    writeln!(out, "<title id=\"title\">{}</title>", Escaped(&scene.title))?;
    writeln!(out, "<desc id=\"description\">{}</desc>", Escaped(&scene.description))?;
    let patterns = patterns(&scene.marks);
    definitions(out, &patterns)?;
    writeln!(out, "<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>")?;
    scene.marks.iter().try_for_each(|each| mark(out, each, &patterns))?;
    out.write_str("</svg>\n")
}

/// The striped paints that occur.
fn patterns(marks: &[Mark]) -> Vec<Paint> {
    let mut found = Vec::new();
    let mut open: Vec<&Mark> = marks.iter().collect();
    while let Some(mark) = open.pop() {
        match mark {
            Mark::Rect { paint: paint @ Paint::Striped { .. }, .. } => found.push(*paint),
            Mark::Tip { marks, .. } => open.extend(marks),
            _ => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn definitions(out: &mut String, patterns: &[Paint]) -> fmt::Result {
    let side = Number(STRIPES);
    for (index, paint) in patterns.iter().enumerate() {
        let Paint::Striped { ground, stripe } = paint else { continue };
        write!(
            out,
            "<pattern id=\"stripes{index}\" width=\"{side}\" height=\"{side}\" \
             patternUnits=\"userSpaceOnUse\"><rect width=\"{side}\" height=\"{side}\" \
             fill=\"{}\"/><path d=\"",
            Hex(*ground)
        )?;
        for [from, to] in stripes() {
            write!(out, "M{}L{}", Place(from), Place(to))?;
        }
        writeln!(out, "\" stroke=\"{}\" stroke-width=\"{STRIPE}\"/></pattern>", Hex(*stripe))?;
    }
    Ok(())
}

fn mark(out: &mut String, mark: &Mark, patterns: &[Paint]) -> fmt::Result {
    match mark {
        Mark::Rect { rect, paint } => rectangle(out, *rect, *paint, patterns),
        Mark::Polygon { points, colour, opacity } => writeln!(
            out,
            "<polygon points=\"{}\" fill=\"{}\" fill-opacity=\"{}\"/>",
            Places(points),
            Hex(*colour),
            Number(*opacity)
        ),
        Mark::Line { points, colour, width, dash } => {
            write!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"",
                Places(points),
                Hex(*colour),
                Number(*width)
            )?;
            if let Some([stroke, gap]) = dash {
                write!(out, " stroke-dasharray=\"{} {}\"", Number(*stroke), Number(*gap))?;
            }
            out.write_str("/>\n")
        }
        Mark::Text { at, text, font, anchor, colour } => {
            write!(out, "<text x=\"{}\" y=\"{}\"", Number(at.x), Number(at.y))?;
            write!(out, " font-size=\"{}\" fill=\"{}\"", Number(font.size), Hex(*colour))?;
            if font.weight == Weight::Bold {
                out.write_str(" font-weight=\"bold\"")?;
            }
            match anchor {
                Anchor::Start => {}
                Anchor::Middle => out.write_str(" text-anchor=\"middle\"")?,
                Anchor::End => out.write_str(" text-anchor=\"end\"")?,
            }
            writeln!(out, ">{}</text>", Escaped(text))
        }
        Mark::Tip { tip, marks } => {
            write!(out, "<g><title>{}</title>", Escaped(tip))?;
            if let Some((paint, rects)) = alike(marks) {
                boxes(out, &rects, paint, patterns)?;
                return out.write_str("</g>\n");
            }
            marks.iter().try_for_each(|each| self::mark(out, each, patterns))?;
            out.write_str("</g>\n")
        }
    }
}

/// Rectangles that are filled alike, if that is all there is.
fn alike(marks: &[Mark]) -> Option<(Paint, Vec<Rect>)> {
    let Some(Mark::Rect { paint: wanted, .. }) = marks.first() else { return None };
    let rects = marks.iter().map(|mark| match mark {
        Mark::Rect { rect, paint } if paint == wanted => Some(*rect),
        _ => None,
    });
    Some((*wanted, rects.collect::<Option<_>>()?))
}

/// Many rectangles as one path: a map of a file has thousands.
fn boxes(out: &mut String, rects: &[Rect], paint: Paint, patterns: &[Paint]) -> fmt::Result {
    out.write_str("<path d=\"")?;
    for rect in rects {
        let Rect { x, y, width, height } = inset(*rect, paint);
        write!(
            out,
            "M{} {}h{}v{}h{}z",
            Number(x),
            Number(y),
            Number(width),
            Number(height),
            Number(-width)
        )?;
    }
    out.write_str("\"")?;
    fill(out, paint, patterns)
}

fn rectangle(out: &mut String, rect: Rect, paint: Paint, patterns: &[Paint]) -> fmt::Result {
    let Rect { x, y, width, height } = inset(rect, paint);
    write!(
        out,
        "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        Number(x),
        Number(y),
        Number(width),
        Number(height)
    )?;
    fill(out, paint, patterns)
}

/// A line lies half on either side of its edge.
fn inset(rect: Rect, paint: Paint) -> Rect {
    let by = if matches!(paint, Paint::Outlined { .. }) { 0.5 } else { 0.0 };
    Rect {
        x: rect.x + by,
        y: rect.y + by,
        width: (rect.width - 2.0 * by).max(0.0),
        height: (rect.height - 2.0 * by).max(0.0),
    }
}

fn fill(out: &mut String, paint: Paint, patterns: &[Paint]) -> fmt::Result {
    match paint {
        Paint::Plain(colour) => writeln!(out, " fill=\"{}\"/>", Hex(colour)),
        Paint::Outlined { ground, line } => {
            writeln!(out, " fill=\"{}\" stroke=\"{}\"/>", Hex(ground), Hex(line))
        }
        Paint::Striped { .. } => {
            let index = patterns.binary_search(&paint).unwrap_or_default();
            writeln!(out, " fill=\"url(#stripes{index})\"/>")
        }
    }
}

/// A number with at most two digits after the point.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.0);
        let short = text.trim_end_matches('0').trim_end_matches('.');
        f.write_str(if short == "-0" { "0" } else { short })
    }
}

struct Place(At);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", Number(self.0.x), Number(self.0.y))
    }
}

struct Places<'a>(&'a [At]);

impl fmt::Display for Places<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, place) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{},{}", Number(place.x), Number(place.y))?;
        }
        Ok(())
    }
}

struct Hex(Colour);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Colour(red, green, blue) = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

/// A text as XML holds it.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in clean(self.0).chars() {
            match letter {
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                '"' => f.write_str("&quot;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}
