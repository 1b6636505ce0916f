//! The `suberror` of a refusal: what Microsoft tells clients to react to, next to `error`.

use oidc_session_provider_oidc::Meaning;

/// A `suberror`, and what it means beside any `error`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suberror {
    name: &'static str,
    /// A verdict counts only as a refinement of `invalid_grant`.
    pub(crate) meaning: Meaning,
    /// What to do about it: one clause.
    pub(crate) advice: Option<&'static str>,
}

/// The row of a `suberror`.
pub(crate) fn find(name: &str) -> Option<&'static Suberror> {
    TABLE.iter().find(|suberror| suberror.name == name)
}

const fn row(name: &'static str, meaning: Meaning, advice: Option<&'static str>) -> Suberror {
    Suberror { name, meaning, advice }
}

const TABLE: &[Suberror] = &[
    row("bad_token", Meaning::Verdict, None),
    row("token_expired", Meaning::Verdict, None),
    row("consent_required", Meaning::InteractionRequired, None),
    row("basic_action", Meaning::InteractionRequired, None),
    row("additional_action", Meaning::InteractionRequired, None),
    row(
        "message_only",
        Meaning::InteractionRequired,
        Some("signing in again shows a message and mends nothing: an administrator has to act"),
    ),
    row("user_password_expired", Meaning::InteractionRequired, None),
    // Only Microsoft's own applications share refresh tokens; to be refused such a one says nothing about one's own.
    row("client_mismatch", Meaning::InteractionRequired, None),
    row(
        "protection_policy_required",
        Meaning::InteractionRequired,
        Some("an app protection policy stands in the way: the device has to be managed as it demands"),
    ),
    row(
        "device_authentication_failed",
        Meaning::InteractionRequired,
        Some("the device has to be registered and compliant"),
    ),
];
