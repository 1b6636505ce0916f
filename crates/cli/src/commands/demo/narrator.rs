//! [`Narrator`]: tells each scene as it happens.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::{Clock, Timestamp};
use owo_colors::OwoColorize as _;
use serde_json::{Value, json};

use super::scene::Scene;
use crate::failure::Failure;
use crate::output::Output;
use crate::times::rfc3339;

/// Tells each scene as it happens.
#[derive(Debug)]
pub(super) struct Narrator {
    output: Output,
    clock: Arc<dyn Clock>,
    started: Duration,
    lifetime: Duration,
}

/// The width of the bar that shows how much of an access token's life was left.
const WIDTH: u128 = 10;

impl Narrator {
    pub(super) fn new(output: Output, clock: Arc<dyn Clock>, lifetime: Duration) -> Self {
        let started = clock.monotonic();
        Self { output, clock, started, lifetime }
    }

    /// Wall time.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// How long the demo has been going on.
    pub(super) fn elapsed(&self) -> Duration {
        self.clock.monotonic().saturating_sub(self.started)
    }

    /// Tells a scene: one line, or one object.
    pub(super) fn tell(&self, scene: &Scene) -> Result<(), Failure> {
        let mut object = serde_json::to_value(scene).map_err(|error| Failure::failed(error.to_string()))?;
        if let Value::Object(fields) = &mut object {
            fields.insert("at".to_owned(), json!(rfc3339(self.now())));
        }
        let text = match scene {
            Scene::Summary(_) => scene.text(),
            _ => {
                let at = format!("{:>5.1} s", self.elapsed().as_secs_f64());
                format!("{}  {}  {}", at.dimmed(), self.bar(scene.left(self.now())), scene.text())
            }
        };
        self.output.answer(&object, &text)
    }

    fn bar(&self, left: Duration) -> String {
        // Rounded up: what still serves is not shown as empty.
        let full = (left.as_millis() * WIDTH).div_ceil(self.lifetime.as_millis().max(1)).min(WIDTH);
        let full = usize::try_from(full).unwrap_or_default();
        let rest = WIDTH as usize - full;
        format!("{}{}", "━".repeat(full).green(), "─".repeat(rest).dimmed())
    }
}
