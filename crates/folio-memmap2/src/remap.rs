//! Options of `remap`.

use ::folio::best_effort::Move;

/// How [`Mmap::remap`](crate::Mmap::remap) and its like may come by more room.
#[derive(Copy, Clone, Default, Debug)]
pub struct RemapOptions {
    may_move: bool,
}

impl RemapOptions {
    /// In place alone.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the mapping may move; by default it may not. Whoever relies on `StableDeref` must not let it.
    pub fn may_move(mut self, may_move: bool) -> Self {
        self.may_move = may_move;
        self
    }

    pub(crate) fn movement(self) -> Move {
        if self.may_move { Move::May } else { Move::No }
    }
}
