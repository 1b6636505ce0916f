//! The little HTTP that a loopback listener needs: one bounded request without a body, one answer, then goodbye.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

/// The longest request line: a callback carries a code, and some codes are long.
const LONGEST_LINE: usize = 16 * 1024;
/// The longest head. Browsers send every cookie that any program of this machine set on loopback.
const LONGEST_HEAD: usize = 64 * 1024;
/// How long a request, or taking its answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often in a row a listener may fail before it is given up.
const MOST_FAILURES: u32 = 50;
/// How long to leave it alone after a failure: if there are no file descriptors left, some may come back.
const PAUSE: Duration = Duration::from_millis(100);

/// The first line of a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
}

/// A status line with its reason.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    UriTooLong,
    HeadTooLarge,
}

impl Status {
    const fn line(self) -> &'static str {
        match self {
            Self::Ok => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::UriTooLong => "414 URI Too Long",
            Self::HeadTooLarge => "431 Request Header Fields Too Large",
        }
    }
}

/// Waits for a connection. One that ended before it was taken, or a lack of file descriptors, is lived through.
pub(crate) async fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = persistently(|| listener.accept(), PAUSE).await?;
    Ok(stream)
}

async fn persistently<T, F>(mut attempt: impl FnMut() -> F, pause: Duration) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut failures = 0;
    loop {
        match attempt().await {
            Err(error) if failures < MOST_FAILURES => {
                tracing::debug!(%error, "a connection was not accepted");
                failures += 1;
                sleep(pause).await;
            }
            result => return result,
        }
    }
}

/// Reads a request. `Err` is what to answer to something that is none.
pub(crate) async fn read_request(stream: &mut TcpStream) -> io::Result<Result<Request, Status>> {
    match timeout(PATIENCE, read_head(stream)).await {
        Ok(head) => head,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

async fn read_head(stream: &mut TcpStream) -> io::Result<Result<Request, Status>> {
    let mut head = Vec::with_capacity(2048);
    loop {
        let mut chunk = [0; 2048];
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&chunk[..read]);
        let line_end = head.iter().position(|byte| *byte == b'\n');
        if line_end.unwrap_or(head.len()) > LONGEST_LINE {
            return Ok(Err(Status::UriTooLong));
        }
        if ends(&head) {
            return Ok(request_line(&head[..line_end.unwrap_or_default()]));
        }
        if head.len() > LONGEST_HEAD {
            return Ok(Err(Status::HeadTooLarge));
        }
    }
}

fn ends(head: &[u8]) -> bool {
    head.windows(4).any(|window| window == b"\r\n\r\n") || head.windows(2).any(|window| window == b"\n\n")
}

pub(crate) fn request_line(line: &[u8]) -> Result<Request, Status> {
    let line = str::from_utf8(line).map_err(|_| Status::BadRequest)?;
    match *line.trim_end_matches('\r').split(' ').collect::<Vec<_>>() {
        [method, target, "HTTP/1.0" | "HTTP/1.1"] if target.starts_with('/') => {
            Ok(Request { method: method.to_owned(), target: target.to_owned() })
        }
        _ => Err(Status::BadRequest),
    }
}

/// Answers, and closes the connection.
pub(crate) async fn respond(stream: &mut TcpStream, status: Status, content_type: &str, body: &str) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 {}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\nConnection: close\r\n\
         Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n\r\n{body}",
        status.line(),
        body.len(),
    );
    let sent = timeout(PATIENCE, async {
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await
    });
    sent.await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn a_connection_that_was_lost_does_not_end_the_wait_for_the_next() {
        for (losses, survived) in [(1, true), (MOST_FAILURES, true), (MOST_FAILURES + 1, false)] {
            let mut left = losses;
            let attempt = || {
                let accepted = if left == 0 { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) };
                left = left.saturating_sub(1);
                ready(accepted)
            };
            assert_eq!(persistently(attempt, Duration::ZERO).await.is_ok(), survived, "{losses}");
        }
    }

    #[test]
    fn only_a_request_line_is_one() {
        let target = |line: &str| request_line(line.as_bytes()).map(|request| request.target);
        assert_eq!(target("GET /callback?code=c HTTP/1.1\r"), Ok("/callback?code=c".into()));
        for line in ["", "GET /", "GET  / HTTP/1.1", "GET http://x/ HTTP/1.1", "GET / HTTP/2", "\u{1}"] {
            assert_eq!(target(line), Err(Status::BadRequest), "{line}");
        }
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        assert!(ends(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(ends(b"GET / HTTP/1.1\n\n"));
        assert!(!ends(b"GET / HTTP/1.1\r\nHost: x\r\n"));
    }
}
