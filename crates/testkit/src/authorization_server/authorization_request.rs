//! [`AuthorizationRequest`]: a validated request at the authorization endpoint, and the ways to answer it.

use std::fmt;

use url::Url;

use super::client::Client;
use super::opaque::Digest;
use super::params::Params;
use super::pkce::Challenge;
use super::protocol_error::ProtocolError;
use super::resource::Resources;
use super::scope::Scope;

/// A request that may be answered with a redirect: its client and its redirect URI are known to belong together.
pub(super) struct AuthorizationRequest {
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scope: Scope,
    pub(super) resources: Vec<String>,
    pub(super) challenge: Option<Challenge>,
    pub(super) nonce: Option<String>,
    pub(super) dpop_jkt: Option<String>,
    pub(super) login_hint: Option<String>,
    /// `prompt=none`: answer without asking anybody.
    pub(super) silent: bool,
    /// The `request_uri` it was pushed as (RFC 9126).
    pub(super) pushed_as: Option<Digest>,
    return_to: ReturnTo,
}

/// Where the answer goes, and what must come along.
pub(super) struct ReturnTo {
    redirect_uri: Url,
    state: Option<String>,
}

/// Why a request is refused, and whom to tell.
#[derive(Debug)]
pub(super) enum Rejection {
    /// The redirect URI cannot be trusted: tell the person, send nothing anywhere (RFC 6749 §4.1.2.1).
    Page(&'static str),
    /// Tell the client.
    Redirect(Box<ReturnTo>, ProtocolError),
}

impl AuthorizationRequest {
    pub(super) fn validate(params: &Params, clients: &[Client], resources: &Resources) -> Result<Self, Rejection> {
        let client = params.get("client_id").and_then(|id| clients.iter().find(|client| client.id() == id));
        let client = client.ok_or(Rejection::Page("The client is not registered here."))?;
        let redirect_uri = params.get("redirect_uri").ok_or(Rejection::Page("The redirect URI is missing."))?;
        let parsed = Url::parse(redirect_uri).ok().filter(|uri| client.may_redirect_to(uri));
        let parsed = parsed.ok_or(Rejection::Page("The redirect URI is not registered for this client."))?;

        let return_to = ReturnTo { redirect_uri: parsed, state: params.get("state").map(str::to_owned) };
        let checked = check(params, client).and_then(|challenge| Ok((challenge, resources.named(params)?)));
        match checked {
            Ok((challenge, resources)) => Ok(Self {
                client_id: client.id().to_owned(),
                redirect_uri: redirect_uri.to_owned(),
                scope: Scope::parse(params.get("scope").unwrap_or_default()),
                resources,
                challenge,
                nonce: params.get("nonce").map(str::to_owned),
                dpop_jkt: params.get("dpop_jkt").map(str::to_owned),
                login_hint: params.get("login_hint").map(str::to_owned),
                silent: params.get("prompt") == Some("none"),
                pushed_as: None,
                return_to,
            }),
            Err(refusal) => Err(Rejection::Redirect(Box::new(return_to), refusal)),
        }
    }

    /// The same request, not accepted.
    pub(super) fn refused(self, error: ProtocolError) -> Rejection {
        Rejection::Redirect(Box::new(self.return_to), error)
    }

    /// The callback URL with a code.
    pub(super) fn with_code(&self, issuer: &Url, code: &str) -> Url {
        self.return_to.with(issuer, &[("code", code)])
    }

    /// The callback URL with an error.
    pub(super) fn with_error(&self, issuer: &Url, error: ProtocolError) -> Url {
        self.return_to.with_error(issuer, error)
    }
}

/// Not derived: the nonce and the state are the client's secrets.
impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest").field("client_id", &self.client_id).finish_non_exhaustive()
    }
}

impl ReturnTo {
    pub(super) fn with_error(&self, issuer: &Url, error: ProtocolError) -> Url {
        self.with(issuer, &[("error", error.code()), ("error_description", error.description())])
    }

    /// Adds an answer, the state, and the issuer (RFC 9207).
    fn with(&self, issuer: &Url, answer: &[(&str, &str)]) -> Url {
        let mut url = self.redirect_uri.clone();
        let mut query = url.query_pairs_mut();
        query.extend_pairs(answer);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", issuer.as_str());
        drop(query);
        url
    }
}

impl fmt::Debug for ReturnTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReturnTo").finish_non_exhaustive()
    }
}

fn check(params: &Params, client: &Client) -> Result<Option<Challenge>, ProtocolError> {
    if params.get("request").is_some() {
        return Err(ProtocolError::new("request_not_supported", "request objects are not supported"));
    }
    if params.get("request_uri").is_some() {
        return Err(ProtocolError::new("request_uri_not_supported", "request objects are not supported"));
    }
    match params.get("response_type") {
        Some("code") => {}
        Some(_) => {
            return Err(ProtocolError::new("unsupported_response_type", "only the code flow is supported"));
        }
        None => return Err(ProtocolError::invalid_request("the response type is missing")),
    }
    if params.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(ProtocolError::invalid_request("only the response mode query is supported"));
    }
    match (params.get("code_challenge"), params.get("code_challenge_method")) {
        (Some(challenge), Some("S256")) => Challenge::parse(challenge)
            .map(Some)
            .ok_or(ProtocolError::invalid_request("the code challenge is not the base64url form of a SHA-256")),
        (Some(_), _) => Err(ProtocolError::invalid_request("the code challenge method must be S256")),
        (None, _) if client.is_public() => Err(ProtocolError::invalid_request("a public client must use PKCE")),
        (None, _) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "client_id=native-app&redirect_uri=http%3A%2F%2F127.0.0.1%3A5000%2Fcallback&response_type=code\
        &state=s&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    fn validate(query: &str) -> String {
        let clients = [Client::public("native-app")];
        let issuer = Url::parse("http://127.0.0.1:9/").unwrap();
        match AuthorizationRequest::validate(&Params::parse(query.as_bytes()).unwrap(), &clients, &Resources::default())
        {
            Ok(request) => request.with_code(&issuer, "ac_1").to_string(),
            Err(Rejection::Page(_)) => "page".to_owned(),
            Err(Rejection::Redirect(_, error)) => error.code().to_owned(),
        }
    }

    #[test]
    fn what_is_refused_and_who_is_told() {
        let accepted = "http://127.0.0.1:5000/callback?code=ac_1&state=s&iss=http%3A%2F%2F127.0.0.1%3A9%2F";
        for (query, expected) in [
            (GOOD.to_owned(), accepted),
            (GOOD.replace("native-app", "stranger"), "page"),
            (GOOD.replace("callback", "elsewhere"), "page"),
            (GOOD.replace("redirect_uri", "redirect_url"), "page"),
            (GOOD.replace("response_type=code", "response_type=token"), "unsupported_response_type"),
            (GOOD.replace("response_type=code", ""), "invalid_request"),
            (GOOD.replace("S256", "plain"), "invalid_request"),
            (GOOD.replace("code_challenge=", "challenge="), "invalid_request"),
            (GOOD.replace("-cM", "-c"), "invalid_request"),
            (format!("{GOOD}&response_mode=fragment"), "invalid_request"),
            (format!("{GOOD}&request=eyJ"), "request_not_supported"),
        ] {
            assert_eq!(validate(&query), expected, "{query}");
        }
    }
}
