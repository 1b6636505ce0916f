//! Amazon Cognito user pools for oidc-session: what their servers do differently from plain OpenID Connect.
