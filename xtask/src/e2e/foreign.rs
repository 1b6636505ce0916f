//! Against a third-party OpenID provider: signs in, stays signed in, ends when it must, and fails well.

use std::net::TcpListener;
use std::time::Duration;

use super::checks::{Checks, ensure};
use super::cli::{Cli, SECRET_VARIABLE, WRONG_SECRET_VARIABLE};
use super::process::pause;
use super::provider::{Provider, SUBJECT};
use super::session::{Session, text};
use crate::Result;

/// The provider gives refresh tokens only to those who ask for consent (OIDC Core 11).
const CONSENT: [&str; 2] = ["--param", "prompt=consent"];
const PREEMPTIVE: [&str; 4] = ["--policy", "preemptive", "--skew", "5s"];
const REFRESHES: u64 = 5;

/// Every check against this provider.
pub(super) fn check(cli: &Cli, checks: &mut Checks, provider: &Provider) -> Result {
    stays_signed_in(cli, checks, provider)?;
    ends_when_it_must(cli, checks, provider)?;
    fails_well(cli, checks, provider)?;
    checks
        .check("the provider does detect reuse: a used refresh token revokes its whole grant", || reuse(cli, provider))
}

fn stays_signed_in(cli: &Cli, checks: &mut Checks, provider: &Provider) -> Result {
    let session = Session::in_file(cli, "foreign.db");
    checks.check("login signs in and says who, without a token", || {
        let signed_in = session.login(&provider.issuer, "native-app", &CONSENT)?.exits(0)?.json()?;
        for (field, expected) in [("session", "default"), ("subject", SUBJECT), ("issuer", &provider.issuer)] {
            ensure(text(&signed_in, field)? == expected, || format!("{field} is not {expected}"))?;
        }
        text(&signed_in, "expires_at")
    })?;
    let first = checks.check("token serves a valid access token without refreshing (expired-only)", || {
        let (one, other) = (session.token(&[])?, session.token(&[])?);
        ensure(one.outcome == "fresh" && one == other, || format!("outcomes {} and {}", one.outcome, other.outcome))?;
        refreshes(provider, 0, 0)?;
        Ok(one)
    })?;
    checks.check("the provider accepts the access token", || accepted(provider, &first.access_token))?;
    checks.check("five times expired, five times refreshed, each time rotated", || {
        let mut last = first;
        for round in 1..=REFRESHES {
            session.expire()?;
            ensure(session.state()? == "expired", || "status is not `expired` after expire".into())?;
            let next = session.token(&[])?;
            ensure(next.outcome == "refreshed", || format!("round {round}: outcome {}", next.outcome))?;
            ensure(next.access_token != last.access_token, || format!("round {round}: the same access token"))?;
            last = next;
        }
        refreshes(provider, 0, REFRESHES)?;
        accepted(provider, &last.access_token)?;
        let printed = session.run(&["token"])?.exits(0)?.stdout;
        ensure(printed.trim_end() == last.access_token, || {
            "without --json, stdout is not the access token alone".into()
        })
    })?;
    checks.check("refresh does nothing while the access token is valid; refresh --force refreshes", || {
        session.run_json(&["refresh"])?.exits(0)?;
        refreshes(provider, REFRESHES, 0)?;
        session.run_json(&["refresh", "--force"])?.exits(0)?;
        refreshes(provider, REFRESHES, 1)
    })?;
    checks.check("a confidential client signs in and refreshes", || {
        let session = Session::in_file(cli, "confidential.db");
        let secret = ["--client-secret-env", SECRET_VARIABLE];
        session.login(&provider.issuer, "web-app", &[CONSENT, secret].concat())?.exits(0)?;
        session.expire()?;
        let token = session.token(&[])?;
        ensure(token.outcome == "refreshed", || format!("outcome {}", token.outcome))?;
        accepted(provider, &token.access_token)
    })?;
    checks.check("preemptive refreshes a valid access token that is due; expired-only does not", || {
        preemptive(&Session::in_file(cli, "preemptive.db"), provider)
    })
}

fn ends_when_it_must(cli: &Cli, checks: &mut Checks, provider: &Provider) -> Result {
    let rejected = Session::in_file(cli, "rejected.db");
    rejected.login(&provider.issuer, "native-app", &CONSENT)?.exits(0)?;
    checks.check("a session the provider ended is discarded: token exits 3 and says why", || {
        provider.revoke_all()?;
        rejected.expire()?;
        rejected.run(&["token"])?.exits(3)?.says(&["rejected", "refused", "revoked", "invalid_grant", "ended"])?;
        let status = rejected.status(&[])?;
        ensure(text(&status, "state")? == "ended", || format!("state {}", status["state"]))?;
        text(&status, "reason")?;
        rejected.run(&["token"])?.exits(3).map(drop)
    })?;
    let finished = Session::in_file(cli, "logout.db");
    finished.login(&provider.issuer, "native-app", &CONSENT)?.exits(0)?;
    checks.check("logout revokes the refresh token at the provider and ends the session", || {
        let alive = provider.count("live_refresh_tokens")?;
        finished.run_json(&["logout"])?.exits(0)?;
        let left = provider.count("live_refresh_tokens")?;
        ensure(left + 1 == alive, || format!("{alive} refresh tokens before, {left} after"))?;
        finished
            .run(&["token"])?
            .exits(3)?
            .says(&["logout", "logged out", "log in", "login", "sign in", "ended"])
            .map(drop)
    })
}

fn fails_well(cli: &Cli, checks: &mut Checks, provider: &Provider) -> Result {
    let session = Session::in_file(cli, "failures.db");
    checks.check("no session: token exits 3 and names login", || {
        session.run(&["token"])?.exits(3)?.says(&["login", "sign in"]).map(drop)
    })?;
    checks.check("wrong client id: login exits 5 and says so, although no browser ever comes back", || {
        let login = ["login", "--issuer", &provider.issuer, "--client-id", "nobody", "--no-browser"];
        session.run(&login)?.exits(5)?.says(&["client"]).map(drop)
    })?;
    checks.check("wrong client id of imported tokens: token exits 5 and says so", || {
        let tokens = serde_json::json!({
            "issuer": provider.issuer,
            "client_id": "nobody",
            "refresh_token": "never-issued-by-anyone",
        });
        let file = cli.folder().join("import.json");
        std::fs::write(&file, tokens.to_string())?;
        session.run(&["import", "--file", &file.to_string_lossy()])?.exits(0)?;
        session.run(&["token"])?.exits(5)?.says(&["client"]).map(drop)
    })?;
    let session = Session::in_file(cli, "failed-logins.db");
    let login = |issuer: &str, client_id: &str, extra: &[&str]| session.login_as_a_person(issuer, client_id, extra);
    checks.check("wrong client secret: login exits 5 and says so", || {
        let secret = ["--client-secret-env", WRONG_SECRET_VARIABLE];
        login(&provider.issuer, "web-app", &[CONSENT, secret].concat())?.exits(5)?.says(&["client"]).map(drop)
    })?;
    checks.check("nobody behind the issuer URL: login exits 4 and says so", || {
        login(&nobody_there()?, "native-app", &[])?.exits(4)?.says(&["discovery", "connect", "reach"]).map(drop)
    })?;
    checks.check("an issuer that is not what its document says: login exits 5 and says so", || {
        login(&format!("{}/elsewhere", provider.issuer), "native-app", &[])?.exits(5)?.says(&["issuer"]).map(drop)
    })?;
    checks.check("the end user refuses: login exits 3 and says so", || {
        let refuse = ["--param", "login_hint=refuse"];
        let answer = login(&provider.issuer, "native-app", &[CONSENT, refuse].concat())?;
        answer.exits(3)?.says(&["access_denied", "refused", "denied"]).map(drop)
    })?;
    checks.check("a failed login leaves no session behind", || {
        let state = session.state()?;
        ensure(state == "none", || format!("state {state}"))
    })
}

/// Waits for the last quarter of a short life; a slow machine may miss it and try again.
fn preemptive(session: &Session<'_>, provider: &Provider) -> Result {
    session.login(&provider.issuer, "brief-app", &CONSENT)?.exits(0)?;
    for _ in 0..3 {
        if wait_until_due(session)? {
            let before = provider.count("refresh_grants")?;
            let kept = session.token(&["--policy", "expired-only"])?;
            let untouched = provider.count("refresh_grants")? == before;
            let replaced = session.token(&PREEMPTIVE)?;
            if untouched && kept.outcome == "fresh" {
                refreshes(provider, before, 1)?;
                let state = text(&session.status(&PREEMPTIVE)?, "state")?;
                ensure(state == "fresh", || format!("{state} after outcome {}", replaced.outcome))?;
                let adopted = session.token(&[])?;
                return ensure(adopted.access_token != kept.access_token, || "the access token is the old one".into());
            }
        }
        session.token(&PREEMPTIVE)?;
    }
    Err("the access token was never seen due".into())
}

/// Whether the access token was seen due before it expired.
fn wait_until_due(session: &Session<'_>) -> Result<bool> {
    for _ in 0..200 {
        match text(&session.status(&PREEMPTIVE)?, "state")?.as_str() {
            "fresh" => pause(Duration::from_millis(100)),
            "due" => return Ok(true),
            "expired" => return Ok(false),
            other => return Err(format!("state {other}").into()),
        }
    }
    Err("still fresh after its whole life".into())
}

fn reuse(cli: &Cli, provider: &Provider) -> Result {
    let session = Session::in_file(cli, "reuse.db");
    session.login(&provider.issuer, "native-app", &CONSENT)?.exits(0)?;
    let used = provider.refresh_tokens()?.pop().ok_or("no refresh token was issued")?;
    session.expire()?;
    session.token(&[])?;
    let revoked = provider.count("grants_revoked")?;
    let answer = provider.present(&used, "native-app")?;
    ensure(answer.status == 400, || format!("the provider answered {}", answer.status))?;
    ensure(provider.count("grants_revoked")? == revoked + 1, || "the grant was not revoked".into())?;
    session.expire()?;
    session.run(&["token"])?.exits(3).map(drop)
}

/// Fails unless the provider granted exactly `more` refreshes than `before` and refused none.
fn refreshes(provider: &Provider, before: u64, more: u64) -> Result {
    let granted = provider.count("refresh_grants")?;
    ensure(granted == before + more, || format!("{} refreshes granted, expected {more}", granted - before))?;
    let (refused, revoked) = (provider.count("refresh_refused")?, provider.count("grants_revoked")?);
    ensure(refused == 0 && revoked == 0, || format!("{refused} refreshes refused, {revoked} grants revoked"))
}

fn accepted(provider: &Provider, access_token: &str) -> Result {
    let subject = text(&provider.userinfo(access_token)?, "sub")?;
    ensure(subject == SUBJECT, || format!("userinfo is about {subject}"))
}

/// An issuer URL on a port that was free a moment ago.
fn nobody_there() -> Result<String> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    Ok(format!("http://{address}"))
}
