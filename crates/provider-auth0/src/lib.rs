//! Auth0 for oidc-session: what its servers do differently from plain OpenID Connect.
