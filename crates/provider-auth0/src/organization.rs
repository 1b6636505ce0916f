//! Whether an ID token is of the organization that was asked for.

use oidc_session_provider_oidc::Fields;
use serde_json::Value;

/// The claim that names the organization a user signed in to.
pub(crate) const ORG_ID: &str = "org_id";

/// Whether these claims are of `organization`, an ID or a name (Auth0, Work with Tokens and Organizations).
pub(crate) fn is_of(organization: &str, claims: &Fields) -> bool {
    let claim = |name: &str| claims.get(name).and_then(Value::as_str);
    if organization.starts_with("org_") {
        claim(ORG_ID) == Some(organization)
    } else {
        // Names are kept in lower case there, and compared without regard to it.
        claim("org_name").is_some_and(|name| name.eq_ignore_ascii_case(organization))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_id_is_exact_and_a_name_is_not_an_id() {
        let claims = json!({ "org_id": "org_1a", "org_name": "acme" });
        for (organization, expected) in [
            ("org_1a", true),
            ("org_1A", false),
            ("org_1", false),
            ("acme", true),
            ("Acme", true),
            ("acm", false),
            ("", false),
        ] {
            assert_eq!(is_of(organization, claims.as_object().unwrap()), expected, "{organization}");
        }
        for organization in ["org_1a", "acme", ""] {
            assert!(!is_of(organization, &Fields::new()), "{organization}");
        }
    }
}
