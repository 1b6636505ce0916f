//! Fifty processes ask for a token at the same moment: one refresh.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::{Checks, ensure};
use super::cli::Cli;
use super::dev_server::{CLIENT, Counters, DevServer};
use super::session::{Session, token};
use crate::Result;

const PROCESSES: usize = 50;
const ROUNDS: usize = 4;

/// Four rounds: in each, the access token is expired and everybody wants one.
pub(super) fn check(cli: &Cli, checks: &mut Checks) -> Result {
    let server = DevServer::start(cli)?;
    let session = Session::in_file(cli, "storm.db");
    session.login(&server.issuer, CLIENT, &[])?.exits(0)?;
    let mut seen = BTreeSet::from([session.token(&[])?.access_token]);
    for round in 1..=ROUNDS {
        checks.check(&format!("round {round}: {PROCESSES} processes, one refresh grant, one access token"), || {
            session.expire()?;
            let before = server.counters()?;
            let (access_token, outcomes) = everybody_wants_a_token(&session)?;
            println!("        {}", outcomes.join(", "));
            let expected = Counters { refresh_requests: 1, refresh_grants: 1, reuse_detected: 0 };
            let seen_by_server = server.counters()?.since(before);
            ensure(seen_by_server == expected, || format!("{seen_by_server:?}"))?;
            ensure(seen.insert(access_token), || "an access token of an earlier round".into())
        })?;
    }
    server.stop(cli)
}

/// The one access token they all got, and how they came by it.
fn everybody_wants_a_token(session: &Session<'_>) -> Result<(String, Vec<String>)> {
    let started: Result<Vec<_>> = (0..PROCESSES).map(|_| session.start(&["token"], |_| false)).collect();
    let mut tokens = BTreeSet::new();
    let mut outcomes = BTreeMap::<String, usize>::new();
    for process in started? {
        let token = token(&process.answer()?.exits(0)?)?;
        tokens.insert(token.access_token);
        *outcomes.entry(token.outcome).or_default() += 1;
    }
    ensure(tokens.len() == 1, || format!("{} different access tokens", tokens.len()))?;
    let outcomes = outcomes.into_iter().map(|(outcome, count)| format!("{count} {outcome}")).collect();
    Ok((tokens.pop_first().unwrap_or_default(), outcomes))
}
