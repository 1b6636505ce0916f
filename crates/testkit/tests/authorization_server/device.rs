//! The device flow: a device asks, somebody decides elsewhere, the device polls.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_testkit::{AuthorizationServer, AuthorizationServerBuilder, Client, DeviceHabits};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::native_app::{Answer, NativeApp, StoppedClock, answer, claims};

/// A device that has asked, and its clock.
struct Device {
    app: NativeApp,
    clock: Arc<StoppedClock>,
    asked: Value,
}

impl Device {
    async fn start(builder: AuthorizationServerBuilder) -> Self {
        let clock = Arc::new(StoppedClock::default());
        let app = NativeApp::start_with(builder.clock(clock.clone())).await;
        let form = [("client_id", "native-app"), ("scope", "openid offline_access")];
        let (status, asked) = answer(app.post("device_authorization", &form)).await;
        assert_eq!(status, StatusCode::OK, "{asked}");
        Self { app, clock, asked }
    }

    fn user_code(&self) -> &str {
        self.asked["user_code"].as_str().unwrap()
    }

    async fn poll_as(&self, client_id: &str) -> Answer {
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", client_id),
            ("device_code", self.asked["device_code"].as_str().unwrap()),
        ];
        answer(self.app.post("token", &form)).await
    }

    /// Polls after so many seconds.
    async fn poll_after(&self, seconds: u64) -> (u16, String) {
        self.clock.advance(Duration::from_secs(seconds));
        let (status, body) = self.poll_as("native-app").await;
        (status.as_u16(), body["error"].as_str().unwrap_or("granted").to_owned())
    }
}

fn refused(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

#[tokio::test]
async fn a_device_polls_until_somebody_approves() {
    let device = Device::start(AuthorizationServer::builder()).await;
    assert_eq!((&device.asked["interval"], &device.asked["expires_in"]), (&json!(5), &json!(600)));
    assert_eq!(device.asked["verification_uri"], device.app.url("device").as_str());
    let complete = format!("{}?user_code={}", device.app.url("device"), device.user_code());
    assert_eq!(device.asked["verification_uri_complete"], complete);

    assert_eq!(device.poll_after(5).await, refused(400, "authorization_pending"));
    assert!(device.app.server.approve_device_as(&device.user_code().to_lowercase(), "bob"));
    assert!(!device.app.server.approve_device(device.user_code()), "a decision stands");
    let (status, tokens) = device.poll_as("native-app").await;
    assert_eq!((status, &claims(&tokens)["sub"]), (StatusCode::OK, &json!("bob")));
    assert_eq!(device.app.refresh(&tokens["refresh_token"]).await.0, StatusCode::OK);
    assert_eq!(device.poll_after(5).await, refused(400, "invalid_grant"));

    let counters = device.app.server.counters();
    assert_eq!((counters.device_authorizations, counters.device_polls, counters.device_grants), (1, 3, 1));
}

#[tokio::test]
async fn a_device_that_polls_too_early_is_slowed_down_for_good() {
    let device = Device::start(AuthorizationServer::builder().device_interval(Duration::from_secs(2))).await;
    assert_eq!(device.asked["interval"], 2);
    for (seconds, error) in
        [(0, "authorization_pending"), (1, "slow_down"), (6, "slow_down"), (12, "authorization_pending")]
    {
        assert_eq!(device.poll_after(seconds).await, refused(400, error), "{seconds}");
    }
    assert_eq!(device.app.server.counters().device_slow_downs, 2);
}

#[tokio::test]
async fn a_device_learns_that_it_was_denied() {
    let device = Device::start(AuthorizationServer::builder()).await;
    assert!(device.app.server.deny_device(device.user_code()));
    assert_eq!(device.poll_after(0).await, refused(400, "access_denied"));
    assert!(!device.app.server.approve_device(device.user_code()));
    assert_eq!(device.app.server.counters().denials, 1);
}

#[tokio::test]
async fn a_device_code_expires_whether_or_not_somebody_approved() {
    let device = Device::start(AuthorizationServer::builder().device_code_lifetime(Duration::from_secs(30))).await;
    assert!(device.app.server.approve_device(device.user_code()));
    assert_eq!(device.poll_after(30).await, refused(400, "expired_token"));
    assert!(!device.app.server.approve_device(device.user_code()));
}

#[tokio::test]
async fn a_device_code_is_for_the_client_that_asked() {
    let device = Device::start(AuthorizationServer::builder().client(Client::public("other-app"))).await;
    device.app.server.approve_device(device.user_code());
    assert_eq!(device.poll_as("other-app").await.1["error"], "invalid_grant");
    assert_eq!(device.poll_as("web-app").await.1["error"], "invalid_client");
    assert_eq!(device.poll_after(5).await.1, "granted");
    let (status, body) = answer(device.app.post("device_authorization", &[("client_id", "web-app")])).await;
    assert_eq!((status, &body["error"]), (StatusCode::UNAUTHORIZED, &json!("invalid_client")));
}

#[tokio::test]
async fn vendors_have_statuses_and_names_of_their_own() {
    let habits =
        |habits| AuthorizationServer::builder().device_habits(habits).device_code_lifetime(Duration::from_secs(60));
    for (vendor, pending, slow_down, denied) in [
        (DeviceHabits::Auth0, 403, 429, refused(403, "access_denied")),
        (DeviceHabits::Google, 428, 403, refused(403, "access_denied")),
        (DeviceHabits::Entra, 400, 400, refused(400, "authorization_declined")),
    ] {
        let device = Device::start(habits(vendor)).await;
        assert_eq!(device.poll_after(0).await, refused(pending, "authorization_pending"), "{vendor:?}");
        assert_eq!(device.poll_after(0).await, refused(slow_down, "slow_down"), "{vendor:?}");
        device.app.server.deny_device(device.user_code());
        assert_eq!(device.poll_after(0).await, denied, "{vendor:?}");
        let (google, complete) = (vendor == DeviceHabits::Google, vendor == DeviceHabits::Auth0);
        assert_eq!(device.asked.get("verification_url").is_some(), google, "{vendor:?}");
        assert_eq!(device.asked.get("verification_uri").is_some(), !google, "{vendor:?}");
        assert_eq!(device.asked.get("verification_uri_complete").is_some(), complete, "{vendor:?}");
        assert_eq!(device.asked.get("message").is_some(), vendor == DeviceHabits::Entra, "{vendor:?}");
    }
    let auth0 = Device::start(habits(DeviceHabits::Auth0)).await;
    assert_eq!(auth0.poll_after(60).await, refused(403, "expired_token"));
    assert_eq!(auth0.poll_after(5).await, refused(403, "invalid_grant"));
}

#[tokio::test]
async fn a_person_decides_on_a_page() {
    for (decision, outcome) in [("sign_in", "granted"), ("refuse", "access_denied")] {
        let device = Device::start(AuthorizationServer::builder()).await;
        let page = device.app.get(device.asked["verification_uri_complete"].as_str().unwrap()).send().await.unwrap();
        assert!(page.text().await.unwrap().contains(device.user_code()));
        for (user_code, status) in [("BCDF-BCDF", StatusCode::BAD_REQUEST), (device.user_code(), StatusCode::OK)] {
            let form = [("user_code", user_code), ("subject", "carol"), ("decision", decision)];
            assert_eq!(device.app.post("device", &form).send().await.unwrap().status(), status);
        }
        assert_eq!(device.poll_after(5).await.1, outcome);
    }
}
