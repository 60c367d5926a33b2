//! Reading through the kinds that rest on a guarantee: what was seen once is seen as long as the mapping lives.

use folio::{Guarantee, MapOptions};

use crate::pattern::{Dice, HEAD, PAGE, assert_exact, assert_live};
use crate::scene::Scene;
use crate::tally::Tally;
use crate::weather::Weather;

/// How many rounds of the other process a mapping outlives.
const OUTLIVES: u64 = 2;

pub(crate) fn frozen(scene: &Scene, tally: &Tally, guarantee: Guarantee) {
    let mut dice = Dice::new(scene.seed());
    while scene.goes_on() {
        let _mapped = scene.mapped();
        let options = MapOptions::new().guarantees(guarantee);
        let Some(map) = tally.take(options.open_frozen(scene.path())) else { continue };
        assert!(is_under(map.guarantee(), guarantee), "{}", map.guarantee());
        let first = map.to_vec();
        if !is_right(scene, guarantee, &first, map.check(), tally) {
            continue;
        }
        outlive(scene, || {
            let at = dice.below(first.len());
            let end = (at + 1 + dice.below(2 * PAGE)).min(first.len());
            assert_eq!(map[at..end], first[at..end], "bytes {at}..{end} changed");
        });
        assert_eq!(map[..], first[..], "the bytes changed");
        if tally.take(map.check()).is_some() {
            tally.good_under(guarantee);
        }
    }
}

pub(crate) fn private(scene: &Scene, tally: &Tally, guarantee: Guarantee) {
    let mut dice = Dice::new(scene.seed());
    while scene.goes_on() {
        let _mapped = scene.mapped();
        let options = MapOptions::new().guarantees(guarantee);
        let Some(mut map) = tally.take(options.open_private(scene.path())) else { continue };
        assert!(is_under(map.guarantee(), guarantee), "{}", map.guarantee());
        let mut expected = map.to_vec();
        if !is_right(scene, guarantee, &expected, map.check(), tally) {
            continue;
        }
        outlive(scene, || {
            let at = dice.below(expected.len());
            let byte = u8::try_from(dice.below(256)).expect("a byte");
            (map[at], expected[at]) = (byte, byte);
            let at = dice.below(expected.len());
            assert_eq!(map[at], expected[at], "byte {at} changed");
        });
        assert_eq!(map[..], expected[..], "the bytes changed");
        if tally.take(map.check()).is_some() {
            tally.good_under(guarantee);
        }
    }
}

/// Whether a mapping that was to be under `asked` is. A lease that was broken has become something else by now.
fn is_under(found: Guarantee, asked: Guarantee) -> bool {
    found == asked || asked == Guarantee::Lease
}

/// See that `bytes`, the whole mapping, are the file's. Zeros are right only where the file may have had them, or where
/// `check` owns to them; then this is `false`.
///
/// A file under lease has no writer while it is read, so its bytes are those of one instant. A snapshot or copy of a
/// file that is just being truncated is not: the kernel wipes the rest of the last page while a read of it is under way.
fn is_right(
    scene: &Scene,
    guarantee: Guarantee,
    bytes: &[u8],
    check: folio::Result<()>,
    tally: &Tally,
) -> bool {
    assert!(bytes.len() >= HEAD, "the file is never shorter than {HEAD}: {}", bytes.len());
    if let Err(error) = check {
        tally.error(&error);
        return false;
    }
    match (scene.weather(), guarantee) {
        // The file never has a hole: a zero is a lie.
        (Weather::Lulls, Guarantee::Lease) | (Weather::Failing, _) => assert_exact(0, bytes),
        _ => assert_live(0, bytes),
    }
    true
}

/// `look` until the other process has gone on by some rounds: it is never held back for good.
fn outlive(scene: &Scene, mut look: impl FnMut()) {
    let until = scene.round() + OUTLIVES;
    look();
    while scene.goes_on() && scene.weather() != Weather::Failing && scene.round() < until {
        look();
        std::thread::yield_now();
    }
}
