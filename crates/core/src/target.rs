//! [`Target`]: which access token of a session, for sessions that have several.

use serde::{Deserialize, Serialize};

use crate::Scopes;

/// Which access token of a session: for which resource server, and with which scope (RFC 8707, RFC 6749 §6).
///
/// One refresh token can stand for several access tokens. The default target is the one that the sign-in asked for.
///
/// ```
/// use oidc_session_core::{Scopes, Target};
///
/// let reports = Target::resource("https://reports.example").scopes(Scopes::parse("read"));
/// assert_eq!(reports.resource_indicator(), Some("https://reports.example"));
/// assert!(Target::default().is_default() && !reports.is_default());
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Target {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<String>,
    #[serde(default, skip_serializing_if = "Scopes::is_empty")]
    scope: Scopes,
}

impl Target {
    /// The access token for a resource server, named as the authorization server knows it: a resource indicator
    /// (RFC 8707 §2), or the vendor's word for it, such as an `audience`.
    pub fn resource(indicator: impl Into<String>) -> Self {
        Self { resource: Some(indicator.into()), scope: Scopes::default() }
    }

    /// The same target with a scope of its own; without one, the server decides.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scope = scopes;
        self
    }

    /// The resource server, if one was named.
    pub fn resource_indicator(&self) -> Option<&str> {
        self.resource.as_deref()
    }

    /// The scope; empty if none was named.
    pub fn scope(&self) -> &Scopes {
        &self.scope
    }

    /// Whether this is the access token that the sign-in asked for.
    #[inline]
    pub fn is_default(&self) -> bool {
        self.resource.is_none() && self.scope.is_empty()
    }
}
