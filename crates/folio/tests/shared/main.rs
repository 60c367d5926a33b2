//! Live mappings on real files: who may map what, what is read and written, and what happens when the bytes go away.

mod child;
mod faults;
mod full;
mod growth;
mod memory;
mod misuse;
mod oracle;
mod permissions;
mod processes;
mod ranges;
mod reading;
mod scratch;
mod unmappable;
mod writing;
