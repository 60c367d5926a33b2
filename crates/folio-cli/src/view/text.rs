//! The layout of `hexdump -C`, made from tables.
//!
//! ```text
//! 00000000  7f 45 4c 46 02 01 01 00  00 00 00 00 00 00 00 00  |.ELF............|
//! *
//! 00000200
//! ```
//!
//! Formatting has to keep up with the disk, so a row is copied from a template and filled in from tables; nothing is
//! parsed or decided for each byte. Rows in colour and rows of another width take a slower way.

use anstyle::{AnsiColor, Effects, Style};

use super::Format;

/// Two hexadecimal digits for each byte.
pub(super) const HEX: [[u8; 2]; 256] = {
    let digits = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = [digits[byte >> 4], digits[byte & 15]];
        byte += 1;
    }
    table
};

/// A printable character for each byte: itself or a dot.
pub(super) const SHOWN: [u8; 256] = {
    let mut table = [b'.'; 256];
    let mut byte = b' ';
    while byte <= b'~' {
        table[byte as usize] = byte;
        byte += 1;
    }
    table
};

/// What kind of byte it is, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Zero,
    Printable,
    Space,
    Control,
    High,
}

impl Class {
    fn of(byte: u8) -> Self {
        match byte {
            0 => Self::Zero,
            b' ' | b'\t'..=b'\r' => Self::Space,
            b'!'..=b'~' => Self::Printable,
            0x80.. => Self::High,
            _ => Self::Control,
        }
    }

    fn style(self) -> Style {
        match self {
            Self::Zero => FAINT,
            Self::Printable => AnsiColor::Cyan.on_default(),
            Self::Space => AnsiColor::Green.on_default(),
            Self::Control => AnsiColor::Magenta.on_default(),
            Self::High => AnsiColor::Yellow.on_default(),
        }
    }
}

/// What is there but need not be looked at: zeros, offsets.
const FAINT: Style = Style::new().effects(Effects::DIMMED);

/// Rows of text.
#[derive(Debug)]
pub(super) struct Text {
    width: usize,
    /// How many digits offsets have.
    digits: usize,
    /// Starts and ends of the colours; none for plain text.
    colours: Option<Vec<(String, String)>>,
}

impl Text {
    /// Rows of `width` bytes with offsets up to `last`.
    pub(super) fn new(width: usize, last: u64, colour: bool) -> Self {
        let digits = last.checked_ilog2().map_or(1, |log| log as usize / 4 + 1).max(8);
        let sgr = |style: Style| (style.render().to_string(), style.render_reset().to_string());
        let colours =
            colour.then(|| (0..=u8::MAX).map(|byte| sgr(Class::of(byte).style())).collect());
        Self { width, digits, colours }
    }

    fn offset(&self, offset: u64, out: &mut Vec<u8>) {
        let bytes = offset.to_be_bytes();
        let mut digits = [0; 16];
        for (two, byte) in digits.chunks_exact_mut(2).zip(bytes) {
            two.copy_from_slice(&HEX[usize::from(byte)]);
        }
        let needed = offset.checked_ilog2().map_or(1, |log| log as usize / 4 + 1).max(self.digits);
        out.extend_from_slice(&digits[digits.len() - needed..]);
    }

    /// A row of any width, which may be short.
    fn plain_row(&self, offset: u64, row: &[u8], out: &mut Vec<u8>) {
        self.offset(offset, out);
        out.extend_from_slice(b"  ");
        for column in 0..self.width {
            match row.get(column) {
                Some(&byte) => out.extend_from_slice(&HEX[usize::from(byte)]),
                None => out.extend_from_slice(b"  "),
            }
            out.extend_from_slice(self.gap(column));
        }
        out.push(b'|');
        out.extend(row.iter().map(|&byte| SHOWN[usize::from(byte)]));
        out.extend_from_slice(b"|\n");
    }

    /// What follows the digits of a column: eight columns make a group.
    fn gap(&self, column: usize) -> &'static [u8] {
        if column % 8 == 7 || column + 1 == self.width { b"  " } else { b" " }
    }

    fn coloured_row(
        &self,
        offset: u64,
        row: &[u8],
        colours: &[(String, String)],
        out: &mut Vec<u8>,
    ) {
        self.faint(out, |out| self.offset(offset, out));
        out.extend_from_slice(b"  ");
        for column in 0..self.width {
            match row.get(column) {
                Some(&byte) => {
                    let (start, end) = &colours[usize::from(byte)];
                    // A run of bytes of one class has one colour; those of the gaps are not seen.
                    if column == 0 || Class::of(row[column - 1]) != Class::of(byte) {
                        out.extend_from_slice(start.as_bytes());
                    }
                    out.extend_from_slice(&HEX[usize::from(byte)]);
                    if row.get(column + 1).is_none_or(|&next| Class::of(next) != Class::of(byte)) {
                        out.extend_from_slice(end.as_bytes());
                    }
                }
                None => out.extend_from_slice(b"  "),
            }
            out.extend_from_slice(self.gap(column));
        }
        self.faint(out, |out| out.push(b'|'));
        for run in row.chunk_by(|&a, &b| Class::of(a) == Class::of(b)) {
            let (start, end) = &colours[usize::from(run[0])];
            out.extend_from_slice(start.as_bytes());
            out.extend(run.iter().map(|&byte| SHOWN[usize::from(byte)]));
            out.extend_from_slice(end.as_bytes());
        }
        self.faint(out, |out| out.push(b'|'));
        out.push(b'\n');
    }

    fn faint(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        if self.colours.is_none() {
            return write(out);
        }
        out.extend_from_slice(FAINT.render().to_string().as_bytes());
        write(out);
        out.extend_from_slice(FAINT.render_reset().to_string().as_bytes());
    }
}

/// A row of the usual width after its offset.
const TAIL: usize = 2 + 3 * 16 + 2 + 1 + 16 + 1 + 1;

/// All of it that is the same in each.
const TEMPLATE: [u8; TAIL] = {
    let mut tail = [b' '; TAIL];
    tail[52] = b'|';
    tail[69] = b'|';
    tail[70] = b'\n';
    tail
};

/// Fill in the template. Every index is known to the compiler.
#[inline]
fn tail(row: &[u8; 16]) -> [u8; TAIL] {
    let mut tail = TEMPLATE;
    for (column, &byte) in row.iter().enumerate() {
        let [high, low] = HEX[byte as usize];
        let at = 2 + 3 * column + column / 8;
        tail[at] = high;
        tail[at + 1] = low;
        tail[53 + column] = SHOWN[byte as usize];
    }
    tail
}

impl Format for Text {
    fn rows(&self, offset: u64, bytes: &[u8], out: &mut Vec<u8>) {
        if let Some(colours) = &self.colours {
            for (index, row) in bytes.chunks(self.width).enumerate() {
                self.coloured_row(offset + (index * self.width) as u64, row, colours, out);
            }
            return;
        }
        let mut at = 0;
        if self.width == 16 {
            let (rows, _) = bytes.as_chunks::<16>();
            out.reserve(rows.len() * (self.digits + TAIL));
            for row in rows {
                self.offset(offset + at as u64, out);
                out.extend_from_slice(&tail(row));
                at += 16;
            }
        }
        for row in bytes[at..].chunks(self.width) {
            self.plain_row(offset + at as u64, row, out);
            at += row.len();
        }
    }

    fn repeat(&self, _offset: u64, _len: u64, _row: &[u8], out: &mut Vec<u8>) {
        self.faint(out, |out| out.push(b'*'));
        out.push(b'\n');
    }

    fn end(&self, offset: u64, shown: u64, out: &mut Vec<u8>) {
        // hexdump says nothing at all about nothing.
        if shown > 0 {
            self.faint(out, |out| self.offset(offset, out));
            out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &Text, offset: u64, bytes: &[u8]) -> String {
        let mut out = Vec::new();
        text.rows(offset, bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_of_sixteen_looks_as_hexdump_makes_it() {
        let text = Text::new(16, 0, false);
        assert_eq!(
            rows(&text, 0xfedc, b"\x7fELF\x02\x01\x01\0 ~|\xff\n\r\t!"),
            "0000fedc  7f 45 4c 46 02 01 01 00  20 7e 7c ff 0a 0d 09 21  |.ELF.... ~|....!|\n"
        );
        assert_eq!(
            rows(&text, 0, b"short"),
            "00000000  73 68 6f 72 74                                    |short|\n"
        );
    }

    /// The quick way for rows of sixteen and the way for all widths are the same way.
    #[test]
    fn the_template_is_what_the_columns_spell() {
        let text = Text::new(16, 1 << 40, false);
        let bytes: Vec<u8> = (0..=u8::MAX).collect();
        let mut slow = Vec::new();
        for (index, row) in bytes.chunks(16).enumerate() {
            text.plain_row(5 + 16 * index as u64, row, &mut slow);
        }
        assert_eq!(rows(&text, 5, &bytes), String::from_utf8(slow).unwrap());
    }

    #[test]
    fn other_widths_keep_their_columns() {
        assert_eq!(
            rows(&Text::new(4, 0, false), 0, b"abcdef"),
            "00000000  61 62 63 64  |abcd|\n00000004  65 66        |ef|\n"
        );
        let wide = rows(&Text::new(20, 0, false), 0, &[b'a'; 20]);
        assert_eq!(
            wide,
            format!(
                "00000000  {} {} {} |{}|\n",
                "61 ".repeat(8),
                "61 ".repeat(8),
                "61 ".repeat(4),
                "a".repeat(20)
            )
        );
    }

    #[test]
    fn offsets_have_as_many_digits_as_the_last_one_needs() {
        assert!(
            rows(&Text::new(16, u64::from(u32::MAX), false), 0, b"a").starts_with("00000000  ")
        );
        assert!(rows(&Text::new(16, 1 << 32, false), 0, b"a").starts_with("000000000  "));
        // Of a stream the last offset is not known.
        assert!(rows(&Text::new(16, 0, false), 1 << 36, b"a").starts_with("1000000000  "));
    }

    /// Colours change nothing but colours.
    #[test]
    fn without_its_escapes_a_coloured_row_is_a_plain_row() {
        let bytes: Vec<u8> = (0..=u8::MAX).chain([0, 0, 1]).collect();
        for width in [1, 7, 16, 33] {
            let coloured = rows(&Text::new(width, 0, true), 0, &bytes);
            let stripped = anstream::adapter::strip_str(&coloured).to_string();
            assert_eq!(stripped, rows(&Text::new(width, 0, false), 0, &bytes));
            assert!(coloured.contains("\x1b[36m"));
        }
    }
}
