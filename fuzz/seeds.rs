//! What fuzzing begins with, for the ordinary tests of the crates: each of them includes this file.

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop};

/// What fuzzing of `target` begins with, and what it found.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|seed| fs::read(seed.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty(), "{target}");
    seeds
}

/// Seeds of `target` that came to harm.
pub(crate) fn damaged_seeds(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    (prop::sample::select(seeds(target)), damage).prop_map(|(mut bytes, damage)| {
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}
