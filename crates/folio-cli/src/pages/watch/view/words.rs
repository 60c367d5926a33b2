//! Numbers and names in few columns.

use std::time::Duration;

use ratatui::text::Span;

use crate::units;

/// Bytes in at most six columns, in units of 1024: `982`, `4.0K`, `12.3M`, `1023K`.
pub(super) fn bytes(bytes: u64) -> String {
    scaled(bytes, 10, &["K", "M", "G", "T", "P", "E"])
}

/// Things in at most six columns, in units of 1000: `982`, `4.1k`, `12.3M`.
pub(super) fn count(count: u64) -> String {
    let mut whole = u128::from(count) * 10;
    let mut unit = "";
    for next in ["k", "M", "G", "T", "P", "E"] {
        if whole < 10_000 {
            break;
        }
        whole /= 1000;
        unit = next;
    }
    tenths(whole, unit)
}

fn scaled(number: u64, bits: u32, units: &[&'static str]) -> String {
    let power = number.checked_ilog2().unwrap_or(0) / bits;
    let unit = (power as usize).checked_sub(1).and_then(|place| units.get(place).copied());
    let whole = (u128::from(number) * 10) >> (bits * power);
    tenths(whole, unit.unwrap_or(""))
}

/// With a decimal where it says something.
fn tenths(tenths: u128, unit: &str) -> String {
    if unit.is_empty() || tenths >= 1000 {
        format!("{}{unit}", tenths / 10)
    } else {
        format!("{}.{}{unit}", tenths / 10, tenths % 10)
    }
}

/// What is not told is a dash.
pub(super) fn or_dash(number: Option<u64>, words: impl FnOnce(u64) -> String) -> String {
    number.map_or_else(|| "–".to_owned(), words)
}

/// A share in at most four columns.
pub(super) fn percent(part: u64, whole: u64) -> String {
    format!("{}%", units::percent(part, whole))
}

/// `1 s`, `0.5 s`, `100 ms` would be hard to compare, so always seconds.
pub(super) fn seconds(time: Duration) -> String {
    let millis = time.as_millis();
    match millis % 1000 {
        0 => format!("{} s", millis / 1000),
        rest => {
            let fraction = format!("{rest:03}");
            format!("{}.{} s", millis / 1000, fraction.trim_end_matches('0'))
        }
    }
}

/// `text` in at most `width` columns; of what is too long the end is kept, which is where paths differ.
pub(super) fn keep_end(text: &str, width: usize) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let mut kept = Vec::new();
    let mut used = 1;
    for letter in text.chars().rev() {
        used += columns(letter.encode_utf8(&mut [0; 4]));
        if used > width {
            break;
        }
        kept.push(letter);
    }
    let end: String = kept.into_iter().rev().collect();
    if width == 0 { String::new() } else { format!("…{end}") }
}

/// As much of the beginning of `text` as fits `width` columns.
pub(super) fn keep_start(text: &str, width: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, letter)| {
        used += columns(letter.encode_utf8(&mut [0; 4]));
        used > width
    });
    &text[..end.map_or(text.len(), |(at, _)| at)]
}

/// `text` in lines of at most `width` columns, broken between words; a word that is longer has a line of its own.
pub(super) fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && columns(&line) + 1 + columns(word) > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// How many columns of a terminal it takes.
pub(super) fn columns(text: &str) -> usize {
    Span::raw(text).width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_fit_their_column() {
        for (number, words) in [
            (0, "0"),
            (1023, "1023"),
            (1024, "1.0K"),
            (102_400, "100K"),
            (1_048_575, "1023K"),
            (3 << 29, "1.5G"),
            (u64::MAX, "15.9E"),
        ] {
            assert_eq!(bytes(number), words);
        }
        for (number, words) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.0k"),
            (123_456, "123k"),
            (999_999, "999k"),
            (u64::MAX, "18.4E"),
        ] {
            assert_eq!(count(number), words);
        }
    }

    #[test]
    fn intervals_are_seconds() {
        let words = |millis| seconds(Duration::from_millis(millis));
        assert_eq!(
            [words(1000), words(500), words(1250), words(100)],
            ["1 s", "0.5 s", "1.25 s", "0.1 s"]
        );
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(lines("a bc def g", 4), ["a bc", "def", "g"]);
        assert_eq!(lines("abcdef g", 3), ["abcdef", "g"]);
        assert_eq!(lines("", 3), [""]);
    }

    #[test]
    fn long_names_keep_their_end_whatever_their_width() {
        assert_eq!(keep_end("a/b/c", 5), "a/b/c");
        assert_eq!(keep_end("a/b/c", 4), "…b/c");
        assert_eq!(keep_end("a/b/c", 1), "…");
        assert_eq!(keep_end("a/b/c", 0), "");
        // Each of these takes two columns.
        assert_eq!(keep_end("ファイル", 5), "…イル");
        assert_eq!(keep_end("ファイル", 4), "…ル");
        assert_eq!((keep_start("ファイル", 5), keep_start("abc", 3)), ("ファ", "abc"));
    }
}
