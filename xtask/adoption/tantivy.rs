//! Reads every document of an index of tantivy, which maps its files.
//!
//!     tantivy make SEED DIR     an index of 60,000 documents in DIR
//!     tantivy read DIR          how many match a query, and a sum over all documents

use std::error::Error;
use std::path::Path;

use tantivy::collector::Count;
use tantivy::query::QueryParser;
use tantivy::schema::{STORED, STRING, Schema, TEXT, Value};
use tantivy::{Index, IndexWriter, TantivyDocument, doc};

const DOCUMENTS: u64 = 60_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", seed, dir] => make(seed.parse()?, Path::new(dir)),
        ["read", dir] => read(Path::new(dir)),
        _ => Err("usage: tantivy make SEED DIR | tantivy read DIR".into()),
    }
}

fn make(seed: u64, dir: &Path) -> Result<(), Box<dyn Error>> {
    let mut schema = Schema::builder();
    let colour = schema.add_text_field("colour", STRING | STORED);
    let title = schema.add_text_field("title", TEXT);
    let body = schema.add_text_field("body", STORED);
    let index = Index::create_in_dir(dir, schema.build())?;
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 200_000_000)?;
    let mut noise = seed;
    for number in 0..DOCUMENTS {
        let words: Vec<String> = (0..64)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                format!("{:08x}", noise >> 32)
            })
            .collect();
        let shade = ["red", "green", "blue"][(noise >> 33) as usize % 3];
        writer.add_document(doc!(colour => shade, title => format!("number {number}"), body => words.join(" ")))?;
    }
    writer.commit()?;
    Ok(writer.wait_merging_threads()?)
}

fn read(dir: &Path) -> Result<(), Box<dyn Error>> {
    let index = Index::open_in_dir(dir)?;
    let searcher = index.reader()?.searcher();
    let fields = index.schema();
    let (colour, body) = (fields.get_field("colour")?, fields.get_field("body")?);
    let blue = QueryParser::for_index(&index, vec![colour]).parse_query("blue")?;
    let (mut documents, mut sum) = (0_u64, 0_u64);
    for segment in searcher.segment_readers() {
        for document in segment.get_store_reader(0)?.iter::<TantivyDocument>(segment.alive_bitset()) {
            let document = document?;
            let text = document.get_first(body).and_then(|value| value.as_str()).ok_or("a document without a body")?;
            documents += 1;
            sum = text.bytes().fold(sum, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
        }
    }
    println!("{documents} documents, {} of them blue, sum {sum:016x}", searcher.search(&blue, &Count)?);
    Ok(())
}
