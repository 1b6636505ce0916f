//! `list`: all sessions of a store.

use std::borrow::Cow;

use clap::Args;
use oidc_session_core::{Limits, RecordError, SessionState, StoreKey, Target, Timestamp, Walk, Walked};
use oidc_session_manager::{ExpiredOnly, Phase, Schedule};
use oidc_session_policy::Jitter;
use oidc_session_sealing::Opened;
use serde::Serialize;
use serde_json::json;

use super::status::word;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::shown;
use crate::provider_setup::Settings;
use crate::times::{relative, rfc3339};

/// List all sessions of the store, ended ones included; shows no token
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session list
  oidc-session list --json | jq -r '.sessions[] | select(.state != \"ended\") | .session'")]
pub(crate) struct List;

/// One session, as `list --json` prints it.
#[derive(Debug, Default, Serialize)]
struct Row {
    /// None if another program signed in: the store knows only digests of names.
    session: Option<String>,
    state: &'static str,
    subject: Option<String>,
    issuer: Option<String>,
    expires_at: Option<String>,
    reason: Option<&'static str>,
    #[serde(skip)]
    told: String,
}

impl List {
    /// Lists them.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let store = context.store().await?;
        let now = context.clock.now();
        let mut rows = Vec::new();
        let mut records = Walk::over(&*store.store);
        while let Some(walked) = records.next().await? {
            match walked {
                Walked::Record { key, stored } => match store.seal.open(&key, &stored) {
                    Err(RecordError::Note) => {}
                    opened => rows.push(Row::of(&key, opened, now)),
                },
                Walked::Unreadable(_) => rows.push(Row::damaged()),
            }
        }
        rows.sort_by(|one, two| one.session.cmp(&two.session));
        context.output.answer(&json!({ "sessions": rows }), &table(&rows))
    }
}

impl Row {
    fn damaged() -> Self {
        Self { state: "damaged", ..Self::default() }
    }

    fn of(key: &StoreKey, opened: Result<Opened, RecordError>, now: Timestamp) -> Self {
        let Ok(Opened { state, .. }) = opened else {
            return Self::damaged();
        };
        let issuer = Some(state.issuer().to_owned());
        match state {
            SessionState::Active(session) => {
                let schedule = Schedule::of_session(&ExpiredOnly, &session, &Target::default(), Jitter::of(key));
                let expires_at = schedule.expires_at();
                let over = Limits::default().end_of(&session, None).is_some_and(|end| end.at <= now);
                Self {
                    session: Settings::of(&session.data).map(|settings| settings.name),
                    state: if over { word(Phase::Expired) } else { word(schedule.phase(now)) },
                    subject: session.subject,
                    issuer,
                    expires_at: expires_at.and_then(rfc3339),
                    reason: None,
                    told: expires_at.map_or(String::new(), |at| format!("expires {}", relative(at, now))),
                }
            }
            SessionState::Ended(tombstone) => Self {
                session: Settings::of(&tombstone.data).map(|settings| settings.name),
                state: "ended",
                subject: tombstone.subject,
                issuer,
                expires_at: None,
                reason: Some(tombstone.reason.as_str()),
                told: tombstone.reason.to_string(),
            },
        }
    }
}

fn table(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "There are no sessions; sign in with `oidc-session login`".to_owned();
    }
    let cells: Vec<[Cow<'_, str>; 5]> = rows
        .iter()
        .map(|row| {
            [
                row.session.as_deref().unwrap_or("?"),
                row.state,
                row.subject.as_deref().unwrap_or("?"),
                row.issuer.as_deref().unwrap_or("?"),
                row.told.as_str(),
            ]
            .map(shown)
        })
        .collect();
    let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    let line = |row: &[Cow<'_, str>; 5]| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        line.push_str(&row[4]);
        line.trim_end().to_owned()
    };
    cells.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_string_does_not_steer_the_terminal() {
        let row = Row { session: Some("a\u{202e}b".into()), subject: Some("\u{1b}[2J".into()), ..Row::default() };
        assert_eq!(table(&[row]), r"a\u{202e}b    \u{1b}[2J  ?");
    }
}
