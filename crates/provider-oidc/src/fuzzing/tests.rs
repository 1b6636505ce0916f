use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};

use super::seeds::{damaged_seeds, seeds};
use super::*;
use crate::PlainOidc;

/// Any bytes, and seeds that came to harm.
fn any_input(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    prop_oneof![vec(any::<u8>(), 0..256), damaged_seeds(target)]
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
