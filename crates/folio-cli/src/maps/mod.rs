//! `folio maps`: how a process is mapped.
//!
//! [`look`] asks the kernel once, [`kind`] says what each mapping is for, [`group`] adds up, [`text`] and [`json`] print.

pub(crate) mod flags;
pub(crate) mod kind;
