//! `demo`: a session's whole life in a few seconds, told as it happens.

mod narrator;
mod scene;
mod stage;
mod story;
mod tally;

use std::time::Duration;

use clap::Args;
use tokio::time::timeout;

use crate::context::Context;
use crate::failure::Failure;
use crate::interrupt::interrupted;
use narrator::Narrator;
use scene::Scene;
use stage::Stage;
use story::Story;

/// Watch a session being kept alive: no account, no network, nothing left behind
///
/// Starts an authorization server on loopback (access tokens of a few seconds, rotation, reuse detection), signs in
/// through the real code flow, keeps the session in a temporary SQLite file, lets many callers ask at once, and logs
/// out. Exits with 0 only if all went well.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session demo
  oidc-session demo --seconds 60
  oidc-session demo --json | jq -c 'select(.event == \"summary\")'")]
pub(crate) struct Demo {
    /// How long it may take, roughly
    #[arg(long, value_name = "N", default_value_t = 15, value_parser = clap::value_parser!(u64).range(8..=3600))]
    seconds: u64,
}

/// What an unforeseen delay may add before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(60);

impl Demo {
    /// Plays it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let length = Duration::from_secs(self.seconds);
        tokio::select! {
            played = timeout(length + PATIENCE, self.play(context, length)) => match played {
                Ok(played) => played,
                Err(_) => Err(Failure::failed("the demo took far too long")),
            },
            () = interrupted() => Err(Failure::failed("interrupted").reason("interrupted")),
        }
    }

    async fn play(&self, context: &Context, length: Duration) -> Result<(), Failure> {
        let lifetime = Duration::from_secs((self.seconds / 4).clamp(2, 4));
        let narrator = Narrator::new(context.output, context.clock.clone(), lifetime);
        let stage = Stage::set_up(lifetime).await?;
        narrator.tell(&Scene::Listening {
            issuer: stage.server.issuer().to_string(),
            access_ttl_seconds: lifetime.as_secs(),
        })?;

        let tally = Story::new(&stage, &narrator).play(length).await?;
        let summary = tally.summary(&stage.server.counters(), narrator.elapsed());
        stage.server.shutdown().await;
        narrator.tell(&Scene::Summary(summary.clone()))?;
        match summary.ok {
            true => Ok(()),
            false => {
                Err(Failure::failed(format!("the demo did not go well: {}", summary.problems.join("; "))).in_answer())
            }
        }
    }
}
