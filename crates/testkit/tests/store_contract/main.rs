//! The store contract finds out what it is there to find out: a right store passes, and each wrong one fails.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod backend;
mod bug;
mod feed;
mod found_out;
mod processes;
mod store;

mod a_right_store {
    use crate::backend::Laboratory;

    oidc_session_testkit::store_contract!(Laboratory::without_bugs(), list, sweep, feed, outage, damage);
}
