//! How often a header value of a fresh token goes to the allocator.

use std::hint::black_box;

use oidc_session_peers::{Aliri, Aws, Azure, ByHand, Floor, Google, Huskarl, Moka, OidcSession, Peer, TokenEndpoint};
use serde_json::json;
use stats_alloc::{Region, Stats};
use tokio::runtime::Runtime;

use crate::ALLOCATOR;
use crate::report::{Report, Row};

const CALLS: usize = 1_000;
const ROUNDS: usize = 5;

pub(crate) fn report() -> Report {
    let mut report = Report::new(
        "Allocations for the header value of a fresh token",
        "Calls of the allocator (reallocations count as one each) for one header value of a token of 1,024 bytes; \
         “bytes” are those asked for. Counted over 1,000 calls after 1,000 others, the least of five rounds.",
    );
    count::<Floor>(&mut report);
    count::<OidcSession>(&mut report);
    count::<ByHand>(&mut report);
    count::<Aliri>(&mut report);
    count::<Huskarl>(&mut report);
    count::<Google>(&mut report);
    count::<Azure>(&mut report);
    count::<Aws>(&mut report);
    count::<Moka>(&mut report);
    report
}

fn count<P: Peer>(report: &mut Report) {
    let runtime = Runtime::new().expect("a runtime");
    let peer = runtime.block_on(P::start(TokenEndpoint::fresh()));
    assert_eq!(runtime.block_on(peer.authorization()), TokenEndpoint::right_header(), "{}", P::NAME);
    let _in_runtime = runtime.enter();
    ask(&peer);
    // The runtime's own threads may allocate meanwhile, so the least is the peer's.
    let least = (0..ROUNDS).map(|_| ask(&peer)).min_by_key(calls).expect("some rounds");
    let (allocations, bytes) = (each(calls(&least)), each(least.bytes_allocated));
    report.add::<P>(&Row {
        value: allocations,
        unit: "allocations",
        against_floor: None,
        extra: json!({ "bytes": bytes }),
    });
}

fn ask<P: Peer>(peer: &P) -> Stats {
    let region = Region::new(ALLOCATOR);
    for _ in 0..CALLS {
        black_box(black_box(peer).header(0));
    }
    region.change()
}

fn calls(stats: &Stats) -> usize {
    stats.allocations + stats.reallocations
}

/// For one call, to a hundredth.
#[expect(clippy::cast_precision_loss, reason = "the numbers are small")]
fn each(all: usize) -> f64 {
    (all as f64 / CALLS as f64 * 100.0).round() / 100.0
}
