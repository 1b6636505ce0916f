use std::time::Duration;

use oidc_session_core::{
    Clock as _, Commit, Expected, Session, SessionId, SessionState, SessionStore as _, SystemClock,
};
use oidc_session_sealing::{KeyRing, Seal};
use oidc_session_store_sqlite::SqliteStore;
use oidc_session_testkit::{AuthorizationServer, Fault, RetryAfter, StatusBody};

use super::terminal::{Terminal, holds_token};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_from_login_to_logout() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();

    let status = terminal.run("status --json").await.ok();
    assert_eq!(status["state"], "fresh");
    assert_eq!(status["session"], "default");
    assert_eq!(status["subject"], "alice");
    assert_eq!(status["has_refresh_token"], true);
    assert!(status["reason"].is_null());
    for instant in ["received_at", "refresh_at", "expires_at"] {
        assert!(status[instant].as_str().unwrap().ends_with('Z'), "{status}");
    }

    let ran = terminal.run("token --json").await;
    assert!(holds_token(&ran.stdout), "every other command is searched for tokens in vain");
    let first = ran.ok();
    assert_eq!(first["outcome"], "fresh");
    assert_eq!(first["token_type"], "Bearer");
    assert_eq!(terminal.run("refresh --json").await.ok()["outcome"], "fresh");

    assert_eq!(terminal.run("expire --json").await.ok()["state"], "expired");
    assert_eq!(terminal.run("status --json").await.ok()["state"], "expired");
    let second = terminal.run("token --json").await.ok();
    assert_eq!(second["outcome"], "refreshed");
    assert_ne!(second["access_token"], first["access_token"]);
    assert_eq!(terminal.run("token").await.stdout.trim_end(), second["access_token"].as_str().unwrap());
    assert_eq!(terminal.run("refresh --force --json").await.ok()["outcome"], "refreshed");
    assert_eq!(terminal.server.counters().refresh_grants, 2);

    let logout = terminal.run("logout --json").await.ok();
    assert_eq!((&logout["state"], &logout["revoked"]), (&"ended".into(), &true.into()));
    assert!(logout["end_session_url"].as_str().unwrap().contains("/end_session?client_id=native-app"));
    assert_eq!(terminal.server.counters().revocations, 1);
    assert_eq!(terminal.run("logout --json").await.ok()["state"], "ended");

    let status = terminal.run("status --json").await.ok();
    assert_eq!((&status["state"], &status["reason"]), (&"ended".into(), &"logged_out".into()));
    let error = terminal.run("token --json").await.error(3);
    assert_eq!(error["reason"], "logged_out");
    assert!(error["hint"].as_str().unwrap().contains("oidc-session login --provider oidc --issuer"));
    assert_eq!(terminal.server.counters().reuse_detected, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_session_every_command_says_so() {
    let terminal = Terminal::open().await;
    for command in ["token", "refresh", "expire"] {
        let ran = terminal.run(&format!("{command} --json")).await;
        assert_eq!(ran.error(3)["reason"], "no_session", "{command}");
    }
    assert_eq!(terminal.run("refresh --json").await.json()["outcome"], "no_session");
    assert_eq!(terminal.run("status --json").await.ok()["state"], "none");
    assert_eq!(terminal.run("logout --json").await.ok()["state"], "none");
    assert_eq!(terminal.run("list --json").await.ok()["sessions"], serde_json::json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_ends_the_session_and_is_named() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    terminal.server.revoke_all();
    terminal.run("expire").await;

    let ran = terminal.run("token --json").await;
    let error = ran.error(3);
    assert_eq!(error["reason"], "rejected");
    assert!(error["message"].as_str().unwrap().contains("invalid_grant"), "{error}");
    assert!(ran.stderr.contains("hint: sign in: oidc-session login"), "{}", ran.stderr);

    let status = terminal.run("status --json").await.ok();
    assert_eq!((&status["reason"], &status["error_code"]), (&"rejected".into(), &"invalid_grant".into()));
    let ran = terminal.run("refresh --json").await;
    assert_eq!(ran.error(3)["reason"], "rejected");
    assert_eq!(ran.json()["outcome"], "ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_without_a_verdict_keeps_the_session() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    terminal.run("expire").await;
    terminal.server.inject(Fault::Status {
        code: 503,
        retry_after: Some(RetryAfter::Seconds(7)),
        body: StatusBody::Html,
    });
    let error = terminal.run("token --json").await.error(4);
    assert_eq!(error["kind"], "unavailable");
    let wait = error["retry_after_seconds"].as_u64().unwrap();
    assert!((5..=8).contains(&wait), "{error}");

    let status = terminal.run("status --json").await.ok();
    assert_eq!((&status["state"], &status["has_refresh_token"]), (&"expired".into(), &true.into()));
    // Nobody asks the server again before the time it named.
    let refresh = terminal.run("refresh --json").await;
    refresh.error(4);
    assert_eq!(refresh.json()["session"], "default");
    assert_eq!(terminal.server.counters().refresh_requests, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forced_refresh_that_failed_is_no_success() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    for (fault, code, reason) in [
        (Fault::error("invalid_client"), 5, "misconfigured"),
        (Fault::error("interaction_required"), 3, "interaction_required"),
        (Fault::too_many_requests(RetryAfter::Seconds(7)), 4, "unavailable"),
    ] {
        terminal.login("native-app", "").await.ok();
        terminal.server.inject(fault);
        let ran = terminal.run("refresh --force --json").await;
        let error = ran.error(code);
        assert_eq!(error["reason"], reason);
        assert!(error["message"].as_str().unwrap().contains("still serves"), "{error}");
        assert_eq!(ran.json()["outcome"], "postponed");
        assert!(ran.json()["expires_at"].is_string(), "{ran:?}");
    }
    assert_eq!(terminal.run("token --json").await.ok()["outcome"], "fresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_decides_what_is_due() {
    let terminal =
        Terminal::open_with(AuthorizationServer::builder().access_token_lifetime(Duration::from_secs(300))).await;
    terminal.login("native-app", "").await.ok();
    let at = |status: &serde_json::Value, name: &str| status[name].as_str().unwrap().to_owned();

    let expired_only = terminal.run("status --json").await.ok();
    assert_eq!(at(&expired_only, "refresh_at"), at(&expired_only, "expires_at"));
    for preemptive in ["--skew 20s", "--policy preemptive"] {
        let status = terminal.run(&format!("status --json {preemptive}")).await.ok();
        assert!(at(&status, "refresh_at") < at(&status, "expires_at"), "{status}");
    }
    let overruled = terminal.run("status --json --policy expired-only --skew 20s").await.ok();
    assert_eq!(at(&overruled, "refresh_at"), at(&overruled, "expires_at"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_can_be_asked_to_last() {
    let terminal =
        Terminal::open_with(AuthorizationServer::builder().access_token_lifetime(Duration::from_secs(60))).await;
    terminal.login("native-app", "").await.ok();
    assert_eq!(terminal.run("token --json --min-valid 30s").await.ok()["outcome"], "fresh");
    let error = terminal.run("token --json --min-valid 2m").await.error(5);
    assert_eq!(error["reason"], "lifetime_too_short");
    assert!(error["hint"].as_str().unwrap().contains("--min-valid"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_live_side_by_side_under_their_names() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "--session work").await.ok();
    terminal.login("native-app", "--session play --param login_hint=bob").await.ok();
    terminal.run("logout --session work").await;

    let list = terminal.run("list --json").await.ok();
    let rows: Vec<(&str, &str, &str)> = list["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            (text("session"), text("state"), text("subject"))
        })
        .collect();
    assert_eq!(rows, [("play", "fresh", "bob"), ("work", "ended", "alice")]);
    terminal.run("token --json --session play").await.ok();
    terminal.run("token --json").await.error(3);

    let text = terminal.run("list").await.stdout;
    assert!(text.contains("play") && text.contains("work"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_fails_does_not_keep_anybody_signed_in() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let logout = terminal.command("logout --json");
    terminal.server.shutdown().await;
    let ran = Terminal::finish(logout).await;
    let logout = ran.ok();
    assert_eq!((&logout["state"], &logout["revoked"]), (&"ended".into(), &false.into()));
    assert!(logout["note"].as_str().unwrap().contains("could not be told"), "{logout}");
    assert!(ran.stderr.contains("could not be told"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_sees_a_timeline_and_no_colours_in_a_pipe() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let text = terminal.run("status --policy preemptive").await.stdout;
    assert!(text.starts_with("default: fresh"), "{text}");
    assert!(text.contains("◆") && text.contains("┊ refresh") && text.contains("in 4 min"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text:?}");
}

/// Changes the stored session as no command does.
async fn change(terminal: &Terminal, change: impl FnOnce(&mut Session)) {
    let store = SqliteStore::open(&terminal.store()).await.unwrap();
    let ring = KeyRing::beside(terminal.store().parent().unwrap(), SystemClock.now()).unwrap();
    let seal = Seal::with(ring.ring);
    let address = seal.address(&SessionId::named("default").unwrap());
    let stored = store.load(&address.key).await.unwrap().unwrap();
    let SessionState::Active(mut session) = seal.open(&address.key, &stored).unwrap().state else {
        panic!("it has ended")
    };
    change(&mut session);
    let expected = Expected::At(stored.version);
    let next = seal.close(&address, expected, &SessionState::Active(session), SystemClock.now()).unwrap();
    assert_eq!(store.commit(&address.key, expected, &next, None).await.unwrap(), Commit::Done);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_bounds_a_session_is_shown_and_heeded() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let status = terminal.run("status --json").await.ok();
    assert_eq!((&status["provider"], &status["token_type"]), (&"oidc".into(), &"Bearer".into()));
    for unknown in ["ends_at", "refresh_token_expires_at", "dpop_thumbprint"] {
        assert!(status[unknown].is_null(), "{status}");
    }

    let now = SystemClock.now();
    change(&terminal, |session| {
        session.ends_at = Some(now + Duration::from_secs(100));
        session.tokens.refresh_token_expires_at = Some(now + Duration::from_secs(7200));
    })
    .await;

    let status = terminal.run("status --json").await.ok();
    assert!(status["refresh_token_expires_at"].as_str().unwrap().ends_with('Z'), "{status}");
    assert_eq!(status["expires_at"], status["ends_at"], "no token outlives its session");
    let text = terminal.run("status").await.stdout;
    assert!(text.contains("the session, for good") && text.contains("the refresh token"), "{text}");
    let list = terminal.run("list --json").await.ok();
    assert_eq!(list["sessions"][0]["expires_at"], status["ends_at"]);

    change(&terminal, |session| session.ends_at = Some(now)).await;
    assert_eq!(terminal.run("status --json").await.ok()["state"], "expired");
    assert!(terminal.run("status").await.stdout.contains("has reached its time limit"));
    assert_eq!(terminal.run("token --json").await.error(3)["reason"], "limit_reached");
    assert_eq!(terminal.server.counters().refresh_requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_limits_of_a_login_are_shown_and_heeded() {
    let terminal = Terminal::open().await;
    let refused = terminal.run("login --issuer https://x.example --client-id y --idle-limit 59s").await;
    assert!(refused.stderr.contains("a limit is a minute or longer"), "{}", refused.stderr);
    terminal.login("native-app", "--idle-limit 30m --absolute-limit 8h").await.ok();

    let status = terminal.run("status --json").await.ok();
    let instant = |name: &str| status[name].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let minutes_to = |name| (instant(name) - instant("received_at")).total(jiff::Unit::Minute).unwrap().round();
    assert_eq!((minutes_to("last_used_at"), minutes_to("idle_at"), minutes_to("ends_at")), (0.0, 30.0, 480.0));
    let text = terminal.run("status").await.stdout;
    assert!(text.contains("the session, unused for 30 min") && text.contains("the session, for good"), "{text}");

    // A command that asks for the token is a use.
    let hence = |minutes: u64| SystemClock.now() - Duration::from_secs(minutes * 60);
    change(&terminal, |session| session.last_used_at = Some(hence(20))).await;
    terminal.run("token --json").await.ok();
    assert!(terminal.run("status").await.stdout.contains("(in 29 min"), "{text}");

    change(&terminal, |session| session.last_used_at = Some(hence(30))).await;
    assert_eq!(terminal.run("status --json").await.ok()["state"], "expired");
    assert!(terminal.run("status").await.stdout.contains("for as long as its idle limit"));
    assert_eq!(terminal.run("token --json").await.error(3)["reason"], "idle");
    let ended = terminal.run("status").await.stdout;
    assert!(ended.contains("--idle-limit 30m --absolute-limit 8h"), "{ended}");
    assert_eq!(terminal.server.counters().refresh_requests, 0);
}
