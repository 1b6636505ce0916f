//! How often the hot path allocates: never. Exact, so it gates.
//!
//! Allocations are counted by thread, and all of a session runs on the thread of its test.

#[path = "../shared/web_app.rs"]
mod web_app;

use allocation_counter::measure;
use futures_util::FutureExt as _;
use oidc_session_benches::{Granting, SignedIn};
use oidc_session_core::SessionId;
use oidc_session_manager::Outcome;
use oidc_session_store_memory::MemoryStore;
use tower::ServiceExt as _;
use web_app::WebApp;

const TIMES: usize = 100;

/// What is allocated in all when `operation` is repeated, but not for the first time.
fn allocations(mut operation: impl FnMut()) -> u64 {
    operation();
    measure(|| (0..TIMES).for_each(|_| operation())).count_total
}

#[test]
fn what_allocates_is_counted() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1_u8)))), TIMES as u64);
}

#[test]
fn a_look_at_a_fresh_token_allocates_nothing() {
    let (_sessions, handle) = SignedIn::one();
    assert_eq!(allocations(|| assert!(handle.is_fresh())), 0);
}

#[test]
fn a_header_at_hand_is_served_without_an_allocation() {
    let (_sessions, handle) = SignedIn::one();
    assert_eq!(allocations(|| drop(handle.try_authorization().unwrap())), 0);
}

#[test]
fn to_await_a_header_at_hand_allocates_nothing() {
    let (_sessions, handle) = SignedIn::one();
    assert_eq!(allocations(|| drop(handle.authorization().now_or_never().unwrap().unwrap())), 0);
}

#[test]
fn a_header_is_found_by_its_id_without_an_allocation() {
    let ids = [SessionId::random(), SessionId::random()];
    let sessions = SignedIn::all(&ids);
    let both = || ids.iter().for_each(|id| drop(sessions.manager.try_authorization(id).unwrap()));
    assert_eq!(allocations(both), 0);
}

/// The parsed name is in the id itself; the rest are the handle, what the handler finds of it, and room for both.
#[test]
fn a_request_through_the_session_layer_allocates_no_more_than_is_listed() {
    let web = WebApp::new();
    let _known = (&web.sessions, web.cookie());
    let of = |app: &axum::Router| {
        let ask = || drop(app.clone().oneshot(web.request()).now_or_never().unwrap().unwrap());
        allocations(ask) / TIMES as u64
    };
    let (plain, layered, guarded) = (of(&web.plain), of(&web.layered), of(&web.guarded));
    println!("{plain} allocations for a request; {layered} with the layer, {guarded} with layer and guard");
    assert!(layered - plain <= 7, "{} allocations by the layer", layered - plain);
    assert!(guarded - layered <= 4, "{} allocations by the guard", guarded - layered);
}

/// The floor is the answer's own tokens and the merge; the rest are lease, record and task. Lower it when it falls.
#[test]
fn a_refresh_allocates_no_more_than_is_listed() {
    const MOST: u64 = 125;
    let id = SessionId::random();
    let ids = std::slice::from_ref(&id);
    let sessions = SignedIn::over(Granting::at_once(), MemoryStore::new(), ids, |builder| builder);
    let handle = sessions.manager.session(&id);
    let refresh = || assert_eq!(sessions.runtime.block_on(handle.refresh()).unwrap(), Outcome::Refreshed);
    let each = allocations(refresh) / TIMES as u64;
    println!("{each} allocations for one refresh");
    assert!(each <= MOST, "{each} allocations for one refresh: more than the {MOST} that are listed");
}
