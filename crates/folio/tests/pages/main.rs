//! Pages, advice, residency, locks and transfers, on real files.

mod locks;
mod targets;
mod transfer;
