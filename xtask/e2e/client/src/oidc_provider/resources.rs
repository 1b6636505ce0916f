//! Several access tokens over one refresh token (RFC 8707), asked for by many at once.

use std::collections::BTreeSet;
use std::error::Error as _;

use oidc_session::{
    ClientAuth, Oidc, ProviderErrorKind, Scopes, SessionErrorKind, SessionHandle, SignInRequest, Target,
};

use tokio::task::JoinSet;

use super::client;
use crate::checks::{Result, ensure, holds};
use crate::server::{Server, claims};
use crate::signed_in::{SignedIn, code_flow, request};

const RESOURCES: [&str; 3] = ["https://one.example/", "https://two.example/", "https://three.example/"];
const MANAGERS: usize = 4;
const CALLERS: usize = 50;
const ROUNDS: usize = 3;

/// Refresh tokens that were presented more than once.
const AGAIN: &str = "presented_again";
const PRESENTED: &str = "refresh_tokens_presented";
const REFUSED: &str = "refresh_refused";

pub(super) async fn check(server: &Server) -> Result {
    let provider = || -> Result<Oidc> { Ok(client(server, "resources-app", ClientAuth::None)?.build()?) };
    let first = SignedIn::keeping(server, &provider()?, "resources", signed_in(server, &provider()?).await?).await?;
    let mut managers = vec![first.clone()];
    for _ in 1..MANAGERS {
        managers.push(SignedIn::reopened(server, &provider()?, "resources").await?);
    }
    for round in 1..=ROUNDS {
        let statement = format!(
            "resources, round {round}: {MANAGERS} managers, {} resources, {CALLERS} callers each: one refresh per \
             resource, each refresh token presented once, the right audience for everybody",
            RESOURCES.len()
        );
        holds(&statement, storm(server, &managers)).await?;
        first.session.expire().await?;
        // The others have valid access tokens in memory, until they look.
        for manager in &managers {
            manager.stored().await?;
        }
    }
    holds(
        "resources: one that the sign-in did not name is refused before anything is sent; the session lives on",
        async { unnamed(server, &first).await },
    )
    .await
}

async fn signed_in(server: &Server, provider: &Oidc) -> Result<oidc_session::Session> {
    let mut request: SignInRequest = request()?;
    request.scopes = Scopes::parse("openid offline_access read");
    request.resources = RESOURCES.map(str::to_owned).into();
    code_flow(server, provider, request).await
}

/// Everybody asks at once.
async fn storm(server: &Server, managers: &[SignedIn]) -> Result {
    let counted = async || -> Result<[u64; 3]> {
        Ok([server.count(PRESENTED).await?, server.count(AGAIN).await?, server.count(REFUSED).await?])
    };
    let [presented, again, refused] = counted().await?;
    let mut callers = JoinSet::new();
    for manager in managers {
        for resource in RESOURCES {
            for _ in 0..CALLERS {
                callers.spawn(audience(manager.session.for_target(Target::resource(resource)), resource));
            }
        }
    }
    let mut tokens = BTreeSet::new();
    while let Some(answered) = callers.join_next().await {
        tokens.insert(answered??);
    }
    ensure(tokens.len() == RESOURCES.len(), || format!("{} different access tokens", tokens.len()))?;
    let (expected, found) = ([presented + RESOURCES.len() as u64, again, refused], counted().await?);
    ensure(found == expected, || format!("{PRESENTED}, {AGAIN}, {REFUSED} are {found:?}, not {expected:?}"))
}

/// The access token that a caller got, whose audience is what was asked for.
async fn audience(session: SessionHandle, resource: &'static str) -> Result<String> {
    let token = session.access_token().await?.expose().to_owned();
    let audience = &claims(&token)?["aud"];
    ensure(audience == resource, || format!("the access token for {resource} is for {audience}"))?;
    Ok(token)
}

async fn unnamed(server: &Server, signed_in: &SignedIn) -> Result {
    let (presented, refused) = (server.count(PRESENTED).await?, server.count(REFUSED).await?);
    let other = signed_in.session.for_target(Target::resource("https://other.example/"));
    let error = other.access_token().await.err().ok_or("it was granted")?;
    ensure(error.kind() == SessionErrorKind::Misconfigured, || format!("it failed as {:?}", error.kind()))?;
    let cause = error.source().and_then(|cause| cause.downcast_ref::<oidc_session::ProviderError>());
    let advice =
        cause.filter(|cause| cause.kind() == ProviderErrorKind::Misconfigured).and_then(|cause| cause.advice());
    ensure(advice.is_some_and(|advice| advice.contains("SignInRequest::resources")), || {
        format!("it said: {advice:?}")
    })?;
    server.has_counted(PRESENTED, presented).await?;
    server.has_counted(REFUSED, refused).await?;
    for resource in RESOURCES {
        audience(signed_in.session.for_target(Target::resource(resource)), resource).await?;
    }
    signed_in.stays(1, true).await
}
