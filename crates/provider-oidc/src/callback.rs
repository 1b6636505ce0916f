//! What came back from the authorization endpoint, checked before its code is used.

use oidc_session_core::{Fingerprint, PendingSignIn, ProviderError, ProviderErrorKind};
use url::Url;

use crate::diagnosis::standard_advice;
use crate::{Dialect, ErrorAnswer, outcome};

/// The longest address that is looked at, in bytes. Servers and proxies on the way take far less.
const LONGEST: usize = 64 * 1024;

/// What to do about a callback that nobody waits for.
const BEGIN_AGAIN: &str = "begin the sign-in again, and finish it in the same browser";

/// The authorization code of `callback`, if the callback answers `pending` and comes from its server.
///
/// The order is that of trust: whose answer it is comes first (`state`, then `iss`), what it says comes last.
pub(crate) fn code(
    pending: &PendingSignIn,
    callback: &Url,
    is_issuer: impl Fn(&str) -> bool,
    names_issuer: bool,
    dialect: &dyn Dialect,
) -> Result<String, ProviderError> {
    if callback.as_str().len() > LONGEST {
        return Err(invalid("the callback is too long"));
    }
    // Only the path: behind a reverse proxy, scheme and host are not what the browser saw.
    if callback.path() != pending.redirect_uri.path() {
        return Err(invalid("the callback came to another address than the redirect URI")
            .with_advice("answer at exactly the redirect URI of the sign-in"));
    }
    let state = parameter(callback, "state")?.ok_or_else(|| {
        invalid("the callback carries no state").with_advice("hand over the whole address that the browser came to")
    })?;
    // Digests take the same time for every wrong guess.
    if Fingerprint::of(state.as_bytes()) != Fingerprint::of(pending.state.as_bytes()) {
        return Err(invalid("the callback belongs to another sign-in").with_advice(BEGIN_AGAIN));
    }
    match parameter(callback, "iss")? {
        Some(iss) if !is_issuer(&iss) => return Err(invalid("the callback comes from another issuer")),
        None if names_issuer => return Err(invalid("the callback does not say which issuer it comes from")),
        _ => {}
    }
    if let Some(error) = parameter(callback, "error")? {
        return Err(refusal(callback, &error, dialect));
    }
    parameter(callback, "code")?
        .filter(|code| !code.is_empty())
        .ok_or_else(|| invalid("the callback carries neither a code nor an error"))
}

/// What the dialect makes of an error of the authorization endpoint, or else the standards.
fn refusal(callback: &Url, code: &str, dialect: &dyn Dialect) -> ProviderError {
    let mut answer = ErrorAnswer::new(0, code);
    // Of two, somebody has added one. Then neither counts.
    if let Ok(Some(description)) = parameter(callback, "error_description") {
        answer = answer.with_field("error_description", description);
    }
    match dialect.refused_sign_in(&answer) {
        Some(diagnosis) => outcome::diagnosed(diagnosis, &answer),
        None => by_standard(code),
    }
}

/// An error of the authorization endpoint (RFC 6749 §4.1.2.1, OIDC Core §3.1.2.6).
fn by_standard(code: &str) -> ProviderError {
    let (kind, detail) = match code {
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
            (ProviderErrorKind::InteractionRequired, "the server wants to talk to the subject")
        }
        "temporarily_unavailable" | "server_error" => {
            (ProviderErrorKind::TryLater, "the server cannot sign anybody in now")
        }
        "unauthorized_client"
        | "invalid_client"
        | "invalid_request"
        | "invalid_scope"
        | "invalid_target"
        | "unsupported_response_type"
        | "request_not_supported"
        | "request_uri_not_supported"
        | "registration_not_supported"
        | "invalid_request_uri"
        | "invalid_request_object" => {
            (ProviderErrorKind::Misconfigured, "the server does not accept the client's request")
        }
        _ => (ProviderErrorKind::Refused, "the sign-in was refused"),
    };
    let error = ProviderError::new(kind, detail).with_error_code(code);
    let advice = match code {
        "access_denied" => {
            Some("sign in again and consent; if nobody declined, let the user have access to the client at the server")
        }
        "unauthorized_client" | "unsupported_response_type" => {
            Some("allow this client the authorization code grant at the server")
        }
        "request_not_supported" | "request_uri_not_supported" | "invalid_request_uri" | "invalid_request_object" => {
            Some("check whether the server wants pushed authorization requests")
        }
        "invalid_request" => Some("check the redirect URI and the parameters that are set for the sign-in"),
        _ if kind == ProviderErrorKind::Misconfigured => standard_advice(code),
        _ if kind == ProviderErrorKind::InteractionRequired => Some("sign in again without prompt=none"),
        _ => None,
    };
    match advice {
        Some(advice) => error.with_advice(advice),
        None => error,
    }
}

/// A parameter that is there at most once: of two, somebody has added one.
fn parameter(callback: &Url, name: &str) -> Result<Option<String>, ProviderError> {
    let mut values = callback.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value);
    let value = values.next();
    if values.next().is_some() {
        return Err(invalid("the callback carries a parameter twice"));
    }
    Ok(value.map(|value| value.into_owned()))
}

fn invalid(detail: &str) -> ProviderError {
    ProviderError::new(ProviderErrorKind::InvalidAnswer, detail)
}

#[cfg(test)]
mod tests {
    use ProviderErrorKind::{InteractionRequired, InvalidAnswer, Misconfigured, Refused, TryLater};
    use oidc_session_core::{CodeVerifier, Scopes, SignInRequest, Timestamp};

    use super::*;

    const ISSUER: &str = "https://login.example";

    fn answer(query: &str, names_issuer: bool) -> Result<String, ProviderError> {
        let redirect_uri = Url::parse("http://127.0.0.1:9/cb").unwrap();
        let request = SignInRequest::new(redirect_uri.clone(), Scopes::default());
        let verifier = CodeVerifier::new("verifier");
        let started_at = Timestamp::from_unix_seconds(0);
        let pending = PendingSignIn::new(redirect_uri, &request, "st", "no", verifier, started_at);
        let callback = Url::parse(&format!("http://127.0.0.1:9{query}")).unwrap();
        code(&pending, &callback, |iss| iss == ISSUER, names_issuer, &crate::PlainOidc)
    }

    #[test]
    fn a_good_callback_gives_its_code() {
        for query in [
            "/cb?code=c%201&state=st",
            "/cb?state=st&code=c+1&session_state=x",
            "/cb?code=c%201&state=st&iss=https%3A%2F%2Flogin.example",
        ] {
            assert_eq!(answer(query, false).unwrap(), "c 1", "{query}");
        }
        assert!(answer("/cb?code=c&state=st&iss=https%3A%2F%2Flogin.example", true).is_ok());
    }

    #[test]
    fn a_callback_that_is_not_ours_is_invalid() {
        for query in [
            "/other?code=c&state=st",
            "/cb?code=c",
            "/cb?code=c&state=",
            "/cb?code=c&state=other",
            "/cb?code=c&state=st&state=st",
            "/cb?code=c&code=d&state=st",
            "/cb?state=st&error=access_denied&error=access_denied",
            "/cb?code=c&state=st&iss=https%3A%2F%2Fevil.example",
            "/cb?code=c&state=st&iss=https%3A%2F%2Flogin.example%2F",
            "/cb?code=&state=st",
            "/cb?state=st",
            // An error that may be anybody's is not believed either.
            "/cb?error=access_denied",
            "/cb?error=access_denied&state=other",
            "/cb?error=access_denied&state=st&iss=https%3A%2F%2Fevil.example",
        ] {
            let error = answer(query, false).unwrap_err();
            assert_eq!(error.kind(), InvalidAnswer, "{query}");
        }
        assert_eq!(answer("/cb?code=c&state=st", true).unwrap_err().kind(), InvalidAnswer);
    }

    #[test]
    fn a_callback_has_an_end() {
        let query = |length: usize| format!("/cb?state=st&code={}", "c".repeat(length));
        let most = LONGEST - "http://127.0.0.1:9/cb?state=st&code=".len();
        assert_eq!(answer(&query(most), false).unwrap().len(), most);
        assert_eq!(answer(&query(most + 1), false).unwrap_err().kind(), InvalidAnswer);
    }

    #[test]
    fn errors_say_who_has_to_act() {
        for (code, expected) in [
            ("access_denied", Refused),
            ("something_new", Refused),
            ("login_required", InteractionRequired),
            ("consent_required", InteractionRequired),
            ("unauthorized_client", Misconfigured),
            ("invalid_scope", Misconfigured),
            ("temporarily_unavailable", TryLater),
            ("server_error", TryLater),
        ] {
            let error = answer(&format!("/cb?error={code}&error_description=hidden&state=st"), false).unwrap_err();
            assert_eq!(error.kind(), expected, "{code}");
            assert_eq!(error.error_code(), Some(code));
            assert!(!format!("{error:?}").contains("hidden"));
        }
    }
}
