//! `folio maps`: how a process is mapped.
//!
//! [`look`] asks the kernel once, [`kind`] says what each mapping is for, [`group`] adds up, [`text`] and [`json`] print.
//! [`exe`] is the other half: how a program will be mapped, by its file alone.

pub(crate) mod exe;
pub(crate) mod flags;
pub(crate) mod kind;
