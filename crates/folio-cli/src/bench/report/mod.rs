//! What is printed: a table for people, an object for programs, a plot for both.

mod json;
mod plot;
mod text;

use std::io::{self, Write};

use super::plan::Pattern;
use super::way::Way;

pub(super) use json::write as write_json;
pub(super) use plot::plots;
pub(super) use text::{Look, write as write_text};

/// What `--list` prints.
pub(super) fn list(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "Ways (--ways):")?;
    for way in Way::ALL {
        writeln!(out, "  {:16} {}", way.name(), way.about())?;
    }
    writeln!(out, "\nPatterns (--patterns):")?;
    for pattern in Pattern::ALL {
        writeln!(out, "  {:16} {}", pattern.name(), pattern.about())?;
    }
    writeln!(out, "\nNot measured, because it makes no sense:")?;
    for way in Way::ALL {
        let mut seen = Vec::new();
        for cache in [super::way::Cache::Warm, super::way::Cache::Cold] {
            for pattern in Pattern::ALL {
                if let Err(why) = way.fits(pattern, cache)
                    && !seen.contains(&why)
                {
                    seen.push(why);
                }
            }
        }
        for why in seen {
            writeln!(out, "  {:16} {why}", way.name())?;
        }
    }
    Ok(())
}
