//! [`DeviceGrant`]: one device that waits for somebody to decide, and the rules of polling (RFC 8628 §3.5). Pure.

use std::time::Duration;

use oidc_session_core::Timestamp;

use super::device_habits::DeviceHabits;
use super::opaque::Opaque;
use super::protocol_error::ProtocolError;
use super::scope::Scope;
use super::sign_in::SignIn;
use super::user_code::UserCode;

/// How much longer a client must wait from now on when it polled too early.
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// How the device flow goes, the same for every device of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeviceRules {
    pub(super) interval: Duration,
    pub(super) lifetime: Duration,
    pub(super) habits: DeviceHabits,
}

/// A device authorization request, and what became of it.
#[derive(Debug)]
pub(super) struct DeviceGrant {
    pub(super) client_id: String,
    pub(super) scope: Scope,
    pub(super) resources: Vec<String>,
    pub(super) user_code: UserCode,
    pub(super) expires_at: Timestamp,
    interval: Duration,
    polled_at: Option<Timestamp>,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    Pending,
    Approved(SignIn),
    Denied,
    /// Redeemed, or forgotten: the code is good for nothing any more.
    Spent,
}

impl DeviceGrant {
    pub(super) fn new(
        client_id: String,
        scope: Scope,
        resources: Vec<String>,
        rules: &DeviceRules,
        now: Timestamp,
    ) -> Self {
        Self {
            client_id,
            scope,
            resources,
            user_code: UserCode::mint(),
            expires_at: now + rules.lifetime,
            interval: rules.interval,
            polled_at: None,
            progress: Progress::Pending,
        }
    }

    /// Whether somebody may still decide.
    pub(super) fn is_open(&self, now: Timestamp) -> bool {
        matches!(self.progress, Progress::Pending) && now < self.expires_at
    }

    pub(super) fn approve(&mut self, subject: &str, now: Timestamp) {
        self.progress = Progress::Approved(SignIn {
            client_id: self.client_id.clone(),
            subject: subject.to_owned(),
            scope: self.scope.clone(),
            resources: self.resources.clone(),
            sid: Opaque::mint("").expose().to_owned(),
            auth_time: now,
        });
    }

    pub(super) fn deny(&mut self) {
        self.progress = Progress::Denied;
    }

    /// The client asks whether somebody has decided. An approval is told as often as it is asked for, until it is
    /// [spent](Self::spend).
    pub(super) fn poll(&mut self, habits: DeviceHabits, now: Timestamp) -> Result<&SignIn, ProtocolError> {
        let early = self.polled_at.is_some_and(|polled_at| now < polled_at + self.interval);
        self.polled_at = Some(now);
        if now >= self.expires_at && !matches!(self.progress, Progress::Spent) {
            if habits.forgets_expired() {
                self.progress = Progress::Spent;
            }
            return Err(habits.expired());
        }
        match &self.progress {
            Progress::Pending if early => {
                self.interval = self.interval.saturating_add(SLOW_DOWN);
                Err(habits.slow_down())
            }
            Progress::Pending => Err(habits.pending()),
            Progress::Denied => Err(habits.denied()),
            Progress::Spent => Err(habits.unknown()),
            Progress::Approved(sign_in) => Ok(sign_in),
        }
    }

    /// Tokens were issued: the code is used up.
    pub(super) fn spend(&mut self) {
        self.progress = Progress::Spent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: DeviceRules = DeviceRules {
        interval: Duration::from_secs(5),
        lifetime: Duration::from_secs(60),
        habits: DeviceHabits::Standard,
    };

    fn second(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn grant() -> DeviceGrant {
        DeviceGrant::new("tv".to_owned(), Scope::default(), Vec::new(), &RULES, second(0))
    }

    fn poll(grant: &mut DeviceGrant, habits: DeviceHabits, at: i64) -> &'static str {
        grant.poll(habits, second(at)).map_or_else(ProtocolError::code, |_| "approved")
    }

    #[test]
    fn who_polls_too_early_must_wait_five_seconds_longer_from_then_on() {
        let mut grant = grant();
        for (at, expected) in [
            (0, "authorization_pending"),
            (5, "authorization_pending"),
            (9, "slow_down"),
            (18, "slow_down"),
            (33, "authorization_pending"),
            (48, "authorization_pending"),
            (60, "expired_token"),
            (61, "expired_token"),
        ] {
            assert_eq!(poll(&mut grant, DeviceHabits::Standard, at), expected, "at {at}");
        }
    }

    #[test]
    fn a_decision_is_told_at_once_and_an_approval_until_it_is_spent() {
        let (mut approved, mut denied) = (grant(), grant());
        poll(&mut approved, DeviceHabits::Standard, 1);
        approved.approve("alice", second(1));
        assert_eq!(poll(&mut approved, DeviceHabits::Standard, 2), "approved");
        assert_eq!(poll(&mut approved, DeviceHabits::Standard, 2), "approved");
        approved.spend();
        assert_eq!(poll(&mut approved, DeviceHabits::Standard, 2), "invalid_grant");
        assert_eq!(poll(&mut approved, DeviceHabits::Standard, 99), "invalid_grant");
        denied.deny();
        assert_eq!(poll(&mut denied, DeviceHabits::Standard, 1), "access_denied");
        assert!(!denied.is_open(second(1)) && grant().is_open(second(59)) && !grant().is_open(second(60)));
    }

    #[test]
    fn some_servers_tell_once_that_a_code_has_expired() {
        let mut grant = grant();
        assert_eq!(poll(&mut grant, DeviceHabits::Auth0, 60), "expired_token");
        assert_eq!(poll(&mut grant, DeviceHabits::Auth0, 61), "invalid_grant");
    }
}
