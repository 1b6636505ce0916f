//! What errors say: the remedy and one clause, never the cause twice, never anything a server or a store slipped in.

use std::error::Error;

use oidc_session_core::{ProviderError, ProviderErrorKind, StoreError, StoreErrorKind, Violation};
use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

const CAUSE: &str = "connection reset by peer";

fn chain(error: &dyn Error) -> Vec<String> {
    let mut shown = vec![error.to_string()];
    shown.extend(error.source().map(chain).unwrap_or_default());
    shown
}

#[test]
fn a_store_error_leaves_its_cause_to_source() {
    for kind in
        [StoreErrorKind::Corrupt, StoreErrorKind::Denied, StoreErrorKind::Unavailable, StoreErrorKind::Misconfigured]
    {
        let error = StoreError::new(kind, "load a record").because(CAUSE);
        assert_eq!(error.kind(), kind);
        let [shown, cause] = chain(&error).try_into().unwrap();
        assert!(shown.starts_with("could not load a record: ") && !shown.contains(CAUSE), "{shown}");
        assert_eq!(cause, CAUSE);
    }
    assert!(StoreError::new(StoreErrorKind::Denied, "load a record").source().is_none());
}

#[test]
fn a_provider_error_leaves_its_cause_to_source() {
    let error = ProviderError::new(ProviderErrorKind::NotSent, "the token endpoint did not answer").because(CAUSE);
    assert_eq!(chain(&error), ["the token endpoint did not answer", CAUSE]);
    let error = ProviderError::new(ProviderErrorKind::Rejected, "the refresh token is gone");
    let error = error.with_error_code("invalid_grant").because(CAUSE);
    assert_eq!(chain(&error), ["the refresh token is gone (invalid_grant)", CAUSE]);
}

#[test]
fn an_error_code_is_kept_only_if_it_is_one() {
    let long = "x".repeat(64);
    let too_long = "x".repeat(65);
    let rows = [
        ("invalid_grant", true),
        ("AADSTS70008", true),
        (long.as_str(), true),
        (too_long.as_str(), false),
        ("", false),
        ("invalid grant", false),
        ("invalid-grant", false),
        ("invalid_grant\n", false),
        ("{\"access_token\":\"at\"}", false),
        ("ünvalid", false),
    ];
    for (code, kept) in rows {
        let error = ProviderError::new(ProviderErrorKind::Rejected, "rejected").with_error_code(code);
        assert_eq!(error.error_code(), kept.then_some(code), "{code:?}");
        assert_eq!(error.to_string().contains('('), kept, "{code:?}");
    }
}

#[test]
fn a_malformed_code_takes_an_earlier_one_with_it() {
    let error = ProviderError::new(ProviderErrorKind::Rejected, "rejected").with_error_code("invalid_grant");
    assert_eq!(error.with_error_code("not a code").error_code(), None);
}

#[test]
fn every_violation_reads_differently() {
    let all = [
        Violation::NoAccessToken,
        Violation::IdTokenRefused,
        Violation::Issuer,
        Violation::Subject,
        Violation::Audience,
        Violation::AuthTime,
        Violation::Nonce,
        Violation::TooLarge,
    ];
    let shown: std::collections::BTreeSet<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(shown.len(), all.len());
}

proptest! {
    #[test]
    fn whatever_the_server_calls_its_error_only_a_code_is_shown(code in "\\PC{0,80}") {
        let error = ProviderError::new(ProviderErrorKind::Rejected, "rejected").with_error_code(&code);
        match error.error_code() {
            Some(kept) => {
                prop_assert_eq!(kept, code.as_str());
                prop_assert!(kept.len() <= 64 && kept.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()));
            }
            None => prop_assert_eq!(error.to_string(), "rejected"),
        }
    }
}
