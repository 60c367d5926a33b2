//! How the screen is divided, by its size alone.

use super::event::Size;

/// Fewer columns or rows than these hold nothing that could be understood.
pub(super) const SMALLEST: Size = Size { columns: 40, rows: 8 };

/// With fewer rows than this the list has them all.
const ROWS_FOR_MAP: u16 = 18;

/// Heights and widths of the parts, from top to bottom: head, names of the columns, files, the map of one of them, status, keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// The terminal is too small for any of it.
    TooSmall,
    Parts(Parts),
}

/// The parts of a screen that is large enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    pub(super) columns: u16,
    /// Lines above the list: totals, then, if there is room, the machine and the processes.
    pub(super) head: u16,
    /// Files that are shown.
    pub(super) rows: u16,
    /// Lines of cells of the map; 0 where there is no room for one.
    pub(super) map: u16,
    /// Cells in each of them.
    pub(super) map_columns: u16,
    /// Lines for what happened.
    pub(super) status: u16,
}

/// A title, a legend and a history go with the map.
pub(super) const AROUND_MAP: u16 = 3;
/// The offset at which a line of the map begins stands before it.
pub(super) const MAP_MARGIN: u16 = 11;
/// The names of the columns and the keys.
const FIXED: u16 = 2;

impl Layout {
    /// Of a terminal of this size, with a line for each process as far as there is room.
    pub(super) fn of(size: Size, processes: usize) -> Self {
        if size.columns < SMALLEST.columns || size.rows < SMALLEST.rows {
            return Self::TooSmall;
        }
        let head = match size.rows {
            ..12 => 1,
            12.. => 3 + u16::try_from(processes).unwrap_or(u16::MAX).min(size.rows / 10),
        };
        let map = if size.rows < ROWS_FOR_MAP { 0 } else { (size.rows / 8).clamp(1, 8) };
        let with_map = if map == 0 { 0 } else { map + AROUND_MAP };
        // Why pages stayed is a long story.
        let status = if map == 0 { 1 } else { 2 };
        Self::Parts(Parts {
            columns: size.columns,
            head,
            status,
            rows: size.rows.saturating_sub(head + FIXED + status + with_map),
            map,
            map_columns: size.columns.saturating_sub(MAP_MARGIN + 1),
        })
    }

    /// How many files are shown.
    pub(super) fn rows(&self) -> u16 {
        match self {
            Self::TooSmall => 0,
            Self::Parts(parts) => parts.rows,
        }
    }

    /// How many cells the map has.
    pub(super) fn map_cells(&self) -> usize {
        match self {
            Self::TooSmall => 0,
            Self::Parts(parts) => usize::from(parts.map) * usize::from(parts.map_columns),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_fill_every_screen_that_is_large_enough() {
        for rows in 0..200 {
            for columns in [0, 39, 40, 80, 500] {
                for processes in [0, 1, 2, 100] {
                    let size = Size { columns, rows };
                    match Layout::of(size, processes) {
                        Layout::TooSmall => assert!(columns < 40 || rows < 8, "{size:?}"),
                        Layout::Parts(parts) => {
                            let map = if parts.map == 0 { 0 } else { parts.map + AROUND_MAP };
                            assert_eq!(
                                parts.head + parts.rows + map + parts.status + FIXED,
                                rows,
                                "{size:?}"
                            );
                            assert!(parts.rows >= 3, "{size:?}: {parts:?}");
                        }
                    }
                }
            }
        }
    }
}
