//! Reads tensors of a memory-mapped file, as the documentation of safetensors does.
//!
//!     safetensors make SEED DIR     sixteen tensors of 8 MiB
//!     safetensors read DIR          the name, shape and sum of each

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::path::Path;

use memmap2::MmapOptions;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize_to_file};

const TENSORS: u64 = 16;
const ROWS: usize = 1024;
const COLUMNS: usize = 2048;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["make", seed, dir] => make(seed.parse()?, &Path::new(dir).join("model.safetensors")),
        ["read", dir] => read(&Path::new(dir).join("model.safetensors")),
        _ => Err("usage: safetensors make SEED DIR | safetensors read DIR".into()),
    }
}

fn make(seed: u64, path: &Path) -> Result<(), Box<dyn Error>> {
    let mut noise = seed;
    let weights: BTreeMap<String, Vec<u8>> = (0..TENSORS)
        .map(|layer| {
            let values = (0..ROWS * COLUMNS).flat_map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((noise >> 40) as f32 / (1 << 24) as f32).to_le_bytes()
            });
            (format!("layer.{layer:02}.weight"), values.collect())
        })
        .collect();
    let tensors: Result<BTreeMap<_, _>, _> = weights
        .iter()
        .map(|(name, bytes)| TensorView::new(Dtype::F32, vec![ROWS, COLUMNS], bytes).map(|view| (name, view)))
        .collect();
    Ok(serialize_to_file(tensors?, None, path)?)
}

fn read(path: &Path) -> Result<(), Box<dyn Error>> {
    let file = File::open(path)?;
    // SAFETY: what every program that uses memmap2 says: nobody changes the file meanwhile. Here somebody does.
    let mapping = unsafe { MmapOptions::new().map(&file)? };
    let tensors = SafeTensors::deserialize(&mapping)?;
    let mut names = tensors.names();
    names.sort();
    for name in names {
        let tensor = tensors.tensor(name)?;
        let sum: f64 = tensor
            .data()
            .chunks_exact(4)
            .map(|bytes| f64::from(f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
            .sum();
        println!("{name} {:?} {sum}", tensor.shape());
    }
    Ok(())
}
