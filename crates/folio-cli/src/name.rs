//! File names in messages and tables: as they are where they are harmless, quoted where they are not.
//!
//! A name may hold any byte but `/` and NUL. One with a newline would break a table into lines that are no file, and
//! one with an escape sequence would command the terminal, so those are written as a shell would take them: `$'a\nb'`.

use std::fmt::{self, Write as _};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A name for a message: nothing in it can break the line or command a terminal.
pub(crate) fn quoted(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    match str::from_utf8(bytes) {
        Ok("") => "''".to_owned(),
        Ok(text) if !text.chars().any(char::is_control) => text.to_owned(),
        _ => {
            let mut text = String::new();
            // Writing to a string does not fail.
            let _ = escape(&mut text, bytes);
            text
        }
    }
}

/// `$'…'`, the quoting of bash, ksh, zsh and POSIX 2024 that can hold any byte.
fn escape(out: &mut String, bytes: &[u8]) -> fmt::Result {
    out.push_str("$'");
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\r' => out.push_str("\\r"),
                '\\' => out.push_str("\\\\"),
                '\'' => out.push_str("\\'"),
                other if other.is_control() => {
                    let mut utf8 = [0; 4];
                    for byte in other.encode_utf8(&mut utf8).bytes() {
                        write!(out, "\\x{byte:02x}")?;
                    }
                }
                other => out.push(other),
            }
        }
        for byte in chunk.invalid() {
            write!(out, "\\x{byte:02x}")?;
        }
    }
    out.push('\'');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn harmless_names_stay_as_they_are() {
        for name in ["a", "with space", "naïve/ファイル", "it's", "a:b"] {
            assert_eq!(quoted(Path::new(name)), name);
        }
    }

    #[test]
    fn odd_names_are_quoted_for_a_shell() {
        let quote = |bytes: &[u8]| quoted(Path::new(OsStr::from_bytes(bytes)));
        assert_eq!(quote(b""), "''");
        assert_eq!(quote(b"a\nb"), r"$'a\nb'");
        assert_eq!(quote(b"\x1b[31m"), r"$'\x1b[31m'");
        assert_eq!(quote(b"caf\xe9's"), r"$'caf\xe9\'s'");
        assert_eq!(quote("\u{85}".as_bytes()), r"$'\xc2\x85'");
    }
}
