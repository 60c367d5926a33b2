//! With the feature `stable_deref`: the bytes stay at their address when the `Frozen` moves.

use stable_deref_trait::{CloneStableDeref, StableDeref};

use crate::Frozen;

// SAFETY: clause T3: the bytes are in a mapping, at an address that does not depend on where the value is.
unsafe impl StableDeref for Frozen {}
// SAFETY: clause T3: a clone shares the same bytes.
unsafe impl CloneStableDeref for Frozen {}
