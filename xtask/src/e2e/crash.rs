//! A process dies while it holds the lease: the others wait for the lease at most, and nothing is lost.

use std::time::Duration;

use super::checks::{Checks, ensure};
use super::cli::Cli;
use super::dev_server::{CLIENT, Counters, DevServer};
use super::secrecy;
use super::session::{Session, token};
use crate::Result;

const OTHERS: usize = 5;

/// The lease, and what a slow machine needs on top of it.
const AT_MOST: Duration = Duration::from_secs(20 + 10);

/// The others start while the lease is held, so their patience covers all of it.
pub(super) fn check(cli: &Cli, checks: &mut Checks) -> Result {
    let server = DevServer::start(cli)?;
    let session = Session::in_file(cli, "crash.db");
    session.login(&server.issuer, CLIENT, &[])?.exits(0)?;
    session.expire()?;
    let before = server.counters()?;

    let holder = session.start(&["token", "--hold-lease-before-send"], |line| line.contains(r#""lease_held""#))?;
    holder.announced()?;
    let others: Result<Vec<_>> = (0..OTHERS).map(|_| session.start(&["token"], |_| false)).collect();
    let others = others?;
    checks.check("the SQLite file, its log and its index are readable by their owner only", || {
        secrecy::owner_only(cli.folder(), "crash.db")
    })?;
    holder.kill()?;
    ensure(server.counters()? == before, || "the holder had already sent its request".into())?;

    checks.check("when its lease ends, the others get an access token from one refresh", || {
        for other in others {
            token(&other.answer_within(AT_MOST)?.exits(0)?)?;
        }
        let since = server.counters()?.since(before);
        let expected = Counters { refresh_requests: 1, refresh_grants: 1, reuse_detected: 0 };
        ensure(since == expected, || format!("{since:?}"))
    })?;
    checks.check("nothing is lost: the session refreshes again", || {
        session.expire()?;
        let token = session.token(&[])?;
        ensure(token.outcome == "refreshed", || format!("outcome {}", token.outcome))
    })?;
    server.stop(cli)
}
