//! Against emulators: what each of them does like its vendor, with the adapter pointed at it.

mod auth0;
mod cognito;
mod entra;
mod google;
mod okta;

use oidc_session::{
    ClientAuth, Oidc, OidcBuilder, Provider as _, ProviderErrorKind, Revocation, Session, SignIn as _, Target,
};
use url::Url;

use crate::checks::{Result, ensure, holds};
use crate::server::{Server, redirected};
use crate::signed_in::{REDIRECT_URI, SignedIn, fails};

/// The client that is registered at every emulator that knows clients.
const CLIENT: &str = "web-app";

/// Every check of an adapter against the emulator of its vendor.
pub(crate) async fn check(server: &Server, vendor: &str) -> Result {
    match vendor {
        "auth0" => auth0::check(server).await,
        "cognito" => cognito::check(server).await,
        "entra" => entra::check(server).await,
        "google" => google::check(server).await,
        "okta" => okta::check(server).await,
        other => Err(format!("no checks are known for {other}").into()),
    }
}

/// The provider of a client that sends its secret in the body.
fn confidential(server: &Server, builder: OidcBuilder) -> Result<Oidc> {
    Ok(builder.client_auth(ClientAuth::Post(server.secret())).build()?)
}

/// Signs in with the code flow; the session is of this adapter and of this issuer.
async fn signs_in(server: &Server, provider: &Oidc) -> Result<SignedIn> {
    let id = &provider.profile().id;
    holds(&format!("{}: signs in with a code, PKCE and a nonce", id.as_str()), async {
        let signed_in = SignedIn::by_code(server, provider, id.as_str()).await?;
        let session = signed_in.stored().await?;
        ensure(session.provider_id == *id, || format!("the session is of {:?}", session.provider_id))?;
        ensure(session.issuer == server.issuer()?, || format!("the session is of {}", session.issuer))?;
        ensure(session.subject.is_some() && session.tokens.id_token.is_some(), || "nobody signed in".into())?;
        Ok(signed_in)
    })
    .await
}

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum RefreshToken {
    /// The answer has another.
    Replaced,
    /// The answer has none.
    Kept,
    /// The answer has another, which is the same text if it comes within a second.
    Restamped,
}

/// Refreshes twice, each time with the newest refresh token. The server grants it each time.
async fn refreshes(server: &Server, signed_in: &SignedIn, expected: RefreshToken) -> Result {
    let how = match expected {
        RefreshToken::Replaced => "a new refresh token each time",
        RefreshToken::Kept => "the refresh token stays",
        RefreshToken::Restamped => "whatever becomes of the refresh token",
    };
    holds(&format!("{}: refreshes twice; {how}", name(signed_in)), async {
        let (granted, refused) = (server.count("refresh_grants").await?, server.count("refresh_refused").await?);
        for _ in 0..2 {
            let first = signed_in.stored().await?;
            signed_in.refreshed().await?;
            let next = signed_in.stored().await?;
            let replaced = first.tokens.refresh_token != next.tokens.refresh_token;
            let as_expected = match expected {
                RefreshToken::Replaced => replaced,
                RefreshToken::Kept => !replaced,
                RefreshToken::Restamped => true,
            };
            ensure(as_expected, || format!("the refresh token was replaced: {replaced}"))?;
            ensure(next.subject == first.subject, || "the subject changed".into())?;
        }
        server.has_counted("refresh_grants", granted + 2).await?;
        server.has_counted("refresh_refused", refused).await
    })
    .await
}

/// Asks the UserInfo endpoint.
async fn knows_the_user(signed_in: &SignedIn) -> Result {
    holds(&format!("{}: userinfo is about the subject", name(signed_in)), async {
        signed_in.provider.userinfo(&signed_in.stored().await?).await.map(drop).map_err(Into::into)
    })
    .await
}

/// A refresh token that was replaced is answered with an error of this kind; the newest is as good as before.
async fn judges_a_used_token(signed_in: &SignedIn, kind: ProviderErrorKind) -> Result {
    holds(&format!("{}: a used refresh token is {kind:?}, and the newest is good", name(signed_in)), async {
        let used = signed_in.stored().await?.tokens.refresh_token;
        signed_in.refreshed().await?;
        fails(signed_in.present(used).await?, kind)?;
        signed_in.refreshed().await.map(drop)
    })
    .await
}

/// A refresh token that nobody issued is answered with an error of this kind.
async fn judges_an_unknown_token(signed_in: &SignedIn, kind: ProviderErrorKind) -> Result {
    holds(&format!("{}: an unknown refresh token is {kind:?}", name(signed_in)), async {
        let unknown = oidc_session::RefreshToken::new("never-issued-by-anyone");
        fails(signed_in.present(Some(unknown)).await?, kind).map(drop)
    })
    .await
}

/// A client that the server does not know is the operator's affair: the session lives on.
async fn keeps_the_session_of_a_wrong_client(signed_in: &SignedIn, stranger: &Oidc) -> Result {
    holds(&format!("{}: a wrong secret is Misconfigured", name(signed_in)), async {
        let session = signed_in.stored().await?;
        fails(stranger.refresh(&session, &Target::default()).await, ProviderErrorKind::Misconfigured)?;
        signed_in.refreshed().await.map(drop)
    })
    .await
}

/// Logs out; the server revokes the refresh token.
async fn revokes(signed_in: &SignedIn) -> Result {
    holds(&format!("{}: logout revokes the refresh token", name(signed_in)), async {
        let last = logged_out(signed_in, Revocation::Done).await?;
        fails(signed_in.provider.refresh(&last, &Target::default()).await, ProviderErrorKind::Rejected).map(drop)
    })
    .await
}

/// Logs out; the server is not asked.
async fn does_not_revoke(server: &Server, signed_in: &SignedIn) -> Result {
    holds(&format!("{}: logout ends the session and revokes nothing", name(signed_in)), async {
        let before = server.count("revocations").await?;
        logged_out(signed_in, Revocation::Unsupported).await?;
        server.has_counted("revocations", before).await
    })
    .await
}

async fn logged_out(signed_in: &SignedIn, expected: Revocation) -> Result<Session> {
    let report = signed_in.session.logout().await?;
    let found = report.revocation.ok_or("there was no session")??;
    ensure(found == expected, || format!("the revocation is {found:?}"))?;
    ensure(signed_in.stored().await.is_err(), || "the session goes on".into())?;
    Ok(report.ended.ok_or("there was no session")?)
}

/// The end-session URL leads back to us.
async fn leads_back(signed_in: &SignedIn) -> Result {
    holds(&format!("{}: the end-session URL leads back", name(signed_in)), async {
        let back = Url::parse(REDIRECT_URI)?;
        let url = signed_in.provider.end_session_url(&signed_in.stored().await?, Some(&back)).await?;
        let location = redirected(&url.ok_or("there is no end-session URL")?).await?;
        ensure(location.as_deref().is_some_and(|location| location.starts_with(REDIRECT_URI)), || {
            format!("it leads to {location:?}")
        })
    })
    .await
}

fn name(signed_in: &SignedIn) -> &str {
    signed_in.provider.profile().id.as_str()
}
