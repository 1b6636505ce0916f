//! [`Lineage`]: one sign-in, with all that was presented of it, and who presented it.

use std::collections::{BTreeMap, HashMap};

use oidc_session_testkit::Outcome;

use super::super::chronicle::{Attempt, Chronicle, Presented};
use super::super::desk::SignedIn;
use super::super::line::{CameTo, Millis};
use super::super::options::times;

/// With so much time of its own, a holder has stored what it was granted.
const CHANCE: Millis = 2_500;

/// Whoever takes over leaves it one call to the store and a second: with less, nobody waited.
const GRACE: Millis = times::STORE.as_millis() as Millis + 900;

/// With less, it may not have.
const MOMENT: Millis = 500;

/// How exact two processes are about the end of a request.
const PRECISION: Millis = 50;

const REQUEST: Millis = times::REQUEST.as_millis() as Millis;
const LEASE: Millis = times::LEASE.as_millis() as Millis;

/// One sign-in, with all that was presented of it.
pub(super) struct Lineage<'a> {
    pub(super) sign_in: &'a SignedIn,
    pub(super) presented: Vec<(&'a Presented, Option<&'a Attempt>)>,
}

/// All of them, by subject; and what was presented that nobody announced.
///
/// Each attempt presents at most once: the latest that was under way is the one.
pub(super) fn lineages(chronicle: &Chronicle) -> (BTreeMap<&str, Lineage<'_>>, Vec<String>) {
    let families: HashMap<u64, &SignedIn> =
        chronicle.sign_ins.iter().map(|sign_in| (sign_in.family, sign_in)).collect();
    let mut waiting: HashMap<&str, Vec<&Attempt>> = HashMap::new();
    for attempt in chronicle.attempts.values() {
        waiting.entry(&attempt.subject).or_default().push(attempt);
    }
    let mut strange = Vec::new();
    let mut lineages: BTreeMap<&str, Lineage<'_>> = BTreeMap::new();
    for sign_in in &chronicle.sign_ins {
        lineages.insert(&sign_in.subject, Lineage { sign_in, presented: Vec::new() });
    }
    for (index, presentation) in chronicle.presentations.iter().enumerate() {
        let subject = families.get(&presentation.family).map(|sign_in| sign_in.subject.as_str());
        let Some(lineage) = subject.and_then(|subject| lineages.get_mut(subject)) else {
            strange.push(format!("a token of nobody's was presented: {presentation:?}"));
            continue;
        };
        let at = presentation.at;
        let candidates = waiting.entry(&lineage.sign_in.subject).or_default();
        let waits = |attempt: &Attempt| attempt.is_awaited(at);
        // A server that is slow gets to it when nobody waits any more.
        let gave_up = |attempt: &Attempt| attempt.is_unknown() && attempt.back_at().is_some_and(|back| back <= at);
        let next = || chronicle.presentations[index + 1..].iter().find(|next| next.family == presentation.family);
        let found = match (only(candidates, waits), latest(candidates, gave_up)) {
            // Two requests, and one that waits: the first is the one that is waited for no longer.
            (Some(one), Some(late)) if next().is_some_and(|next| candidates[one].is_awaited(next.at)) => Some(late),
            (_, late) => latest(candidates, waits).or(late),
        };
        let attempt = found.map(|index| candidates.remove(index));
        if attempt.is_none() {
            strange.push(format!("{}: nobody announced {presentation:?}", lineage.sign_in.subject));
        }
        lineage.presented.push((presentation, attempt));
    }
    (lineages, strange)
}

/// The one that fits, if only one does.
fn only(attempts: &[&Attempt], fits: impl Fn(&Attempt) -> bool) -> Option<usize> {
    let mut fitting = attempts.iter().enumerate().filter(|(_, attempt)| fits(attempt));
    fitting.next().filter(|_| fitting.next().is_none()).map(|(index, _)| index)
}

fn latest(attempts: &[&Attempt], fits: impl Fn(&Attempt) -> bool) -> Option<usize> {
    let fitting = attempts.iter().enumerate().filter(|(_, attempt)| fits(attempt));
    fitting.max_by_key(|(_, attempt)| attempt.sent).map(|(index, _)| index)
}

impl Lineage<'_> {
    /// Whether presentation number `index` is of a token that had been granted for before.
    pub(super) fn is_repeat(&self, index: usize) -> bool {
        let (presentation, _) = self.presented[index];
        presentation.outcome != Outcome::Revoked && self.grants_before(index).next().is_some()
    }

    /// Whether the protocol lets repeat number `index` happen.
    pub(super) fn is_allowed(&self, chronicle: &Chronicle, index: usize) -> bool {
        let (Presented { at, .. }, own) = self.presented[index];
        let looked = own.map_or(*at, |own| own.leased);
        let unsettled = |attempt: Option<&Attempt>| attempt.is_some_and(|attempt| attempt.is_unsettled(looked, *at));
        self.grants_before(index).all(|(_, attempt)| unsettled(attempt))
            || own.is_some_and(|own| was_held_up(chronicle, own, *at))
    }

    /// Why repeat number `index`, which the server called a reuse, could not be avoided.
    pub(super) fn excuse(&self, chronicle: &Chronicle, index: usize) -> Option<&'static str> {
        let (Presented { at, .. }, own) = self.presented[index];
        let looked = own.map_or(*at, |own| own.leased);
        let mut earlier = self.grants_before(index);
        let of_earlier = earlier.find_map(|(granted, attempt)| {
            let attempt = attempt.filter(|attempt| !attempt.is_stored(looked))?;
            excuse_of(chronicle, granted, attempt, looked, *at)
        });
        of_earlier.or_else(|| own.filter(|own| was_held_up(chronicle, own, *at)).map(|_| "stopped"))
    }

    fn grants_before(&self, index: usize) -> impl Iterator<Item = (&Presented, Option<&Attempt>)> {
        let (Presented { generation, .. }, _) = self.presented[index];
        let earlier = self.presented.iter().take(index).map(|(presentation, attempt)| (*presentation, *attempt));
        earlier.filter(move |(earlier, _)| earlier.generation == *generation && is_grant(earlier.outcome))
    }

    /// What happened around presentation number `index`.
    pub(super) fn story_of(&self, chronicle: &Chronicle, index: usize, what: &str) -> String {
        let (Presented { at, generation, .. }, _) = self.presented[index];
        let what = format!("token {}: {what}", generation.unwrap_or_default());
        let first = self.grants_before(index).map(|(granted, _)| granted.at).min().unwrap_or(*at);
        self.story(chronicle, first.min(at - 8_000) - 1_000, *at, &what)
    }

    /// What happened since `from`, and shortly after `at`.
    pub(super) fn story(&self, chronicle: &Chronicle, from: Millis, at: Millis, what: &str) -> String {
        let mut told: Vec<(Millis, String)> = Vec::new();
        for (other, attempt) in &self.presented {
            let life = attempt.map_or("nobody".to_owned(), |attempt| format!("life {}", attempt.life));
            let token = other.generation.unwrap_or_default();
            told.push((other.at, format!("server: token {token} by {life}: {:?}", other.outcome)));
        }
        let attempts = chronicle.attempts.iter().filter(|(_, attempt)| attempt.subject == self.sign_in.subject);
        for ((life, number), attempt) in attempts {
            let name = format!("life {life}, attempt {number}");
            told.push((attempt.leased, format!("{name}: asks for the lease")));
            told.push((attempt.sent, format!("{name}: sends")));
            told.extend(attempt.renewed.iter().map(|at| (*at, format!("{name}: renews"))));
            told.extend(attempt.back.iter().map(|(came_to, at)| (*at, format!("{name}: {}", came_to.name()))));
            told.extend(attempt.committed.map(|at| (at, format!("{name}: has committed"))));
        }
        told.extend(chronicle.incidents.iter().map(|incident| (incident.at, incident.what.clone())));
        let SignedIn { subject, family, stored, .. } = self.sign_in;
        told.push((*stored, "the sign-in is stored".to_owned()));
        told.retain(|(when, _)| (from..at + 2_500).contains(when));
        told.sort();
        let mut story = format!("{subject} (family {family}), {what}");
        for (when, what) in told {
            story.push_str(&format!("\n      {:>6} ms  {what}", when - at));
        }
        story
    }
}

/// Why the holder that was granted new tokens had not stored them at `looked`, when whoever presented its token again at
/// `at` asked for the lease.
fn excuse_of(
    chronicle: &Chronicle,
    granted: &Presented,
    attempt: &Attempt,
    looked: Millis,
    at: Millis,
) -> Option<&'static str> {
    let fate = chronicle.fates.get(&attempt.life).cloned().unwrap_or_default();
    if let Some((CameTo::Unknown, back)) = attempt.back {
        let waited = back - attempt.sent >= REQUEST - PRECISION || fate.stopped.touch(attempt.sent, back);
        return (waited || granted.outcome == Outcome::LostAfter).then_some("answer lost");
    }
    let alone = fate.stopped.clone().and(&fate.cut_off);
    let all = alone.clone().and(&chronicle.everybody_cut_off).and(&chronicle.nobody_wrote);
    let heard = attempt.back_at().unwrap_or(granted.at + REQUEST);
    if let Some(killed) = fate.killed.filter(|killed| (attempt.sent..=at).contains(killed)) {
        return (all.gaps(heard, killed) < CHANCE).then_some("killed");
    }
    let free = all.gaps(heard, looked);
    if !attempt.lease_is_over(at) || free >= CHANCE {
        return None;
    }
    let from = if alone.gaps(heard, looked) < CHANCE { granted.at } else { looked - MOMENT };
    let causes = [("stopped", &fate.stopped), ("cut off", &fate.cut_off)];
    let of_its_own = causes.into_iter().find(|(_, spans)| spans.touch(from, looked)).map(|(cause, _)| cause);
    // After an outage for all, the holder and who takes over come at the same time.
    of_its_own.or_else(|| (free >= GRACE).then_some("outage"))
}

/// Stopped between the last look at the clock and the first byte, until the lease was over.
fn was_held_up(chronicle: &Chronicle, attempt: &Attempt, presented: Millis) -> bool {
    let fate = chronicle.fates.get(&attempt.life);
    attempt.lease_is_over(presented) && fate.is_some_and(|fate| fate.stopped.touch(attempt.sent, presented))
}

pub(super) fn is_grant(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Granted | Outcome::GrantedInReuseWindow | Outcome::LostAfter)
}

impl Attempt {
    fn back_at(&self) -> Option<Millis> {
        self.back.as_ref().map(|(_, at)| *at)
    }

    pub(super) fn is_unknown(&self) -> bool {
        matches!(self.back, Some((CameTo::Unknown, _)))
    }

    fn is_awaited(&self, at: Millis) -> bool {
        self.sent <= at && self.back_at().is_none_or(|back| at <= back)
    }

    /// Whether the new tokens were there for whoever asked for a lease at `looked`.
    fn is_stored(&self, looked: Millis) -> bool {
        self.committed.is_some_and(|committed| committed <= looked)
    }

    /// Whether a repeat at `at`, by whoever asked for the lease at `looked`, is the repeat of an attempt whose outcome
    /// nobody knows.
    fn is_unsettled(&self, looked: Millis, at: Millis) -> bool {
        match &self.back {
            Some((CameTo::Unknown, back)) if *back <= at => true,
            Some((CameTo::Rejected | CameTo::Refused, back)) if *back <= at => false,
            _ => !self.is_stored(looked) && self.lease_is_over(at),
        }
    }

    /// Whether the lease, asked for or renewed before `at`, had ended by then.
    pub(super) fn lease_is_over(&self, at: Millis) -> bool {
        let renewed = self.renewed.iter().copied().filter(|renewed| *renewed <= at);
        let begun = renewed.chain([self.leased]).max().unwrap_or(self.leased);
        at >= begun + LEASE
    }
}
