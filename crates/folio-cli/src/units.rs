//! Numbers as people type them: sizes with units, offsets from either end, and single bytes. Pure.
//!
//! A size is decimal or `0x` hexadecimal, then a unit of coreutils: `K` and `KiB` are 1024 bytes, `KB` and `kB` are
//! 1000, and so on to `E`; `B` or nothing is bytes. There are no fractions and no exponents: an offset is exact or
//! it is a mistake.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, as typed: `4096`, `4K`, `1MiB`, `10MB`, `0x1000`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) u64);

/// A position in a file, as typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Offset {
    /// So many bytes after the first.
    FromStart(u64),
    /// So many bytes before the end: typed with a minus.
    FromEnd(u64),
}

/// A single byte, as typed: a character, `0x0a`, or an escape such as `\n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Byte(pub(crate) u8);

/// Why a number or a byte cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// There is no digit where one has to be.
    NoDigits,
    /// Something follows the digits that is no unit.
    Unit(String),
    /// More than 64 bits can hold.
    TooLarge,
    /// Not one byte.
    Byte(ByteMistake),
}

/// Why something is not one byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ByteMistake {
    /// Nothing, or several characters.
    NotOne,
    /// One character, of so many bytes in UTF-8.
    Wide(usize),
    /// A backslash and something that is no escape.
    Escape,
    /// `0x` and something that is not one or two hexadecimal digits.
    Hex,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDigits => f.write_str("a number has to begin with a digit, as in 4096, 4K, 1MiB or 0x1000"),
            Self::Unit(unit) => write!(
                f,
                "{unit:?} is not a unit; K, M, G, T, P, E and KiB… count by 1024, KB, MB… by 1000"
            ),
            Self::TooLarge => f.write_str("more than 64 bits can hold"),
            Self::Byte(ByteMistake::NotOne) => {
                f.write_str("a byte is one character, 0x and two hexadecimal digits, or an escape such as \\n")
            }
            Self::Byte(ByteMistake::Wide(len)) => {
                write!(f, "this character is {len} bytes long in UTF-8; give one of them, as in 0xc3")
            }
            Self::Byte(ByteMistake::Escape) => {
                f.write_str("the escapes are \\n \\t \\r \\0 \\a \\b \\e \\f \\v \\\\ and \\x with two hexadecimal digits")
            }
            Self::Byte(ByteMistake::Hex) => f.write_str("0x takes one or two hexadecimal digits, as in 0x0a"),
        }
    }
}

impl std::error::Error for Mistake {}

impl FromStr for Size {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let (radix, rest) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(rest) => (16, rest),
            None => (10, text),
        };
        let digits = rest.find(|c: char| !c.is_digit(radix)).unwrap_or(rest.len());
        let (number, unit) = rest.split_at(digits);
        if number.is_empty() {
            return Err(Mistake::NoDigits);
        }
        let number = u64::from_str_radix(number, radix).map_err(|_| Mistake::TooLarge)?;
        number.checked_mul(unit_bytes(unit)?).map(Self).ok_or(Mistake::TooLarge)
    }
}

/// How many bytes the unit stands for.
fn unit_bytes(unit: &str) -> Result<u64, Mistake> {
    let unknown = || Mistake::Unit(unit.to_owned());
    let mut letters = unit.chars();
    let power = match letters.next() {
        None => return Ok(1),
        Some('B') if letters.as_str().is_empty() => return Ok(1),
        Some('K' | 'k') => 1,
        Some('M') => 2,
        Some('G') => 3,
        Some('T') => 4,
        Some('P') => 5,
        Some('E') => 6,
        Some(_) => return Err(unknown()),
    };
    match letters.as_str() {
        "" | "iB" => Ok(1024u64.pow(power)),
        "B" => Ok(1000u64.pow(power)),
        _ => Err(unknown()),
    }
}

impl FromStr for Offset {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        match text.strip_prefix('-') {
            Some(rest) => rest.parse::<Size>().map(|size| Self::FromEnd(size.0)),
            None => text.parse::<Size>().map(|size| Self::FromStart(size.0)),
        }
    }
}

impl FromStr for Byte {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            return hex_byte(digits).ok_or(Mistake::Byte(ByteMistake::Hex));
        }
        let mut characters = text.chars();
        match (characters.next(), characters.as_str()) {
            (Some('\\'), rest) if !rest.is_empty() => {
                escaped_byte(rest).ok_or(Mistake::Byte(ByteMistake::Escape))
            }
            (Some(one), "") => match u8::try_from(one) {
                Ok(byte) if byte.is_ascii() => Ok(Self(byte)),
                _ => Err(Mistake::Byte(ByteMistake::Wide(one.len_utf8()))),
            },
            _ => Err(Mistake::Byte(ByteMistake::NotOne)),
        }
    }
}

fn hex_byte(digits: &str) -> Option<Byte> {
    let fits =
        matches!(digits.len(), 1 | 2) && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if fits { u8::from_str_radix(digits, 16).ok().map(Byte) } else { None }
}

/// What follows the backslash.
fn escaped_byte(escape: &str) -> Option<Byte> {
    let byte = match escape {
        "n" => b'\n',
        "t" => b'\t',
        "r" => b'\r',
        "0" => 0,
        "a" => 0x07,
        "b" => 0x08,
        "e" => 0x1b,
        "f" => 0x0c,
        "v" => 0x0b,
        "\\" => b'\\',
        _ => return escape.strip_prefix('x').and_then(hex_byte),
    };
    Some(Byte(byte))
}

/// Bytes in the unit that makes the number short: `982`, `4.0 KiB`, `1.5 GiB`.
pub(crate) fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let power = bytes.ilog2() / 10;
    let unit = UNITS.get(power as usize - 1).copied().unwrap_or("EiB");
    let tenths = (u128::from(bytes) * 10) >> (10 * power);
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// A share in percent, to the nearest: 0 only where it is nothing, 100 only where it is all. `<1`, `33`, `>99`, `100`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let rounded = (u128::from(part) * 200 + u128::from(whole)) / (u128::from(whole.max(1)) * 2);
    match rounded {
        0 if part > 0 => "<1".to_owned(),
        100.. if part < whole => ">99".to_owned(),
        rounded => rounded.min(100).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(text: &str) -> Result<u64, Mistake> {
        text.parse::<Size>().map(|size| size.0)
    }

    #[test]
    fn a_share_is_nothing_or_all_only_when_it_is() {
        for (part, whole, expected) in [
            (0, 0, "0"),
            (0, 10, "0"),
            (1, 1000, "<1"),
            (1, 200, "1"),
            (1, 3, "33"),
            (2, 3, "67"),
            (199, 200, ">99"),
            (7, 7, "100"),
            (8, 7, "100"),
            (u64::MAX - 1, u64::MAX, ">99"),
        ] {
            assert_eq!(percent(part, whole), expected, "{part} of {whole}");
        }
    }

    #[test]
    fn sizes_that_people_type() {
        for (text, bytes) in [
            ("0", 0),
            ("4096", 4096),
            ("4096B", 4096),
            ("4K", 4096),
            ("4k", 4096),
            ("4KiB", 4096),
            ("4KB", 4000),
            ("4kB", 4000),
            ("1M", 1 << 20),
            ("1MB", 1_000_000),
            ("1MiB", 1 << 20),
            ("3G", 3 << 30),
            ("1T", 1 << 40),
            ("1P", 1 << 50),
            ("15E", 15 << 60),
            ("0x1000", 4096),
            ("0X1F", 31),
            ("0x10K", 16 << 10),
            ("0x1B", 27),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn sizes_that_are_mistakes() {
        for text in ["", "K", "x", "-1", "+1", " 1", "0x", "0xg", ".5K"] {
            assert_eq!(size(text), Err(Mistake::NoDigits), "{text:?}");
        }
        for text in ["1e3", "1.5K", "1 K", "1KK", "1Ki", "1m", "1b", "1MIB", "1_000", "1٣"] {
            assert!(matches!(size(text), Err(Mistake::Unit(_))), "{text:?}");
        }
        for text in ["18446744073709551616", "16E", "0x10000000000000000", "99999999999999999999K"]
        {
            assert_eq!(size(text), Err(Mistake::TooLarge), "{text:?}");
        }
    }

    #[test]
    fn offsets_count_from_either_end() {
        assert_eq!("16".parse(), Ok(Offset::FromStart(16)));
        assert_eq!("-4K".parse(), Ok(Offset::FromEnd(4096)));
        assert_eq!("-0x10".parse(), Ok(Offset::FromEnd(16)));
        assert_eq!("-".parse::<Offset>(), Err(Mistake::NoDigits));
        assert_eq!("--1".parse::<Offset>(), Err(Mistake::NoDigits));
    }

    #[test]
    fn bytes_that_people_type() {
        for (text, byte) in [
            ("a", b'a'),
            ("5", b'5'),
            (" ", b' '),
            ("\\", b'\\'),
            ("\\\\", b'\\'),
            ("\\n", b'\n'),
            ("\\t", b'\t'),
            ("\\0", 0),
            ("\\xff", 255),
            ("\\x7", 7),
            ("0x0a", 10),
            ("0xA", 10),
            ("\n", b'\n'),
        ] {
            assert_eq!(text.parse(), Ok(Byte(byte)), "{text:?}");
        }
        let mistake = |text: &str| match text.parse::<Byte>() {
            Err(Mistake::Byte(mistake)) => mistake,
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!(mistake(""), ByteMistake::NotOne);
        assert_eq!(mistake("ab"), ByteMistake::NotOne);
        assert_eq!(mistake("10"), ByteMistake::NotOne);
        assert_eq!(mistake("é"), ByteMistake::Wide(2));
        assert_eq!(mistake("\\q"), ByteMistake::Escape);
        assert_eq!(mistake("\\x"), ByteMistake::Escape);
        assert_eq!(mistake("0x"), ByteMistake::Hex);
        assert_eq!(mistake("0x100"), ByteMistake::Hex);
        assert_eq!(mistake("0x+1"), ByteMistake::Hex);
    }

    #[test]
    fn bytes_for_people_to_read() {
        assert_eq!(human(982), "982 B");
        assert_eq!(human(1024), "1.0 KiB");
        assert_eq!(human(1_000_000_000), "953.6 MiB");
        assert_eq!(human(3 << 29), "1.5 GiB");
        assert_eq!(human(u64::MAX), "15.9 EiB");
    }

    proptest! {
        /// Whatever is written with a unit is read back as the product, or refused if that does not fit.
        #[test]
        fn a_size_is_its_number_times_its_unit(number: u64, unit in 0usize..19, hex: bool) {
            let (letters, bytes) = [
                ("", 1), ("K", 1 << 10), ("KiB", 1 << 10), ("KB", 1000), ("kB", 1000),
                ("M", 1 << 20), ("MiB", 1 << 20), ("MB", 1_000_000),
                ("G", 1 << 30), ("GiB", 1 << 30), ("GB", 1_000_000_000),
                ("T", 1 << 40), ("TiB", 1 << 40), ("TB", 1_000_000_000_000),
                ("P", 1u128 << 50), ("PiB", 1 << 50), ("PB", 10u128.pow(15)),
                ("E", 1 << 60), ("EB", 10u128.pow(18)),
            ][unit];
            // Small numbers too, where the product fits.
            for number in [number, number >> 32, number >> 56] {
                // In hexadecimal an E would be a digit.
                let hex = hex && !letters.starts_with('E');
                let text = if hex { format!("{number:#x}{letters}") } else { format!("{number}{letters}") };
                let expected = u64::try_from(u128::from(number) * bytes).map_err(|_| Mistake::TooLarge);
                prop_assert_eq!(size(&text), expected, "{}", text);
            }
        }

        #[test]
        fn no_text_makes_a_parser_panic(text: String) {
            let _ = text.parse::<Size>();
            let _ = text.parse::<Offset>();
            let _ = text.parse::<Byte>();
        }
    }
}
