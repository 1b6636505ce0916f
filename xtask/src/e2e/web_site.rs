//! A web site with two processes, and a visitor who logs out at the provider (OIDC Back-Channel Logout 1.0).

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use oidc_session_test_servers::{Proxy, Redis, RedisOptions};

use super::checks::{Checks, ensure};
use super::cli::{Cli, Invocation, SECRET};
use super::http::{self, Answer};
use super::process::{Process, pause};
use super::provider::{Provider, SUBJECT};
use super::session::text;
use crate::test_servers::missing_redis;
use crate::{Result, test};

/// The package and the program: an example of the library.
pub(super) const PACKAGE: &str = "oidc-session-example-load-balanced";

const CLIENT: &str = "web-site";
const LISTENING: &str = "listening on ";

/// How long a process may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a process is asked whether it has heard of a logout, and how long between.
const TRIES: usize = 100;
const BETWEEN: Duration = Duration::from_millis(50);

/// Every check of the site. Returns the secrets of its visitor, to be searched for in what was logged.
pub(super) fn check(program: &Path, cli: &Cli, checks: &mut Checks, provider: &Provider) -> Result<Vec<String>> {
    let statement = "a logout at the provider ends the visitor's session on both processes";
    if let Some(missing) = missing_redis() {
        ensure(!test::is_merge_gate(), || missing.demanded())?;
        checks.skipped(statement, "Redis is missing");
        return Ok(Vec::new());
    }
    let redis = Redis::launch(RedisOptions::default())?;
    let site = Site::start(program, cli, provider, &redis)?;
    let cookies = checks.check(
        "a visitor signs in at the provider through the load balancer, and both processes know who it is",
        || {
            provider.name_logout_uri(CLIENT, &site.at("/auth/back-channel-logout"))?;
            let (page, status) = provider.visit(&site.at("/auth/login?return_to=/me"))?;
            ensure(page == site.at("/me") && status == 200, || format!("the browser ended at {page} with {status}"))?;
            let cookies = provider.cookies_of(&site.at("/"))?;
            for process in &site.processes {
                let answer = process.fetch("/me", &cookies)?;
                ensure(answer.status == 200, || format!("{} answers {}", process.name, answer.status))?;
                ensure(text(&answer.json()?, "subject")? == SUBJECT, || "it is somebody else".into())?;
            }
            Ok(cookies)
        },
    )?;
    let told = checks.check(statement, || {
        let before = provider.logout_tokens(CLIENT)?.len();
        provider.visit(&format!("{}/session/end", provider.issuer))?;
        for process in &site.processes {
            process.turns_away(&cookies)?;
        }
        let told = provider.logout_tokens(CLIENT)?.split_off(before);
        ensure(told.len() == 1, || format!("the provider issued {} logout tokens for the site", told.len()))?;
        Ok(told)
    })?;
    checks.check("a replay of the logout token is refused by both processes", || {
        for process in &site.processes {
            for token in &told {
                let answer = http::post(&process.at("/auth/back-channel-logout"), &[("logout_token", token)])?;
                ensure(answer.status == 400, || format!("{} answers {}", process.name, answer.status))?;
                let why = text(&answer.json()?, "error_description")?;
                ensure(why.contains("used before"), || format!("{} says: {why}", process.name))?;
            }
        }
        Ok(())
    })?;
    checks.check("the visitor can sign in again", || {
        let (page, status) = provider.visit(&site.at("/auth/login?return_to=/me"))?;
        ensure(page == site.at("/me") && status == 200, || format!("the browser ended at {page} with {status}"))
    })?;
    site.stop(cli)?;
    let values = cookies.split("; ").filter_map(|cookie| cookie.split_once('=')).map(|(_, value)| value.to_owned());
    Ok(values.chain(told).collect())
}

/// Two processes behind a load balancer.
struct Site {
    balancer: Proxy,
    processes: [WebProcess; 2],
}

/// One of them.
struct WebProcess {
    name: &'static str,
    origin: String,
    process: Process,
}

impl Site {
    fn start(program: &Path, cli: &Cli, provider: &Provider, redis: &Redis) -> Result<Self> {
        let keys = cli.folder().join("web-site-keys.json");
        cli.run(&Invocation::new(&["keys", "generate", &keys.to_string_lossy()]))?.exits(0)?;
        let balancer = Proxy::balancer();
        let start = |name: &'static str| {
            let mut command = Command::new(program);
            command.args(["--name", name, "--listen", "127.0.0.1:0", "--issuer", &provider.issuer]);
            // The provider gives refresh tokens only to those who ask for consent (OIDC Core 11).
            command.args(["--client-id", CLIENT, "--scope", "openid offline_access", "--param", "prompt=consent"]);
            command.args(["--base-url", &format!("http://{}", balancer.address()), "--store", &redis.url()]);
            command.arg("--keys").arg(&keys).arg("--until-stdin-ends");
            command.env("OIDC_CLIENT_SECRET", SECRET).env("RUST_LOG", "trace").env("RUST_BACKTRACE", "0");
            WebProcess::start(name, &mut command)
        };
        let processes = [start("one")?, start("other")?];
        let mut addresses = Vec::new();
        for WebProcess { origin, .. } in &processes {
            addresses.push(origin.trim_start_matches("http://").parse()?);
        }
        balancer.lead_to(&addresses);
        Ok(Self { balancer, processes })
    }

    /// A URL as browsers and the provider see it.
    fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.balancer.address())
    }

    /// Stops it and keeps what it logged for the search for secrets.
    fn stop(self, cli: &Cli) -> Result {
        for WebProcess { name, process, .. } in self.processes {
            let ended = process.kill()?;
            cli.transcript().add(&format!("the web process {name}"), &[&ended.stdout, &ended.stderr]);
        }
        Ok(())
    }
}

impl WebProcess {
    fn start(name: &'static str, command: &mut Command) -> Result<Self> {
        let process = Process::start(command, |line| line.starts_with(LISTENING))?;
        let Some(line) = process.announced(PATIENCE)? else {
            return Err(format!("the web process did not start: {}", process.ended(PATIENCE)?.stderr).into());
        };
        Ok(Self { name, origin: line[LISTENING.len()..].to_owned(), process })
    }

    /// A URL of this process, past the load balancer.
    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    fn fetch(&self, path: &str, cookies: &str) -> Result<Answer> {
        http::fetch(&self.at(path), &[("cookie", cookies), ("accept", "application/json")])
    }

    /// Asks until the answer is 401; it must say why.
    fn turns_away(&self, cookies: &str) -> Result {
        for _ in 0..TRIES {
            let answer = self.fetch("/session", cookies)?;
            if answer.status == 401 {
                let reason = text(&answer.json()?, "reason")?;
                return ensure(reason == "logged_out_elsewhere", || format!("{} says {reason}", self.name));
            }
            ensure(answer.status == 200, || format!("{} answers {}", self.name, answer.status))?;
            pause(BETWEEN);
        }
        Err(format!("{} still lets the visitor in", self.name).into())
    }
}
