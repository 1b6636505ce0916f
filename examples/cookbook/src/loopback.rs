//! [`Loopback`]: where the browser comes back to after a sign-in (RFC 8252 §7.3).

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use url::Url;

/// The longest head of a request that is read, and how long a visitor may take to send it.
const LONGEST_HEAD: u64 = 64 * 1024;
const PATIENCE: Duration = Duration::from_secs(5);
/// How many visitors are listened to at once. Browsers open connections that they never use.
const MOST_VISITORS: usize = 32;

/// A listener on a free port of this machine that waits for one callback.
#[derive(Debug)]
pub struct Loopback {
    listener: TcpListener,
    redirect_uri: Url,
}

impl Loopback {
    /// Listens on a free port.
    ///
    /// # Errors
    ///
    /// There is none.
    pub async fn bind() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let redirect_uri = format!("http://{}/callback", listener.local_addr()?).parse().map_err(io::Error::other)?;
        Ok(Self { listener, redirect_uri })
    }

    /// Where the browser has to be sent back to.
    pub fn redirect_uri(&self) -> &Url {
        &self.redirect_uri
    }

    /// Waits for the callback that carries `state`. Everybody else is turned away.
    ///
    /// # Errors
    ///
    /// The listener broke.
    pub async fn callback(self, state: &str) -> io::Result<Url> {
        let (found, mut callbacks) = mpsc::channel(1);
        let mut visitors = JoinSet::new();
        loop {
            tokio::select! {
                Some(callback) = callbacks.recv() => return Ok(callback),
                Some(_) = visitors.join_next() => {}
                accepted = self.listener.accept(), if visitors.len() < MOST_VISITORS => {
                    let (mut stream, _) = accepted?;
                    let (found, uri, state) = (found.clone(), self.redirect_uri.clone(), state.to_owned());
                    visitors.spawn(async move {
                        let callback = timeout(PATIENCE, receive(&mut stream, &uri, &state)).await.ok()??;
                        found.send(callback).await.ok()
                    });
                }
            }
        }
    }
}

/// Answers one visitor. Returns the callback if it is the one.
async fn receive(stream: &mut TcpStream, redirect_uri: &Url, state: &str) -> Option<Url> {
    let (reader, mut writer) = stream.split();
    let mut lines = BufReader::new(reader.take(LONGEST_HEAD)).lines();
    let first = lines.next_line().await.ok()??;
    // A connection that is closed with something unread is reset, and the page lost.
    while lines.next_line().await.ok()?.is_some_and(|line| !line.is_empty()) {}
    let url = redirect_uri.join(first.strip_prefix("GET ")?.split(' ').next()?).ok()?;
    let is_ours = url.origin() == redirect_uri.origin()
        && url.path() == redirect_uri.path()
        && url.query_pairs().any(|(name, value)| name == "state" && value == state);
    let (status, text) = match is_ours {
        true => ("200 OK", "You can close this page and return to the program."),
        false => ("404 Not Found", "This address only waits for a sign-in to come back."),
    };
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    );
    // The callback counts even if the browser did not wait for the page.
    let _ = writer.write_all(answer.as_bytes()).await;
    let _ = writer.shutdown().await;
    is_ours.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a visitor is told.
    async fn visit(redirect_uri: &Url, request: &str) -> String {
        let port = redirect_uri.port().unwrap();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn only_the_callback_of_this_sign_in_counts() {
        let loopback = Loopback::bind().await.unwrap();
        let uri = loopback.redirect_uri().clone();
        let waiting = tokio::spawn(async move { loopback.callback("st").await });
        let silent = TcpStream::connect((Ipv4Addr::LOCALHOST, uri.port().unwrap())).await.unwrap();
        for (target, status) in [
            ("/favicon.ico", "HTTP/1.1 404"),
            ("/callback?code=planted&state=other", "HTTP/1.1 404"),
            ("/callback?code=planted", "HTTP/1.1 404"),
            ("/callback?code=c&state=st", "HTTP/1.1 200"),
        ] {
            let answer = visit(&uri, &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
            assert!(answer.starts_with(status), "{target}: {answer}");
        }
        let callback = waiting.await.unwrap().unwrap();
        assert_eq!(callback.query(), Some("code=c&state=st"));
        drop(silent);
    }
}
