//! [`Prepared`]: a store that holds many sessions, and what they take.

use std::sync::Arc;

use oidc_session_core::SessionStore;

use crate::backends::Backend;
use crate::footprint::{Footprint, Growth};
use crate::measures;
use crate::population::Population;

/// A run that measures nothing has no use for more.
const FEW: usize = 3;

/// A store that holds many sessions.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) store: Arc<dyn SessionStore>,
    pub(crate) population: Population,
    pub(crate) footprint: Footprint,
}

impl Prepared {
    /// Fills a store. What it takes is the difference to the empty one, both looked at while nobody has it open.
    pub(crate) async fn new(backend: &mut dyn Backend) -> Self {
        let sessions = if measures() { backend.sessions() } else { FEW };
        let population = Population::of(sessions);
        drop(backend.open().await);
        let empty = backend.size().await;
        population.move_into(&*backend.open().await).await;
        let full = backend.size().await;
        let records = (sessions * population.record().as_bytes().len()) as u64;
        let growth =
            |((place, full), (_, empty)): ((_, u64), (_, u64))| Growth { place, bytes: full.saturating_sub(empty) };
        let growths: Vec<Growth> = full.into_iter().zip(empty).map(growth).collect();
        // Nobody can make sealed records smaller. With a few, they go where there was room; of many, a part.
        assert!(
            !measures() || growths.iter().all(|growth| growth.bytes >= records / 10 * 9),
            "not all was weighed: {growths:?}"
        );
        let footprint = Footprint {
            backend: backend.name(),
            durability: backend.durability(),
            sessions,
            record: population.record().as_bytes().len(),
            growths,
        };
        Self { store: backend.open().await, population, footprint }
    }
}
