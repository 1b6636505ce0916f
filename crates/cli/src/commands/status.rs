//! `status`: the session and its times. Sends nothing, changes nothing.

use clap::Args;
use oidc_session_core::{EndReason, Limits, Session, SessionEnd, SessionState, Target, Timestamp, Tombstone};
use oidc_session_manager::{Phase, Schedule};
use oidc_session_policy::Jitter;
use owo_colors::OwoColorize as _;
use serde::Serialize;

use crate::context::Context;
use crate::failure::Failure;
use crate::output::shown;
use crate::policy_flags::{ChosenPolicy, PolicyFlags};
use crate::saved_session::SavedSession;
use crate::timeline::Timeline;
use crate::times::{plain, relative, rfc3339, rough};

/// Show the session and its times; sends nothing, shows no token
///
/// The state is fresh, due (valid, but the policy asks for a refresh), expired (the next `token` refreshes it), ended
/// (the reason is named) or none. All of them exit with 0.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  oidc-session status
  oidc-session status --policy preemptive --skew 30s
  oidc-session status --json --session work")]
pub(crate) struct Status {
    #[command(flatten)]
    policy: PolicyFlags,
}

impl Status {
    /// Shows it.
    pub(crate) async fn run(self, context: &Context) -> Result<(), Failure> {
        let saved = SavedSession::find(context).await?;
        let standing = Standing::of(context, saved.as_ref(), self.policy.chosen())?;
        let text = standing.text(context, saved.as_ref());
        context.output.answer(&standing.report, &text)
    }
}

/// What `status --json` prints.
#[derive(Debug, Default, Serialize)]
struct Report<'a> {
    session: &'a str,
    state: &'static str,
    subject: Option<&'a str>,
    /// The kind of authorization server, as the session names it.
    provider: Option<&'a str>,
    issuer: Option<&'a str>,
    client_id: Option<&'a str>,
    received_at: Option<String>,
    refresh_at: Option<String>,
    expires_at: Option<String>,
    ended_at: Option<String>,
    has_refresh_token: bool,
    refresh_token_expires_at: Option<String>,
    /// When the session ends whatever is refreshed until then.
    ends_at: Option<String>,
    /// When it ends if nobody uses it until then.
    idle_at: Option<String>,
    /// As its record knows.
    last_used_at: Option<String>,
    token_type: Option<&'a str>,
    /// The key that the tokens are bound to.
    dpop_thumbprint: Option<&'a str>,
    /// What the sign-in named.
    resources: &'a [String],
    further_tokens: Vec<FurtherToken<'a>>,
    version: Option<u64>,
    /// Why the session ended.
    reason: Option<&'static str>,
    /// The OAuth error code behind that.
    error_code: Option<&'a str>,
}

/// An access token beside the sign-in's own.
#[derive(Debug, Serialize)]
struct FurtherToken<'a> {
    resource: Option<&'a str>,
    scope: Option<String>,
    state: &'static str,
    expires_at: Option<String>,
    #[serde(skip)]
    told: String,
}

/// A session at one instant.
struct Standing<'a> {
    report: Report<'a>,
    schedule: Schedule,
    /// When the session ends whatever its tokens say, if nobody uses it until then.
    end: Option<SessionEnd>,
    now: Timestamp,
}

impl<'a> Standing<'a> {
    fn of(context: &'a Context, saved: Option<&'a SavedSession>, policy: ChosenPolicy) -> Result<Self, Failure> {
        let now = context.clock.now();
        let mut standing = Self {
            report: Report { session: &context.session, state: "none", ..Report::default() },
            schedule: Schedule::NoAccessToken,
            end: None,
            now,
        };
        let Some(saved) = saved else { return Ok(standing) };
        standing.report.version = Some(saved.version.as_u64());
        match &saved.state {
            SessionState::Active(session) => {
                let jitter = Jitter::of(&saved.store.key(&context.id()?));
                let schedule = |target: &Target| Schedule::of_session(&policy, session, target, jitter);
                standing.alive(session, schedule(&Target::default()));
                let further = session.further_tokens.keys();
                standing.report.further_tokens =
                    further.map(|target| FurtherToken::of(target, schedule(target), now)).collect();
            }
            SessionState::Ended(tombstone) => standing.ended(tombstone),
        }
        Ok(standing)
    }

    fn alive(&mut self, session: &'a Session, schedule: Schedule) {
        let report = &mut self.report;
        self.end = Limits::default().end_of(session, None);
        let over = self.end.is_some_and(|end| end.at <= self.now);
        report.state = if over { word(Phase::Expired) } else { word(schedule.phase(self.now)) };
        report.subject = session.subject.as_deref();
        report.issuer = Some(&session.issuer);
        report.client_id = Some(&session.client_id);
        report.received_at = rfc3339(session.tokens.received_at);
        report.refresh_at = schedule.refresh_at().and_then(rfc3339);
        report.expires_at = schedule.expires_at().and_then(rfc3339);
        report.provider = Some(session.provider_id.as_str());
        report.has_refresh_token = session.tokens.refresh_token.is_some();
        report.refresh_token_expires_at = session.tokens.refresh_token_expires_at.and_then(rfc3339);
        report.ends_at = session.ends_at.and_then(rfc3339);
        report.idle_at = session.idle_limit.and_then(|limit| rfc3339(session.last_used() + limit));
        report.last_used_at = session.last_used_at.and_then(rfc3339);
        report.token_type = Some(session.tokens.token_type.as_str());
        report.dpop_thumbprint = session.dpop.as_ref().map(|binding| binding.thumbprint.as_str());
        report.resources = &session.resources;
        self.schedule = schedule;
    }

    fn ended(&mut self, tombstone: &'a Tombstone) {
        let report = &mut self.report;
        report.state = "ended";
        report.subject = tombstone.subject.as_deref();
        report.issuer = Some(&tombstone.issuer);
        report.client_id = Some(&tombstone.client_id);
        report.provider = Some(tombstone.provider_id.as_str());
        report.ended_at = rfc3339(tombstone.ended_at);
        report.reason = Some(tombstone.reason.as_str());
        report.error_code = tombstone.error.as_deref();
    }

    fn text(&self, context: &Context, saved: Option<&SavedSession>) -> String {
        let name = shown(self.report.session);
        let name = name.bold();
        let Some(saved) = saved else {
            return format!("{name}: {}\n\n  {}", "none".dimmed(), "Sign in with `oidc-session login`.");
        };
        let mut lines = vec![format!("{name}: {}", self.headline(&saved.state)), String::new()];
        let mut line = |label: &str, value: &str| lines.push(format!("  {label:<9} {}", shown(value)));
        line("subject", self.report.subject.unwrap_or("unknown"));
        line("provider", self.report.provider.unwrap_or_default());
        line("issuer", self.report.issuer.unwrap_or_default());
        line("client", self.report.client_id.unwrap_or_default());
        if let Some(thumbprint) = self.report.dpop_thumbprint {
            line("bound to", &format!("the key {thumbprint} (DPoP)"));
        }
        match &saved.state {
            SessionState::Active(session) => {
                lines.extend(self.times(session));
                lines.extend(self.further_tokens());
            }
            SessionState::Ended(tombstone) => {
                lines.push(format!("  {:<9} {}", "ended", self.told(tombstone.ended_at)));
                lines.push(String::new());
                lines.push(match tombstone.reason {
                    EndReason::Moved if tombstone.moving.is_some() => {
                        "  It is still on its way: run `oidc-session migrate` again.".to_owned()
                    }
                    EndReason::Moved => "  It lives on in the store it was moved to.".to_owned(),
                    _ => {
                        format!("  Sign in again: {}", shown(&saved.registration.login_command(&context.session, &[])))
                    }
                });
            }
        }
        lines.join("\n")
    }

    /// The state, and what follows from it.
    fn headline(&self, state: &SessionState) -> String {
        let session = match state {
            SessionState::Active(session) => session,
            SessionState::Ended(tombstone) => {
                let code = tombstone.error.as_ref().map(|code| format!(" ({})", shown(code))).unwrap_or_default();
                return format!("{}, {}{code}", "ended".red().bold(), tombstone.reason);
            }
        };
        if let Some(end) = self.end.filter(|end| end.at <= self.now) {
            let over = match end.reason {
                EndReason::Idle => "nobody has used the session for as long as its idle limit",
                _ => "the session has reached its time limit",
            };
            return format!("{}, and {over}: sign in again", "expired".yellow().bold());
        }
        let unsettled = match session.unsettled_attempts {
            0 => "",
            _ => "; the answer to an earlier refresh was lost",
        };
        let next = match (self.report.state, self.report.has_refresh_token) {
            ("fresh", _) if self.schedule == Schedule::Unknown => {
                "the server does not say when the access token expires"
            }
            ("fresh", _) => "the access token is valid",
            ("due", true) => "the access token is valid, and the next `token` refreshes it",
            ("due", false) => "the access token is valid, and there is no refresh token",
            (_, true) => "the next `token` refreshes it",
            (_, false) => "and there is no refresh token: sign in again",
        };
        let state = match self.report.state {
            state @ "fresh" => state.green().bold().to_string(),
            state => state.yellow().bold().to_string(),
        };
        format!("{state}, {next}{unsettled}")
    }

    fn times(&self, session: &Session) -> Vec<String> {
        let mut lines = Vec::new();
        let tokens = &session.tokens;
        let instants = (self.schedule.refresh_at(), self.schedule.expires_at());
        if let (Some(refresh_at), Some(expires_at)) = instants {
            let timeline =
                Timeline { received_at: tokens.received_at.min(expires_at), refresh_at, expires_at, now: self.now };
            lines.extend([String::new(), format!("  {}", timeline.bar()), String::new()]);
        }
        lines.push(format!("  {:<11} {}", "├ received", self.told(tokens.received_at)));
        lines.push(format!("  {:<11} {}", "◆ now".cyan(), plain(self.now)));
        if let (Some(refresh_at), Some(expires_at)) = instants {
            if refresh_at < expires_at {
                lines.push(format!("  {:<11} {}", "┊ refresh".yellow(), self.told(refresh_at)));
            }
            lines.push(format!("  {:<11} {}", "┤ expires", self.told(expires_at)));
        }
        if let Some(at) = tokens.refresh_token_expires_at {
            lines.push(format!("  {:<11} {}; the refresh token", "│ expires", self.told(at)));
        }
        if let Some(at) = session.ends_at {
            lines.push(format!("  {:<11} {}; the session, for good", "│ ends", self.told(at)));
        }
        if let Some(limit) = session.idle_limit {
            let (at, limit) = (self.told(session.last_used() + limit), rough(limit));
            lines.push(format!("  {:<11} {at}; the session, unused for {limit}", "│ idle"));
        }
        lines
    }

    fn further_tokens(&self) -> Vec<String> {
        let further = &self.report.further_tokens;
        let mut lines = Vec::new();
        if !further.is_empty() {
            lines.extend([String::new(), "  further access tokens:".to_owned()]);
        }
        lines.extend(further.iter().map(|token| {
            let resource = token.resource.unwrap_or("the sign-in's own resource");
            let scope = token.scope.as_deref().map(|scope| format!(" ({scope})")).unwrap_or_default();
            format!("    {}: {}, {}", shown(&format!("{resource}{scope}")), token.state, token.told)
        }));
        lines
    }

    fn told(&self, at: Timestamp) -> String {
        format!("{} {}", plain(at), format!("({})", relative(at, self.now)).dimmed())
    }
}

impl<'a> FurtherToken<'a> {
    fn of(target: &'a Target, schedule: Schedule, now: Timestamp) -> Self {
        let expires_at = schedule.expires_at();
        Self {
            resource: target.resource_indicator(),
            scope: (!target.scope().is_empty()).then(|| target.scope().to_string()),
            state: word(schedule.phase(now)),
            expires_at: expires_at.and_then(rfc3339),
            told: expires_at.map_or("the server does not say when it expires".to_owned(), |at| {
                let verb = if at <= now { "expired" } else { "expires" };
                format!("{verb} {}", relative(at, now))
            }),
        }
    }
}

/// A phase as one stable word.
pub(crate) fn word(phase: Phase) -> &'static str {
    match phase {
        Phase::Fresh => "fresh",
        Phase::Due => "due",
        Phase::Expired => "expired",
    }
}
