//! What holds of whatever a user writes, a file holds or a browser asks for. Only tests and fuzzing call it.

use oidc_session_core::{Fingerprint, SessionData, Timestamp};
use serde_json::Value;
use url::Url;

use crate::commands::import;
use crate::failure::Failure;
use crate::http1::request_line;
use crate::loopback::{Visit, visit};
use crate::provider_setup::Settings;
use crate::store_url::StoreUrl;
use crate::times;
use crate::token_syntax::{fits_header, is_refresh_token, is_token_type};

const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);
/// Stands for a token or a password in what fuzzing begins with. No failure may quote it.
const SECRET: &str = "~hunter2~";

/// Reads `bytes` as everything that a user may write: a store, a file to import, remembered settings, a duration.
pub fn configuration(bytes: &[u8]) {
    import_file(bytes);
    remembered(bytes);
    let Ok(text) = str::from_utf8(bytes) else { return };
    store_url(text);
    let _ = times::duration(text);
}

/// Reads `bytes` as a request to the redirect URI on loopback.
pub fn callback_request(bytes: &[u8]) {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let (Ok(request), Ok(redirect_uri)) = (request_line(line), Url::parse("http://127.0.0.1:8080/callback")) else {
        return;
    };
    let state = Fingerprint::of(b"st-1");
    match visit(&request.method, &request.target, &redirect_uri, state) {
        Visit::SignedIn(callback) => {
            is_ours(&request.method, &callback, &redirect_uri);
            assert!(has(&callback, "code") && !has(&callback, "error"));
        }
        Visit::NotSignedIn(callback) => is_ours(&request.method, &callback, &redirect_uri),
        Visit::Stranger(_) => {}
    }
}

fn is_ours(method: &str, callback: &Url, redirect_uri: &Url) {
    assert_eq!(method, "GET");
    assert_eq!((callback.origin(), callback.path()), (redirect_uri.origin(), redirect_uri.path()));
    let states: Vec<_> = callback.query_pairs().filter(|(name, _)| name == "state").collect();
    assert!(matches!(&*states, [(_, state)] if state == "st-1"), "{states:?}");
}

fn has(callback: &Url, parameter: &str) -> bool {
    callback.query_pairs().any(|(name, _)| name == parameter)
}

fn store_url(text: &str) {
    match StoreUrl::parse(text) {
        Ok(url) => {
            let shown = format!("{url:?}");
            assert!(shown.ends_with(":…") || shown == "memory:", "{shown}");
            if let StoreUrl::File(path) | StoreUrl::Sqlite(path) = url {
                assert!(!path.as_os_str().is_empty() && !path.to_string_lossy().starts_with('~'));
            }
        }
        Err(failure) => assert_quiet(&failure),
    }
}

fn import_file(bytes: &[u8]) {
    match import::parse(bytes, None, NOW) {
        Ok(import::Imported { tokens, .. }) => {
            assert!(tokens.access_token.is_some() || tokens.refresh_token.is_some());
            assert!(tokens.access_token.as_ref().is_none_or(|token| fits_header(token.expose())));
            assert!(tokens.id_token.as_ref().is_none_or(|token| fits_header(token.expose())));
            assert!(tokens.refresh_token.as_ref().is_none_or(|token| is_refresh_token(token.expose())));
            assert!(is_token_type(tokens.token_type.as_str()));
            let expires_at = tokens.expires_at();
            assert!(tokens.received_at <= NOW && tokens.requested_at <= NOW);
            let _ = expires_at.map(|at| (times::rfc3339(at), times::plain(at), times::relative(at, NOW)));
        }
        Err(failure) => assert_quiet(&failure),
    }
}

/// What a session remembers for this command. Other programs write sessions, too.
fn remembered(bytes: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return };
    let mut data = SessionData::new();
    data.insert("cli".to_owned(), value);
    if let Some(settings) = Settings::of(&data) {
        settings.remember(&mut data);
        assert!(Settings::of(&data).as_ref() == Some(&settings), "other settings are remembered");
    }
}

fn assert_quiet(failure: &Failure) {
    let told = format!("{} {failure:?}", failure.to_json());
    assert!(!told.contains(SECRET), "{told}");
}

#[cfg(test)]
#[path = "../../../fuzz/seeds.rs"]
mod seeds;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Strategy, any, prop_oneof, proptest};

    use super::seeds::{damaged_seeds, seeds};
    use super::*;

    /// Any bytes, and seeds that came to harm.
    fn any_input(target: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
        prop_oneof![vec(any::<u8>(), 0..256), damaged_seeds(target)]
    }

    #[test]
    fn every_seed_holds() {
        seeds("configuration").iter().for_each(|seed| configuration(seed));
        seeds("callback_query").iter().for_each(|seed| callback_request(seed));
    }

    proptest! {
        #[test]
        fn any_configuration_holds(text in any_input("configuration")) {
            configuration(&text);
        }

        #[test]
        fn any_request_to_the_redirect_uri_holds(request in any_input("callback_query")) {
            callback_request(&request);
        }
    }
}
