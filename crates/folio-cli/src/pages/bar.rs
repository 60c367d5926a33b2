//! A bar for a file: which parts of it are in the page cache, from its start on the left to its end on the right.

use folio::{CacheCounts, ErrorKind, FilePages, PageSize, PageState};

use super::survey::{Cached, Survey};

/// How full a cell can be: from 0, nothing of it is cached, to this, all of it is.
pub(crate) const FULL: u8 = 4;

/// What a bar shows. Most files are cached wholly or not at all, and take no memory for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bar {
    /// There is no page to be cached.
    Empty,
    /// Which pages are cached is not told.
    Unknown,
    None,
    All,
    /// For each cell how full it is, up to [`FULL`].
    Mixed(Box<[u8]>),
}

/// The characters that cells are drawn with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Characters {
    /// Blocks in four shades.
    Blocks,
    /// For terminals that know no others.
    Ascii,
}

impl Characters {
    /// Those that the locale's encoding has; locale(7).
    pub(crate) fn of_locale() -> Self {
        let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") { Self::Blocks } else { Self::Ascii }
    }

    fn of_cell(self, level: u8) -> &'static str {
        let shades = match self {
            Self::Blocks => ["·", "░", "▒", "▓", "█"],
            Self::Ascii => [".", "-", "+", "*", "#"],
        };
        shades[usize::from(level.min(FULL))]
    }
}

impl Bar {
    /// The bar of a file that is open, in `width` cells.
    ///
    /// # Errors
    /// What the kernel answers.
    pub(crate) fn of(file: &std::fs::File, survey: &Survey, width: usize) -> folio::Result<Self> {
        Ok(match survey.cached {
            _ if survey.pages() == 0 => Self::Empty,
            Cached::Unknown(_) => Self::Unknown,
            Cached::Known(0) => Self::None,
            Cached::Known(pages) if pages >= survey.pages() => Self::All,
            Cached::Known(_) if survey.states.is_some() => counted(file, survey, width)?,
            Cached::Known(_) => match listed(file, survey, width) {
                // How many pages there are hugetlbfs tells, and not which.
                Err(error) if error.kind() == ErrorKind::Unsupported => Self::Unknown,
                listed => listed?,
            },
        })
    }

    /// Append `width` characters to `out`.
    pub(crate) fn draw(&self, characters: Characters, width: usize, out: &mut Vec<u8>) {
        let same = |cell: &str, out: &mut Vec<u8>| {
            for _ in 0..width {
                out.extend_from_slice(cell.as_bytes());
            }
        };
        match self {
            Self::Empty => same(" ", out),
            Self::Unknown => same("?", out),
            Self::None => same(characters.of_cell(0), out),
            Self::All => same(characters.of_cell(FULL), out),
            Self::Mixed(cells) => {
                for &cell in cells {
                    out.extend_from_slice(characters.of_cell(cell).as_bytes());
                }
            }
        }
    }
}

/// The pages that cell `index` of `width` stands for: at least one.
fn pages_of_cell(index: usize, width: usize, pages: u64) -> std::ops::Range<u64> {
    let bound = |index: usize| {
        let page = u128::from(pages) * index as u128 / width as u128;
        u64::try_from(page).unwrap_or(pages)
    };
    let start = bound(index).min(pages - 1);
    start..bound(index + 1).max(start + 1)
}

/// A little is more than nothing, and not quite all is less than all.
fn level(cached: u64, pages: u64) -> u8 {
    match cached {
        0 => 0,
        cached if cached >= pages => FULL,
        cached => {
            let part = u128::from(cached) * u128::from(FULL) / u128::from(pages.max(1));
            u8::try_from(part).unwrap_or(FULL).clamp(1, FULL - 1)
        }
    }
}

/// By counting the pages of each cell.
fn counted(file: &std::fs::File, survey: &Survey, width: usize) -> folio::Result<Bar> {
    let page = PageSize::base().bytes() as u64;
    let mut cells = Vec::with_capacity(width);
    let mut last = None;
    for index in 0..width {
        let pages = pages_of_cell(index, width, survey.pages());
        let cell = match last {
            // A file of few pages has several cells for each.
            Some((ref same, cell)) if *same == pages => cell,
            _ => {
                let bytes = pages.start * page..pages.end * page;
                level(CacheCounts::of(file, bytes)?.cached, pages.end - pages.start)
            }
        };
        cells.push(cell);
        last = Some((pages, cell));
    }
    Ok(Bar::Mixed(cells.into()))
}

/// By the runs, where ranges cannot be counted.
fn listed(file: &std::fs::File, survey: &Survey, width: usize) -> folio::Result<Bar> {
    let page = PageSize::base().bytes() as u64;
    let of_file = FilePages::of(file)?;
    let mut cached = vec![0; width];
    for run in of_file.runs(..survey.len)? {
        let run = run?;
        if run.state != PageState::Resident {
            continue;
        }
        let run = run.range.start / page..run.range.end.div_ceil(page);
        for (index, cached) in cached.iter_mut().enumerate() {
            let cell = pages_of_cell(index, width, survey.pages());
            *cached += run.end.min(cell.end).saturating_sub(run.start.max(cell.start));
        }
    }
    let cells = cached.into_iter().enumerate().map(|(index, cached)| {
        let pages = pages_of_cell(index, width, survey.pages());
        level(cached, pages.end - pages.start)
    });
    Ok(Bar::Mixed(cells.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    #[test]
    fn a_cell_is_empty_or_full_only_if_all_its_pages_are() {
        assert_eq!(level(0, 1000), 0);
        assert_eq!(level(1, 1000), 1);
        assert_eq!(level(500, 1000), 2);
        assert_eq!(level(999, 1000), 3);
        assert_eq!(level(1000, 1000), FULL);
    }

    #[test]
    fn every_page_has_a_cell_whatever_the_width() {
        for pages in [1, 2, 3, 15, 16, 17, 1000, u64::MAX / 4096] {
            for width in [1, 2, 16, 40] {
                let cells: Vec<_> =
                    (0..width).map(|index| pages_of_cell(index, width, pages)).collect();
                assert_eq!(cells[0].start, 0);
                assert_eq!(cells[width - 1].end, pages);
                assert!(cells.windows(2).all(|two| two[1].start <= two[0].end), "{pages} {width}");
                assert!(cells.iter().all(|cell| !cell.is_empty()));
            }
        }
    }

    #[test]
    fn a_bar_shows_where_in_the_file_pages_are() {
        let file = tempfile::tempfile().unwrap();
        let page = PageSize::base().bytes() as u64;
        file.set_len(64 * page).unwrap();
        for index in 16..32 {
            file.write_at(b"x", index * page).unwrap();
        }
        let stat = rustix::fs::fstat(&file).unwrap();
        let survey = Survey::of_file(&file, &stat).unwrap();
        for bar in [Bar::of(&file, &survey, 4).unwrap(), listed(&file, &survey, 4).unwrap()] {
            let mut drawn = Vec::new();
            bar.draw(Characters::Ascii, 4, &mut drawn);
            assert_eq!(drawn, b".#..");
        }
        // More cells than pages.
        let mut drawn = Vec::new();
        Bar::of(&file, &survey, 128).unwrap().draw(Characters::Blocks, 128, &mut drawn);
        let expected = ["·".repeat(32), "█".repeat(32), "·".repeat(64)].concat();
        assert_eq!(String::from_utf8(drawn).unwrap(), expected);
    }
}
