//! Records that are not what was sealed, put back through the store itself, which cannot tell.

use oidc_session::{Clock as _, Expected, KeyRing, Record, SessionState, Stored, Version};
use oidc_session_sealing::Seal;

use crate::places::Place;
use crate::world::{LIFETIME, World, id, with_record};

/// How many alterations lie between two looks at whether the good bytes still work.
const BETWEEN_LOOKS: usize = 101;

/// Every byte of a record, one after another.
pub(crate) async fn a_flipped_byte_yields_no_token_and_costs_no_session(place: Place) {
    let world = World::of(place);
    let (key, good) = world.sign_in("default").await;
    let length = good.record.as_bytes().len();
    assert!((800..2000).contains(&length), "{length}");
    for place in 0..length {
        for pattern in 0..world.place.patterns {
            let mut bytes = good.record.as_bytes().to_vec();
            // All bits of a byte are flipped sooner or later, each in some place.
            bytes[place] ^= 1 << ((place + pattern) % 8);
            let flipped = with_record(&good, bytes);
            let how = format!("byte {place}, pattern {pattern}");
            world.plant(&key, good.version, &flipped).await;
            world.yields_nothing("default", &flipped, &how).await;
        }
        if place % BETWEEN_LOOKS == 0 {
            world.plant(&key, good.version, &good).await;
            world.is_whole("default", &place).await;
        }
    }
    world.plant(&key, good.version, &good).await;
    world.goes_on("default").await;
}

/// Down to nothing at all, and something too much.
pub(crate) async fn a_missing_end_yields_no_token_and_costs_no_session(place: Place) {
    let world = World::of(place);
    let (key, good) = world.sign_in("default").await;
    let whole = good.record.as_bytes();
    let near_the_ends = (0..40).chain(whole.len() - 40..whole.len());
    let on_the_way = (40..whole.len() - 40).step_by(16 / world.place.patterns);
    let cut = near_the_ends.chain(on_the_way).map(|length| whole[..length].to_vec());
    let longer = [&b"\0"[..], b"x", whole].map(|more| [whole, more].concat());
    for bytes in cut.chain(longer) {
        let how = format!("{} bytes", bytes.len());
        let altered = with_record(&good, bytes);
        world.plant(&key, good.version, &altered).await;
        world.yields_nothing("default", &altered, &how).await;
    }
    world.plant(&key, good.version, &good).await;
    world.goes_on("default").await;
}

/// Whole, sealed with the right key, and not this session's: nobody gets a token of somebody else.
pub(crate) async fn a_record_of_another_session_yields_no_token_and_costs_no_session(place: Place) {
    let world = World::of(place);
    let (key, good) = world.sign_in("default").await;
    let (other_key, others) = world.sign_in("other").await;
    assert_ne!(key, other_key);
    for version in [good.version, others.version] {
        let moved = Stored { version, record: others.record.clone() };
        let there = world.stored(&key).await.version;
        world.plant(&key, there, &moved).await;
        world.yields_nothing("default", &moved, &version).await;
        world.is_whole("other", &version).await;
    }
    // Exchanged: each at the place of the other.
    world.plant(&other_key, others.version, &good).await;
    world.yields_nothing("other", &good, &"exchanged").await;
    world.plant(&other_key, good.version, &others).await;
    world.is_whole("other", &"put back").await;

    let there = world.stored(&key).await.version;
    world.plant(&key, there, &good).await;
    world.goes_on("default").await;
}

/// Its refresh token is spent: presenting it would look like theft. Neither may a record pass for a newer one.
pub(crate) async fn an_older_record_yields_no_token_and_costs_no_session(place: Place) {
    let world = World::of(place);
    let (key, older) = world.sign_in("default").await;
    world.program("default").sign_in(world.session("default")).await.unwrap();
    let good = world.stored(&key).await;
    assert_ne!(good.version, older.version);
    let number = good.version.as_u64();
    let rolled_back = Stored { version: good.version, record: older.record.clone() };
    let passed_for = [number - 1, number + 1, 0].map(Version::from_u64);
    let passed_for = passed_for.map(|version| Stored { version, record: good.record.clone() });
    let mut there = good.version;
    for altered in [rolled_back].into_iter().chain(passed_for) {
        world.plant(&key, there, &altered).await;
        world.yields_nothing("default", &altered, &altered.version).await;
        there = altered.version;
    }
    world.plant(&key, there, &good).await;
    world.goes_on("default").await;
}

/// Whoever can write to the store cannot make a session of his own.
pub(crate) async fn a_record_that_is_not_sealed_yields_no_token_and_costs_no_session(place: Place) {
    let world = World::of(place);
    let (key, good) = world.sign_in("default").await;
    let state = SessionState::from(world.session("default"));
    let plain = Record::encode(&state).unwrap();
    let disguised = Record::sealed(plain.as_bytes());
    for record in [plain, disguised] {
        let planted = Stored { version: good.version, record };
        world.plant(&key, good.version, &planted).await;
        world.yields_nothing("default", &planted, &"not sealed").await;
    }
    world.plant(&key, good.version, &good).await;
    world.goes_on("default").await;
}

/// Nor can he with a ring of his own; and a program with the wrong ring destroys nothing.
pub(crate) async fn a_record_of_another_ring_yields_no_token_and_costs_no_session(place: Place) {
    let world = World::of(place);
    let (key, good) = world.sign_in("default").await;
    let other = Seal::with(KeyRing::generate(world.clock.now()));
    let state = SessionState::from(world.session("default"));
    let mut address = other.address(&id("default"));
    address.key = key;
    let sealed = other.close(&address, Expected::At(good.version), &state, world.clock.now()).unwrap();
    for version in [sealed.version, good.version] {
        let planted = Stored { version, record: sealed.record.clone() };
        let there = world.stored(&key).await.version;
        world.plant(&key, there, &planted).await;
        world.yields_nothing("default", &planted, &"another ring").await;
    }
    world.plant(&key, good.version, &good).await;
    world.goes_on("default").await;
}

/// A program that has the session in memory, and looks at the store only when its token has expired.
pub(crate) async fn whoever_knew_the_session_presents_nothing_while_its_record_is_altered(place: Place) {
    let world = World::of(place);
    let (key, good) = world.sign_in("default").await;
    let clock = world.clock.clone();
    let program = world.program_with(&world.ring, clock.clone(), "default");
    program.access_token().await.unwrap();
    clock.advance(LIFETIME * 2);
    let last = good.record.as_bytes().len() - 1;
    for place in [0, 3, 4, 12, 40, last] {
        let mut bytes = good.record.as_bytes().to_vec();
        bytes[place] ^= 0x80;
        let flipped = with_record(&good, bytes);
        world.plant(&key, good.version, &flipped).await;
        world.is_useless(&program, "default", &flipped, &place).await;
    }
    world.plant(&key, good.version, &good).await;
    program.access_token().await.unwrap();
    assert_eq!(world.server.asked(), ["prepare", "refresh"]);
}
