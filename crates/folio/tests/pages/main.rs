//! Pages, advice, residency, locks and transfers, on real files.

mod advice;
mod cached;
mod locks;
mod residency;
mod targets;
mod transfer;
mod unprivileged;
