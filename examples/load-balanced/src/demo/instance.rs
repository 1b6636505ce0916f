//! [`Instance`]: this program again, as a server.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use oidc_session::KeyRing;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use url::Url;

use super::{CLIENT_ID, CLIENT_SECRET};
use crate::Result;
use crate::arguments;

const PATIENCE: Duration = Duration::from_secs(30);

/// What all instances have in common.
pub(super) struct Setup<'a> {
    pub(super) issuer: &'a Url,
    pub(super) store: &'a str,
    pub(super) keys: &'a KeyRing,
    pub(super) base_url: &'a Url,
}

/// A running instance. It ends when this is dropped, and with this process.
pub(super) struct Instance {
    pub(super) address: SocketAddr,
    _process: Child,
    _input: ChildStdin,
    _output: Lines<BufReader<ChildStdout>>,
}

impl Instance {
    /// Starts one, and waits until it listens.
    pub(super) async fn start(name: &str, setup: &Setup<'_>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["--name", name, "--listen", "127.0.0.1:0", "--until-stdin-ends"]);
        command.args(["--issuer", setup.issuer.as_str(), "--client-id", CLIENT_ID, "--store", setup.store]);
        command.args(["--base-url", setup.base_url.as_str()]);
        command.env(arguments::KEYS, setup.keys.to_json().as_str()).env(arguments::CLIENT_SECRET, CLIENT_SECRET);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn()?;
        let input = process.stdin.take().ok_or("an instance has no input")?;
        let mut output = BufReader::new(process.stdout.take().ok_or("an instance has no output")?).lines();
        let line = timeout(PATIENCE, output.next_line()).await.map_err(|_| "an instance does not start")??;
        let line = line.ok_or("an instance has ended before it listened")?;
        let address = line.rsplit('/').next().and_then(|address| address.parse().ok());
        let address = address.ok_or_else(|| format!("an instance says {line}, and not where it listens"))?;
        Ok(Self { address, _process: process, _input: input, _output: output })
    }
}
