//! Numbers in words that are as short as they are true.

use crate::units::{self, human};

const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];

/// Bytes, without a fraction where there is none: `4 KiB`, `1.5 GiB`.
pub(super) fn size(bytes: u64) -> String {
    let power = bytes.checked_ilog2().unwrap_or(0) / 10;
    let whole = bytes >> (10 * power);
    if bytes == whole << (10 * power) {
        return format!("{whole} {}", UNITS[power as usize]);
    }
    human(bytes)
}

/// An offset, exact: in the largest unit that it is a multiple of.
pub(super) fn offset(bytes: u64) -> String {
    if bytes == 0 {
        return "0".to_owned();
    }
    let power = bytes.trailing_zeros() / 10;
    format!("{} {}", count(bytes >> (10 * power)), UNITS[power as usize])
}

/// A number with its digits in threes.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 page`, `3 pages`.
pub(super) fn pages(number: u64) -> String {
    plural(number, "page")
}

/// `1 file`, `3 files`.
pub(super) fn plural(number: u64, thing: &str) -> String {
    format!("{} {thing}{}", count(number), if number == 1 { "" } else { "s" })
}

/// A share, as everywhere.
pub(super) fn percent(part: u64, whole: u64) -> String {
    format!("{} %", units::percent(part, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_no_fraction_that_is_none() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (4096, "4 KiB"),
            (5000, "4.8 KiB"),
            (1 << 40, "1 TiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(size(bytes), expected);
        }
    }

    #[test]
    fn offsets_are_exact() {
        for (bytes, expected) in [
            (0u64, "0"),
            (5000, "5,000 B"),
            (1 << 40, "1 TiB"),
            ((1 << 40) + (1 << 29), "1,049,088 MiB"),
            (u64::MAX, "18,446,744,073,709,551,615 B"),
        ] {
            assert_eq!(offset(bytes), expected);
        }
    }
}
