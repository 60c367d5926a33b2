//! The numbered clauses of `docs/soundness.md` and the comments that cite them.
//!
//! A clause begins a line with its name in bold, `**B1.**` or `**G2 (lease).**`, and ends where the next one or a heading
//! begins. One that no comment cites says why in its text, after the words `Not cited:`.

/// A clause: its name and whether it says that it is not cited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clause {
    /// A capital letter and a number.
    pub name: String,
    /// The line in the document, counted from 1.
    pub line: usize,
    /// Whether its text says `Not cited:`.
    pub marked: bool,
}

/// The clauses of the document `text`, in order.
#[must_use]
pub fn parse(text: &str) -> Vec<Clause> {
    let mut clauses: Vec<Clause> = Vec::new();
    let mut inside = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('#') {
            inside = false;
        }
        if let Some(name) = line.strip_prefix("**").and_then(leading_name) {
            clauses.push(Clause { name: name.to_owned(), line: index + 1, marked: false });
            inside = true;
        }
        if inside
            && line.contains("Not cited:")
            && let Some(clause) = clauses.last_mut()
        {
            clause.marked = true;
        }
    }
    clauses
}

/// A clause's name at the start of `text`: one capital letter and digits, and then no letter or digit.
fn leading_name(text: &str) -> Option<&str> {
    let digits = text.strip_prefix(|first: char| first.is_ascii_uppercase())?;
    let len = digits.len() - digits.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let ends = !digits[len..].starts_with(|next: char| next.is_alphanumeric() || next == '_');
    (len > 0 && ends).then(|| &text[..1 + len])
}

/// The names that `comment` cites: those after the word `clause` or `clauses`, in a list with commas, `and` and `to`, and
/// those in brackets: `(B1, B3)`.
#[must_use]
pub fn cited(comment: &str) -> Vec<String> {
    let lower = comment.to_ascii_lowercase();
    let words = lower.match_indices("clause").map(|(at, word)| at + word.len());
    let named = words
        .map(|at| {
            (comment[at..].trim_start_matches('s').trim_start().trim_start_matches("are "), "")
        })
        .collect::<Vec<_>>();
    let bracketed = comment.match_indices('(').map(|(at, _)| (&comment[at + 1..], ")"));
    let mut names = Vec::new();
    for (list, end) in named.into_iter().chain(bracketed) {
        if let Some((listed, rest)) = name_list(list)
            && rest.starts_with(end)
        {
            names.extend(listed);
        }
    }
    names
}

/// The list of names that `text` begins with, and what follows it.
fn name_list(text: &str) -> Option<(Vec<String>, &str)> {
    let first = leading_name(text)?;
    let (mut names, mut rest) = (vec![first.to_owned()], &text[first.len()..]);
    loop {
        let linked = [(", and ", false), (", ", false), (" and ", false), (" to ", true)]
            .into_iter()
            .find_map(|(link, is_range)| Some((rest.strip_prefix(link)?, is_range)));
        let Some((more, is_range)) = linked else { break };
        let Some(name) = leading_name(more) else { break };
        if is_range {
            let from = names.last().map(|last| number(last) + 1).unwrap_or_default();
            names.extend((from..number(name)).map(|number| format!("{}{number}", &name[..1])));
        }
        names.push(name.to_owned());
        rest = &more[name.len()..];
    }
    Some((names, rest))
}

/// The number in a clause's name.
fn number(name: &str) -> u32 {
    name[1..].parse().unwrap_or_default()
}

/// A `// SAFETY:` comment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety {
    /// The line where it begins, counted from 1.
    pub line: usize,
    /// What it says, its lines joined.
    pub text: String,
}

/// The `// SAFETY:` comments in `comments`, which is a source without its code.
#[must_use]
pub fn safety_comments(comments: &str) -> Vec<Safety> {
    let mut found: Vec<Safety> = Vec::new();
    let mut inside = false;
    for (index, line) in comments.lines().enumerate() {
        let comment = line.trim().strip_prefix("//").map(str::trim);
        match comment {
            Some(text) if text.starts_with("SAFETY:") => {
                found.push(Safety {
                    line: index + 1,
                    text: text["SAFETY:".len()..].trim().to_owned(),
                });
                inside = true;
            }
            Some(text) if inside => {
                if let Some(safety) = found.last_mut() {
                    safety.text.push(' ');
                    safety.text.push_str(text);
                }
            }
            _ => inside = false,
        }
    }
    found
}

/// What is wrong with a safety comment, given the clauses that there are.
#[must_use]
pub fn fault_of(safety: &Safety, clauses: &[Clause]) -> Option<String> {
    let names = cited(&safety.text);
    if !safety.text.starts_with("clause") || names.is_empty() {
        return Some(
            "the SAFETY comment does not begin with a clause of docs/soundness.md".to_owned(),
        );
    }
    if let Some(unknown) =
        names.iter().find(|name| clauses.iter().all(|clause| clause.name != **name))
    {
        return Some(format!(
            "the SAFETY comment cites clause {unknown}, which docs/soundness.md does not have"
        ));
    }
    let reason = safety.text.split_once(':').map_or("", |(_, reason)| reason.trim());
    reason.is_empty().then(|| {
        "the SAFETY comment does not say after a colon why the clause holds here".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_are_found_with_their_marks() {
        let text = "# T\n**B1.** One.\ntwo\n\n**G2 (lease).** Three. Not cited: prose.\n## H\nNot cited: this is no clause\n**bold** no";
        let clauses = parse(text);
        let seen: Vec<_> = clauses
            .iter()
            .map(|clause| (clause.name.as_str(), clause.line, clause.marked))
            .collect();
        assert_eq!(seen, [("B1", 2, false), ("G2", 5, true)]);
    }

    #[test]
    fn lists_of_clauses_are_read_to_their_end() {
        assert_eq!(cited("clause L2: the range was checked"), ["L2"]);
        assert_eq!(
            cited("clauses B1, B2 and B3: checked; see clause L10"),
            ["B1", "B2", "B3", "L10"]
        );
        assert_eq!(
            cited("Clause G3. The clauses are H1 to H3 and G6"),
            ["G3", "H1", "H2", "H3", "G6"]
        );
        assert_eq!(
            cited("clause A1: aligned (B3), and mapped (B1, B2), on (x86) L2 (L2 cache)"),
            ["A1", "B3", "B1", "B2"]
        );
        assert_eq!(cited("clause two, L2"), [""; 0]);
        assert_eq!(cited("clause L2b"), [""; 0]);
    }

    #[test]
    fn safety_comments_run_on_over_lines() {
        let found = safety_comments(
            "x\n  // SAFETY: clause B1: this\n  // goes on\n\n// other\n// SAFETY: none",
        );
        assert_eq!(found.len(), 2);
        assert_eq!(found[0], Safety { line: 2, text: "clause B1: this goes on".to_owned() });
        assert_eq!(found[1].line, 6);
    }

    #[test]
    fn a_safety_comment_needs_a_clause_that_exists_and_a_reason() {
        let clauses = parse("**B1.** One.");
        let fault = |text: &str| fault_of(&Safety { line: 1, text: text.to_owned() }, &clauses);
        assert_eq!(fault("clause B1: the range was checked"), None);
        assert!(fault("the range was checked").is_some());
        assert!(fault("clause B9: the range was checked").unwrap().contains("B9"));
        assert!(fault("clause B1").unwrap().contains("why"));
        assert!(fault("clause B1:").unwrap().contains("why"));
    }
}
