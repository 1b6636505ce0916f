//! [`Patience`]: how long a command waits for sessions that are being refreshed.

use std::time::Duration;

use clap::Args;

use crate::context::Context;
use crate::times::duration;

/// How long a command waits for sessions that are being refreshed.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// How long to wait for sessions that are being refreshed, before they are left alone
    #[arg(long = "patience", value_name = "DURATION", default_value = "30s", value_parser = duration)]
    left: Duration,
}

impl Patience {
    const STEP: Duration = Duration::from_secs(3);

    /// Waits a little, if there is patience left, and says what for.
    pub(crate) async fn is_left_after(&mut self, context: &Context, busy: usize) -> bool {
        if self.left.is_zero() {
            return false;
        }
        context.output.note(&format!("{busy} sessions are being refreshed; looking again"));
        tokio::time::sleep(self.left.min(Self::STEP)).await;
        self.left = self.left.saturating_sub(Self::STEP);
        true
    }
}
