//! How clients prove who they are: secrets, assertions, certificates.

use oidc_session::{
    ClientAuth, ClientCertificate, ClientSecret, Provider as _, ProviderErrorKind, Revocation, SessionErrorKind,
    SigningKey, Target,
};

use super::client;
use crate::checks::{Result, ensure, holds};
use crate::server::Server;
use crate::signed_in::{SignedIn, fails};

pub(super) async fn check(server: &Server) -> Result {
    let key = SigningKey::from_pem(server.text("/private_key/pem")?)?;
    let key = key.with_key_id(server.text("/private_key/kid")?);
    let secret = ClientSecret::new(server.text("/secret_jwt")?);
    let (tls, self_signed) = (certificate(server, "tls")?, certificate(server, "self_signed")?);
    // A key, a secret and certificates that the server knows, but as those of other clients.
    let other_key = ClientAuth::PrivateKeyJwt(SigningKey::from_pem(server.text("/tls/key")?)?);
    let other_secret = ClientAuth::SecretJwt(server.secret());
    for (method, client_id, own, other) in [
        ("client_secret_basic", "web-app", ClientAuth::Basic(server.secret()), ClientAuth::Basic(secret.clone())),
        ("private_key_jwt", "private-key-app", ClientAuth::PrivateKeyJwt(key), other_key),
        ("client_secret_jwt", "secret-jwt-app", ClientAuth::SecretJwt(secret), other_secret),
        ("tls_client_auth", "tls-app", ClientAuth::MutualTls(tls.clone()), ClientAuth::MutualTls(self_signed.clone())),
        (
            "self_signed_tls_client_auth",
            "self-signed-app",
            ClientAuth::MutualTls(self_signed),
            ClientAuth::MutualTls(tls),
        ),
    ] {
        let statement = format!("{method}: signs in, asks who that is, refreshes twice, revokes; no longer refreshes");
        holds(&statement, whole_life(server, client_id, own.clone())).await?;
        let statement =
            format!("{method}: with what another client has, a refresh is refused and the session lives on");
        holds(&statement, mistaken(server, client_id, own, other)).await?;
    }
    Ok(())
}

async fn whole_life(server: &Server, client_id: &str, auth: ClientAuth) -> Result {
    let provider = client(server, client_id, auth)?.build()?;
    let signed_in = SignedIn::by_code(server, &provider, client_id).await?;
    let session = signed_in.stored().await?;
    let user = provider.userinfo(&session).await?;
    ensure(Some(&user.subject) == session.subject.as_ref(), || format!("userinfo is about {}", user.subject))?;
    signed_in.stays(2, true).await?;

    let last = signed_in.stored().await?;
    let report = signed_in.session.logout().await?;
    ensure(matches!(report.revocation, Some(Ok(Revocation::Done))), || format!("{:?}", report.revocation))?;
    let verdict = fails(provider.refresh(&last, &Target::default()).await, ProviderErrorKind::Rejected)?;
    ensure(verdict.error_code() == Some("invalid_grant"), || format!("the verdict is {verdict}"))
}

async fn mistaken(server: &Server, client_id: &str, own: ClientAuth, other: ClientAuth) -> Result {
    let name = format!("{client_id}-mistaken");
    let signed_in = SignedIn::by_code(server, &client(server, client_id, own)?.build()?, &name).await?;
    signed_in.session.expire().await?;
    let mistaken = SignedIn::reopened(server, &client(server, client_id, other)?.build()?, &name).await?;
    let error = mistaken.session.access_token().await.err().ok_or("the refresh was not refused")?;
    ensure(error.kind() == SessionErrorKind::Misconfigured, || format!("it failed as {:?}", error.kind()))?;

    // By another manager and past the pause: what matters is that the refresh token is still good.
    let session = signed_in.stored().await?;
    signed_in.provider.refresh(&session, &Target::default()).await?;
    Ok(())
}

fn certificate(server: &Server, owner: &str) -> Result<ClientCertificate> {
    let part = |name: &str| server.text(&format!("/{owner}/{name}"));
    Ok(ClientCertificate::from_pem(format!("{}{}", part("certificate")?, part("key")?))?)
}
