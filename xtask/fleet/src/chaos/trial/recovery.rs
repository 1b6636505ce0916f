//! How long it took until somebody had a token again.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use oidc_session_testkit::Outcome;

use super::super::chronicle::{Attempt, Chronicle};
use super::super::line::{CameTo, Got, Millis};
use super::Token;
use super::lineage::Lineage;

/// From each incident to the next token of each session whose refresh it befell.
pub(super) fn recoveries(
    chronicle: &Chronicle,
    lineages: &BTreeMap<&str, Lineage<'_>>,
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
    for lineage in lineages.values() {
        let spoiled = lineage.presented.iter().filter(|(presentation, attempt)| {
            let unheard = attempt.is_some_and(Attempt::is_unknown);
            unheard || matches!(presentation.outcome, Outcome::Faulted | Outcome::LostBefore | Outcome::LostAfter)
        });
        befallen.extend(spoiled.map(|(presentation, _)| (presentation.at, lineage.sign_in.subject.as_str())));
    }
    let recovery = |(at, subject): (Millis, &str)| {
        let ended = served.get(subject)?.iter().filter(|(begun, _)| *begun > at).map(|(_, ended)| *ended).min()?;
        Some(Duration::from_millis((ended - at).unsigned_abs()))
    };
    befallen.into_iter().filter_map(recovery).collect()
}

impl Attempt {
    /// Whether it had begun at `at`, and was not stored. A lease that is over is somebody else's affair.
    fn is_open(&self, at: Millis) -> bool {
        let settled = match &self.back {
            Some((CameTo::Granted(_), _)) => self.committed,
            Some((_, back)) => Some(*back),
            None => None,
        };
        self.leased <= at && !self.lease_is_over(at) && settled.is_none_or(|settled| settled > at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::chronicle::Incident;
    use super::super::sample::{answer, called, granted_once};
    use super::*;

    #[test]
    fn a_session_recovers_with_the_next_token_that_is_asked_for() {
        let mut chronicle = granted_once(answer(), Some(1015));
        let what = "life 1 is killed".to_owned();
        chronicle.incidents.push(Incident { at: 1005, what, lives: vec![1] });
        assert_eq!(called(chronicle.clone(), 0, 1003, 1006, "first").recoveries, Vec::<Duration>::new());
        assert_eq!(called(chronicle, 0, 1010, 1205, "second").recoveries, [Duration::from_millis(200)]);
    }
}
