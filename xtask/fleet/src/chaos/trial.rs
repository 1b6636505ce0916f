//! [`Trial`]: what a chronicle proves. Pure.
//!
//! # What counts as what
//!
//! Presentations come from the log of the authorization server, and are matched with the attempts that workers announced
//! before they sent them. Both have the same clock.
//!
//! **A repeat** is a presentation of a refresh token that had been granted for before. It is allowed if each earlier grant
//! for the token was *unsettled* at that instant: its holder had said that the answer was lost, or had neither heard the
//! answer nor stored it, and its lease was over. The one other case is a holder that was stopped between its last look at
//! the clock and the first byte, for longer than its lease: see "What no client can save" in `docs/architecture.md`.
//! Whatever else is presented twice is a violation.
//!
//! **A session is lost** if a caller is told that it has ended, and nobody logged it out. That is unavoidable only without
//! a reuse window, and only if the server saw the repeat of a token whose answer was lost, or whose holder was killed or
//! stopped before it had stored the answer, or could not reach the store, though others could, until its lease was over.
//! An outage of the store for everybody excuses nothing.
//!
//! **A token is stale** if it had expired at the server before the call began; or, unless the worker was stopped
//! meanwhile, a moment before it was returned.
//!
//! **Served after a logout**: the call began when the logout was done and had had the time to get about.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use oidc_session_testkit::Outcome;

use super::chronicle::{Attempt, Chronicle, End, Fate, Presented};
use super::desk::SignedIn;
use super::line::{CameTo, Got, Millis};
use super::options::times;

/// How long a caller's task may be kept waiting for a processor between the last look at the clock and ours.
const SCHEDULING: Millis = 250;

/// How long a logout may take to get about: what is known may be so old, and a look at the store takes half a second.
const HEARSAY: Millis = times::CONFIRM.as_millis() as Millis + 600;

/// Repeats of refresh tokens.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repeats {
    /// Of an attempt whose outcome nobody knew.
    pub(crate) journaled: usize,
    /// Of those, inside the reuse window.
    pub(crate) in_window: usize,
    /// Must be none.
    pub(crate) others: Vec<String>,
}

/// Sessions that ended without a logout.
#[derive(Clone, Debug, Default)]
pub(crate) struct Losses {
    /// How often each unavoidable cause was there.
    pub(crate) unavoidable: BTreeMap<&'static str, usize>,
    /// Must be none.
    pub(crate) others: Vec<String>,
}

/// What a chronicle proves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trial {
    pub(crate) grants: usize,
    pub(crate) tokens: usize,
    pub(crate) refusals: usize,
    pub(crate) repeats: Repeats,
    pub(crate) losses: Losses,
    pub(crate) stale: Vec<String>,
    pub(crate) after_logout: Vec<String>,
    /// Tokens of another session, or that nobody was granted; presentations that nobody announced.
    pub(crate) strange: Vec<String>,
    pub(crate) recoveries: Vec<Duration>,
}

/// One sign-in, with all that was presented of it.
struct Line<'a> {
    sign_in: &'a SignedIn,
    presented: Vec<(&'a Presented, Option<&'a Attempt>)>,
}

/// What is known of an access token.
struct Token<'a> {
    sign_in: &'a SignedIn,
    expires: Millis,
}

impl Trial {
    /// Judges. `window` is whether the authorization server has a reuse window.
    pub(crate) fn of(chronicle: &Chronicle, window: bool) -> Self {
        let mut trial = Self::default();
        if chronicle.forgotten > 0 {
            trial.strange.push(format!("{} presentations were not read in time", chronicle.forgotten));
        }
        let lines = trial.lines(chronicle);
        for line in lines.values() {
            trial.count_repeats(chronicle, line);
        }
        for end in &chronicle.ends {
            trial.judge_end(chronicle, lines.get(end.subject.as_str()), end, window);
        }
        let tokens = tokens(&lines, chronicle);
        trial.judge_calls(chronicle, &tokens);
        trial.recoveries = recoveries(chronicle, &lines, &tokens);
        trial
    }

    /// What happened that must not.
    pub(crate) fn violations(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let all: [(&'static str, &[String]); 5] = [
            ("presented twice", &self.repeats.others),
            ("lost", &self.losses.others),
            ("stale", &self.stale),
            ("after a logout", &self.after_logout),
            ("strange", &self.strange),
        ];
        all.into_iter().flat_map(|(name, found)| found.iter().map(move |what| (name, what)))
    }

    /// Who presented what. Each attempt presents at most once: the latest that was under way is the one.
    fn lines<'a>(&mut self, chronicle: &'a Chronicle) -> BTreeMap<&'a str, Line<'a>> {
        let families: HashMap<u64, &SignedIn> =
            chronicle.sign_ins.iter().map(|sign_in| (sign_in.family, sign_in)).collect();
        let mut waiting: HashMap<&str, Vec<&Attempt>> = HashMap::new();
        for attempt in chronicle.attempts.values() {
            waiting.entry(&attempt.subject).or_default().push(attempt);
        }
        let mut lines: BTreeMap<&str, Line<'_>> = BTreeMap::new();
        for sign_in in &chronicle.sign_ins {
            lines.insert(&sign_in.subject, Line { sign_in, presented: Vec::new() });
        }
        for presentation in &chronicle.presentations {
            let subject = families.get(&presentation.family).map(|sign_in| sign_in.subject.as_str());
            let Some(line) = subject.and_then(|subject| lines.get_mut(subject)) else {
                self.strange.push(format!("a token of nobody's was presented: {presentation:?}"));
                continue;
            };
            let at = presentation.at;
            let candidates = waiting.entry(&line.sign_in.subject).or_default();
            let waits = |attempt: &Attempt| attempt.sent <= at && attempt.back_at().is_none_or(|back| at <= back);
            // A server that is slow gets to it when nobody waits any more.
            let gave_up = |attempt: &Attempt| attempt.sent <= at && attempt.is_unknown();
            let found = latest(candidates, waits).or_else(|| latest(candidates, gave_up));
            let attempt = found.map(|index| candidates.remove(index));
            if attempt.is_none() {
                self.strange.push(format!("{}: nobody announced {presentation:?}", line.sign_in.subject));
            }
            line.presented.push((presentation, attempt));
            self.grants += usize::from(is_grant(presentation.outcome));
        }
        lines
    }

    fn count_repeats(&mut self, chronicle: &Chronicle, line: &Line<'_>) {
        for (index, (presentation, attempt)) in line.presented.iter().enumerate() {
            let at = presentation.at;
            let earlier: Vec<_> = line.grants_before(index, presentation.generation).collect();
            if earlier.is_empty() || presentation.outcome == Outcome::Revoked {
                continue;
            }
            let unsettled = earlier.iter().all(|(_, attempt)| attempt.is_some_and(|attempt| attempt.is_unsettled(at)));
            let held_up = attempt.is_some_and(|attempt| was_held_up(chronicle, attempt, at));
            if !unsettled && !held_up {
                self.repeats.others.push(line.story(chronicle, presentation, "was presented again"));
            } else if presentation.outcome == Outcome::GrantedInReuseWindow {
                self.repeats.in_window += 1;
            } else {
                self.repeats.journaled += 1;
            }
        }
    }

    fn judge_end(&mut self, chronicle: &Chronicle, line: Option<&Line<'_>>, end: &End, window: bool) {
        let logged_out = chronicle.logouts.iter().any(|logout| logout.subject == end.subject);
        if end.reason == "logged_out" && logged_out {
            return;
        }
        let verdict = line.and_then(|line| line.presented.iter().position(|(p, _)| p.outcome == Outcome::Reused));
        match (line, verdict) {
            (Some(line), Some(verdict)) => match line.excuse(chronicle, verdict).filter(|_| !window) {
                Some(excuse) => *self.losses.unavoidable.entry(excuse).or_default() += 1,
                None => {
                    let (presentation, _) = line.presented[verdict];
                    let what = format!("the session ended ({})", end.reason);
                    self.losses.others.push(line.story(chronicle, presentation, &what));
                }
            },
            _ => self.losses.others.push(format!("{}: ended ({}) without a repeat", end.subject, end.reason)),
        }
    }

    fn judge_calls(&mut self, chronicle: &Chronicle, tokens: &HashMap<&str, Token<'_>>) {
        let never = Fate::default();
        let done: HashMap<&str, Millis> = chronicle
            .logouts
            .iter()
            .filter_map(|logout| Some((logout.subject.as_str(), logout.done?)))
            .collect();
        for (life, call) in &chronicle.calls {
            let Got::Token(mark) = &call.got else {
                self.refusals += 1;
                continue;
            };
            self.tokens += 1;
            let Some(token) = tokens.get(mark.as_str()) else {
                self.strange.push(format!("session-{} was given a token that nobody was granted", call.session));
                continue;
            };
            let subject = &token.sign_in.subject;
            if token.sign_in.session != call.session {
                self.strange.push(format!("session-{} was given a token of {subject}", call.session));
            }
            let fate = chronicle.fates.get(life).unwrap_or(&never);
            let late = call.ended - token.expires;
            let stopped = fate.was_stopped(token.expires.min(call.ended), call.ended);
            if call.begun >= token.expires || (late > SCHEDULING && !stopped) {
                let waited = call.ended - call.begun;
                let what = format!("{subject}: token {mark}, {late} ms after its end, to a call of {waited} ms");
                self.stale.push(what);
            }
            let Some(&done) = done.get(subject.as_str()) else { continue };
            let just_woken = fate.was_stopped(call.begun - 500, call.begun);
            let excused = just_woken || chronicle.had_an_outage(*life, done, call.begun);
            if call.begun > done + HEARSAY && !excused {
                self.after_logout.push(format!("{subject}: {} ms after the logout, by life {life}", call.begun - done));
            }
        }
    }
}

impl Chronicle {
    /// Whether this worker could not reach the store at some time from `from` to `to`.
    fn had_an_outage(&self, life: usize, from: Millis, to: Millis) -> bool {
        self.fates.get(&life).is_some_and(|fate| fate.was_cut_off(from, to))
            || self.everybody_cut_off.iter().any(|&(begun, ended)| begun <= to && from <= ended)
    }
}

impl Attempt {
    fn back_at(&self) -> Option<Millis> {
        self.back.as_ref().map(|(_, at)| *at)
    }

    fn is_unknown(&self) -> bool {
        matches!(self.back, Some((CameTo::Unknown, _)))
    }

    /// Whether a repeat at `at` is the repeat of an attempt whose outcome nobody knows.
    fn is_unsettled(&self, at: Millis) -> bool {
        match &self.back {
            Some((CameTo::Unknown, back)) if *back <= at => true,
            Some((CameTo::Rejected | CameTo::Refused, back)) if *back <= at => false,
            _ => self.committed.is_none_or(|committed| committed > at) && self.lease_is_over(at),
        }
    }

    /// Whether the lease, asked for or renewed before `at`, had ended by then.
    fn lease_is_over(&self, at: Millis) -> bool {
        let renewed = self.renewed.iter().copied().filter(|renewed| *renewed <= at);
        let begun = renewed.chain([self.leased]).max().unwrap_or(self.leased);
        at >= begun + times::LEASE.as_millis() as Millis
    }
}

impl Line<'_> {
    fn grants_before(
        &self,
        index: usize,
        generation: Option<u32>,
    ) -> impl Iterator<Item = (&Presented, Option<&Attempt>)> {
        let earlier = self.presented.iter().take(index).map(|(presentation, attempt)| (*presentation, *attempt));
        earlier.filter(move |(earlier, _)| earlier.generation == generation && is_grant(earlier.outcome))
    }

    /// Why the repeat number `verdict`, which the server called a reuse, could not be avoided.
    fn excuse(&self, chronicle: &Chronicle, verdict: usize) -> Option<&'static str> {
        let (reused, own) = self.presented[verdict];
        let at = reused.at;
        let of_earlier = self.grants_before(verdict, reused.generation).find_map(|(granted, attempt)| {
            let attempt = attempt?;
            let fate = chronicle.fates.get(&attempt.life).cloned().unwrap_or_default();
            let granted_at = granted.at;
            if granted.outcome == Outcome::LostAfter || attempt.is_unknown() {
                Some("answer lost")
            } else if attempt.committed.is_some_and(|committed| committed <= at) {
                None
            } else if fate.killed.is_some_and(|killed| attempt.sent <= killed && killed <= at) {
                Some("killed")
            } else if fate.was_stopped(granted_at, at) && attempt.lease_is_over(at) {
                Some("stopped")
            } else if fate.was_cut_off(granted_at, at) && attempt.lease_is_over(at) {
                Some("cut off")
            } else {
                None
            }
        });
        of_earlier.or_else(|| own.filter(|own| was_held_up(chronicle, own, at)).map(|_| "stopped"))
    }

    /// What happened around a presentation.
    fn story(&self, chronicle: &Chronicle, presentation: &Presented, what: &str) -> String {
        let at = presentation.at;
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
            told.extend(attempt.back.iter().map(|(came_to, at)| (*at, format!("{name}: {came_to:?}"))));
            told.extend(attempt.committed.map(|at| (at, format!("{name}: has committed"))));
        }
        told.extend(chronicle.incidents.iter().map(|incident| (incident.at, incident.what.clone())));
        told.retain(|(when, _)| (at - 9_000..at + 2_500).contains(when));
        told.sort();
        let token = presentation.generation.unwrap_or_default();
        let mut story = format!("{}, token {token} (family {}): {what}", self.sign_in.subject, self.sign_in.family);
        for (when, what) in told {
            story.push_str(&format!("\n      {:>6} ms  {what}", when - at));
        }
        story
    }
}

/// Stopped between the last look at the clock and the first byte, until the lease was over.
fn was_held_up(chronicle: &Chronicle, attempt: &Attempt, presented: Millis) -> bool {
    let fate = chronicle.fates.get(&attempt.life);
    attempt.lease_is_over(presented) && fate.is_some_and(|fate| fate.was_stopped(attempt.sent, presented))
}

fn latest(attempts: &[&Attempt], fits: impl Fn(&Attempt) -> bool) -> Option<usize> {
    let fitting = attempts.iter().enumerate().filter(|(_, attempt)| fits(attempt));
    fitting.max_by_key(|(_, attempt)| attempt.sent).map(|(index, _)| index)
}

fn is_grant(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Granted | Outcome::GrantedInReuseWindow | Outcome::LostAfter)
}

/// Every access token that a worker can have, and when it ends at the server.
fn tokens<'a>(lines: &BTreeMap<&str, Line<'a>>, chronicle: &'a Chronicle) -> HashMap<&'a str, Token<'a>> {
    let lifetime = times::LIFETIME.as_millis() as Millis;
    let mut tokens = HashMap::new();
    for sign_in in &chronicle.sign_ins {
        tokens.insert(sign_in.token.as_str(), Token { sign_in, expires: sign_in.at + lifetime });
    }
    for line in lines.values() {
        for (presentation, attempt) in &line.presented {
            if let Some((CameTo::Granted(mark), _)) = attempt.and_then(|attempt| attempt.back.as_ref()) {
                let expires = presentation.at + lifetime;
                tokens.insert(mark.as_str(), Token { sign_in: line.sign_in, expires });
            }
        }
    }
    tokens
}

/// From each incident to the next token of each session whose refresh it befell.
fn recoveries(
    chronicle: &Chronicle,
    lines: &BTreeMap<&str, Line<'_>>,
    tokens: &HashMap<&str, Token<'_>>,
) -> Vec<Duration> {
    let mut served: HashMap<&str, Vec<(Millis, Millis)>> = HashMap::new();
    for (_, call) in &chronicle.calls {
        if let Got::Token(mark) = &call.got
            && let Some(token) = tokens.get(mark.as_str())
        {
            served.entry(&token.sign_in.subject).or_default().push((call.begun, call.ended));
        }
    }
    let mut befallen: Vec<(Millis, &str)> = Vec::new();
    for incident in &chronicle.incidents {
        let of_these = chronicle.attempts.values().filter(|attempt| incident.lives.contains(&attempt.life));
        let open = of_these.filter(|attempt| attempt.is_open(incident.at));
        befallen.extend(open.map(|attempt| (incident.at, attempt.subject.as_str())));
    }
    for line in lines.values() {
        let spoiled = line.presented.iter().filter(|(presentation, attempt)| {
            let unheard = attempt.is_some_and(Attempt::is_unknown);
            unheard || matches!(presentation.outcome, Outcome::Faulted | Outcome::LostBefore | Outcome::LostAfter)
        });
        befallen.extend(spoiled.map(|(presentation, _)| (presentation.at, line.sign_in.subject.as_str())));
    }
    let recovery = |(at, subject): (Millis, &str)| {
        let ended = served.get(subject)?.iter().filter(|(begun, _)| *begun > at).map(|(_, ended)| *ended).min()?;
        Some(Duration::from_millis((ended - at).unsigned_abs()))
    };
    befallen.into_iter().filter_map(recovery).collect()
}

impl Attempt {
    /// Whether it had begun at `at`, and was not stored.
    fn is_open(&self, at: Millis) -> bool {
        let settled = match &self.back {
            Some((CameTo::Granted(_), _)) => self.committed,
            Some((_, back)) => Some(*back),
            None => None,
        };
        self.leased <= at && settled.is_none_or(|settled| settled > at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::chronicle::{Incident, Logout};
    use super::super::line::Call;
    use super::*;

    const LEASE: Millis = times::LEASE.as_millis() as Millis;
    const LIFETIME: Millis = times::LIFETIME.as_millis() as Millis;

    /// One session, signed in at 0, whose first refresh token life 1 presents at 1000, under a lease of the same instant.
    fn granted_once(back: Option<CameTo>, committed: Option<Millis>) -> Chronicle {
        let mut chronicle = Chronicle::default();
        chronicle.sign_ins.push(SignedIn {
            session: 0,
            subject: "somebody".to_owned(),
            family: 1,
            token: "first".to_owned(),
            at: 0,
            stored: 1,
        });
        attempt(&mut chronicle, 1, 1000, back, committed);
        presented(&mut chronicle, 0, Outcome::Granted, 1001);
        chronicle
    }

    fn attempt(chronicle: &mut Chronicle, life: usize, sent: Millis, back: Option<CameTo>, committed: Option<Millis>) {
        let attempt = Attempt {
            life,
            subject: "somebody".to_owned(),
            leased: sent,
            sent,
            renewed: Vec::new(),
            back: back.map(|came_to| (came_to, sent + 10)),
            committed,
        };
        chronicle.attempts.insert((life, sent.unsigned_abs()), attempt);
    }

    fn presented(chronicle: &mut Chronicle, generation: u32, outcome: Outcome, at: Millis) {
        let sequence = chronicle.presentations.len() as u64 + 1;
        chronicle.presentations.push(Presented { sequence, family: 1, generation: Some(generation), outcome, at });
    }

    /// Life 2 presents the same token after `pause`, the server calls it a reuse, and the session ends.
    fn and_lost_after(mut chronicle: Chronicle, pause: Millis) -> Chronicle {
        let sent = 1000 + pause;
        attempt(&mut chronicle, 2, sent, Some(CameTo::Rejected), None);
        presented(&mut chronicle, 0, Outcome::Reused, sent + 1);
        let reason = "rejected_after_unknown_outcome".to_owned();
        chronicle.ends.push(End { subject: "somebody".to_owned(), reason, at: sent + 1500 });
        chronicle
    }

    fn answer() -> Option<CameTo> {
        Some(CameTo::Granted("second".to_owned()))
    }

    /// Repeats that are allowed and that are not, causes of loss, losses without one.
    fn verdict(chronicle: &Chronicle, window: bool) -> (usize, usize, Vec<&'static str>, usize) {
        let trial = Trial::of(chronicle, window);
        assert_eq!(trial.strange, Vec::<String>::new());
        let causes = trial.losses.unavoidable.keys().copied().collect();
        (trial.repeats.journaled, trial.repeats.others.len(), causes, trial.losses.others.len())
    }

    #[test]
    fn whoever_is_killed_before_the_commit_excuses_the_repeat_and_the_loss() {
        let mut chronicle = and_lost_after(granted_once(answer(), None), LEASE);
        chronicle.fate(1).killed = Some(1020);
        assert_eq!(verdict(&chronicle, false), (1, 0, vec!["killed"], 0));
        assert_eq!(verdict(&chronicle, true), (1, 0, vec![], 1), "with a window nothing excuses a loss");
        chronicle.fate(1).killed = Some(999);
        assert_eq!(verdict(&chronicle, false), (1, 0, vec![], 1), "that was before");
    }

    #[test]
    fn what_was_committed_is_not_to_be_presented_again() {
        let mut chronicle = and_lost_after(granted_once(answer(), Some(1015)), LEASE);
        chronicle.fate(1).killed = Some(1020);
        assert_eq!(verdict(&chronicle, false), (0, 1, vec![], 1));
    }

    #[test]
    fn nobody_repeats_before_the_lease_is_over() {
        let mut chronicle = and_lost_after(granted_once(None, None), LEASE - 1);
        chronicle.fate(1).stopped.push((1005, 9000));
        assert_eq!(verdict(&chronicle, false), (0, 1, vec![], 1));
        let mut renewed = and_lost_after(granted_once(None, None), LEASE);
        let of_life_1 = renewed.attempts.values_mut().filter(|attempt| attempt.life == 1);
        of_life_1.for_each(|attempt| attempt.renewed.push(1500));
        assert_eq!(verdict(&renewed, false).1, 1);
    }

    #[test]
    fn whoever_is_stopped_or_cut_off_past_the_lease_excuses_the_loss_and_an_outage_for_all_does_not() {
        let mut stopped = and_lost_after(granted_once(answer(), None), LEASE);
        stopped.fate(1).stopped.push((1005, 9000));
        assert_eq!(verdict(&stopped, false), (1, 0, vec!["stopped"], 0));
        let mut cut_off = and_lost_after(granted_once(answer(), None), LEASE);
        cut_off.fate(1).cut_off.push((1005, 9000));
        assert_eq!(verdict(&cut_off, false), (1, 0, vec!["cut off"], 0));
        let mut outage = and_lost_after(granted_once(answer(), None), LEASE);
        outage.everybody_cut_off.push((1005, 9000));
        assert_eq!(verdict(&outage, false), (1, 0, vec![], 1));
    }

    #[test]
    fn a_lost_answer_may_be_repeated_at_once() {
        let chronicle = and_lost_after(granted_once(Some(CameTo::Unknown), None), 20);
        assert_eq!(verdict(&chronicle, false), (1, 0, vec!["answer lost"], 0));
    }

    #[test]
    fn whoever_is_stopped_before_the_first_byte_presents_what_another_has_spent() {
        let mut chronicle = granted_once(answer(), Some(1015));
        attempt(&mut chronicle, 2, 990, None, None);
        presented(&mut chronicle, 0, Outcome::Reused, 990 + LEASE);
        chronicle.ends.push(End { subject: "somebody".to_owned(), reason: "rejected".to_owned(), at: 990 + LEASE });
        assert_eq!(verdict(&chronicle, false), (0, 1, vec![], 1));
        chronicle.fate(2).stopped.push((995, 900 + LEASE));
        assert_eq!(verdict(&chronicle, false), (1, 0, vec!["stopped"], 0));
    }

    #[test]
    fn a_logout_is_no_loss_and_without_one_it_is() {
        let mut chronicle = granted_once(answer(), Some(1015));
        chronicle.ends.push(End { subject: "somebody".to_owned(), reason: "logged_out".to_owned(), at: 2000 });
        assert_eq!(verdict(&chronicle, false).3, 1);
        chronicle.logouts.push(Logout { subject: "somebody".to_owned(), done: Some(1900) });
        assert_eq!(verdict(&chronicle, false).3, 0);
    }

    fn called(mut chronicle: Chronicle, session: usize, begun: Millis, ended: Millis, token: &str) -> Trial {
        chronicle.calls.push((3, Call { session, begun, ended, got: Got::Token(token.to_owned()) }));
        Trial::of(&chronicle, false)
    }

    #[test]
    fn a_token_is_stale_from_its_end_at_the_server() {
        let end = 1001 + LIFETIME;
        let granted = || granted_once(answer(), Some(1015));
        assert!(called(granted(), 0, end - 1, end, "second").stale.is_empty());
        assert_eq!(called(granted(), 0, end, end, "second").stale.len(), 1);
        assert_eq!(called(granted(), 0, end - 1, end + SCHEDULING + 1, "second").stale.len(), 1);
        let mut stopped = granted();
        stopped.fate(3).stopped.push((end - 1, end + 4000));
        assert!(called(stopped, 0, end - 1, end + 4000, "second").stale.is_empty());
    }

    #[test]
    fn tokens_of_others_and_of_nobody_are_strange() {
        let granted = || granted_once(answer(), Some(1015));
        assert!(called(granted(), 0, 1100, 1100, "second").strange.is_empty());
        assert_eq!(called(granted(), 1, 1100, 1100, "second").strange.len(), 1);
        assert_eq!(called(granted(), 0, 1100, 1100, "third").strange.len(), 1);
    }

    #[test]
    fn a_logout_has_a_moment_to_get_about_unless_there_is_an_outage() {
        let logged_out = || {
            let mut chronicle = granted_once(answer(), Some(1015));
            chronicle.logouts.push(Logout { subject: "somebody".to_owned(), done: Some(1100) });
            chronicle
        };
        let late = 1101 + HEARSAY;
        assert!(called(logged_out(), 0, late - 1, late, "second").after_logout.is_empty());
        assert_eq!(called(logged_out(), 0, late, late, "second").after_logout.len(), 1);
        let mut outage = logged_out();
        outage.everybody_cut_off.push((1000, 2000));
        assert!(called(outage, 0, late, late, "second").after_logout.is_empty());
    }

    #[test]
    fn a_session_recovers_with_the_next_token_that_is_asked_for() {
        let mut chronicle = granted_once(answer(), Some(1015));
        let what = "life 1 is killed".to_owned();
        chronicle.incidents.push(Incident { at: 1005, what, lives: vec![1] });
        assert_eq!(called(chronicle.clone(), 0, 1003, 1006, "first").recoveries, []);
        assert_eq!(called(chronicle, 0, 1010, 1205, "second").recoveries, [Duration::from_millis(200)]);
    }
}
