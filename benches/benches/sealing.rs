//! What sealing costs beside encoding: each step with the seal and without, in one run.
//!
//! `close` makes a record of a session, `open` a session of a record, `address` says where a session is kept: by
//! HMAC-SHA-256 over the digest that a store without keys is given.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use oidc_session_benches::{largest_session, medium_session, small_session};
use oidc_session_core::{Expected, SessionId, SessionState, Timestamp};
use oidc_session_sealing::{KeyRing, Seal};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

fn seals() -> [(&'static str, Seal); 2] {
    [("plain", Seal::none()), ("sealed", Seal::with(KeyRing::generate(NOW)))]
}

fn sessions() -> [(&'static str, SessionState); 3] {
    [("small", small_session().into()), ("medium", medium_session().into()), ("largest", largest_session().into())]
}

fn records(criterion: &mut Criterion) {
    let id = SessionId::random();
    for (size, session) in &sessions() {
        let mut group = criterion.benchmark_group(format!("sealing/{size}"));
        for (kind, seal) in &seals() {
            let address = seal.address(&id);
            let stored = seal.close(&address, Expected::Absent, session, NOW).expect("it fits into a record");
            let length = stored.record.as_bytes().len();
            group.throughput(Throughput::Bytes(length.try_into().expect("a record's length fits")));
            group.bench_function(BenchmarkId::new("close", kind), |bencher| {
                bencher.iter(|| seal.close(&address, Expected::Absent, black_box(session), NOW));
            });
            assert_eq!(seal.open(&address.key, &stored).expect("it was just sealed").state, *session);
            group.bench_function(BenchmarkId::new("open", kind), |bencher| {
                bencher.iter(|| seal.open(&address.key, black_box(&stored)));
            });
        }
        group.finish();
    }
}

fn names(criterion: &mut Criterion) {
    let id = SessionId::random();
    let mut group = criterion.benchmark_group("sealing/address");
    for (kind, seal) in &seals() {
        group.bench_function(*kind, |bencher| bencher.iter(|| seal.address(black_box(&id))));
    }
    group.finish();
}

criterion_group!(benches, records, names);
criterion_main!(benches);
