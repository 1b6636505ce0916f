//! Microsoft Entra ID, Entra External ID and Azure AD B2C for oidc-session: what their servers do differently from plain OpenID Connect.
