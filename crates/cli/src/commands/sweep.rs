//! `sweep`: drops the sessions that have passed their time.

use clap::Args;
use serde_json::json;

use crate::context::Context;
use crate::failure::Failure;

/// Drop the sessions of the store whose time is over; to be run by a timer
///
/// Those are the ended ones after thirty days, and those with a limit thirty days after it. All others stay, and so does one
/// that is being refreshed. It goes in batches, so that nobody waits for long, and needs no key ring. Redis drops them by
/// itself.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session sweep
  oidc-session sweep --store postgres://sessions@db.example/sessions --json")]
pub(crate) struct Sweep;

/// How many are dropped in one go: others wait for no longer than that takes.
const BATCH: usize = 500;

impl Sweep {
    /// Sweeps.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let Some(store) = context.store_url()?.open().await?.sweep else {
            let text = "This server drops them by itself; there is nothing to sweep";
            return context.output.answer(&json!({ "swept": 0 }), text);
        };
        let mut swept = 0;
        loop {
            let dropped = store.sweep(BATCH).await?;
            swept += dropped;
            if dropped < BATCH {
                break;
            }
            context.output.note(&format!("{swept} so far"));
        }
        context.output.answer(&json!({ "swept": swept }), &format!("Dropped {swept} sessions"))
    }
}
