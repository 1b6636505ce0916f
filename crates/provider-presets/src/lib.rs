//! Okta, Keycloak, Google, PingOne, OneLogin and Duende IdentityServer for oidc-session: what their servers do differently from plain OpenID Connect.
