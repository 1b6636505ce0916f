//! Okta.

use oidc_session::presets::Okta;
use oidc_session::{ClientAuth, ClientSecret, OidcBuilder, ProviderErrorKind};

use super::{
    CLIENT, RefreshToken, confidential, judges_a_used_token, judges_an_unknown_token,
    keeps_the_session_of_a_wrong_client, knows_the_user, leads_back, refreshes, revokes, signs_in,
};
use crate::checks::{Result, ensure, holds, skip};
use crate::server::Server;
use crate::signed_in::{SignedIn, code_flow, request};

pub(super) async fn check(server: &Server) -> Result {
    let client = || -> Result<OidcBuilder> {
        let okta = Okta::custom_server("acme.okta.com", "e2e")?;
        Ok(okta.emulator(server.text("/org_issuer")?)?.client(CLIENT))
    };
    let provider = confidential(server, client()?)?;
    let signed_in = signs_in(server, &provider).await?;
    refuses_another_authentication_time(server, &signed_in).await?;
    let signed_in = without_authentication_time(server, &signed_in).await?;
    refreshes(server, &signed_in, RefreshToken::Replaced).await?;
    knows_the_user(&signed_in).await?;
    judges_a_used_token(&signed_in, ProviderErrorKind::Rejected).await?;
    judges_an_unknown_token(&signed_in, ProviderErrorKind::Rejected).await?;
    let stranger = client()?.client_auth(ClientAuth::Post(ClientSecret::new("another"))).build()?;
    keeps_the_session_of_a_wrong_client(&signed_in, &stranger).await?;
    leads_back(&signed_in).await?;
    revokes(&signed_in).await
}

/// The emulator's ID tokens name the time of the refresh instead. None of such an answer is used but its refresh token.
async fn refuses_another_authentication_time(server: &Server, signed_in: &SignedIn) -> Result {
    skip("okta: the authentication time", "the emulator changes auth_time at a refresh, against OIDC Core 12.2");
    holds("okta: an answer with another auth_time is not used, and the session lives on", async {
        let mut session = signed_in.stored().await?;
        session.auth_time = session.auth_time.map(|at| at - 60);
        ensure(session.auth_time.is_some(), || "the ID token has no auth_time".into())?;
        let doubtful = SignedIn::keeping(server, &signed_in.provider, "okta-doubtful", session.clone()).await?;
        doubtful.session.expire().await?;
        let error = doubtful.session.access_token().await.err().ok_or("it was used")?;
        ensure(error.outcome() == "answer_refused", || format!("the outcome is {}", error.outcome()))?;
        let rotated = doubtful.stored().await?.tokens.refresh_token;
        ensure(rotated != session.tokens.refresh_token, || "the rotation was forgotten".into())?;
        doubtful.present(rotated).await?.map(drop).map_err(Into::into)
    })
    .await
}

/// The session of a new sign-in, as if its first ID token had not told when that was.
async fn without_authentication_time(server: &Server, signed_in: &SignedIn) -> Result<SignedIn> {
    let mut session = code_flow(server, &signed_in.provider, request()?).await?;
    session.auth_time = None;
    SignedIn::keeping(server, &signed_in.provider, "okta-timeless", session).await
}
