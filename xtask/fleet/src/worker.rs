//! A worker: a program with a session manager of its own, that does as it is told on its standard input.

use std::io::{Write as _, stdout};
use std::sync::Arc;

use oidc_session::{Clock as _, SessionEventKind, SessionId, SessionManager, SystemClock};
use tokio::io::{AsyncBufReadExt as _, BufReader, stdin};
use tokio::sync::Barrier;
use tokio::task::{JoinSet, yield_now};

use crate::order::{Asked, Order, Reply, Setup};
use crate::{Result, home, with_causes};

/// Works until there are no more orders.
pub(crate) async fn run() -> Result {
    let mut lines = BufReader::new(stdin()).lines();
    let setup: Setup = serde_json::from_str(&lines.next_line().await?.ok_or("there is no setup")?)?;
    let manager = home::open(&setup).await?;
    say(&Reply::Ready)?;
    while let Some(line) = lines.next_line().await? {
        let reply = match serde_json::from_str(&line)? {
            Order::Ask { sessions, callers } => ask(&manager, &sessions, callers).await.map(Reply::Asked),
            Order::AwaitEnd { session } => await_end(&manager, &session).await.map(|()| Reply::Done),
            Order::Logout { session } => logout(&manager, &session).await.map(|()| Reply::Done),
        };
        say(&reply.unwrap_or_else(|error| Reply::Failed(with_causes(&*error))))?;
    }
    manager.drain().await;
    Ok(())
}

async fn ask(manager: &SessionManager, sessions: &[String], callers: usize) -> Result<Asked> {
    let start = Arc::new(Barrier::new(sessions.len() * callers));
    let mut calls = JoinSet::new();
    for name in sessions {
        let handle = manager.session(&SessionId::named(name)?);
        for _ in 0..callers {
            let (handle, start, name) = (handle.clone(), Arc::clone(&start), name.clone());
            calls.spawn(async move {
                start.wait().await;
                let begun = SystemClock.monotonic();
                let answer = handle.access_token().await;
                (name, answer, SystemClock.monotonic().saturating_sub(begun))
            });
        }
    }
    let mut asked = Asked::default();
    while let Some(call) = calls.join_next().await {
        let (name, answer, took) = call?;
        asked.took.push(took);
        match answer {
            Ok(token) => {
                let tokens = asked.tokens.entry(name).or_default();
                if !tokens.iter().any(|known| known == token.expose()) {
                    tokens.push(token.expose().to_owned());
                }
            }
            Err(error) => {
                *asked.errors.entry(error.outcome().to_owned()).or_default() += 1;
                asked.samples.entry(error.outcome().to_owned()).or_insert_with(|| with_causes(&error));
            }
        }
    }
    Ok(asked)
}

async fn await_end(manager: &SessionManager, session: &str) -> Result {
    let handle = manager.session(&SessionId::named(session)?);
    handle.access_token().await?;
    say(&Reply::Waiting)?;
    loop {
        match handle.access_token().await {
            Ok(_) => yield_now().await,
            Err(error) if error.end_reason().is_some() => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn logout(manager: &SessionManager, session: &str) -> Result {
    let handle = manager.session(&SessionId::named(session)?);
    let mut events = handle.subscribe();
    let logout = tokio::spawn(async move { handle.logout().await });
    // The event comes with the commit, before the tokens are revoked.
    while !matches!(events.recv().await?.kind, SessionEventKind::Ended(_)) {}
    say(&Reply::Ended)?;
    logout.await??;
    Ok(())
}

fn say(reply: &Reply) -> Result {
    let mut out = stdout().lock();
    writeln!(out, "{}", serde_json::to_string(reply)?)?;
    Ok(out.flush()?)
}
