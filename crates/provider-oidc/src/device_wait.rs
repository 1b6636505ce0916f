//! Waiting for the subject of a sign-in on a device: when to poll, and when to give up.

use std::time::Duration;

use oidc_session_core::{DevicePoll, DeviceSignIn, PendingDevice, ProviderError, ProviderErrorKind, Session};
use tokio::time::{sleep, timeout_at};

use crate::device_sign_in::expired;

/// What waits are doubled from at least, so that a program that set the interval to nothing hammers nobody.
const SHORTEST_BACK_OFF: Duration = Duration::from_secs(1);

/// The longest wait that is chosen here; a server may ask for more.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(5 * 60);

/// Polls until there is a session, or none can come any more: at the latest after `lifetime`.
pub(crate) async fn session(
    device: &impl DeviceSignIn,
    mut pending: PendingDevice,
    lifetime: Duration,
) -> Result<Session, ProviderError> {
    // Beside the wall clock, which may be set back while we wait.
    let end = sleep(lifetime).deadline();
    let mut wait = pending.interval;
    loop {
        if timeout_at(end, sleep(wait)).await.is_err() {
            return Err(expired());
        }
        wait = match device.poll(&mut pending).await {
            Ok(DevicePoll::SignedIn(session)) => return Ok(*session),
            Ok(DevicePoll::Pending) => pending.interval,
            Err(error) => {
                let next = wait_after(&error, wait, pending.interval);
                tracing::debug!(%error, ?next, "a poll brought nothing");
                next.ok_or(error)?
            }
        };
    }
}

/// How long to wait after a poll that said nothing about the sign-in. `None`: the error says it all.
fn wait_after(error: &ProviderError, waited: Duration, interval: Duration) -> Option<Duration> {
    let doubled = waited.max(SHORTEST_BACK_OFF).saturating_mul(2);
    let back_off = doubled.clamp(interval, LONGEST_BACK_OFF.max(interval));
    match (error.kind(), error.retry_after()) {
        (ProviderErrorKind::TryLater, Some(asked)) => Some(asked.max(interval)),
        (ProviderErrorKind::NotSent | ProviderErrorKind::OutcomeUnknown | ProviderErrorKind::TryLater, asked) => {
            Some(back_off.max(asked.unwrap_or_default()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use ProviderErrorKind::{
        InteractionRequired, InvalidAnswer, Misconfigured, NotSent, OutcomeUnknown, Refused, Rejected, TryLater,
    };
    use async_trait::async_trait;
    use oidc_session_core::{DeviceCode, DeviceRequest, ProviderId, Scopes, Timestamp, TokenSet};
    use tokio::time::Instant;
    use url::Url;

    use super::*;

    const EPOCH: Timestamp = Timestamp::from_unix_seconds(0);

    /// What the next poll answers.
    #[derive(Clone, Copy, Debug)]
    enum Answer {
        Pending,
        SlowDown,
        SignedIn,
        Fails(ProviderErrorKind),
        Later(u64),
    }

    /// Answers as scripted, and notes when it was asked.
    #[derive(Debug)]
    struct Script {
        start: Instant,
        answers: Mutex<VecDeque<Answer>>,
        asked_at: Mutex<Vec<u64>>,
    }

    #[async_trait]
    impl DeviceSignIn for Script {
        async fn device_authorization(&self, _: DeviceRequest) -> Result<PendingDevice, ProviderError> {
            Err(ProviderError::new(Misconfigured, "not asked for"))
        }

        async fn poll(&self, pending: &mut PendingDevice) -> Result<DevicePoll, ProviderError> {
            self.asked_at.lock().unwrap().push(self.start.elapsed().as_secs());
            match self.answers.lock().unwrap().pop_front().unwrap_or(Answer::Pending) {
                Answer::Pending => Ok(DevicePoll::Pending),
                Answer::SlowDown => {
                    pending.interval += Duration::from_secs(5);
                    Ok(DevicePoll::Pending)
                }
                Answer::SignedIn => {
                    let tokens = TokenSet::new(EPOCH, EPOCH);
                    let session = Session::new(ProviderId::new("oidc"), "https://login.example", "my-app", tokens);
                    Ok(DevicePoll::SignedIn(Box::new(session)))
                }
                Answer::Fails(kind) => Err(ProviderError::new(kind, "scripted")),
                Answer::Later(seconds) => {
                    Err(ProviderError::new(TryLater, "scripted").with_retry_after(Some(Duration::from_secs(seconds))))
                }
            }
        }
    }

    /// What becomes of a sign-in whose code lives for ten minutes, and when it was polled for, in seconds.
    async fn waited(answers: &[Answer]) -> (Result<Session, ProviderError>, Vec<u64>, u64) {
        let start = sleep(Duration::ZERO).deadline();
        let script =
            Script { start, answers: Mutex::new(answers.iter().copied().collect()), asked_at: Mutex::default() };
        let lifetime = Duration::from_secs(600);
        let url = Url::parse("https://login.example/device").unwrap();
        let pending = PendingDevice::new("code", url, DeviceCode::new("dc"), EPOCH + lifetime, Scopes::default());
        let session = session(&script, pending, lifetime).await;
        let ended_at = start.elapsed().as_secs();
        (session, script.asked_at.into_inner().unwrap(), ended_at)
    }

    #[tokio::test(start_paused = true)]
    async fn polls_keep_the_interval_and_slow_down_for_good() {
        use Answer::{Pending, SignedIn, SlowDown};
        let (session, asked_at, ended_at) = waited(&[Pending, SlowDown, Pending, SlowDown, Pending, SignedIn]).await;
        assert!(session.is_ok());
        assert_eq!(asked_at, [5, 10, 20, 30, 45, 60]);
        assert_eq!(ended_at, 60);
    }

    #[tokio::test(start_paused = true)]
    async fn polls_that_get_no_answer_come_ever_less_often_until_one_does() {
        use Answer::{Fails, Pending, SignedIn};
        let answers =
            [Fails(NotSent), Fails(OutcomeUnknown), Fails(TryLater), Fails(NotSent), Pending, Fails(NotSent), SignedIn];
        let (session, asked_at, _) = waited(&answers).await;
        assert!(session.is_ok());
        assert_eq!(asked_at, [5, 15, 35, 75, 155, 160, 170]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_until_when_is_asked_then() {
        use Answer::{Later, Pending, SignedIn};
        let (session, asked_at, _) = waited(&[Later(60), Later(1), Pending, SignedIn]).await;
        assert!(session.is_ok());
        assert_eq!(asked_at, [5, 65, 70, 75]);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_outlives_the_code() {
        for answers in [&[][..], &[Answer::Later(86_400)], &[Answer::Fails(NotSent); 100]] {
            let (session, asked_at, ended_at) = waited(answers).await;
            assert_eq!(session.unwrap_err().kind(), Rejected);
            assert_eq!(ended_at, 600, "{answers:?}");
            assert!(asked_at.len() <= 120, "{asked_at:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_error_about_the_sign_in_ends_it_at_once() {
        for kind in [Refused, Rejected, Misconfigured, InvalidAnswer, InteractionRequired] {
            let (session, asked_at, _) = waited(&[Answer::Pending, Answer::Fails(kind), Answer::SignedIn]).await;
            assert_eq!(session.unwrap_err().kind(), kind);
            assert_eq!(asked_at, [5, 10]);
        }
    }

    #[test]
    fn waits_have_bounds() {
        let unsent = ProviderError::new(NotSent, "scripted");
        for (waited, interval, expected) in [(200, 5, 300), (1, 5, 5), (400, 400, 400), (0, 0, 2), (u64::MAX, 5, 300)] {
            let wait = wait_after(&unsent, Duration::from_secs(waited), Duration::from_secs(interval));
            assert_eq!(wait, Some(Duration::from_secs(expected)), "{waited} {interval}");
        }
        let failed = ProviderError::new(OutcomeUnknown, "scripted").with_retry_after(Some(Duration::from_secs(60)));
        assert_eq!(wait_after(&failed, Duration::from_secs(5), Duration::from_secs(5)), Some(Duration::from_secs(60)));
    }
}
