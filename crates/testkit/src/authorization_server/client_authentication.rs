//! Who is calling: client authentication at every endpoint that clients call themselves (RFC 6749 §2.3, RFC 7523 §2.2).

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::authority::Authority;
use super::client::Client;
use super::client_assertion::ClientAssertion;
use super::params::Params;
use super::protocol_error::ProtocolError;

impl Authority {
    /// Finds the client a request at `endpoint` comes from, and checks that it is this client: by an assertion, a secret,
    /// or nothing, as it was registered.
    pub(super) fn authenticate(
        &self,
        endpoint: &str,
        headers: &HeaderMap,
        params: &Params,
    ) -> Result<&Client, ProtocolError> {
        if params.get("client_assertion").is_none() {
            return by_secret(&self.clients, headers, params);
        }
        if headers.contains_key(AUTHORIZATION) || params.get("client_secret").is_some() {
            return Err(ProtocolError::invalid_request("the client authenticates in two ways at once"));
        }
        // The endpoint itself too: RFC 9126 §2 lets clients name it.
        let audiences = [self.issuer.clone(), self.endpoint("/token"), self.endpoint(endpoint)];
        let ClientAssertion { client, id } = ClientAssertion::read(params, &self.clients, &audiences, self.now())?;
        let mut state = self.state();
        if state.assertions_seen.get(&id).is_some() {
            return Err(ProtocolError::invalid_client("the client assertion was already used"));
        }
        state.assertions_seen.insert(id, ());
        state.counters.client_assertions += 1;
        Ok(client)
    }
}

/// Finds the client a request comes from, and checks its secret: `client_secret_basic`, `client_secret_post`, `none`.
fn by_secret<'a>(clients: &'a [Client], headers: &HeaderMap, params: &Params) -> Result<&'a Client, ProtocolError> {
    const FAILED: ProtocolError = ProtocolError::invalid_client("client authentication failed");
    let (id, secret) = match headers.get(AUTHORIZATION) {
        Some(header) => {
            if params.get("client_secret").is_some() {
                return Err(ProtocolError::invalid_request("the client authenticates in two ways at once"));
            }
            let (id, secret) = header.to_str().ok().and_then(basic).ok_or(FAILED)?;
            if params.get("client_id").is_some_and(|other| other != id) {
                return Err(ProtocolError::invalid_request("the client names itself in two ways"));
            }
            (id, Some(secret))
        }
        None => {
            let id =
                params.get("client_id").ok_or(ProtocolError::invalid_client("the client does not say who it is"))?;
            (id.to_owned(), params.get("client_secret").map(str::to_owned))
        }
    };
    let client = clients.iter().find(|client| client.id() == id).ok_or(FAILED)?;
    let authenticated = match secret {
        // Some clients send their id as Basic credentials with an empty secret.
        Some(secret) if client.is_public() => secret.is_empty(),
        Some(secret) => client.has_secret(&secret),
        None => client.is_public(),
    };
    if authenticated { Ok(client) } else { Err(FAILED) }
}

/// Reads Basic credentials, both halves of which are form-encoded before they are joined.
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, credentials) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let credentials = String::from_utf8(STANDARD.decode(credentials.trim()).ok()?).ok()?;
    let (id, secret) = credentials.split_once(':')?;
    Some((form_decoded(id), form_decoded(secret)))
}

fn form_decoded(value: &str) -> String {
    // Read as the name of one parameter. Many clients forget to encode, so what would end a name is encoded first.
    let name = value.replace('&', "%26").replace('=', "%3D");
    url::form_urlencoded::parse(name.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authenticated(header: Option<&str>, body: &str) -> Result<String, &'static str> {
        let clients = [
            Client::public("native-app"),
            Client::confidential("web app", "a+b:c%&"),
            Client::confidential("raw", "s=="),
        ];
        let mut headers = HeaderMap::new();
        if let Some(credentials) = header {
            headers.insert(AUTHORIZATION, format!("Basic {}", STANDARD.encode(credentials)).parse().unwrap());
        }
        by_secret(&clients, &headers, &Params::parse(body.as_bytes()).unwrap())
            .map(|client| client.id().to_owned())
            .map_err(ProtocolError::code)
    }

    #[test]
    fn who_is_let_in() {
        let (native, web) = (Ok("native-app".to_owned()), Ok("web app".to_owned()));
        for (header, body, expected) in [
            (None, "client_id=native-app", &native),
            (Some("native-app:"), "", &native),
            (Some("web+app:a%2Bb%3Ac%25%26"), "", &web),
            (Some("web%20app:a%2Bb%3Ac%25%26"), "client_id=web+app", &web),
            (Some("raw:s=="), "", &Ok("raw".to_owned())),
            (None, "client_id=web+app&client_secret=a%2Bb%3Ac%25%26", &web),
            (Some("web+app:wrong"), "", &Err("invalid_client")),
            (Some("no colon"), "", &Err("invalid_client")),
            (Some("stranger:"), "", &Err("invalid_client")),
            (None, "client_id=web+app", &Err("invalid_client")),
            (None, "client_id=native-app&client_secret=made-up", &Err("invalid_client")),
            (None, "", &Err("invalid_client")),
            (Some("web+app:x"), "client_secret=y", &Err("invalid_request")),
            (Some("web+app:x"), "client_id=native-app", &Err("invalid_request")),
        ] {
            assert_eq!(&authenticated(header, body), expected, "{header:?} {body}");
        }
    }
}
