//! [`WebProcess`]: one process of the example `load-balanced`.

use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;
use url::Url;

use super::site::{CLIENT_ID, CLIENT_SECRET};
use crate::Result;
use crate::order::Setup;

/// The program, beside this one.
const PROGRAM: &str = "oidc-session-example-load-balanced";

/// How long a process may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// One process of the example `load-balanced`. It ends when this is dropped, and with this process.
#[derive(Debug)]
pub(crate) struct WebProcess {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    process: Child,
    // It ends when its input does, whatever becomes of us.
    _input: ChildStdin,
    _output: Lines<BufReader<ChildStdout>>,
}

impl WebProcess {
    /// Starts one, and waits until it listens.
    pub(crate) async fn start(name: &'static str, setup: &Setup, base_url: &Url) -> Result<Self> {
        let program = std::env::current_exe()?.with_file_name(PROGRAM);
        let mut command = Command::new(&program);
        command.args(["--name", name, "--listen", "127.0.0.1:0", "--until-stdin-ends"]);
        command.args(["--issuer", &setup.issuer, "--client-id", CLIENT_ID, "--store", &setup.store_url]);
        command.args(["--base-url", base_url.as_str()]);
        command.env("SESSION_KEYS", &setup.keys).env("OIDC_CLIENT_SECRET", CLIENT_SECRET);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command
            .spawn()
            .map_err(|error| format!("{}: {error}; build it with: cargo build -p {PROGRAM}", program.display()))?;
        let input = process.stdin.take().ok_or("a web process has no input")?;
        let mut output = BufReader::new(process.stdout.take().ok_or("a web process has no output")?).lines();
        let line = timeout(PATIENCE, output.next_line()).await.map_err(|_| "a web process does not start")??;
        let line = line.ok_or("a web process has ended before it listened")?;
        let address = line.rsplit('/').next().and_then(|address| address.parse().ok());
        let address = address.ok_or_else(|| format!("a web process says {line}, and not where it listens"))?;
        Ok(Self { name, address, process, _input: input, _output: output })
    }

    /// A URL of this process, past the load balancer.
    pub(crate) fn at(&self, path: &str) -> Result<Url> {
        Ok(Url::parse(&format!("http://{}", self.address))?.join(path)?)
    }

    /// SIGTERM, as a deployment sends it.
    pub(crate) fn tell_to_end(&self) -> Result {
        let id = self.process.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(kill_process(id.ok_or("a web process has ended already")?, Signal::TERM)?)
    }

    /// Waits for its end.
    pub(crate) async fn ended(&mut self) -> Result<ExitStatus> {
        Ok(timeout(PATIENCE, self.process.wait()).await.map_err(|_| "a web process does not end")??)
    }
}
