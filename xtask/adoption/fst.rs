//! Walks through a map of fst in a memory-mapped file, as fst's own documentation opens one.
//!
//!     fst make SEED DIR     a map of four million keys
//!     fst read DIR          how many there are, and a sum over keys and values

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use fst::{Map, MapBuilder, Streamer};
use memmap2::Mmap;

const KEYS: u64 = 4_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", seed, dir] => make(seed.parse()?, &Path::new(dir).join("map.fst")),
        ["read", dir] => read(&Path::new(dir).join("map.fst")),
        _ => Err("usage: fst make SEED DIR | fst read DIR".into()),
    }
}

fn make(seed: u64, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut map = MapBuilder::new(BufWriter::new(File::create(path)?))?;
    let (mut key, mut noise) = (seed, seed);
    for _ in 0..KEYS {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        key += 1 + (noise >> 40);
        map.insert(format!("{key:016x}"), noise >> 32)?;
    }
    Ok(map.finish()?)
}

fn read(path: &Path) -> Result<(), Box<dyn Error>> {
    // SAFETY: what every program that uses memmap2 says: nobody changes the file meanwhile. Here somebody does.
    let map = Map::new(unsafe { Mmap::map(&File::open(path)?)? })?;
    let (mut keys, mut sum, mut stream) = (0_u64, 0_u64, map.stream());
    while let Some((key, value)) = stream.next() {
        keys += 1;
        sum = key.iter().fold(sum.rotate_left(5) ^ value, |sum, &byte| sum.wrapping_mul(31) + u64::from(byte));
    }
    println!("{keys} keys of {}, sum {sum:016x}", map.len());
    Ok(())
}
