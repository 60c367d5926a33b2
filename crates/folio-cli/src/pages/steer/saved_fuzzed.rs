//! What any bytes are as a file of `--save`: what must hold whatever they are. The body is a fuzz target's, too.

use std::io::BufRead;

use super::saved::{Item, Reader, SavedFile, Sums, Trouble, Writer};

/// Read `bytes` as they are, and as what follows the first lines; check what is taken.
pub(crate) fn run(bytes: &[u8]) {
    taken(bytes);
    taken(&[b"folio-pages 1\npage 4096\n", bytes].concat());
}

fn taken(bytes: &[u8]) {
    match read(bytes) {
        Ok((items, sums)) => {
            keep_their_promises(&items, sums);
            let again = written(&items);
            assert_eq!(
                read(&again[..]).ok(),
                Some((items, sums)),
                "what was read is written as it is read"
            );
        }
        Err(Trouble::Malformed(wrong)) => assert!(wrong.line > 0 && !wrong.to_string().is_empty()),
        Err(Trouble::Unreadable(error)) => panic!("memory can be read: {error}"),
    }
}

fn read(input: impl BufRead) -> Result<(Vec<Item>, Sums), Trouble> {
    let mut reader = Reader::new(input)?;
    let items = reader.by_ref().collect::<Result<_, _>>()?;
    assert!(reader.next().is_none(), "the end is the end");
    Ok((items, reader.sums()))
}

fn written(items: &[Item]) -> Vec<u8> {
    let write = || {
        let mut writer = Writer::new(Vec::new(), 4096)?;
        for item in items {
            match item {
                Item::File(file) => writer.file(file)?,
                Item::Range(range) => writer.range(range)?,
            }
        }
        writer.end()
    };
    write().expect("memory can be written to").0
}

/// Paths are absolute, and ranges ascend within their file, whatever its length.
fn keep_their_promises(items: &[Item], sums: Sums) {
    let mut told = Sums::default();
    let (mut len, mut end) = (0, 0);
    for item in items {
        match item {
            Item::File(SavedFile { path, len: of_file, modified, .. }) => {
                assert!(path.is_absolute() && modified.1 < 1_000_000_000);
                (len, end) = (*of_file, 0);
                told.files += 1;
            }
            Item::Range(range) => {
                assert!(end <= range.start && range.start < range.end && range.end <= len);
                end = range.end;
                told.ranges += 1;
                told.bytes += range.end - range.start;
            }
        }
    }
    assert_eq!(told, sums);
}
