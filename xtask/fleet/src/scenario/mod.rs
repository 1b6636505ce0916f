//! What is shown on each backend.

mod logout;
mod outage;
mod stage;
mod storm;
mod web;

use crate::Result;
use crate::scenario::stage::Stage;

/// Shows everything on each of the backends.
pub(crate) async fn run(backends: &[&str]) -> Result {
    for name in backends {
        let mut stage = Stage::set(name).await?;
        storm::one_session(&mut stage).await?;
        storm::a_thousand_sessions(&mut stage).await?;
        logout::is_seen_elsewhere(&mut stage).await?;
        web::two_processes(&mut stage).await?;
        outage::the_server_is_killed(&mut stage).await?;
        outage::the_network_is_cut(&mut stage).await?;
        outage::the_network_is_silent(&mut stage).await?;
        stage.nothing_was_presented_twice()?;
    }
    Ok(())
}
