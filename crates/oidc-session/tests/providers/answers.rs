//! Answers as all vendors send them, and as nobody should, through every provider: no panic, and no session ended but by
//! what the vendor documents as a verdict.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

use oidc_session::{
    AccessToken, Oidc, Provider as _, ProviderErrorKind, RefreshToken, Session, Target, Timestamp, TokenSet,
};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop, prop_assert, prop_oneof};
use proptest::test_runner::TestRunner;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::every::{TENANT, every_provider};

/// An answer of a token endpoint to a refresh.
#[derive(Clone, Debug, Deserialize)]
struct Answer {
    name: String,
    status: u16,
    #[serde(default)]
    headers: serde_json::Map<String, Value>,
    /// A string is sent as it is, anything else as JSON.
    body: Value,
    /// For which providers it is a verdict: `*` is all, `-name` takes one out again.
    ends: Vec<String>,
}

fn corpus() -> Vec<Answer> {
    serde_json::from_str(include_str!("answers.json")).unwrap()
}

impl Answer {
    fn bytes(&self) -> Vec<u8> {
        match &self.body {
            Value::String(text) => text.clone().into_bytes(),
            json => json.to_string().into_bytes(),
        }
    }

    /// Whether it may end a session of `provider`.
    fn ends(&self, provider: &str) -> bool {
        let listed = |word: &str| self.ends.iter().any(|entry| entry == word);
        !listed(&format!("-{provider}")) && (listed("*") || listed(provider))
    }
}

/// A server that every provider takes for its own, and that gives the answer it is told to.
#[derive(Clone)]
struct Script(Arc<Mutex<ResponseTemplate>>);

struct Told(Script);
/// What every provider looks up, at this origin.
struct Published(String);

impl Respond for Told {
    fn respond(&self, _request: &Request) -> ResponseTemplate {
        self.0.0.lock().unwrap().clone()
    }
}

impl Respond for Published {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let origin = &self.0;
        let Some(base) = request.url.path().strip_suffix("/.well-known/openid-configuration") else {
            return ResponseTemplate::new(200).set_body_json(json!({ "keys": [] }));
        };
        ResponseTemplate::new(200).set_body_json(json!({
            "issuer": issuer(origin, base),
            "authorization_endpoint": format!("{origin}/authorize"),
            "token_endpoint": format!("{origin}/token"),
            "jwks_uri": format!("{origin}/jwks"),
        }))
    }
}

/// What a server publishes as its issuer whose metadata is found below `base`.
fn issuer(origin: &str, base: &str) -> String {
    match base {
        // Auth0 and plain providers are both found at the root, and only one of them writes a slash.
        "" => origin.to_owned(),
        "/auth0" => format!("{origin}/"),
        "/common/v2.0" => format!("{origin}/{{tenantid}}/v2.0"),
        base if base.ends_with("/b2c_1_signin/v2.0") || base.ends_with("/B2C_1_signin/v2.0") => {
            format!("{origin}/{TENANT}/v2.0/")
        }
        base => format!("{origin}{base}"),
    }
}

/// A provider that talks to the scripted server, and a session of its own.
struct Subject {
    name: &'static str,
    /// The name in the corpus.
    id: String,
    provider: Oidc,
    session: Session,
}

async fn subjects(server: &MockServer) -> Vec<Subject> {
    let origin = server.uri();
    let mut subjects = Vec::new();
    for (name, builder) in every_provider(&origin) {
        let builder = if name.starts_with("auth0") {
            builder.discovery_url(format!("{origin}/auth0/.well-known/openid-configuration").parse().unwrap())
        } else {
            builder
        };
        let provider = builder.build().unwrap();
        let id = match name {
            "cognito, api" => "cognito-api".to_owned(),
            _ => provider.profile().id.as_str().to_owned(),
        };
        subjects.push(Subject { name, id, session: session(&provider, &origin, name), provider });
    }
    subjects
}

fn session(provider: &Oidc, origin: &str, name: &str) -> Session {
    let issuer = match name {
        "auth0" | "auth0, leeway" => format!("{origin}/"),
        "entra" | "entra, common" | "external id" => format!("{origin}/{TENANT}/v2.0"),
        "b2c" => format!("{origin}/{TENANT}/v2.0/"),
        "okta, custom, grace" => format!("{origin}/oauth2/default"),
        "keycloak" | "keycloak, revoking" => format!("{origin}/realms/r"),
        "pingone" | "pingone, grace" => format!("{origin}/as"),
        "onelogin" => format!("{origin}/oidc/2"),
        name if name.starts_with("cognito") => format!("{origin}/eu-west-1_AbCdEfGhI"),
        _ => origin.to_owned(),
    };
    let now = Timestamp::from_unix_seconds(1_767_000_000);
    let mut tokens = TokenSet::new(now, now);
    tokens.access_token = Some(AccessToken::new("at-1"));
    tokens.refresh_token = Some(RefreshToken::new("rt-1"));
    Session::new(provider.profile().id.clone(), issuer, "my-app", tokens)
}

async fn scripted() -> (MockServer, Script) {
    let server = MockServer::start().await;
    let script = Script(Arc::new(Mutex::new(ResponseTemplate::new(500))));
    Mock::given(method("GET")).respond_with(Published(server.uri())).mount(&server).await;
    Mock::given(method("POST")).respond_with(Told(script.clone())).mount(&server).await;
    (server, script)
}

fn say(script: &Script, status: u16, headers: &serde_json::Map<String, Value>, body: Vec<u8>) {
    let mut answer = ResponseTemplate::new(status).set_body_bytes(body);
    for (name, value) in headers {
        answer = answer.insert_header(name.as_str(), value.as_str().unwrap());
    }
    *script.0.lock().unwrap() = answer;
}

/// What a refresh comes to, without an error if it succeeded.
async fn refresh(subject: &Subject) -> Option<ProviderErrorKind> {
    subject.provider.prepare(&subject.session).await.unwrap_or_else(|error| panic!("{}: {error:?}", subject.name));
    match subject.provider.refresh(&subject.session, &Target::default()).await {
        Ok(answer) => {
            // Whatever it holds, it can be merged.
            let _ = subject.session.merge_refresh(answer, &Target::default());
            None
        }
        Err(error) => Some(error.kind()),
    }
}

#[tokio::test]
async fn every_vendors_answers_end_a_session_only_where_the_vendor_says_so() {
    let (server, script) = scripted().await;
    let (corpus, subjects) = (corpus(), subjects(&server).await);
    let mut wrong = Vec::new();
    for answer in &corpus {
        say(&script, answer.status, &answer.headers, answer.bytes());
        for subject in &subjects {
            let rejected = refresh(subject).await == Some(ProviderErrorKind::Rejected);
            if rejected != answer.ends(&subject.id) {
                let what = if rejected { "ends" } else { "does not end" };
                wrong.push(format!("«{}» {what} a session of {}", answer.name, subject.name));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    println!("{} answers through {} providers", corpus.len(), subjects.len());
}

/// An answer of the corpus, bent: cut, with bytes changed or doubled, under another status.
fn bent() -> impl Strategy<Value = (u16, Vec<u8>)> {
    let status = prop_oneof![4 => Just(None), 1 => (200_u16..600).prop_map(Some)];
    let edits = vec(
        (any::<prop::sample::Index>(), prop_oneof![any::<u8>(), prop::sample::select(b"{}[]\",:0e-\\".to_vec())]),
        0..4,
    );
    (prop::sample::select(corpus()), status, edits, any::<bool>(), any::<prop::sample::Index>()).prop_map(
        |(answer, status, edits, cut, at)| {
            let mut bytes = answer.bytes();
            for (place, byte) in edits {
                if !bytes.is_empty() {
                    let place = place.index(bytes.len());
                    bytes[place] = byte;
                }
            }
            if cut && !bytes.is_empty() {
                bytes.truncate(at.index(bytes.len()));
            }
            (status.unwrap_or(answer.status), bytes)
        },
    )
}

#[test]
fn bent_answers_make_no_provider_panic_and_end_no_session_without_a_reason() {
    let runtime = Runtime::new().unwrap();
    let (server, script) = runtime.block_on(scripted());
    let subjects = runtime.block_on(subjects(&server));
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&bent(), |(status, body)| {
        say(&script, status, &serde_json::Map::new(), body.clone());
        for subject in &subjects {
            let came_to = catch_unwind(AssertUnwindSafe(|| runtime.block_on(refresh(subject))));
            prop_assert!(came_to.is_ok(), "{} panicked", subject.name);
            // A verdict is a 4xx, or a 200 that holds an error, and a JSON object in either case.
            if matches!(came_to, Ok(Some(ProviderErrorKind::Rejected))) {
                let is_object = serde_json::from_slice::<Value>(&body).is_ok_and(|value| value.is_object());
                let may_be = matches!(status, 200..=299 | 400..=499) && !matches!(status, 408 | 429);
                prop_assert!(is_object && may_be, "{}: {status} {:?}", subject.name, String::from_utf8_lossy(&body));
            }
        }
        Ok(())
    });
    outcome.unwrap();
}
