use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};

use super::*;
use crate::PlainOidc;

/// What fuzzing of `target` begins with, and what it found.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let seeds: Vec<_> = fs::read_dir(folder).unwrap().map(|seed| fs::read(seed.unwrap().path()).unwrap()).collect();
    assert!(!seeds.is_empty(), "{target}");
    seeds
}

/// Any bytes, and seeds that came to harm.
fn any_input(target: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let damage = vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let damaged = (prop::sample::select(seeds(target)), damage).prop_map(|(mut bytes, damage)| {
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    });
    prop_oneof![vec(any::<u8>(), 0..256), damaged]
}

#[test]
fn every_seed_holds() {
    seeds("token_answer").iter().for_each(|seed| token_answer(seed, &PlainOidc));
    seeds("error_answer").iter().for_each(|seed| error_answer(seed, &PlainOidc));
    seeds("discovery_document").iter().for_each(|seed| discovery_document(seed));
    seeds("callback_query").iter().for_each(|seed| callback_query(seed));
    seeds("id_token").iter().for_each(|seed| id_token(seed));
}

proptest! {
    #[test]
    fn any_token_answer_holds(body in any_input("token_answer")) {
        token_answer(&body, &PlainOidc);
    }

    #[test]
    fn any_error_answer_holds(body in any_input("error_answer")) {
        error_answer(&body, &PlainOidc);
    }

    #[test]
    fn any_discovery_document_holds(document in any_input("discovery_document")) {
        discovery_document(&document);
    }

    #[test]
    fn any_callback_holds(query in any_input("callback_query")) {
        callback_query(&query);
    }

    #[test]
    fn any_id_token_holds(token in any_input("id_token")) {
        id_token(&token);
    }
}
