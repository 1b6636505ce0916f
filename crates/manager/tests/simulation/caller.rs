//! What programs do: ask for tokens, and sometimes give up.

use std::sync::Arc;
use std::time::Duration;

use oidc_session_core::AccessToken;
use oidc_session_manager::{SessionError, SessionErrorKind, SessionHandle};
use tokio::time::{sleep, timeout};

use crate::dice::Dice;
use crate::world::{Machine, World};

/// Longer than anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(1_200);

/// Calls from the machine at a place, now and then.
pub(crate) async fn calls(world: Arc<World>, dice: Dice, place: usize) {
    for _ in 0..world.plan.calls {
        sleep(dice.part_of(world.plan.lifetime * 3 / 2)).await;
        let machine = world.machine(place);
        call(&world, &dice, &machine).await;
    }
}

async fn call(world: &World, dice: &Dice, machine: &Machine) {
    let session = dice.below(u32::try_from(world.plan.sessions).unwrap()) as usize;
    let told = world.truth.facts().logged_out_on(machine.number);
    let patience = if dice.in_hundred(15) { dice.millis(1..800) } else { PATIENCE };
    let handle = machine.session(session);
    match timeout(patience, ask(world, dice, &handle)).await {
        Ok(Ok(Some(token))) => {
            let now = world.time.passed();
            world.truth.facts().served(&token, session, &told, now);
        }
        Ok(Ok(None)) => {}
        Ok(Err(error)) => {
            let is_expected = matches!(error.kind(), SessionErrorKind::SignInNeeded | SessionErrorKind::Unavailable);
            if !is_expected {
                world.truth.facts().violation(format!("a call failed: {error:?}"));
            }
        }
        Err(_) if patience == PATIENCE && !machine.line.has_crashed() => {
            world.truth.facts().violation("a call hung");
        }
        // The caller gave up, or died with its machine.
        Err(_) => {}
    }
}

/// Asks in one of many ways; returns the access token, if that was the question.
async fn ask(world: &World, dice: &Dice, handle: &SessionHandle) -> Result<Option<String>, SessionError> {
    let (lifetime, kinds) = (world.plan.lifetime, if world.plan.forces { 100 } else { 80 });
    match dice.below(kinds) {
        0..60 => token_of(handle).await.map(Some),
        60..65 => handle.access_token().await.map(|token| Some(token.expose().to_owned())),
        65..75 => handle.refresh_if_expired().await.map(|_| None),
        75..80 => handle.snapshot().await.map(|_| None),
        80..88 => handle.refresh().await.map(|_| None),
        88..94 => match handle.token_for(lifetime / 2).await {
            Ok(served) => Ok(Some(served.access_token.expose().to_owned())),
            Err(error) => Err(error),
        },
        // A resource server said 401 for no reason.
        _ => {
            let rejected = AccessToken::new(token_of(handle).await?);
            handle.refresh_if_current_is(&rejected).await.map(|_| None)
        }
    }
}

/// The access token in the header value.
pub(crate) async fn token_of(handle: &SessionHandle) -> Result<String, SessionError> {
    let authorization = handle.authorization().await?;
    Ok(authorization.to_str().unwrap().trim_start_matches("Bearer ").to_owned())
}
