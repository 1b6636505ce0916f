//! [`Timeline`]: the life of an access token as one line.

use oidc_session_core::Timestamp;
use owo_colors::OwoColorize as _;

/// The width of the bar, in characters.
const WIDTH: usize = 56;

/// The instants of an access token, and where we are among them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    pub(crate) received_at: Timestamp,
    pub(crate) refresh_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) now: Timestamp,
}

impl Timeline {
    /// The bar: what has passed, where we are, from where on it is due, where it expires.
    ///
    /// ```text
    /// ├━━━━━━━━━━◆────────────────┊┈┈┈┈┤
    /// ```
    pub(crate) fn bar(&self) -> String {
        let now = if self.is_expired() { WIDTH } else { self.column(self.now) };
        let refresh = self.column(self.refresh_at);
        let mut bar = "├".bold().to_string();
        for column in 0..WIDTH {
            let mark = if column == now {
                "◆".cyan().bold().to_string()
            } else if column == refresh && refresh < WIDTH - 1 {
                "┊".yellow().to_string()
            } else if column < now {
                "━".green().to_string()
            } else if column > refresh {
                "┈".yellow().to_string()
            } else {
                "─".dimmed().to_string()
            };
            bar.push_str(&mark);
        }
        bar.push_str(&"┤".bold().to_string());
        if self.is_expired() {
            bar.push_str(&" ◆".red().bold().to_string());
        }
        bar
    }

    fn is_expired(&self) -> bool {
        self.now >= self.expires_at
    }

    fn column(&self, at: Timestamp) -> usize {
        let whole = self.expires_at.saturating_since(self.received_at).as_millis().max(1);
        let part = at.saturating_since(self.received_at).as_millis().min(whole);
        let columns = part.saturating_mul(WIDTH as u128 - 1) / whole;
        usize::try_from(columns).unwrap_or(WIDTH - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn bar(now_s: u64, refresh_s: u64) -> String {
        let received_at = Timestamp::from_unix_seconds(1_000_000);
        let after = |seconds| received_at + Duration::from_secs(seconds);
        let timeline = Timeline { received_at, refresh_at: after(refresh_s), expires_at: after(55), now: after(now_s) };
        anstream::adapter::strip_str(&timeline.bar()).to_string()
    }

    #[test]
    fn a_bar_shows_what_has_passed_and_what_is_to_come() {
        assert_eq!(bar(10, 44), format!("├{}◆{}┊{}┤", "━".repeat(10), "─".repeat(33), "┈".repeat(11)));
        assert_eq!(bar(0, 55), format!("├◆{}┤", "─".repeat(55)));
        assert_eq!(bar(50, 44), format!("├{}┊{}◆{}┤", "━".repeat(44), "━".repeat(5), "┈".repeat(5)));
    }

    #[test]
    fn an_expired_token_has_now_beyond_the_bar() {
        assert_eq!(bar(500, 55), format!("├{}┤ ◆", "━".repeat(56)));
    }
}
