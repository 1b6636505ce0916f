//! [`Story`]: what happens in a demo, in order.

use std::time::Duration;

use oidc_session_core::{
    EndReason, Provider as _, ProviderErrorKind, Revocation, Scopes, Session, SignIn as _, SignInRequest, Target,
    Timestamp,
};
use oidc_session_manager::{Outcome, SessionEventKind, Snapshot};
use oidc_session_testkit::Outcome as Presented;
use tokio::task::JoinSet;
use tokio::time::sleep;
use url::Url;

use super::narrator::Narrator;
use super::scene::Scene;
use super::stage::{Program, Stage};
use super::tally::Tally;
use crate::failure::Failure;

/// How often somebody asks for an access token.
const PAUSE: Duration = Duration::from_millis(200);
/// How many ask at the same moment.
const CALLERS: u64 = 20;
/// More rounds than any access token of the demo lives.
const MOST_ROUNDS: u32 = 100;

/// What happens in a demo.
pub(super) struct Story<'a> {
    stage: &'a Stage,
    narrator: &'a Narrator,
    tally: Tally,
}

impl<'a> Story<'a> {
    pub(super) fn new(stage: &'a Stage, narrator: &'a Narrator) -> Self {
        Self { stage, narrator, tally: Tally::default() }
    }

    /// Plays it, for about `length`.
    pub(super) async fn play(mut self, length: Duration) -> Result<Tally, Failure> {
        self.sign_in().await?;
        self.serve_and_tell().await?;
        let before = self.narrator.elapsed();
        self.ask_until_refreshed().await?;
        let round = self.narrator.elapsed().saturating_sub(before);
        self.let_many_ask_at_once().await?;
        self.let_the_second_program_adopt().await?;
        while self.narrator.elapsed() + round < length {
            self.ask_until_refreshed().await?;
        }
        self.log_out().await?;
        Ok(self.tally)
    }

    async fn sign_in(&self) -> Result<(), Failure> {
        let Program { provider, session, .. } = &self.stage.first;
        let redirect_uri =
            Url::parse("http://127.0.0.1:1/callback").map_err(|error| Failure::failed(error.to_string()))?;
        let request = SignInRequest::new(redirect_uri, Scopes::parse("openid offline_access"));
        let pending = provider.authorization_request(request).await?;
        // The server plays the browser, and alice before it.
        let callback = self
            .stage
            .server
            .authorize(&pending.authorization_url)
            .map_err(|error| Failure::failed("nobody could sign in").because(&error))?;
        let signed_in = provider.exchange(pending, &callback).await?;
        session.sign_in(signed_in.clone()).await?;
        self.narrator
            .tell(&Scene::SignedIn { subject: signed_in.subject.clone(), expires_at: signed_in.tokens.expires_at() })
    }

    async fn serve_and_tell(&mut self) -> Result<(), Failure> {
        let served = self.stage.first.session.token_for(Duration::ZERO).await?;
        let accepted = self.stage.accepts(&served.access_token).await?;
        self.count(accepted);
        self.narrator.tell(&Scene::Served { outcome: served.outcome.as_str(), accepted, expires_at: served.expires_at })
    }

    /// Somebody asks again and again, until the session was refreshed behind them.
    async fn ask_until_refreshed(&mut self) -> Result<(), Failure> {
        let mut events = self.stage.first.session.subscribe();
        let (before, served) = (self.expires_at().await?, self.tally.served);
        for _ in 0..MOST_ROUNDS {
            self.ask(&self.stage.first).await?;
            while let Ok(event) = events.try_recv() {
                if event.kind == SessionEventKind::Refreshed {
                    let left = before.map_or(Duration::ZERO, |before| before.saturating_since(event.at));
                    return self.narrator.tell(&Scene::Refreshed {
                        generation: self.generation(),
                        seconds_before_expiry: tenths(left),
                        served: self.tally.served - served,
                        expires_at: self.expires_at().await?,
                    });
                }
            }
            sleep(PAUSE).await;
        }
        self.tally.expect(false, "nobody refreshed the session");
        Ok(())
    }

    /// Nobody asks until the access token has expired; then everybody does.
    async fn let_many_ask_at_once(&mut self) -> Result<(), Failure> {
        let session = &self.stage.first.session;
        let expires_at = self.expires_at().await?;
        let wait = expires_at.map_or(Duration::ZERO, |at| at.saturating_since(self.narrator.now()));
        self.narrator.tell(&Scene::Waiting { seconds: tenths(wait) })?;
        sleep(wait + PAUSE).await;

        let mut callers = JoinSet::new();
        for _ in 0..CALLERS {
            let session = session.clone();
            callers.spawn(async move { session.refresh_if_expired().await });
        }
        let (mut refreshed, mut joined) = (0, 0);
        for outcome in callers.join_all().await {
            match outcome? {
                Outcome::Refreshed => refreshed += 1,
                Outcome::Joined => joined += 1,
                other => self.tally.expect(false, &format!("one of many callers was told {other}")),
            }
        }
        self.tally.expect(refreshed == 1, "many callers did not share one refresh");
        self.tally.callers_at_once += CALLERS;
        self.tally.callers_joined += joined;
        self.ask(&self.stage.first).await?;
        self.narrator.tell(&Scene::CallersAtOnce {
            callers: CALLERS,
            refreshed,
            joined,
            generation: self.generation(),
            expires_at: self.expires_at().await?,
        })
    }

    /// The second program knows the session; the first refreshes it; the second finds that out instead of refreshing.
    async fn let_the_second_program_adopt(&mut self) -> Result<(), Failure> {
        let second = &self.stage.second;
        self.ask(second).await?;
        self.ask_until_refreshed().await?;
        let outcome = second.session.refresh_if_expired().await?;
        self.tally.expect(outcome == Outcome::Adopted, "the second program did not adopt");
        self.tally.adopted += u64::from(outcome == Outcome::Adopted);
        self.ask(second).await?;
        let (one, other) = (self.stage.first.session.access_token().await?, second.session.access_token().await?);
        self.narrator.tell(&Scene::SecondProgram {
            outcome: outcome.as_str(),
            same_token: one == other,
            expires_at: self.expires_at().await?,
        })
    }

    async fn log_out(&mut self) -> Result<(), Failure> {
        let Program { provider, manager, session } = &self.stage.first;
        let last = self.session().await?;
        let report = session.logout().await?;
        manager.drain().await;
        let revoked = matches!(report.revocation, Some(Ok(Revocation::Done)));
        let second_program_knows = match self.stage.second.session.snapshot().await? {
            Snapshot::Ended { tombstone, .. } => tombstone.reason == EndReason::LoggedOut,
            _ => false,
        };
        // Presented once more on purpose: nothing may come of it.
        let refresh_token_dead = match &last {
            Some(last) => {
                matches!(provider.refresh(last, &Target::default()).await, Err(error) if error.kind() == ProviderErrorKind::Rejected)
            }
            None => false,
        };
        self.tally.expect(revoked, "the tokens were not revoked");
        self.tally.expect(second_program_knows, "the second program does not know of the logout");
        self.tally.logout_effective = revoked && refresh_token_dead;
        self.narrator.tell(&Scene::LoggedOut { revoked, second_program_knows, refresh_token_dead })
    }

    /// Asks for an access token, and tries it out.
    async fn ask(&mut self, program: &Program) -> Result<(), Failure> {
        let access_token = program.session.access_token().await?;
        let accepted = self.stage.accepts(&access_token).await?;
        self.count(accepted);
        Ok(())
    }

    fn count(&mut self, accepted: bool) {
        self.tally.served += 1;
        self.tally.accepted += u64::from(accepted);
    }

    async fn session(&self) -> Result<Option<Session>, Failure> {
        Ok(match self.stage.first.session.snapshot().await? {
            Snapshot::Active { session, .. } => Some(*session),
            Snapshot::Ended { .. } | Snapshot::None => None,
        })
    }

    async fn expires_at(&self) -> Result<Option<Timestamp>, Failure> {
        Ok(self.session().await?.and_then(|session| session.tokens.expires_at()))
    }

    /// How often the refresh token has been replaced, as the server counts.
    fn generation(&self) -> Option<u32> {
        let presentations = self.stage.server.presentations();
        let last = presentations.iter().rfind(|presentation| presentation.outcome == Presented::Granted)?;
        last.generation.map(|generation| generation + 1)
    }
}

fn tenths(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}
