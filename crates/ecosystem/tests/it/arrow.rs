//! `arrow`: columns of an IPC file, used where they lie.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Int64Array, RecordBatch, StringArray};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema};
use bytes::Bytes;
use folio::Frozen;

use crate::scratch::{Scratch, assert_in, mapping};

const ROWS: i64 = 20_000;

/// A table of numbers and of their names.
fn table() -> RecordBatch {
    let schema = Schema::new(vec![
        Field::new("number", DataType::Int64, false),
        Field::new("name", DataType::Utf8, false),
    ]);
    let numbers = Int64Array::from_iter_values(0..ROWS);
    let names = StringArray::from_iter_values((0..ROWS).map(|number| number.to_string()));
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(numbers), Arc::new(names)]).unwrap()
}

/// The batches of an IPC file whose bytes are in `file`, as arrow's own example of reading a mapped file decodes them.
fn decode(file: &Buffer) -> Vec<RecordBatch> {
    let trailer = file.len() - 10;
    let footer_len = read_footer_length(file[trailer..].try_into().unwrap()).unwrap();
    let footer = arrow_ipc::root_as_footer(&file[trailer - footer_len..trailer]).unwrap();
    let schema = Arc::new(try_fb_to_schema(footer.schema().unwrap()).unwrap());
    let decoder = FileDecoder::new(schema, footer.version());
    let blocks = footer.recordBatches().unwrap().iter();
    let batches = blocks.map(|block| {
        let len = block.bodyLength() + i64::from(block.metaDataLength());
        let bytes = file.slice_with_length(
            usize::try_from(block.offset()).unwrap(),
            usize::try_from(len).unwrap(),
        );
        decoder.read_record_batch(block, &bytes).unwrap().unwrap()
    });
    batches.collect()
}

#[test]
fn columns_of_an_ipc_file_are_the_mappings_bytes() {
    let mut bytes = Vec::new();
    let mut writer = FileWriter::try_new(&mut bytes, &table().schema()).unwrap();
    writer.write(&table()).unwrap();
    writer.finish().unwrap();
    drop(writer);
    let file = Scratch::new(&bytes);

    let frozen = Frozen::open(file.path()).unwrap();
    let pages = mapping(&frozen);
    let batches = decode(&Buffer::from(Bytes::from(frozen)));
    file.truncate();
    assert_eq!(batches, [table()]);
    let numbers = batches[0].column(0).as_primitive::<Int64Type>();
    assert_in(&pages, numbers.values());
    let names = batches[0].column(1).as_string::<i32>();
    assert_in(&pages, names.value_data());
    assert_eq!(names.value(1234), "1234");
}

#[test]
fn a_file_of_numbers_is_a_column() {
    let numbers: Vec<u8> = (0..ROWS).flat_map(i64::to_ne_bytes).collect();
    let file = Scratch::new(&numbers);
    let frozen = Frozen::open(file.path()).unwrap();
    let pages = mapping(&frozen);
    let column = Int64Array::new(ScalarBuffer::from(Buffer::from(Bytes::from(frozen))), None);
    file.truncate();
    assert_in(&pages, column.values());
    assert_eq!(column.values().iter().sum::<i64>(), ROWS * (ROWS - 1) / 2);
}
