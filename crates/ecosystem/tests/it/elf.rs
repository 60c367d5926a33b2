//! `object`: an ELF file, read where it lies.

use folio::Frozen;
use object::{Object, ObjectSection, ObjectSymbol};

use crate::scratch::{Scratch, assert_in, mapping};

#[test]
fn a_program_is_read_from_its_mapping() {
    let program = std::fs::read("/proc/self/exe").unwrap();
    let file = Scratch::new(&program);
    let frozen = Frozen::open(file.path()).unwrap();
    file.truncate();
    let elf = object::File::parse(&frozen[..]).unwrap();
    assert_eq!(elf.format(), object::BinaryFormat::Elf);
    let text = elf.section_by_name(".text").unwrap();
    assert_in(&mapping(&frozen), text.data().unwrap());
    let main = elf.symbols().find(|symbol| symbol.name() == Ok("main")).unwrap();
    assert!((text.address()..text.address() + text.size()).contains(&main.address()));
    assert_in(&mapping(&frozen), main.name_bytes().unwrap());
}
