//! Tokens bound to a key, where the server wants a nonce of its own in every proof (RFC 9449 §8).

use oidc_session::Clock as _;
use oidc_session::{ClientAuth, DpopProof, ProviderErrorKind, Session, SystemClock, TokenType};
use url::Url;

use super::client;
use crate::checks::{Result, ensure, holds};
use crate::server::{Server, http};
use crate::signed_in::{SignedIn, code_flow, fails, request};

const CHALLENGES: &str = "dpop_challenges";
const FILE: &str = "dpop";

pub(super) async fn check(server: &Server) -> Result {
    let bound = || client(server, "dpop-app", ClientAuth::None).map(|builder| builder.dpop(true));
    let before = server.count(CHALLENGES).await?;
    let signed_in = holds("DPoP: a sign-in without a nonce is challenged once, and binds its tokens", async {
        let signed_in = SignedIn::by_code(server, &bound()?.build()?, FILE).await?;
        server.has_counted(CHALLENGES, before + 1).await?;
        let session = signed_in.stored().await?;
        ensure(session.tokens.token_type == TokenType::DPoP, || "the access token is not bound".into())?;
        ensure(session.dpop.is_some_and(|binding| binding.nonce.is_some()), || "no nonce was kept".into())?;
        Ok(signed_in)
    })
    .await?;
    holds("DPoP: two refreshes carry the nonce that is known, and are not challenged", async {
        signed_in.stays(2, true).await?;
        server.has_counted(CHALLENGES, before + 1).await
    })
    .await?;
    let reopened = holds("DPoP: a new provider takes key and nonce from the store, and is not challenged", async {
        let reopened = SignedIn::reopened(server, &bound()?.build()?, FILE).await?;
        reopened.stays(1, true).await?;
        server.has_counted(CHALLENGES, before + 1).await?;
        Ok(reopened)
    })
    .await?;
    holds("DPoP: a provider that was not told to bind refreshes a bound session all the same", async {
        let unaware = client(server, "dpop-app", ClientAuth::None)?.build()?;
        SignedIn::reopened(server, &unaware, FILE).await?.stays(1, true).await
    })
    .await?;
    holds("DPoP: userinfo with a proof, at an endpoint with nonces of its own", async {
        reopened.refreshed().await?;
        let session = reopened.stored().await?;
        let user = reopened.provider.userinfo(&session).await?;
        ensure(Some(user.subject) == session.subject, || "userinfo is about another".into())
    })
    .await?;
    holds("DPoP: a resource server takes the program's own proof, and no bearer", resource_server(server, &reopened))
        .await?;
    holds("DPoP: without a key the sign-in is refused", async {
        let unbound = client(server, "dpop-app", ClientAuth::None)?.build()?;
        let pending = request()?;
        let refused = code_flow(server, &unbound, pending).await.err().ok_or("it signed in")?;
        let refused = refused.downcast::<oidc_session::ProviderError>()?;
        fails::<Session>(Err(*refused), ProviderErrorKind::Rejected).map(drop)
    })
    .await
}

/// In a process that has never talked to the server.
pub(super) async fn check_later(server: &Server) -> Result {
    holds("DPoP: another process takes key and nonce from the store, and is not challenged", async {
        let before = server.count(CHALLENGES).await?;
        let bound = client(server, "dpop-app", ClientAuth::None)?.dpop(true).build()?;
        SignedIn::reopened(server, &bound, FILE).await?.stays(2, true).await?;
        server.has_counted(CHALLENGES, before).await
    })
    .await
}

/// The UserInfo endpoint, as any other resource server.
async fn resource_server(server: &Server, signed_in: &SignedIn) -> Result {
    let url = Url::parse(server.issuer()?)?.join("/me")?;
    let served = signed_in.refreshed().await?;
    let binding = served.dpop.ok_or("the token comes without its key")?;
    let token = served.access_token;
    let mut nonce = None;
    for expected in [401, 200] {
        let now = SystemClock.now();
        let proof = DpopProof::for_request(&binding, "GET", &url, Some(&token), nonce.as_deref(), now)?;
        let authorization = format!("DPoP {}", token.expose());
        let ask = http()?.get(url.clone()).header("authorization", authorization).header("dpop", proof.as_str());
        let answer = ask.send().await?;
        ensure(answer.status() == expected, || format!("it answered {}, not {expected}", answer.status()))?;
        nonce = answer.headers().get("dpop-nonce").map(|nonce| nonce.to_str().map(str::to_owned)).transpose()?;
    }
    let ask = http()?.get(url).header("authorization", format!("Bearer {}", token.expose()));
    let status = ask.send().await?.status();
    ensure(status == 401, || format!("the bearer was answered {status}"))
}
