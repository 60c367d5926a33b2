//! `folio maps`: how a process or a program is mapped.

pub(crate) mod exe;
pub(crate) mod kind;
