//! AWS Cognito. The emulator leaves the nonce out of its ID tokens, so sessions are made of imported tokens.

use oidc_session::{
    AccessToken, Clock as _, Cognito, IdToken, Oidc, ProviderErrorKind, ProviderId, Revocation, Session, SystemClock,
    TokenSet,
};
use serde_json::Value;
use url::Url;

use super::{RefreshToken, does_not_revoke, judges_an_unknown_token, logged_out, refreshes};
use crate::checks::{Result, ensure, holds, skip};
use crate::server::{Server, claims, http};
use crate::signed_in::{REDIRECT_URI, SignedIn, code_flow, fails, request};

/// A code verifier and its challenge (RFC 7636 appendix B).
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(super) async fn check(server: &Server) -> Result {
    let pool = Cognito::emulator(server.text("/domain")?, server.text("/user_pool")?)?;
    let client_id = server.text("/client_id")?;
    let provider = pool.clone().client(client_id).build()?;
    holds("cognito: the pool's issuer is as the emulator writes it", async {
        ensure(pool.issuer() == server.issuer()?, || format!("it is {}", pool.issuer()))
    })
    .await?;
    holds("cognito: a sign-in whose ID token lacks the nonce is refused", async {
        let refused = code_flow(server, &provider, request()?).await.err().ok_or("it signed in")?;
        let refused = refused.downcast::<oidc_session::ProviderError>()?;
        ensure(refused.to_string().contains("belongs to another sign-in"), || {
            format!("it was refused for another reason: {refused}")
        })?;
        fails::<Session>(Err(*refused), ProviderErrorKind::InvalidAnswer).map(drop)
    })
    .await?;

    let imported = imported(server, &pool, client_id).await?;
    let signed_in = SignedIn::keeping(server, &provider, "cognito", imported).await?;
    refreshes(server, &signed_in, RefreshToken::Kept).await?;
    judges_an_unknown_token(&signed_in, ProviderErrorKind::Rejected).await?;
    revokes_through_the_api(&pool.through_api().client(client_id).build()?, server, &signed_in).await?;
    does_not_revoke(server, &signed_in).await?;
    skip("cognito: refresh through the API", "the emulator has no GetTokensFromRefreshToken");
    skip("cognito: userinfo, and a logout URL", "the emulator has neither");
    Ok(())
}

/// The token endpoint and the API are about the same refresh tokens.
async fn revokes_through_the_api(api: &Oidc, server: &Server, signed_in: &SignedIn) -> Result {
    let session = signed_in.stored().await?;
    let through_api = SignedIn::keeping(server, api, "cognito-api", session).await?;
    holds("cognito: RevokeToken of the API ends the refresh token, at the token endpoint too", async {
        logged_out(&through_api, Revocation::Done).await?;
        let last = signed_in.stored().await?.tokens.refresh_token;
        fails(signed_in.present(last).await?, ProviderErrorKind::Rejected).map(drop)
    })
    .await
}

/// A session of tokens that were come by without a nonce.
async fn imported(server: &Server, pool: &Cognito, client_id: &str) -> Result<Session> {
    let origin = Url::parse(pool.issuer())?;
    let asked = [
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid email"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let callback = server.visit(&Url::parse_with_params(origin.join("/oauth2/authorize")?.as_str(), asked)?).await?;
    let code = callback.query_pairs().find(|(name, _)| name == "code").ok_or("there is no code")?.1;
    let presented = [
        ("grant_type", "authorization_code"),
        ("client_id", client_id),
        ("redirect_uri", REDIRECT_URI),
        ("code", &code),
        ("code_verifier", VERIFIER),
    ];
    let answer = http()?.post(origin.join("/oauth2/token")?).form(&presented).send().await?.error_for_status()?;
    let answer: Value = serde_json::from_slice(&answer.bytes().await?)?;
    let text = |name: &str| answer[name].as_str().ok_or_else(|| format!("the answer has no {name}"));

    let now = SystemClock.now();
    let mut tokens = TokenSet::new(now, now);
    tokens.access_token = Some(AccessToken::new(text("access_token")?));
    tokens.refresh_token = Some(oidc_session::RefreshToken::new(text("refresh_token")?));
    tokens.id_token = Some(IdToken::new(text("id_token")?));
    let mut session = Session::new(ProviderId::new("cognito"), pool.issuer(), client_id, tokens);
    session.subject = claims(text("id_token")?)?["sub"].as_str().map(str::to_owned);
    Ok(session)
}
