//! Many callers in two processes, and expired sessions.

use oidc_session::{Clock as _, SystemClock};

use super::stage::{Stage, names};
use crate::order::Order;
use crate::report::{Times, millis};
use crate::{Result, ensure};

const CALLERS: usize = 200;
const SESSIONS: usize = 1000;

/// Two hundred callers in each of two processes want the token of one expired session.
pub(crate) async fn one_session(stage: &mut Stage) -> Result {
    let alone = a_caller_alone(stage).await?;
    let sessions = names("storm", 1);
    stage.sign_in(&sessions, true).await?;
    let before = stage.grants();
    let asked = stage.team.ask(&sessions, CALLERS).await?;

    stage.everybody_has_the_token(&asked, &sessions)?;
    let grants = stage.grants() - before;
    ensure(grants == 1, || format!("{grants} grants for one expired session"))?;
    stage.nothing_was_presented_twice()?;
    let (callers, times) = (asked.took.len(), Times::of(asked.took));
    stage.holds(
        &format!("{callers} callers in two processes, one expired session: one grant, one token for all"),
        &format!(
            "median {}, p99 {}; a caller alone: median {}; ratio of p99 to it {:.2}",
            millis(times.median()),
            millis(times.p99()),
            millis(alone.median()),
            times.p99().as_secs_f64() / alone.median().as_secs_f64(),
        ),
    );
    Ok(())
}

/// What one token call takes when nobody else wants anything.
async fn a_caller_alone(stage: &mut Stage) -> Result<Times> {
    let sessions = names("alone", 10);
    stage.sign_in(&sessions, true).await?;
    let mut times = Vec::new();
    for session in &sessions {
        stage.team.one.order(&Order::Ask { sessions: vec![session.clone()], callers: 1 }).await?;
        let asked = stage.team.one.asked().await?;
        stage.everybody_has_the_token(&asked, std::slice::from_ref(session))?;
        times.extend(asked.took);
    }
    Ok(Times::of(times))
}

/// A thousand sessions have expired at once, and both processes want all of them.
pub(crate) async fn a_thousand_sessions(stage: &mut Stage) -> Result {
    let sessions = names("herd", SESSIONS);
    stage.sign_in(&sessions, true).await?;
    let before = stage.grants();
    let begun = SystemClock.monotonic();
    let asked = stage.team.ask(&sessions, 1).await?;
    let took = SystemClock.monotonic().saturating_sub(begun);

    stage.everybody_has_the_token(&asked, &sessions)?;
    let grants = stage.grants() - before;
    ensure(grants == SESSIONS as u64, || format!("{grants} grants for {SESSIONS} expired sessions"))?;
    stage.nothing_was_presented_twice()?;
    let times = Times::of(asked.took);
    stage.holds(
        &format!("{SESSIONS} sessions expire together, two processes want each: {grants} grants, no reuse"),
        &format!("{:.1} s in all, median {}, p99 {}", took.as_secs_f64(), millis(times.median()), millis(times.p99())),
    );
    Ok(())
}
