//! Advice in sentences, each with the numbers that it rests on. Pure.
//!
//! A difference is called one only if the spreads of the two do not touch; a reason is given as the measured cost of
//! what the one way does and the other does not.

use super::plan::{Pattern, RECORD};
use super::results::Results;
use super::stats::{Comparison, Spread};
use super::way::{Cache, Way};
use super::writing::{Store, WriteRow};

/// How much slower a way has to be to be warned of.
const MUCH: f64 = 3.0;

/// What the numbers say, the most useful first.
pub(super) fn advise(results: &Results) -> Vec<String> {
    let mut said = Vec::new();
    for cache in results.distinct(|row| row.group.cache) {
        for pattern in results.distinct(|row| row.group.pattern) {
            said.extend(group(results, cache, pattern));
        }
    }
    said.extend(costs(results));
    said.extend(threads(results));
    said.extend(writing(results));
    said
}

/// Which way is best for one thread, and why.
fn group(results: &Results, cache: Cache, pattern: Pattern) -> Option<String> {
    let ranking = results.ranking(cache, pattern, 1);
    let &(best, rate) = ranking.first()?;
    let what = format!("{}, {}", capital(pattern.name()), cache.name());
    let Some(&(_, base)) = ranking.iter().find(|(way, _)| *way == Way::Pread) else {
        return Some(format!(
            "{what}: {} is the fastest of those measured, {}.",
            best.name(),
            speed(rate, pattern)
        ));
    };
    let mut text = match rate.compared_with(base) {
        Comparison::WithinNoise => format!(
            "{what}: no way is faster than pread ({}) beyond the noise.",
            speed(base, pattern)
        ),
        Comparison::Times(times) => format!(
            "{what}: {}{} {} pread ({} against {}){}.",
            best.name(),
            ties(&ranking),
            as_fast(times),
            speed(rate, pattern),
            speed(base, pattern),
            reason(results, cache, pattern, best, rate, base)
                .map_or(String::new(), |why| format!(", because {why}")),
        ),
    };
    text.push_str(&warning(&ranking, base, pattern));
    Some(text)
}

/// `is 1.9 × as fast as`
fn as_fast(times: f64) -> String {
    format!("is {times:.1} × as fast as")
}

/// The ways that cannot be told from the first.
fn ties(ranking: &[(Way, Spread)]) -> String {
    let Some(((_, best), rest)) = ranking.split_first() else { return String::new() };
    let tied: Vec<_> = rest
        .iter()
        .filter(|(way, rate)| *way != Way::Pread && rate.touches(*best))
        .map(|(way, _)| way.name())
        .take(3)
        .collect();
    if tied.is_empty() {
        String::new()
    } else {
        format!(" (or {}: no difference beyond the noise)", tied.join(", "))
    }
}

/// Why `best` beats pread: what a piece takes in both, and what of that the one does without.
fn reason(
    results: &Results,
    cache: Cache,
    pattern: Pattern,
    best: Way,
    rate: Spread,
    base: Spread,
) -> Option<String> {
    let piece = pattern.piece() as f64;
    let (fast, slow) = (rate.per(piece).median, base.per(piece).median);
    let size = if pattern == Pattern::Sequential { "256 KiB" } else { "4 KiB" };
    if cache == Cache::Cold {
        return Some(match best {
            Way::Ring | Way::RingDirect => format!(
                "one {size} takes pread {}, and the device has up to {} of them at once",
                time(slow),
                results.method.depth
            ),
            Way::Direct => {
                format!("{size} past the page cache take {}, through it {}", time(fast), time(slow))
            }
            _ => format!("{size} take it {}, and pread {}", time(fast), time(slow)),
        });
    }
    let call = results.costs.call?.median;
    let look = results.costs.look?.median * piece / RECORD as f64;
    let both = format!("{size} take it {}, and pread {}", time(fast), time(slow));
    let rest = slow - call - look;
    let in_place = best.maps() && best != Way::Shared && best != Way::Chunks;
    // Measured apart, the parts need not add up; then nothing is said of them.
    Some(if in_place && rest > 0.0 {
        format!(
            "{both}: {} to call, about {} to copy, {} to look at the bytes",
            time(call),
            time(rest),
            time(look)
        )
    } else {
        both
    })
}

/// The way that one would regret.
fn warning(ranking: &[(Way, Spread)], base: Spread, pattern: Pattern) -> String {
    let Some(&(way, rate)) = ranking.last() else { return String::new() };
    match base.compared_with(rate) {
        Comparison::Times(times) if times >= MUCH => format!(
            " {} takes {times:.0} × as long as pread ({}).",
            capital(way.name()),
            speed(rate, pattern)
        ),
        _ => String::new(),
    }
}

/// What faults and calls cost, and from when on a mapping pays.
fn costs(results: &Results) -> Option<String> {
    let (call, fault) = (results.costs.call?, results.costs.fault?);
    let many = |cost: Spread| time(cost.median * 10_000.0);
    let both = format!(
        "10,000 page faults cost you {}, 10,000 calls of pread {} before the copy",
        many(fault),
        many(call)
    );
    Some(match fault.compared_with(call) {
        Comparison::WithinNoise => format!("{both}: no difference beyond the noise."),
        Comparison::Times(times) if times > 1.0 => format!(
            "{both}: where each page is read once, calls are cheaper; a mapping saves them from the {} time on that a page is read.",
            ordinal(times.floor() + 1.0)
        ),
        Comparison::Times(_) => {
            format!("{both}: a fault is cheaper than a call, even for pages that are read once.")
        }
    })
}

/// What more threads bring.
fn threads(results: &Results) -> Option<String> {
    let all = results.distinct(|row| row.group.threads).into_iter().max().filter(|&all| all > 1)?;
    let mut parts = Vec::new();
    for cache in results.distinct(|row| row.group.cache) {
        for pattern in [Pattern::Sequential, Pattern::Random] {
            for way in [Way::Pread, Way::Map] {
                let one = results.rate(cache, pattern, 1, way);
                let many = results.rate(cache, pattern, all, way);
                let (Some(one), Some(many)) = (one, many) else { continue };
                let what = format!("{} {} {}", way.name(), pattern.name(), cache.name());
                if let Comparison::Times(times) = many.compared_with(one) {
                    parts.push(format!("{what} {} ×", figure(times)));
                }
            }
        }
    }
    Some(if parts.is_empty() {
        format!(
            "{all} threads are no faster than one beyond the noise, neither with pread nor with a mapping."
        )
    } else {
        format!(
            "{all} threads against one: {}; the others no difference beyond the noise.",
            parts.join(", ")
        )
    })
}

/// How to write.
fn writing(results: &Results) -> Vec<String> {
    let mut said = Vec::new();
    let mut sizes: Vec<(u64, u64)> =
        results.writes.iter().map(|row| (row.batch, row.record)).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let mut noise = Vec::new();
    for (batch, record) in sizes {
        let find = |store| {
            results
                .writes
                .iter()
                .find(|row| (row.store, row.record, row.batch) == (store, record, batch))
        };
        let (Some(map), Some(pwrite)) = (find(Store::Map), find(Store::Pwrite)) else { continue };
        let (Some(mapped), Some(written)) = (map.rate(), pwrite.rate()) else { continue };
        let what = records(record, batch);
        match mapped.compared_with(written) {
            Comparison::WithinNoise => noise.push(what),
            Comparison::Times(times) => {
                said.push(write_sentence(&what, times, map, mapped, pwrite, written))
            }
        }
    }
    if !noise.is_empty() {
        said.push(format!(
            "Writing {}: a mapping with flush and pwrite with fdatasync are no different beyond the noise.",
            noise.join("; ")
        ));
    }
    said
}

fn write_sentence(
    what: &str,
    times: f64,
    map: &WriteRow,
    mapped: Spread,
    pwrite: &WriteRow,
    written: Spread,
) -> String {
    let (better, times, fast, slow) = if times > 1.0 {
        ("a mapping with flush", times, (map, mapped), (pwrite, written))
    } else {
        ("pwrite with fdatasync", 1.0 / times, (pwrite, written), (map, mapped))
    };
    let each = |(_, rate): (&WriteRow, Spread)| time(rate.per(1.0).median);
    let device = |(row, _): (&WriteRow, Spread)| {
        row.amplification().map_or(String::new(), |bytes| {
            format!(" with {} bytes on the device for each byte stored", figure(bytes))
        })
    };
    format!(
        "Writing {what}: {better} is {times:.1} × as fast, {} a record{}, against {}{}.",
        each(fast),
        device(fast),
        each(slow),
        device(slow)
    )
}

/// `64 B, each made durable` or `64 B, 64 at a time`
pub(super) fn records(record: u64, batch: u64) -> String {
    let size = crate::units::human(record).replace(".0 ", " ");
    if batch == 1 {
        format!("{size}, each made durable")
    } else {
        format!("{size}, {batch} made durable together")
    }
}

/// `5.3 GB/s`, or `610,000 a second` where records are what counts.
pub(super) fn speed(rate: Spread, pattern: Pattern) -> String {
    if pattern == Pattern::Sequential {
        format!("{} GB/s", figure(rate.median / 1e9))
    } else {
        format!("{} a second", thousands(rate.median / pattern.piece() as f64))
    }
}

/// Three digits that count.
pub(super) fn figure(value: f64) -> String {
    match value {
        value if value >= 99.95 => format!("{value:.0}"),
        value if value >= 9.995 => format!("{value:.1}"),
        value if value >= 0.0995 => format!("{value:.2}"),
        value => format!("{value:.3}"),
    }
}

/// `1,180,000`: three digits that count, in full.
fn thousands(value: f64) -> String {
    let digits = value.max(1.0).log10().floor() - 2.0;
    let step = 10f64.powf(digits.max(0.0));
    let text = format!("{:.0}", (value / step).round() * step);
    let mut grouped = String::new();
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && (text.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1.6 µs`
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds >= 1.0 => format!("{} s", figure(seconds)),
        seconds if seconds >= 1e-3 => format!("{} ms", figure(seconds * 1e3)),
        seconds if seconds >= 1e-6 => format!("{} µs", figure(seconds * 1e6)),
        seconds => format!("{:.0} ns", seconds * 1e9),
    }
}

fn ordinal(number: f64) -> String {
    match number {
        number if number <= 2.0 => "second".to_owned(),
        number if number <= 3.0 => "third".to_owned(),
        number => format!("{number:.0}th"),
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters
        .next()
        .map_or(String::new(), |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::{results, row, write};
    use super::*;

    fn said(results: &Results) -> String {
        advise(results).join("\n")
    }

    #[test]
    fn the_best_is_named_with_the_ratio_and_the_reason() {
        let text = said(&results(
            vec![
                row(Cache::Warm, Pattern::Random, 1, Way::Pread, &[2.4e9, 2.45e9, 2.5e9]),
                row(Cache::Warm, Pattern::Random, 1, Way::Map, &[4.5e9, 4.7e9, 4.8e9]),
                row(Cache::Warm, Pattern::Random, 1, Way::Frozen, &[4.4e9, 4.6e9, 4.7e9]),
                row(Cache::Warm, Pattern::Random, 1, Way::Ring, &[0.3e9, 0.31e9, 0.32e9]),
            ],
            Vec::new(),
        ));
        assert!(text.contains("Random, warm: map (or frozen: no difference beyond the noise) is 1.9 × as fast as pread (1,150,000 a second against 598,000 a second)"), "{text}");
        assert!(text.contains("4 KiB take it 871 ns, and pread 1.67 µs: 400 ns to call, about 1.07 µs to copy, 200 ns to look"), "{text}");
        assert!(text.contains("Uring takes 8 × as long as pread"), "{text}");
    }

    #[test]
    fn nothing_is_claimed_that_the_spread_does_not_support() {
        let text = said(&results(
            vec![
                row(Cache::Cold, Pattern::Sequential, 1, Way::Pread, &[1e9, 2e9, 3e9]),
                row(Cache::Cold, Pattern::Sequential, 1, Way::Direct, &[2.9e9, 4e9, 9e9]),
                row(Cache::Cold, Pattern::Sequential, 2, Way::Pread, &[1e9, 2.5e9, 3e9]),
            ],
            vec![
                write(Store::Map, 64, 1, &[9000.0, 10_000.0], 819_200),
                write(Store::Pwrite, 64, 1, &[9500.0, 11_000.0], 819_200),
            ],
        ));
        assert!(
            text.contains(
                "Sequential, cold: no way is faster than pread (2.00 GB/s) beyond the noise."
            ),
            "{text}"
        );
        assert!(text.contains("2 threads are no faster than one beyond the noise"), "{text}");
        assert!(text.contains("64 B, each made durable: a mapping with flush and pwrite with fdatasync are no different"), "{text}");
        assert!(!text.contains("because"), "{text}");
    }

    #[test]
    fn faults_and_calls_are_counted_by_ten_thousands() {
        let text = said(&results(Vec::new(), Vec::new()));
        assert_eq!(
            text,
            "10,000 page faults cost you 31.0 ms, 10,000 calls of pread 4.00 ms before the copy: where each page is read \
             once, calls are cheaper; a mapping saves them from the 8th time on that a page is read."
        );
    }

    #[test]
    fn writes_are_compared_by_time_and_by_what_the_device_writes() {
        let text = said(&results(
            Vec::new(),
            vec![
                write(Store::Map, 4096, 64, &[4e5, 4.1e5], 409_600),
                write(Store::Pwrite, 4096, 64, &[2e5, 2.05e5], 819_200),
            ],
        ));
        assert!(text.contains("Writing 4 KiB, 64 made durable together: a mapping with flush is 2.0 × as fast, 2.47 µs a record with 1.00 bytes on the device for each byte stored, against 4.94 µs with 2.00 bytes"), "{text}");
    }

    #[test]
    fn numbers_have_three_digits() {
        let figures: Vec<_> = [123.4, 12.34, 1.234, 0.1234, 0.012].map(figure).into();
        assert_eq!(figures, ["123", "12.3", "1.23", "0.12", "0.012"]);
        assert_eq!(
            (thousands(1_178_307.0), thousands(152.4), thousands(0.2)),
            ("1,180,000".into(), "152".into(), "0".into())
        );
        assert_eq!(
            (time(2.5e-8), time(1.6e-6), time(0.031)),
            ("25 ns".into(), "1.60 µs".into(), "31.0 ms".into())
        );
    }
}
