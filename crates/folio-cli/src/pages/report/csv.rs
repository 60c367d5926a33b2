//! Comma-separated values, RFC 4180: a file a line, or a range a line.

use ::csv::{ByteRecord, Terminator, WriterBuilder};
use folio::PageRun;

use super::{Columns, Row, word};
use crate::pages::select::Name;
use crate::pages::survey::{Cached, Survey};

/// The names of the columns.
pub(super) fn head(columns: Columns, out: &mut Vec<u8>) {
    out.extend_from_slice(match columns {
        Columns::OfFiles => {
            b"file,len,allocated,pages,cached,dirty,writeback,evicted,recently_evicted\n"
        }
        Columns::OfRanges => b"file,start,end,state\n".as_slice(),
    });
}

/// The line of a file. What is not known is empty.
pub(super) fn row(row: Row<'_>, out: &mut Vec<u8>) {
    let Survey { len, allocated, cached, states, .. } = row.survey;
    let cached = match cached {
        Cached::Known(pages) => pages.to_string(),
        Cached::Unknown(_) => String::new(),
    };
    let states = match states {
        Some(states) => [states.dirty, states.writeback, states.evicted, states.recently_evicted]
            .map(|pages| pages.to_string()),
        None => Default::default(),
    };
    let numbers = [len.to_string(), allocated.to_string(), row.survey.pages().to_string(), cached];
    line(row.name, numbers.iter().chain(&states), out);
}

/// The line of a range.
pub(super) fn range(name: Name<'_>, run: &PageRun, out: &mut Vec<u8>) {
    let fields = [run.range.start.to_string(), run.range.end.to_string(), word(run.state).into()];
    line(name, fields.iter(), out);
}

fn line<'a>(name: Name<'_>, fields: impl Iterator<Item = &'a String>, out: &mut Vec<u8>) {
    let name = name.parts().concat();
    let mut record = ByteRecord::from(vec![name]);
    fields.for_each(|field| record.push_field(field.as_bytes()));
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::Any(b'\n'))
        .buffer_capacity(256)
        .from_writer(out);
    // Writing to a vector does not fail, and each line has the columns of the head.
    let _ = writer.write_byte_record(&record);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::bar::Bar;
    use std::path::Path;

    #[test]
    fn names_are_quoted_where_they_would_be_two_columns() {
        let cached = Cached::Known(1);
        let survey = Survey { dev: 1, ino: 2, len: 5, allocated: 4096, cached, states: None };
        let mut out = Vec::new();
        head(Columns::OfFiles, &mut out);
        let name = Name::of(Path::new("a,\"b\"\nc"));
        row(Row { name, survey: &survey, bar: &Bar::All, folios: None }, &mut out);
        let mut reader = ::csv::Reader::from_reader(out.as_slice());
        let records: Vec<_> = reader.records().map(Result::unwrap).collect();
        let expected = ["a,\"b\"\nc", "5", "4096", "1", "1", "", "", "", ""];
        assert_eq!(records, [::csv::StringRecord::from(expected.to_vec())]);
    }
}
