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
//! a reuse window, and only if the server saw the repeat of a token whose answer was lost, or whose holder was killed before
//! it could store the answer, or was stopped or could not reach the store, though others could, until its lease was over.
//! A holder that had more than a moment of its own excuses nothing. An outage of the store for everybody does only if who
//! took over had left the holder the time to store the answer, and it was too slow.
//!
//! **A token is stale** if it had expired at the server before the call began; or, unless the worker was stopped
//! meanwhile, a moment before it was returned.
//!
//! **Served after the end**: the call began when a logout was done, or somebody had been told that the session has ended,
//! and that had had the time to get about.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use oidc_session_testkit::Outcome;

use self::lineage::{Lineage, is_grant, lineages};
use self::recovery::recoveries;
use super::chronicle::{Chronicle, End, Fate, Presented};
use super::desk::SignedIn;
use super::line::{CameTo, Got, Millis};
use super::options::times::HEARSAY;

mod lineage;
mod recovery;
#[cfg(test)]
mod sample;

/// How long a caller's task may be kept waiting for a processor between the last look at the clock and ours.
const SCHEDULING: Millis = 250;

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
    pub(crate) after_end: Vec<String>,
    /// Tokens of another session, or that nobody was granted; presentations that nobody announced.
    pub(crate) strange: Vec<String>,
    pub(crate) recoveries: Vec<Duration>,
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
        let (lineages, strange) = lineages(chronicle);
        trial.strange.extend(strange);
        for lineage in lineages.values() {
            trial.count(chronicle, lineage);
        }
        for end in &chronicle.ends {
            trial.judge_end(chronicle, lineages.get(end.subject.as_str()), end, window);
        }
        let tokens = tokens(&lineages, chronicle);
        trial.judge_calls(chronicle, &tokens);
        trial.recoveries = recoveries(chronicle, &lineages, &tokens);
        trial
    }

    /// What happened that must not.
    pub(crate) fn violations(&self) -> impl Iterator<Item = (&'static str, &String)> {
        let all: [(&'static str, &[String]); 5] = [
            ("presented twice", &self.repeats.others),
            ("lost", &self.losses.others),
            ("stale", &self.stale),
            ("after the end", &self.after_end),
            ("strange", &self.strange),
        ];
        all.into_iter().flat_map(|(name, found)| found.iter().map(move |what| (name, what)))
    }

    fn count(&mut self, chronicle: &Chronicle, lineage: &Lineage<'_>) {
        for (index, (presentation, _)) in lineage.presented.iter().enumerate() {
            self.grants += usize::from(is_grant(presentation.outcome));
            if !lineage.is_repeat(index) {
                continue;
            }
            if !lineage.is_allowed(chronicle, index) {
                self.repeats.others.push(lineage.story_of(chronicle, index, "presented again"));
            } else if presentation.outcome == Outcome::GrantedInReuseWindow {
                self.repeats.in_window += 1;
            } else {
                self.repeats.journaled += 1;
            }
        }
    }

    fn judge_end(&mut self, chronicle: &Chronicle, lineage: Option<&Lineage<'_>>, end: &End, window: bool) {
        let logged_out = chronicle.logouts.iter().any(|logout| logout.subject == end.subject);
        if end.reason == "logged_out" && logged_out {
            return;
        }
        let is_cause = |presentation: &Presented| presentation.outcome == Outcome::Reused && presentation.at <= end.at;
        let what = format!("the session ended ({}), as life {} was told", end.reason, end.life);
        let Some(lineage) = lineage else {
            self.losses.others.push(format!("{}: {what}", end.subject));
            return;
        };
        let Some(index) = lineage.presented.iter().position(|(presentation, _)| is_cause(presentation)) else {
            let what = format!("{what} by a call of {} ms, without a repeat", end.at - end.begun);
            self.losses.others.push(lineage.story(chronicle, end.at - 9_000, end.at, &what));
            return;
        };
        match lineage.excuse(chronicle, index).filter(|_| !window) {
            Some(excuse) => *self.losses.unavoidable.entry(excuse).or_default() += 1,
            None => {
                self.losses.others.push(lineage.story_of(chronicle, index, &what));
            }
        }
    }

    fn judge_calls(&mut self, chronicle: &Chronicle, tokens: &HashMap<&str, Token<'_>>) {
        let never = Fate::default();
        let logouts = chronicle.logouts.iter().filter_map(|logout| Some((logout.subject.as_str(), logout.done?)));
        let mut over: HashMap<&str, Millis> = HashMap::new();
        for (subject, at) in logouts.chain(chronicle.ends.iter().map(|end| (end.subject.as_str(), end.at))) {
            over.entry(subject).and_modify(|known| *known = at.min(*known)).or_insert(at);
        }
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
            let stopped = fate.stopped.touch(token.expires.min(call.ended), call.ended);
            if call.begun >= token.expires || (late > SCHEDULING && !stopped) {
                let waited = call.ended - call.begun;
                let what = format!("{subject}: {late} ms after its end, to a call of {waited} ms");
                self.stale.push(what);
            }
            let Some(&over) = over.get(subject.as_str()) else { continue };
            let just_woken = fate.stopped.touch(call.begun - 500, call.begun);
            let excused = just_woken || chronicle.had_an_outage(*life, over, call.begun);
            if call.begun > over + HEARSAY && !excused {
                self.after_end.push(format!("{subject}: {} ms after the end, by life {life}", call.begun - over));
            }
        }
    }
}

impl Chronicle {
    /// Whether this worker could not reach the store at some time from `from` to `to`.
    fn had_an_outage(&self, life: usize, from: Millis, to: Millis) -> bool {
        self.fates.get(&life).is_some_and(|fate| fate.cut_off.touch(from, to)) || self.everybody_cut_off.touch(from, to)
    }
}

/// Every access token that a worker can have, and when it ends at the server.
fn tokens<'a>(lineages: &BTreeMap<&str, Lineage<'a>>, chronicle: &'a Chronicle) -> HashMap<&'a str, Token<'a>> {
    let lifetime = chronicle.lifetime;
    let mut tokens = HashMap::new();
    for sign_in in &chronicle.sign_ins {
        tokens.insert(sign_in.token.as_str(), Token { sign_in, expires: sign_in.at + lifetime });
    }
    for lineage in lineages.values() {
        for (presentation, attempt) in &lineage.presented {
            if let Some((CameTo::Granted(mark), _)) = attempt.and_then(|attempt| attempt.back.as_ref()) {
                let expires = presentation.at + lifetime;
                tokens.insert(mark.as_str(), Token { sign_in: lineage.sign_in, expires });
            }
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::super::chronicle::Logout;
    use super::super::options::times;
    use super::sample::{and_lost_after, answer, attempt, called, granted_once, presented};
    use super::*;

    const LEASE: Millis = times::LEASE.as_millis() as Millis;
    const LIFETIME: Millis = times::LIFETIME.as_millis() as Millis;

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
        let mut chronicle = and_lost_after(granted_once(None, None), LEASE - 2);
        chronicle.fate(1).stopped.push(1005, 9000);
        assert_eq!(verdict(&chronicle, false), (0, 1, vec![], 1));
        let mut renewed = and_lost_after(granted_once(None, None), LEASE);
        let of_life_1 = renewed.attempts.values_mut().filter(|attempt| attempt.life == 1);
        of_life_1.for_each(|attempt| attempt.renewed.push(1500));
        assert_eq!(verdict(&renewed, false).1, 1);
    }

    #[test]
    fn whoever_is_stopped_or_cut_off_past_the_lease_excuses_the_loss_and_an_outage_for_all_does_not() {
        let mut stopped = and_lost_after(granted_once(answer(), None), LEASE);
        stopped.fate(1).stopped.push(1005, 9000);
        assert_eq!(verdict(&stopped, false), (1, 0, vec!["stopped"], 0));
        let mut cut_off = and_lost_after(granted_once(answer(), None), LEASE);
        cut_off.fate(1).cut_off.push(1005, 9000);
        assert_eq!(verdict(&cut_off, false), (1, 0, vec!["cut off"], 0));
        let mut outage = and_lost_after(granted_once(answer(), None), LEASE);
        outage.everybody_cut_off.push(1005, 9000);
        assert_eq!(verdict(&outage, false), (1, 0, vec![], 1));
        let mut patient = and_lost_after(granted_once(answer(), None), LEASE + 1_600);
        patient.everybody_cut_off.push(1005, 1000 + LEASE);
        assert_eq!(verdict(&patient, false), (1, 0, vec!["outage"], 0));
        outage.fate(1).stopped.push(1100, 1200);
        assert_eq!(verdict(&outage, false), (1, 0, vec![], 1), "that was over");
        outage.fate(1).stopped.push(LEASE + 900, 9000);
        assert_eq!(verdict(&outage, false), (1, 0, vec!["stopped"], 0));
    }

    #[test]
    fn a_lost_answer_may_be_repeated_at_once() {
        let mut chronicle = and_lost_after(granted_once(Some(CameTo::Unknown), None), 20);
        assert_eq!(verdict(&chronicle, false), (1, 0, vec![], 1), "it was not lost");
        chronicle.presentations[0].outcome = Outcome::LostAfter;
        assert_eq!(verdict(&chronicle, false), (1, 0, vec!["answer lost"], 0));
    }

    #[test]
    fn a_request_that_nobody_waits_for_any_more_may_arrive_before_the_one_that_follows() {
        let mut chronicle = Chronicle { presentations: Vec::new(), ..granted_once(Some(CameTo::Unknown), None) };
        attempt(&mut chronicle, 1, 1012, Some(CameTo::Rejected), None);
        presented(&mut chronicle, 0, Outcome::Granted, 1015);
        presented(&mut chronicle, 0, Outcome::Reused, 1018);
        assert_eq!(verdict(&chronicle, false), (1, 0, vec![], 0));
    }

    #[test]
    fn what_is_stored_after_the_last_look_does_not_forbid_the_repeat() {
        let looked = 1000 + LEASE;
        let stored_at = |committed| and_lost_after(granted_once(answer(), Some(committed)), LEASE);
        assert_eq!(verdict(&stored_at(looked), false).1, 1);
        assert_eq!(verdict(&stored_at(looked + 1), false).1, 0);
    }

    #[test]
    fn a_holder_that_had_the_time_to_commit_excuses_nothing() {
        let mut slow = and_lost_after(granted_once(answer(), None), 2 * LEASE);
        slow.fate(1).killed = Some(1010 + 2_499);
        assert_eq!(verdict(&slow, false), (1, 0, vec!["killed"], 0));
        slow.fate(1).killed = Some(1010 + 2_500);
        assert_eq!(verdict(&slow, false), (1, 0, vec![], 1));
        slow.everybody_cut_off.push(1100, 1200);
        assert_eq!(verdict(&slow, false), (1, 0, vec!["killed"], 0));
    }

    #[test]
    fn whoever_is_stopped_before_the_first_byte_presents_what_another_has_spent() {
        let mut chronicle = granted_once(answer(), Some(1015));
        attempt(&mut chronicle, 2, 990, None, None);
        presented(&mut chronicle, 0, Outcome::Reused, 990 + LEASE);
        chronicle.ends.push(End {
            life: 2,
            subject: "somebody".to_owned(),
            reason: "rejected".to_owned(),
            begun: 0,
            at: 990 + LEASE,
        });
        assert_eq!(verdict(&chronicle, false), (0, 1, vec![], 1));
        chronicle.fate(2).stopped.push(995, 900 + LEASE);
        assert_eq!(verdict(&chronicle, false), (1, 0, vec!["stopped"], 0));
    }

    #[test]
    fn a_logout_is_no_loss_and_without_one_it_is() {
        let mut chronicle = granted_once(answer(), Some(1015));
        chronicle.ends.push(End {
            life: 2,
            subject: "somebody".to_owned(),
            reason: "logged_out".to_owned(),
            begun: 0,
            at: 2000,
        });
        assert_eq!(verdict(&chronicle, false).3, 1);
        chronicle.logouts.push(Logout { subject: "somebody".to_owned(), done: Some(1900) });
        assert_eq!(verdict(&chronicle, false).3, 0);
    }

    #[test]
    fn a_token_is_stale_from_its_end_at_the_server() {
        let end = 1001 + LIFETIME;
        let granted = || granted_once(answer(), Some(1015));
        assert!(called(granted(), 0, end - 1, end, "second").stale.is_empty());
        assert_eq!(called(granted(), 0, end, end, "second").stale.len(), 1);
        assert_eq!(called(granted(), 0, end - 1, end + SCHEDULING + 1, "second").stale.len(), 1);
        let mut stopped = granted();
        stopped.fate(3).stopped.push(end - 1, end + 4000);
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
        assert!(called(logged_out(), 0, late - 1, late, "second").after_end.is_empty());
        assert_eq!(called(logged_out(), 0, late, late, "second").after_end.len(), 1);
        let mut outage = logged_out();
        outage.everybody_cut_off.push(1000, 2000);
        assert!(called(outage, 0, late, late, "second").after_end.is_empty());
    }
}
