//! `folio maps`: how a process is mapped.
//!
//! [`look`] asks the kernel once, [`kind`] says what each mapping is for, [`group`] adds up, [`text`] and [`json`] print.
//! [`exe`] is the other half: how a program will be mapped, by its file alone.

pub(crate) mod exe;
pub(crate) mod flags;
pub(crate) mod kind;

use std::io;

use crate::failure::Complaints;
use crate::flags::Colour;

/// Show it.
pub(crate) fn run(
    flags: &flags::MapsFlags,
    colour: Colour,
    complaints: &mut Complaints,
) -> io::Result<()> {
    match &flags.exe {
        Some(file) => exe::run(file, flags, colour, complaints),
        None => Ok(()),
    }
}
