//! [`Loopback`]: where the browser comes back to after a sign-in (RFC 8252 §7.3).

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use oidc_session_core::Fingerprint;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use url::Url;

use crate::http1::{Status, accept, read_request, respond};

/// How many connections are looked at at once. Browsers open some that they never use.
const MOST_CONNECTIONS: usize = 32;
const HTML: &str = "text/html; charset=utf-8";

/// A listener on `http://127.0.0.1:PORT/callback` that waits for one callback.
#[derive(Debug)]
pub(crate) struct Loopback {
    listener: TcpListener,
    redirect_uri: Url,
}

/// What a request on the loopback address is.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Visit {
    /// The callback of this sign-in, with a code.
    SignedIn(Url),
    /// The callback of this sign-in, with an error.
    NotSignedIn(Url),
    /// Anything else: another tab, a favicon, somebody guessing.
    Stranger(Status),
}

impl Loopback {
    /// Listens on `port`, or on a free port if that is zero.
    pub(crate) async fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await?;
        let address = listener.local_addr()?;
        let redirect_uri = Url::parse(&format!("http://{address}/callback")).map_err(io::Error::other)?;
        Ok(Self { listener, redirect_uri })
    }

    /// Where the browser has to be sent.
    pub(crate) fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Waits for the callback that carries `state`, with a code or an error. Everything else is turned away.
    pub(crate) async fn callback(self, state: &str) -> io::Result<Url> {
        let state = Fingerprint::of(state.as_bytes());
        let visitors = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let (found, mut callbacks) = mpsc::channel(1);
        loop {
            tokio::select! {
                Some(callback) = callbacks.recv() => return Ok(callback),
                accepted = accept(&self.listener) => {
                    let stream = accepted?;
                    let Ok(place) = Arc::clone(&visitors).try_acquire_owned() else { continue };
                    let (found, redirect_uri) = (found.clone(), self.redirect_uri.clone());
                    tokio::spawn(async move {
                        match receive(stream, &redirect_uri, state).await {
                            Ok(Some(callback)) => drop(found.try_send(callback)),
                            Ok(None) => {}
                            Err(error) => tracing::debug!(%error, "a visitor of the loopback address went away"),
                        }
                        drop(place);
                    });
                }
            }
        }
    }
}

/// Answers one visitor. Returns the callback if it is the one.
async fn receive(mut stream: TcpStream, redirect_uri: &Url, state: Fingerprint) -> io::Result<Option<Url>> {
    let visit = match read_request(&mut stream).await? {
        Ok(request) => visit(&request.method, &request.target, redirect_uri, state),
        Err(status) => Visit::Stranger(status),
    };
    let (status, title, text, callback) = match visit {
        Visit::SignedIn(callback) => {
            (Status::Ok, "You are signed in", "You can close this tab and return to the terminal.", Some(callback))
        }
        Visit::NotSignedIn(callback) => (
            Status::Ok,
            "You are not signed in",
            "The sign-in was not completed. The terminal says why; you can close this tab.",
            Some(callback),
        ),
        Visit::Stranger(status) => {
            (status, "Nothing here", "This address only waits for a sign-in to come back.", None)
        }
    };
    let answered = respond(&mut stream, status, HTML, &page(title, text)).await;
    // The callback counts even if the browser did not wait for the page.
    match callback {
        Some(callback) => Ok(Some(callback)),
        None => answered.map(|()| None),
    }
}

pub(crate) fn visit(method: &str, target: &str, redirect_uri: &Url, state: Fingerprint) -> Visit {
    let Ok(url) = redirect_uri.join(target) else {
        return Visit::Stranger(Status::BadRequest);
    };
    if url.origin() != redirect_uri.origin() || url.path() != redirect_uri.path() {
        return Visit::Stranger(Status::NotFound);
    }
    if method != "GET" {
        return Visit::Stranger(Status::MethodNotAllowed);
    }
    let values =
        |name: &str| url.query_pairs().filter(|(key, _)| key == name).map(|(_, value)| value).collect::<Vec<_>>();
    // Compared as digests, so that a guess learns nothing from the time it takes.
    match values("state").as_slice() {
        [one] if Fingerprint::of(one.as_bytes()) == state => {}
        _ => return Visit::Stranger(Status::BadRequest),
    }
    if values("error").is_empty() && !values("code").is_empty() {
        Visit::SignedIn(url)
    } else {
        Visit::NotSignedIn(url)
    }
}

/// A page of fixed text: nothing of a request is ever shown.
fn page(title: &str, text: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>:root{{color-scheme:light dark}}body{{font:1.125rem/1.5 system-ui,sans-serif;max-width:32rem;\
         margin:20vh auto;padding:0 1rem}}</style>\n</head>\n<body><main>\n<h1>{title}</h1>\n<p>{text}</p>\n\
         </main></body>\n</html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(method: &str, target: &str) -> Visit {
        let redirect_uri = Url::parse("http://127.0.0.1:9/callback").unwrap();
        visit(method, target, &redirect_uri, Fingerprint::of(b"st"))
    }

    #[test]
    fn the_first_callback_with_the_right_state_counts() {
        assert!(matches!(seen("GET", "/callback?code=c&state=st"), Visit::SignedIn(_)));
        assert!(matches!(seen("GET", "/callback?state=st&error=access_denied"), Visit::NotSignedIn(_)));
        assert!(matches!(seen("GET", "/callback?state=st&code=c&error=x"), Visit::NotSignedIn(_)));
        assert!(matches!(seen("GET", "/callback?state=st"), Visit::NotSignedIn(_)));
    }

    #[test]
    fn everything_else_is_turned_away() {
        for (method, target, status) in [
            ("GET", "/", Status::NotFound),
            ("GET", "/favicon.ico", Status::NotFound),
            ("GET", "/callback/?code=c&state=st", Status::NotFound),
            ("GET", "//evil.example/callback?code=c&state=st", Status::NotFound),
            ("POST", "/callback?code=c&state=st", Status::MethodNotAllowed),
            ("GET", "/callback?code=c", Status::BadRequest),
            ("GET", "/callback?code=c&state=other", Status::BadRequest),
            ("GET", "/callback?code=c&state=st&state=st", Status::BadRequest),
            ("GET", "/callback?error=access_denied", Status::BadRequest),
        ] {
            assert_eq!(seen(method, target), Visit::Stranger(status), "{method} {target}");
        }
    }
}
