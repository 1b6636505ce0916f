//! [`Scene`]: one thing that happens in a demo, for a script as an event and for a person as a line.

use std::time::Duration;

use oidc_session_core::Timestamp;
use owo_colors::OwoColorize as _;
use serde::{Serialize, Serializer};

use super::tally::Summary;
use crate::times::rfc3339;

/// One thing that happens. Never holds a token.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum Scene {
    Listening {
        issuer: String,
        access_ttl_seconds: u64,
    },
    SignedIn {
        subject: Option<String>,
        #[serde(serialize_with = "instant")]
        expires_at: Option<Timestamp>,
    },
    Served {
        outcome: &'static str,
        accepted: bool,
        #[serde(serialize_with = "instant")]
        expires_at: Option<Timestamp>,
    },
    Refreshed {
        /// 0 is the refresh token of the sign-in.
        generation: Option<u32>,
        seconds_before_expiry: f64,
        /// Access tokens served meanwhile.
        served: u64,
        #[serde(serialize_with = "instant")]
        expires_at: Option<Timestamp>,
    },
    Waiting {
        seconds: f64,
    },
    CallersAtOnce {
        callers: u64,
        refreshed: u64,
        joined: u64,
        generation: Option<u32>,
        #[serde(serialize_with = "instant")]
        expires_at: Option<Timestamp>,
    },
    SecondProgram {
        outcome: &'static str,
        same_token: bool,
        #[serde(serialize_with = "instant")]
        expires_at: Option<Timestamp>,
    },
    LoggedOut {
        revoked: bool,
        second_program_knows: bool,
        refresh_token_dead: bool,
    },
    Summary(Summary),
}

impl Scene {
    /// How much of the access token's life was left when it happened.
    pub(super) fn left(&self, now: Timestamp) -> Duration {
        match self {
            Self::SignedIn { expires_at, .. }
            | Self::Served { expires_at, .. }
            | Self::SecondProgram { expires_at, .. } => {
                expires_at.map_or(Duration::ZERO, |at| at.saturating_since(now))
            }
            Self::Refreshed { seconds_before_expiry: seconds, .. } | Self::Waiting { seconds } => {
                Duration::from_secs_f64(seconds.max(0.0))
            }
            Self::Listening { .. } | Self::CallersAtOnce { .. } | Self::LoggedOut { .. } | Self::Summary(_) => {
                Duration::ZERO
            }
        }
    }

    /// The line a person reads.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Listening { issuer, access_ttl_seconds } => format!(
                "{} on {issuer}: access tokens live {access_ttl_seconds} s, refresh tokens rotate, reuse is detected",
                "authorization server".bold()
            ),
            Self::SignedIn { subject, .. } => format!(
                "{} as {}: code flow with PKCE, ID token verified, session stored in SQLite",
                "signed in".green().bold(),
                subject.as_deref().unwrap_or("somebody")
            ),
            Self::Served { outcome, accepted, .. } => {
                let accepted = if *accepted { "accepts it" } else { "REFUSES it" };
                format!("{} {outcome}: the resource server {accepted}", "access token".green().bold())
            }
            Self::Refreshed { generation, seconds_before_expiry, served, .. } => format!(
                "{} {seconds_before_expiry:.1} s before expiry, behind the backs of {served} callers; {}",
                "refreshed".cyan().bold(),
                nth(*generation)
            ),
            Self::Waiting { seconds } => {
                format!("{}", format!("nobody asks for {seconds:.1} s, until the access token has expired").dimmed())
            }
            Self::CallersAtOnce { callers, refreshed, joined, generation, .. } => format!(
                "{}: {refreshed} refreshed, {joined} joined; {}",
                format!("{callers} callers at once").magenta().bold(),
                nth(*generation)
            ),
            Self::SecondProgram { outcome, same_token, .. } => {
                let token = if *same_token { "the same access token" } else { "another access token" };
                format!("{} on the same file {outcome}: {token}, nothing sent", "second program".blue().bold())
            }
            Self::LoggedOut { revoked, second_program_knows, refresh_token_dead } => format!(
                "{}: {}, the second program {}, the refresh token {}",
                "logged out".yellow().bold(),
                if *revoked { "tokens revoked" } else { "tokens NOT revoked" },
                if *second_program_knows { "knows" } else { "does NOT know" },
                if *refresh_token_dead { "is dead" } else { "STILL WORKS" },
            ),
            Self::Summary(summary) => summed_up(summary),
        }
    }
}

fn summed_up(summary: &Summary) -> String {
    let mut lines = vec![
        format!("{} refreshes, each with a new refresh token", summary.refreshes),
        format!("{} refresh tokens presented twice", summary.reuse_detected),
        format!("{} access tokens served, {} accepted", summary.tokens_served, summary.tokens_accepted),
        format!("{} of {} callers at once only waited", summary.callers_joined, summary.callers_at_once),
        format!("nothing left behind after {:.1} s", summary.seconds),
    ];
    lines.extend(summary.problems.iter().cloned());
    let mark = if summary.ok { "✓".green().bold().to_string() } else { "✗".red().bold().to_string() };
    let lines: Vec<String> = lines.iter().map(|line| format!("  {mark} {line}")).collect();
    let next = if summary.ok {
        "\n\nNow with a server of yours: oidc-session login --issuer URL --client-id ID, then oidc-session token"
    } else {
        ""
    };
    format!("\n{}{next}", lines.join("\n"))
}

fn nth(generation: Option<u32>) -> String {
    match generation {
        Some(generation) => format!("refresh token no. {}", generation + 1),
        None => "the refresh token stays".to_owned(),
    }
}

#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn instant<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    at.and_then(rfc3339).serialize(serializer)
}
