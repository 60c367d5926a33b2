//! Pages, advice, residency, locks and transfers, on real files.

mod targets;
mod transfer;
