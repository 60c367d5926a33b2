//! Rust source with comments and literals told apart from code.
//!
//! A scanner, not a parser: enough to know whether a word stands in code, in a comment or in a string, so that a check
//! can name a forbidden word without tripping over itself.

/// What each byte of a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    Literal,
}

/// The text of a source with everything but code, or everything but comments, blanked: lines and columns stay.
#[derive(Debug)]
pub struct Source {
    /// The code alone.
    pub code: String,
    /// The comments alone, with their slashes.
    pub comments: String,
}

impl Source {
    /// Scan `text`.
    #[must_use]
    pub fn scan(text: &str) -> Self {
        let parts = parts(text);
        let only = |wanted| {
            let keep = |(index, letter): (usize, char)| {
                if letter == '\n' || parts[index] == wanted { letter } else { ' ' }
            };
            text.char_indices().map(keep).collect()
        };
        Self { code: only(Part::Code), comments: only(Part::Comment) }
    }
}

/// One [`Part`] for each byte.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::with_capacity(text.len());
    while parts.len() < text.len() {
        let rest = &text[parts.len()..];
        let (part, len) = next(rest, text[..parts.len()].chars().next_back());
        parts.extend(std::iter::repeat_n(part, len));
    }
    parts
}

/// What `rest` begins with, and for how many bytes; `before` is the character in front of it.
fn next(rest: &str, before: Option<char>) -> (Part, usize) {
    if rest.starts_with("//") {
        return (Part::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Part::Comment, block_comment(rest));
    }
    if rest.starts_with('"') {
        return (Part::Literal, string(rest));
    }
    if before.is_none_or(|letter| !is_word(letter))
        && let Some(len) = raw_string(rest)
    {
        return (Part::Literal, len);
    }
    if let Some(len) = character(rest) {
        return (Part::Literal, len);
    }
    (Part::Code, rest.chars().next().map_or(1, char::len_utf8))
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0usize;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (index, byte) in rest.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return index + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`, `br"…"`, `cr"…"`.
fn raw_string(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix)
            .is_some_and(|after| after.trim_start_matches('#').starts_with('"'))
    })?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    let end = format!("\"{}", "#".repeat(hashes));
    let open = prefix.len() + hashes + 1;
    Some(rest[open..].find(&end).map_or(rest.len(), |close| open + close + end.len()))
}

/// A character literal; `None` for a lifetime.
fn character(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('\'')?;
    if let Some(escaped) = after.strip_prefix('\\') {
        // The character after the backslash may itself be a quote.
        let first = escaped.chars().next()?.len_utf8();
        return escaped[first..].find('\'').map(|close| 2 + first + close + 1);
    }
    let first = after.chars().next()?.len_utf8();
    after[first..].starts_with('\'').then_some(1 + first + 1)
}

fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The lines, counted from 1, on which `word` stands in `text` as a word of its own.
pub fn lines_with_word<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let has = move |line: &str| {
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].chars().next();
            !before.is_some_and(is_word) && !after.is_some_and(is_word)
        })
    };
    text.lines().enumerate().filter(move |(_, line)| has(line)).map(|(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn code_is(text: &str, expected: &str) {
        let code = Source::scan(text).code;
        assert_eq!(code.split_whitespace().collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn comments_and_literals_are_not_code() {
        code_is("a // b\nc", "a c");
        code_is("a /* b /* c */ d */ e", "a e");
        code_is(r#"f("unsafe \" // still") g"#, "f( ) g");
        code_is("f(r#\"a \" b\"#, br\"c\\\", 1)", "f( , , 1)");
        code_is(
            r"match c { '\'' => 1, '/' => 2, '\u{1F600}' => 3, 'é' => 4 }",
            "match c { => 1, => 2, => 3, => 4 }",
        );
        code_is("fn f<'a>(x: &'a str) -> &'a str", "fn f<'a>(x: &'a str) -> &'a str");
        code_is("bar\"x\" r2 br", "bar r2 br");
    }

    #[test]
    fn lines_and_columns_stay() {
        let text = "let é = \"x\ny\"; // z\nend";
        let source = Source::scan(text);
        assert_eq!(source.code.lines().count(), 3);
        assert_eq!(source.comments.lines().nth(1).unwrap().trim(), "// z");
        assert_eq!(source.code.chars().count(), text.chars().count());
    }

    #[test]
    fn a_word_is_not_a_part_of_a_word() {
        let lines: Vec<_> =
            lines_with_word("unsafe\nunsafe_code\nan unsafe fn\nnotunsafe", "unsafe").collect();
        assert_eq!(lines, [1, 3]);
    }
}
