//! The results as one JSON object. Rates and times have a median and a spread; the rounds behind them are there, too.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::super::advice::advise;
use super::super::cache::State;
use super::super::results::{Method, Results};
use super::super::rounds::{Measured, Row};
use super::super::writing::WriteRow;

pub(in super::super) fn write(results: &Results, out: &mut impl Write) -> io::Result<()> {
    let object = json!({
        "method": method(&results.method),
        "costs_seconds": {
            "clock": results.costs.clock,
            "pread_call": results.costs.call,
            "page_fault": results.costs.fault,
            "look_at_4096_bytes": results.costs.look,
        },
        "reads": results.reads.iter().map(read).collect::<Vec<_>>(),
        "writes": results.writes.iter().map(stored).collect::<Vec<_>>(),
        "remarks": results.remarks(),
        "advice": advise(results),
    });
    writeln!(out, "{object}")
}

fn method(method: &Method) -> Value {
    json!({
        "path": method.name,
        "own_file": method.own,
        "filesystem": method.filesystem,
        "kernel": method.kernel,
        "file_bytes": method.len,
        "measured_bytes": method.span,
        "rounds": method.rounds,
        "ring_depth": method.depth,
        "seconds": method.took.as_secs_f64(),
        "no_writing": method.no_writing,
    })
}

fn read(row: &Row) -> Value {
    let mut value = json!({
        "cache": row.group.cache.name(),
        "pattern": row.group.pattern.name(),
        "threads": row.group.threads,
        "way": row.way.name(),
        "piece_bytes": row.group.pattern.piece(),
    });
    let (name, rest) = match &row.result {
        Measured::Not(why) => ("not_measured", json!(why)),
        Measured::Rates { rounds, bytes, pieces, state } => {
            let (verified, why) = match state {
                State::Verified => (json!(true), None),
                State::Unverified(why) => (Value::Null, Some(why)),
                State::Not(why) => (json!(false), Some(why)),
            };
            let rates = json!({
                "bytes_per_second": rounds.spread(),
                "rounds": rounds.values(),
                "bytes": bytes,
                "pieces": pieces,
                "cache_verified": verified,
                "cache_remark": why,
            });
            ("measured", rates)
        }
    };
    value[name] = rest;
    value
}

fn stored(row: &WriteRow) -> Value {
    json!({
        "way": row.store.name(),
        "record_bytes": row.record,
        "records_made_durable_together": row.batch,
        "records_per_second": row.rate(),
        "rounds": row.rounds.values(),
        "records": row.records,
        "bytes_written_by_process": row.written.by_process,
        "bytes_written_by_device": row.written.by_device,
        "device_write_requests": row.written.requests,
        "device_bytes_per_byte": row.amplification(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::plan::Pattern;
    use super::super::super::results::tests::{results, row, write as stored};
    use super::super::super::way::{Cache, Way};
    use super::super::super::writing::Store;
    use super::*;

    #[test]
    fn every_row_is_there_with_its_rounds() {
        let results = results(
            vec![row(Cache::Cold, Pattern::Random, 2, Way::Direct, &[1.0, 2.0, 4.0])],
            vec![stored(Store::Map, 64, 1, &[5.0], 6400 * 8)],
        );
        let mut text = Vec::new();
        write(&results, &mut text).unwrap();
        let value: Value = serde_json::from_slice(&text).unwrap();
        let read = &value["reads"][0];
        assert_eq!((read["way"].as_str(), read["threads"].as_u64()), (Some("direct"), Some(2)));
        assert_eq!(
            read["measured"]["bytes_per_second"],
            json!({"low": 1.0, "median": 2.0, "high": 4.0})
        );
        assert_eq!(read["measured"]["rounds"], json!([1.0, 2.0, 4.0]));
        assert_eq!(read["measured"]["cache_verified"], json!(true));
        assert_eq!(value["writes"][0]["device_bytes_per_byte"], json!(8.0));
        assert_eq!(value["costs_seconds"]["page_fault"]["median"], json!(3.1e-6));
    }
}
