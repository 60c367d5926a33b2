//! `safetensors`: tensors of a model, used where they lie.

use folio::{Frozen, Guarantee};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use self_cell::self_cell;

use crate::scratch::{Scratch, assert_in, mapping};

self_cell!(
    struct Model {
        owner: Frozen,
        #[covariant]
        dependent: SafeTensors,
    }
);

fn saved() -> (Vec<u8>, Scratch) {
    let weights: Vec<u8> =
        (0..32_768_u16).flat_map(|value| f32::from(value).to_le_bytes()).collect();
    let tensor = TensorView::new(Dtype::F32, vec![128, 256], &weights).unwrap();
    let file = Scratch::new(&safetensors::serialize([("weight", tensor)], None).unwrap());
    (weights, file)
}

#[test]
fn tensors_are_the_mappings_bytes() {
    let (weights, file) = saved();
    let model =
        Model::try_new(Frozen::open(file.path()).unwrap(), |bytes| SafeTensors::deserialize(bytes))
            .unwrap();
    file.truncate();
    let tensor = model.borrow_dependent().tensor("weight").unwrap();
    assert_eq!(tensor.shape(), [128, 256]);
    assert_eq!(tensor.data(), weights);
    assert_in(&mapping(model.borrow_owner()), tensor.data());
    assert_ne!(model.borrow_owner().guarantee(), Guarantee::Copied);
}

#[test]
fn numbers_are_viewed_without_a_copy() {
    let (_, file) = saved();
    let frozen = Frozen::open(file.path()).unwrap();
    let (header, _) = SafeTensors::read_metadata(&frozen).unwrap();
    // Its length stands before the header, and the format pads it so that numbers are aligned.
    let numbers: &[f32] = frozen.view_slice(8 + header, 128 * 256).unwrap();
    assert_eq!(numbers[1000], 1000.0);
    assert_in(&mapping(&frozen), numbers);
}
