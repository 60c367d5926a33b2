//! `folio maps --exe`: how an ELF file is mapped when it is run or loaded.

pub(crate) mod header;
pub(crate) mod layout;
#[cfg(test)]
mod layout_fuzzed;
pub(crate) mod program;
pub(crate) mod sections;
