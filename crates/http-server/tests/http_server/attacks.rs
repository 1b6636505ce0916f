//! What attackers try, with headers, cookies, redirects and requests from other sites.

use http::{Method, StatusCode};
use oidc_session_core::SessionId;
use oidc_session_testkit::AuthorizationServer;
use url::Url;

use crate::support::{BASE, Browser, COOKIE_NAME, Process, World};

/// Whether `browser` is let in.
async fn is_in(browser: &mut Browser, process: &Process) -> bool {
    browser.get(process, "/private").await.status == StatusCode::OK
}

#[tokio::test]
async fn fixation_an_id_that_somebody_planted_never_becomes_a_session() {
    let world = World::new().await;
    let process = world.process();
    let planted = SessionId::random();
    let mut victim = Browser::new();
    victim.cookies.insert(COOKIE_NAME.to_owned(), planted.expose().to_owned());
    let mut attacker = victim.clone();

    world.sign_in(&mut victim, &process, "/auth/login").await;
    assert!(is_in(&mut victim, &process).await);
    assert_ne!(victim.session(), Some(planted.expose()));
    assert!(!is_in(&mut attacker, &process).await);
}

#[tokio::test]
async fn fixation_with_the_attackers_own_living_session_ends_that_one() {
    let world = World::new().await;
    let process = world.process();
    let attacker = world.visitor(&process).await;
    let mut victim = attacker.clone();
    world.sign_in(&mut victim, &process, "/auth/login").await;
    assert_ne!(victim.session(), attacker.session());
    assert!(is_in(&mut victim, &process).await);
}

#[tokio::test]
async fn a_callback_that_is_replayed_makes_no_second_session() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = Browser::new();
    let callback = world.begin(&mut browser, &process, "/auth/login").await;
    let mut thief = browser.clone(); // with every cookie that the browser had
    assert_eq!(browser.get(&process, &callback).await.location.as_deref(), Some("/"));
    let session = browser.session().map(str::to_owned);

    // The same browser, by its back button: it is signed in already.
    assert_eq!(browser.get(&process, &callback).await.location.as_deref(), Some("/"));
    assert_eq!(browser.session(), session.as_deref());
    // Another browser with the address alone, and one with the cookies as well: the code has been spent.
    let mut other = Browser::new();
    assert_eq!(other.get(&process, &callback).await.status, StatusCode::BAD_REQUEST);
    let refused = thief.get(&process, &callback).await;
    assert!(refused.status.is_client_error() && thief.session().is_none(), "{}", refused.body);
    assert_eq!(world.server.counters().code_grants, 1);
}

#[tokio::test]
async fn a_callback_begun_in_another_browser_is_refused() {
    let world = World::new().await;
    let process = world.process();
    // Login forgery: the victim follows a link that would sign them in as the attacker.
    let mut attacker = Browser::new();
    let callback = world.begin(&mut attacker, &process, "/auth/login").await;
    let mut victim = Browser::new();
    assert_eq!(victim.get(&process, &callback).await.status, StatusCode::BAD_REQUEST);
    // Also if the victim is about to sign in.
    world.begin(&mut victim, &process, "/auth/login").await;
    assert_eq!(victim.get(&process, &callback).await.status, StatusCode::BAD_REQUEST);
    assert!(victim.session().is_none());
    assert_eq!(world.server.counters().code_grants, 0);
}

#[tokio::test]
async fn cookies_swapped_between_two_visitors_open_nothing() {
    let world = World::new().await;
    let process = world.process();
    let (mut ada, mut bob) = (Browser::new(), Browser::new());
    let of_ada = world.begin(&mut ada, &process, "/auth/login").await;
    let of_bob = world.begin(&mut bob, &process, "/auth/login").await;
    // Under the other one's name, so that it is found.
    let (name_a, name_b) = (ada.pending().remove(0), bob.pending().remove(0));
    let (value_a, value_b) = (ada.cookies[&name_a].clone(), bob.cookies[&name_b].clone());
    let mut swapped = Browser::new();
    swapped.cookies.insert(name_a, value_b);
    assert_eq!(swapped.get(&process, &of_ada).await.status, StatusCode::BAD_REQUEST);
    let mut swapped = Browser::new();
    swapped.cookies.insert(name_b, value_a);
    assert_eq!(swapped.get(&process, &of_bob).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(world.server.counters().code_grants, 0);

    // A sign-in on its way is no session, and a session no sign-in on its way.
    let mut ada = world.visitor(&process).await;
    let session = ada.session().unwrap().to_owned();
    let pending = {
        world.begin(&mut ada, &process, "/auth/login").await;
        ada.pending().remove(0)
    };
    let sealed = ada.cookies[&pending].clone();
    ada.cookies.insert(COOKIE_NAME.to_owned(), sealed);
    assert!(!is_in(&mut ada, &process).await);
    ada.cookies.insert(pending, session);
    assert_eq!(ada.get(&process, &of_ada).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn two_cookies_of_one_name_are_none() {
    let world = World::new().await;
    let process = world.process();
    let browser = world.visitor(&process).await;
    let own = format!("{COOKIE_NAME}={}", browser.session().unwrap());
    let planted = format!("{COOKIE_NAME}={}", SessionId::random().expose());
    for cookies in [format!("{own}; {planted}"), format!("{planted}; {own}")] {
        let headers = [("cookie", cookies.as_str())];
        let answer = Browser::new().send(&process, Method::GET, "/open", &headers, "").await;
        assert_eq!(answer.body, "signed out");
    }
}

#[tokio::test]
async fn a_forged_state_is_refused() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = Browser::new();
    let callback = world.begin(&mut browser, &process, "/auth/login").await;
    let url = Url::parse(BASE).unwrap().join(&callback).unwrap();
    let state = url.query_pairs().find(|(name, _)| name == "state").unwrap().1.into_owned();
    for forged in [
        callback.replace(&state, "forged"),
        callback.replace(&state, ""),
        callback.replace(&format!("state={state}"), "x=y"),
        format!("{callback}&state={state}"),
        format!("{callback}&state=forged"),
    ] {
        let refused = browser.clone().get(&process, &forged).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{forged}");
    }
    assert_eq!(world.server.counters().code_grants, 0);
    assert_eq!(browser.get(&process, &callback).await.status, StatusCode::SEE_OTHER, "the real one is still good");
}

#[tokio::test]
async fn a_callback_of_another_issuer_is_refused() {
    let world = World::new().await;
    let process = world.process();
    let other = AuthorizationServer::builder().start().await.unwrap();
    let mut browser = Browser::new();
    let callback = world.begin(&mut browser, &process, "/auth/login").await;
    let ours: String = url::form_urlencoded::byte_serialize(world.server.issuer().as_str().as_bytes()).collect();
    let theirs: String = url::form_urlencoded::byte_serialize(other.issuer().as_str().as_bytes()).collect();
    assert!(callback.contains(&format!("iss={ours}")), "the server names itself (RFC 9207)");
    for mixed_up in [
        callback.replace(&ours, &theirs),
        callback.replace(&format!("iss={ours}"), "x=y"),
        format!("{callback}&iss={theirs}"),
    ] {
        let refused = browser.clone().get(&process, &mixed_up).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{mixed_up}");
    }
    assert_eq!(world.server.counters().code_grants, 0, "the code was sent nowhere");
}

#[tokio::test]
async fn nobody_is_sent_to_another_site_after_a_sign_in() {
    let world = World::new().await;
    let process = world.process();
    for evil in [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "/.//evil.example/",
        "/%2e//evil.example/",
        "/%09/evil.example/",
        "/\u{0}",
        "javascript:alert(1)",
        "/auth/login?return_to=/",
        "/auth/callback",
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(evil.as_bytes()).collect();
        let login = format!("/auth/login?return_to={encoded}");
        let landed = world.sign_in(&mut Browser::new(), &process, &login).await;
        assert_eq!(
            landed.location.as_deref(),
            Some(if evil.starts_with("/%") { landed_path(evil) } else { "/" }),
            "{evil}"
        );
    }
    // Twice: somebody has added one.
    let landed = world.sign_in(&mut Browser::new(), &process, "/auth/login?return_to=/a&return_to=/b").await;
    assert_eq!(landed.location.as_deref(), Some("/"));
}

/// Encoded once more it is an odd path of this server, unless its dots are gone.
fn landed_path(evil: &str) -> &str {
    if evil.starts_with("/%2e") { "/" } else { evil }
}

#[tokio::test]
async fn a_return_address_writes_no_header() {
    let world = World::new().await;
    let process = world.process();
    for injected in ["/a%0d%0aSet-Cookie:%20__Host-session=x", "/a%0aX-Evil:%201", "/a%00", "/%e2%80%a8"] {
        let login = format!("/auth/login?return_to={injected}");
        let mut browser = Browser::new();
        let landed = world.sign_in(&mut browser, &process, &login).await;
        assert_eq!(landed.location.as_deref(), Some("/"), "{injected}");
        assert!(!landed.headers.contains_key("x-evil"));
        assert_eq!(browser.session().map(str::len), Some(43));
    }
    // The guard takes what was asked for as it is, encoded.
    let away = Browser::new().get(&process, "/private?x=%0d%0aSet-Cookie:y").await;
    assert_eq!(away.location.as_deref(), Some("/auth/login?return_to=%2Fprivate%3Fx%3D%250d%250aSet-Cookie%3Ay"));
}

#[tokio::test]
async fn oversized_cookies_are_no_cookies_and_do_no_harm() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = Browser::new();
    let callback = world.begin(&mut browser, &process, "/auth/login").await;
    let pending = browser.pending().remove(0);
    for length in [44, 4_097, 100_000, 1_000_000] {
        let mut stuffed = browser.clone();
        stuffed.cookies.insert(COOKIE_NAME.to_owned(), "A".repeat(length));
        assert_eq!(stuffed.get(&process, "/open").await.body, "signed out");
        stuffed.cookies.insert(pending.clone(), "A".repeat(length));
        assert_eq!(stuffed.get(&process, &callback).await.status, StatusCode::BAD_REQUEST);
        // Whatever was planted makes room for a sign-in.
        world.begin(&mut stuffed, &process, "/auth/login").await;
        assert!(!stuffed.cookies.contains_key(&pending));
    }
    // What a sign-in has to remember fits into a cookie, or it does not begin.
    let long = format!("/auth/login?return_to=/{}", "x".repeat(1020));
    assert_eq!(browser.get(&process, &long).await.status, StatusCode::SEE_OTHER);
    let longer = format!("/auth/login?return_to=/{}", "x".repeat(60_000));
    let landed = world.sign_in(&mut Browser::new(), &process, &longer).await;
    assert_eq!(landed.location.as_deref(), Some("/"));
}

#[tokio::test]
async fn a_name_that_a_program_chose_is_no_cookie() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = world.visitor(&process).await;
    for named in ["default", "service account", "..", "%00"] {
        browser.cookies.insert(COOKIE_NAME.to_owned(), named.to_owned());
        assert_eq!(browser.get(&process, "/open").await.body, "signed out", "{named}");
    }
}

#[tokio::test]
async fn another_site_changes_nothing_with_a_visitors_cookie() {
    let world = World::new().await;
    let process = world.process();
    let mut browser = world.visitor(&process).await;
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://app.example")],
    ] {
        for path in ["/auth/logout", "/private", "/open"] {
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                let answer = browser.send(&process, method.clone(), path, headers, "").await;
                assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path} {headers:?}");
            }
        }
    }
    // A link, an image or a page of another site cannot log anybody out either.
    assert_eq!(browser.get(&process, "/auth/logout").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(is_in(&mut browser, &process).await);
    // What has no cookie of a visitor is the application's own affair: webhooks, and public forms.
    let headers = [("origin", "https://evil.example")];
    assert_eq!(Browser::new().send(&process, Method::POST, "/open", &headers, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nothing_that_is_printed_shows_a_cookie_or_a_token() {
    let world = World::new().await;
    let process = world.process();
    let browser = world.visitor(&process).await;
    let id = browser.session().unwrap();
    let session = process.sessions.session(&SessionId::named(id).unwrap());
    let token = session.access_token().await.unwrap();
    let auth = format!("{:?} {:?} {:?}", process.web, process.web.layer(), session);
    assert!(!auth.contains(id) && !auth.contains(token.expose()));
}
