//! Texts: how wide they are, where they break, what of them is shown.
//!
//! Measured with the font that PNG is drawn with. SVG names it first and then wider and narrower ones; DejaVu Sans is
//! among the widest, so a text that fits here fits elsewhere.

use std::sync::OnceLock;

use ttf_parser::{Face, GlyphId};

use super::scene::{Font, Weight};

/// Shows that something was left out.
const ELLIPSIS: char = '…';

/// The faces: regular, which has more letters, and bold.
#[derive(Debug)]
pub(super) struct Faces {
    regular: Option<Face<'static>>,
    bold: Option<Face<'static>>,
}

/// A letter's shape: of which face, and which; and how far the next letter is, in ems.
pub(super) struct Letter {
    pub(super) face: &'static Face<'static>,
    pub(super) glyph: GlyphId,
    pub(super) advance: f64,
}

impl Faces {
    pub(super) fn get() -> &'static Self {
        static FACES: OnceLock<Faces> = OnceLock::new();
        FACES.get_or_init(|| Self {
            regular: Face::parse(include_bytes!("font/DejaVuSans.ttf"), 0).ok(),
            bold: Face::parse(include_bytes!("font/DejaVuSans-Bold.ttf"), 0).ok(),
        })
    }

    /// The letter for a character; `None` if no face has it.
    pub(super) fn letter(&'static self, character: char, weight: Weight) -> Option<Letter> {
        let bold = self.bold.as_ref().filter(|_| weight == Weight::Bold);
        [bold, self.regular.as_ref()].into_iter().flatten().find_map(|face| {
            let glyph = face.glyph_index(character)?;
            let advance =
                f64::from(face.glyph_hor_advance(glyph)?) / f64::from(face.units_per_em());
            Some(Letter { face, glyph, advance })
        })
    }
}

/// How far the next character is, in ems: one em for those that the font lacks, which are mostly wide.
pub(super) fn advance(character: char, weight: Weight) -> f64 {
    Faces::get().letter(character, weight).map_or(1.0, |letter| letter.advance)
}

/// How wide a text is, in pixels.
pub(super) fn width(text: &str, font: Font) -> f64 {
    text.chars().map(|character| advance(character, font.weight)).sum::<f64>() * font.size
}

/// A text that can stand in a picture: in one line, and with nothing that XML forbids or that turns text around.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => {
                '\u{fffd}'
            }
            '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
            other if other.is_control() => '\u{fffd}',
            other => other,
        })
        .collect()
}

/// The text, with its middle left out as far as it is wider than `most` pixels. What tells names apart is mostly at
/// their ends.
pub(super) fn fit(text: &str, font: Font, most: f64) -> String {
    let text = clean(text);
    if width(&text, font) <= most {
        return text;
    }
    let letters: Vec<(char, f64)> = text
        .chars()
        .map(|character| (character, advance(character, font.weight) * font.size))
        .collect();
    let mut left = most - advance(ELLIPSIS, font.weight) * font.size;
    let (mut head, mut tail) = (0, letters.len());
    // A letter from either end in turn, the end first.
    while head < tail {
        let from_end = letters.len() - tail <= head;
        let next = if from_end { tail - 1 } else { head };
        left -= letters[next].1;
        if left < 0.0 {
            break;
        }
        if from_end {
            tail -= 1;
        } else {
            head += 1;
        }
    }
    let ends = |range: &[(char, f64)]| range.iter().map(|(letter, _)| *letter).collect::<String>();
    format!("{}{ELLIPSIS}{}", ends(&letters[..head]), ends(&letters[tail..]))
}

/// The text in lines of at most `most` pixels, broken at spaces. A word that is wider is shortened in the middle.
pub(super) fn wrap(text: &str, font: Font, most: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in clean(text).split(' ').filter(|word| !word.is_empty()) {
        let word = fit(word, font, most);
        let longer = if line.is_empty() { word.clone() } else { format!("{line} {word}") };
        if width(&longer, font) <= most {
            line = longer;
        } else {
            lines.push(std::mem::replace(&mut line, word));
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FONT: Font = Font { size: 12.0, weight: Weight::Regular };

    #[test]
    fn both_faces_have_what_folio_says_itself() {
        for weight in [Weight::Regular, Weight::Bold] {
            for letter in (' '..='~').chain("×µ·–—…−≤≥\u{fffd}".chars()) {
                let found = Faces::get().letter(letter, weight).expect("a letter of folio's own");
                let bold = found.face.is_bold();
                assert_eq!(bold, weight == Weight::Bold, "{letter:?}");
            }
        }
        // Names in other letters are at least legible.
        assert!(Faces::get().letter('é', Weight::Bold).is_some());
        assert!(Faces::get().letter('Ж', Weight::Regular).is_some());
        assert!(Faces::get().letter('フ', Weight::Regular).is_none());
    }

    #[test]
    fn names_are_shortened_in_the_middle() {
        assert_eq!(fit("short", FONT, 100.0), "short");
        let long = format!("/srv/{}/data.bin", "x".repeat(4000));
        let short = fit(&long, FONT, 120.0);
        assert!(short.starts_with("/srv/xx") && short.ends_with("/data.bin"), "{short}");
        assert_eq!(short.matches(ELLIPSIS).count(), 1);
        assert!(width(&short, FONT) <= 120.0);
    }

    #[test]
    fn what_would_break_a_line_or_the_file_is_replaced() {
        assert_eq!(
            clean("a\nb\u{1b}[0m\u{202e}c\u{ffff}"),
            "a\u{fffd}b\u{fffd}[0m\u{fffd}c\u{fffd}"
        );
    }

    proptest! {
        #[test]
        fn nothing_is_wider_than_it_may_be(text: String, most in 20.0..500.0f64) {
            prop_assert!(width(&fit(&text, FONT, most), FONT) <= most + 0.001);
            for line in wrap(&text, FONT, most) {
                prop_assert!(width(&line, FONT) <= most + 0.001, "{line:?}");
            }
        }
    }
}
