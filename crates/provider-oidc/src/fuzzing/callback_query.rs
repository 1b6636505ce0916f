//! [`callback_query`]: what a browser brings to the redirect URI.

use oidc_session_core::{
    CodeVerifier, PendingSignIn, ProviderError, ProviderErrorKind, Scopes, SignInRequest, Timestamp,
};
use url::Url;

use super::secret::assert_quiet;
use crate::{PlainOidc, callback};

const ISSUER: &str = "https://login.example";
const REDIRECT_URI: &str = "https://app.example/callback";

/// Reads `bytes` as the query of a callback: a code comes of it only with the one state, from the one issuer, and without
/// an error.
pub fn callback_query(bytes: &[u8]) {
    let (Ok(query), Ok(redirect_uri)) = (str::from_utf8(bytes), Url::parse(REDIRECT_URI)) else { return };
    let mut callback = redirect_uri.clone();
    callback.set_query(Some(query));
    let request = SignInRequest::new(redirect_uri.clone(), Scopes::default());
    let verifier = CodeVerifier::new("verifier");
    let pending = PendingSignIn::new(redirect_uri, &request, "st-1", "no-1", verifier, Timestamp::UNIX_EPOCH);
    for names_issuer in [false, true] {
        match read(&pending, &callback, names_issuer) {
            Ok(code) => is_ours(&pending, &callback, names_issuer, &code),
            Err(error) => {
                assert_quiet(&error);
                assert_ne!(error.kind(), ProviderErrorKind::Rejected, "no callback ends a session");
            }
        }
    }
}

fn read(pending: &PendingSignIn, callback: &Url, names_issuer: bool) -> Result<String, ProviderError> {
    callback::code(pending, callback, |issuer| issuer == ISSUER, names_issuer, &PlainOidc)
}

fn is_ours(pending: &PendingSignIn, callback: &Url, names_issuer: bool, code: &str) {
    let all = |name: &str| -> Vec<String> {
        let pairs = callback.query_pairs().filter(|(key, _)| key == name);
        pairs.map(|(_, value)| value.into_owned()).collect()
    };
    assert_eq!(all("state"), ["st-1"]);
    assert!(!code.is_empty());
    assert_eq!(all("code"), [code]);
    assert!(all("error").is_empty());
    assert!(all("iss") == [ISSUER] || (all("iss").is_empty() && !names_issuer));

    let mut again = callback.clone();
    again.query_pairs_mut().clear().append_pair("code", code).append_pair("iss", ISSUER).append_pair("state", "st-1");
    // Written in full, it can be longer than a callback may be.
    assert!(
        again.as_str().len() > callback.as_str().len() || read(pending, &again, true).is_ok_and(|read| read == code)
    );
}
