//! What holds with every store there is: a record that is not what was sealed yields no token, and costs no session.
//!
//! The stores are real, with their servers; the authorization server is one that counts what it is asked.

#![cfg(target_os = "linux")] // Where there is a secret service to test with.
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod altered;
mod bystander;
mod places;
mod world;

/// The tests of every store.
macro_rules! every_store {
    ($($promise:ident)+) => {
        every_store!(@file $($promise)+);
        every_store!(@keyring $($promise)+);
        every_store!(@memory $($promise)+);
        every_store!(@postgres $($promise)+);
        every_store!(@redis $($promise)+);
        every_store!(@sqlite $($promise)+);
    };
    (@$store:ident $($promise:ident)+) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $promise() {
                    crate::altered::$promise(crate::places::$store().await).await;
                }
            )+
        }
    };
}

every_store!(
    a_flipped_byte_yields_no_token_and_costs_no_session
    a_missing_end_yields_no_token_and_costs_no_session
    a_record_of_another_session_yields_no_token_and_costs_no_session
    an_older_record_yields_no_token_and_costs_no_session
    a_record_that_is_not_sealed_yields_no_token_and_costs_no_session
    a_record_of_another_ring_yields_no_token_and_costs_no_session
    whoever_knew_the_session_presents_nothing_while_its_record_is_altered
);

#[test]
fn every_promise_is_listed() {
    let (promises, listing) = (include_str!("altered.rs"), include_str!("main.rs"));
    for promise in promises.lines().filter_map(|line| line.strip_prefix("pub(crate) async fn ")) {
        let name = promise.split('(').next().unwrap();
        assert!(listing.lines().any(|line| line.trim() == name), "`{name}` is not listed");
    }
}
