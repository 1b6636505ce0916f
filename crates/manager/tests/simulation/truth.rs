//! [`Truth`]: what really happened, and what should not have.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use oidc_session_core::{EndReason, SessionState, SignInId, StoreKey};

use crate::plan::Plan;

/// What really happened at the authorization server and in the store, and what should not have.
#[derive(Clone, Debug)]
pub(crate) struct Truth(Arc<Mutex<Facts>>);

#[derive(Debug)]
pub(crate) struct Facts {
    plan: Plan,
    families: Vec<Family>,
    /// The sign-ins that were stored, in order.
    stored: HashMap<StoreKey, Vec<SignInId>>,
    /// The family that was stored last.
    latest: HashMap<StoreKey, usize>,
    pub(crate) violations: Vec<String>,
    pub(crate) grants: u32,
    pub(crate) lost: u32,
}

/// What one sign-in led to.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) session: usize,
    live: BTreeSet<u32>,
    spent: BTreeMap<u32, Duration>,
    granted_at: Vec<Duration>,
    /// The machines that have logged it out.
    logged_out_on: BTreeSet<usize>,
    /// Somebody ended it at the server: a logout or an administrator.
    revoked: bool,
    /// Somebody logged it out, whether or not they heard that it was done.
    ended: bool,
    /// A refresh token was presented that had been spent.
    reused: bool,
    /// Granted, and not stored yet.
    is_open: bool,
    /// Something happened meanwhile after which no client can keep the session for sure.
    excused: bool,
}

/// What the server answers to a refresh.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Reply {
    Granted(Tokens),
    Rejected,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    fn of(family: usize, number: u32) -> Self {
        Self { access: format!("at-{family}-{number}"), refresh: format!("rt-{family}-{number}") }
    }

    /// Which grant a token is of.
    fn grant(token: &str) -> Option<(usize, u32)> {
        let (family, number) = token.get(3..)?.split_once('-')?;
        Some((family.parse().ok()?, number.parse().ok()?))
    }
}

impl Truth {
    pub(crate) fn new(plan: Plan) -> Self {
        let (families, stored, latest, violations) = (Vec::new(), HashMap::new(), HashMap::new(), Vec::new());
        Self(Arc::new(Mutex::new(Facts { plan, families, stored, latest, violations, grants: 0, lost: 0 })))
    }

    pub(crate) fn facts(&self) -> MutexGuard<'_, Facts> {
        self.0.lock().unwrap()
    }

    /// Something went wrong somewhere: what is under way just now may come to nothing.
    pub(crate) fn trouble(&self) {
        self.facts().families.iter_mut().filter(|family| family.is_open).for_each(|family| family.excused = true);
    }
}

impl Facts {
    pub(crate) fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    pub(crate) fn sign_in(&mut self, session: usize, now: Duration) -> (usize, Tokens) {
        let number = self.families.len();
        self.families.push(Family {
            session,
            live: BTreeSet::from([0]),
            spent: BTreeMap::new(),
            granted_at: vec![now],
            logged_out_on: BTreeSet::new(),
            revoked: false,
            ended: false,
            reused: false,
            is_open: false,
            excused: false,
        });
        (number, Tokens::of(number, 0))
    }

    /// A request is about to be sent.
    pub(crate) fn begins(&mut self, refresh_token: &str) {
        if let Some((family, _)) = Tokens::grant(refresh_token) {
            self.families[family].is_open = true;
        }
    }

    /// The server looks at a request that was sent so long ago.
    pub(crate) fn refresh(&mut self, refresh_token: &str, now: Duration, is_late: bool) -> Reply {
        let Some((number, grant)) = Tokens::grant(refresh_token) else { return Reply::Rejected };
        let (window, may_force) = (self.plan.reuse_window, self.plan.forces || self.plan.sets_clocks);
        let lifetime = self.plan.lifetime;
        let family = &mut self.families[number];
        family.excused |= is_late;
        if family.revoked || family.reused {
            return Reply::Rejected;
        }
        let in_window = window.zip(family.spent.get(&grant)).is_some_and(|(window, spent)| now < *spent + window);
        if !family.live.contains(&grant) && !in_window {
            family.reused = true;
            if !family.excused {
                self.violation(format!("{refresh_token} was presented twice, and nothing had gone wrong"));
            }
            return Reply::Rejected;
        }
        let age = now - *family.granted_at.last().unwrap_or(&now);
        let in_vain = !may_force && !family.excused && age < lifetime.mul_f64(0.55);
        family.live.remove(&grant);
        family.spent.entry(grant).or_insert(now);
        let successor = u32::try_from(family.granted_at.len()).unwrap();
        family.live.insert(successor);
        family.granted_at.push(now);
        self.grants += 1;
        if in_vain {
            self.violation(format!("{refresh_token} was spent although its access token was {age:?} old"));
        }
        Reply::Granted(Tokens::of(number, successor))
    }

    pub(crate) fn revoke(&mut self, refresh_token: &str) {
        if let Some((family, _)) = Tokens::grant(refresh_token) {
            self.families[family].revoked = true;
        }
    }

    /// An administrator ends all that a user has.
    pub(crate) fn revoke_all_of(&mut self, session: usize) {
        self.families.iter_mut().filter(|family| family.session == session).for_each(|family| family.revoked = true);
    }

    /// The families of a session by now.
    pub(crate) fn families_of(&self, session: usize) -> Vec<usize> {
        (0..self.families.len()).filter(|number| self.families[*number].session == session).collect()
    }

    pub(crate) fn logged_out(&mut self, families: &[usize], machine: usize) {
        families.iter().for_each(|family| _ = self.families[*family].logged_out_on.insert(machine));
    }

    /// The store takes `next` in place of `before`.
    pub(crate) fn stores(&mut self, key: StoreKey, before: Option<&SessionState>, next: &SessionState) {
        let sign_in = next.sign_in_id();
        let stored = self.stored.entry(key).or_default();
        if !stored.contains(&sign_in) {
            stored.push(sign_in);
        }
        let is_latest = stored.last() == Some(&sign_in);
        if let SessionState::Ended(tombstone) = next
            && tombstone.reason == EndReason::LoggedOut
            && let Some(family) = self.latest.get(&key)
        {
            self.families[*family].ended = true;
        }
        if let SessionState::Active(session) = next {
            if let Some(token) = &session.tokens.refresh_token
                && let Some((number, grant)) = Tokens::grant(token.expose())
            {
                let family = &mut self.families[number];
                self.latest.insert(key, number);
                family.is_open &= family.granted_at.len() != grant as usize + 1;
            }
            if !is_latest {
                self.violation("a newer sign-in was overwritten by an older refresh");
            }
            if before.is_some_and(|before| matches!(before, SessionState::Ended(_)) && before.sign_in_id() == sign_in) {
                self.violation("a tombstone was overwritten");
            }
        }
    }

    /// A caller was served this access token; before it asked, its machine had been `told` of these logouts.
    pub(crate) fn served(&mut self, token: &str, session: usize, told: &[usize], now: Duration) {
        let Some((number, grant)) = Tokens::grant(token) else {
            return self.violation(format!("nobody granted {token}"));
        };
        let (family, lifetime) = (&self.families[number], self.plan.lifetime);
        let granted_at = family.granted_at[grant as usize];
        // A machine whose clock is ahead stamps a token as younger than it is, and who reads the record believes it.
        let can_tell = !self.plan.sets_clocks;
        if family.session != session {
            self.violation(format!("{token} is of another session"));
        } else if can_tell && now > granted_at + lifetime + TOLERANCE {
            self.violation(format!("{token} was served {:?} after it was granted", now - granted_at));
        } else if told.contains(&number) {
            self.violation(format!("{token} was served after its logout"));
        }
    }

    /// The families that a machine has logged out so far.
    pub(crate) fn logged_out_on(&self, machine: usize) -> Vec<usize> {
        (0..self.families.len()).filter(|number| self.families[*number].logged_out_on.contains(&machine)).collect()
    }

    /// Whether the access token comes with a refresh token that the server still takes.
    pub(crate) fn is_alive(&self, access_token: &str) -> bool {
        let family = Tokens::grant(access_token).and_then(|(family, _)| self.families.get(family));
        family.is_some_and(|family| !family.revoked && !family.reused)
    }

    /// Everything is quiet, and the session that was stored last has ended, or its tokens are no good.
    pub(crate) fn is_over(&mut self, session: usize) {
        let has_window = self.plan.reuse_window.is_some();
        let mut latest = self.latest.values().map(|number| &self.families[*number]);
        let Some(family) = latest.find(|family| family.session == session) else { return };
        let excused = family.excused && !has_window;
        if family.revoked || family.ended {
            return;
        }
        self.lost += 1;
        if !excused {
            self.violation(format!("session {session} was lost"));
        }
    }
}

/// What the coarse clock, and an answer on its way, may add.
const TOLERANCE: Duration = Duration::from_millis(1_100);
