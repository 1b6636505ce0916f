//! One of many sessions, found by its id.

use std::hint::black_box;

use criterion::Criterion;
use fastrand::Rng;
use oidc_session_benches::{SignedIn, Slots, measures};
use oidc_session_core::SessionId;

/// One question. The ids lie in the order in which they are asked for, as that of a request lies in the cache.
struct Visit {
    id: SessionId,
    slot: usize,
}

/// Whom is asked for.
type Pick = fn(&Population) -> &[Visit];

pub(crate) fn sessions(criterion: &mut Criterion) {
    let patterns: [(&str, Pick); 2] =
        [("uniform", |population| &population.uniform), ("hot", |population| &population.hot)];
    for count in [1_000, 100_000, 1_000_000] {
        // Made only for what no filter leaves out: a million sign-ins take their time.
        let mut made = None;
        for (pattern, visits) in patterns {
            let mut group = criterion.benchmark_group(format!("by_id/{count}/{pattern}"));
            group.bench_function("floor", |bencher| {
                let population = made.get_or_insert_with(|| Population::of(count));
                let mut visits = visits(population).iter().cycle();
                bencher.iter(|| {
                    let visit = visits.next().expect("it begins anew");
                    // Who is asked by the id reads it: so does this.
                    black_box(visit.id.expose().as_bytes().first());
                    population.slots.authorization(visit.slot).expect("fresh")
                });
            });
            group.bench_function("try_authorization", |bencher| {
                let population = made.get_or_insert_with(|| Population::of(count));
                let mut visits = visits(population).iter().cycle();
                bencher.iter(|| {
                    let visit = visits.next().expect("it begins anew");
                    population.sessions.manager.try_authorization(&visit.id).expect("fresh")
                });
            });
            group.finish();
        }
    }
}

/// The same header values in slots and in a manager, and whom is asked for.
struct Population {
    slots: Slots,
    sessions: SignedIn,
    /// Each of them once, in random order.
    uniform: Vec<Visit>,
    /// A thousand of them, four times each, in random order.
    hot: Vec<Visit>,
}

impl Population {
    fn of(count: usize) -> Self {
        let (count, hot) = if measures() { (count, 1_000) } else { (100, 10) };
        let ids: Vec<SessionId> = (0..count).map(|_| SessionId::random()).collect();
        let sessions = SignedIn::all(&ids);
        let header = |id| sessions.manager.try_authorization(id).expect("fresh");
        let slots = Slots::of(ids.iter().map(header));
        let visit = |slot: &usize| Visit { id: ids[*slot].clone(), slot: *slot };
        let mut random = Rng::with_seed(1);
        let mut order: Vec<usize> = (0..count).collect();
        random.shuffle(&mut order);
        let uniform = order.iter().map(visit).collect();
        let mut hot: Vec<usize> = order[..hot].repeat(4);
        random.shuffle(&mut hot);
        let hot = hot.iter().map(visit).collect();
        let population = Self { slots, sessions, uniform, hot };
        population.visit_all();
        population
    }

    /// Once each: short samples would measure little but first visits.
    fn visit_all(&self) {
        for visit in &self.uniform {
            drop(black_box(self.slots.authorization(visit.slot)));
            drop(black_box(self.sessions.manager.try_authorization(&visit.id)));
        }
    }
}
