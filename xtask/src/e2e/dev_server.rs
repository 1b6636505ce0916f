//! Our own authorization server, started as its users start it: `oidc-session dev-server`.

use std::time::Duration;

use serde_json::Value;

use super::cli::{Cli, Invocation};
use super::http;
use super::process::Process;
use super::session::text;
use crate::Result;

/// The client of `dev-server` that signs in without a secret.
pub(super) const CLIENT: &str = "native-app";

const PATIENCE: Duration = Duration::from_secs(60);

/// A running `dev-server`; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct DevServer {
    /// Its issuer URL.
    pub(super) issuer: String,
    /// Where it tells what it counted; not the server itself, so that asking is no request to it.
    counters: String,
    process: Process,
}

/// What the server has seen so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Counters {
    /// Refresh requests, granted or not.
    pub(super) refresh_requests: u64,
    /// Refresh requests that were granted.
    pub(super) refresh_grants: u64,
    /// Refresh tokens that were presented again after their rotation.
    pub(super) reuse_detected: u64,
}

impl DevServer {
    /// Starts a server that rotates, detects reuse without a window, and takes 100 ms for every answer about tokens.
    pub(super) fn start(cli: &Cli) -> Result<Self> {
        let arguments = ["--json", "dev-server", "--listen", "127.0.0.1:0", "--access-ttl", "300s", "--rotate", "true"];
        let invocation = Invocation::new(&arguments).args(&["--reuse-window", "0s", "--latency", "100ms"]);
        let process = cli.start(&invocation, |line| line.contains(r#""listening""#))?;
        let Some(line) = cli.announced(&invocation, &process)? else {
            return Err(format!("dev-server did not start: {}", process.ended(PATIENCE)?.stderr).into());
        };
        let listening: Value = serde_json::from_str(&line)?;
        Ok(Self { issuer: text(&listening, "issuer")?, counters: text(&listening, "counters")?, process })
    }

    /// What the server has seen so far.
    pub(super) fn counters(&self) -> Result<Counters> {
        let counters = http::fetch_json(&self.counters)?;
        let count = |name: &str| counters[name].as_u64().ok_or_else(|| format!("dev-server counts no {name}"));
        Ok(Counters {
            refresh_requests: count("refresh_requests")?,
            refresh_grants: count("refresh_grants")?,
            reuse_detected: count("reuse_detected")?,
        })
    }

    /// Stops it and keeps what it logged for the search for secrets.
    pub(super) fn stop(self, cli: &Cli) -> Result {
        let ended = self.process.kill()?;
        cli.transcript().add("dev-server", &[&ended.stdout, &ended.stderr]);
        Ok(())
    }
}

impl Counters {
    /// Counts since `earlier`.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            refresh_requests: self.refresh_requests - earlier.refresh_requests,
            refresh_grants: self.refresh_grants - earlier.refresh_grants,
            reuse_detected: self.reuse_detected - earlier.reuse_detected,
        }
    }
}
