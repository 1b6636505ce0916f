//! Chronicles of one session, for tests.

use oidc_session_testkit::Outcome;

use super::super::chronicle::{Attempt, Chronicle, End, Presented};
use super::super::desk::SignedIn;
use super::super::line::{Call, CameTo, Got, Millis};
use super::super::options::times;
use super::Trial;

/// One session, signed in at 0, whose first refresh token life 1 presents at 1000, under a lease of the same instant.
pub(super) fn granted_once(back: Option<CameTo>, committed: Option<Millis>) -> Chronicle {
    let lifetime = times::LIFETIME.as_millis() as Millis;
    let mut chronicle = Chronicle { lifetime, ..Chronicle::default() };
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

pub(super) fn attempt(
    chronicle: &mut Chronicle,
    life: usize,
    sent: Millis,
    back: Option<CameTo>,
    committed: Option<Millis>,
) {
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

pub(super) fn presented(chronicle: &mut Chronicle, generation: u32, outcome: Outcome, at: Millis) {
    let sequence = chronicle.presentations.len() as u64 + 1;
    chronicle.presentations.push(Presented { sequence, family: 1, generation: Some(generation), outcome, at });
}

/// Life 2 presents the same token after `pause`, the server calls it a reuse, and the session ends.
pub(super) fn and_lost_after(mut chronicle: Chronicle, pause: Millis) -> Chronicle {
    let sent = 1000 + pause;
    attempt(&mut chronicle, 2, sent, Some(CameTo::Rejected), None);
    presented(&mut chronicle, 0, Outcome::Reused, sent + 1);
    let reason = "rejected_after_unknown_outcome".to_owned();
    chronicle.ends.push(End { life: 2, subject: "somebody".to_owned(), reason, begun: sent, at: sent + 1500 });
    chronicle
}

pub(super) fn answer() -> Option<CameTo> {
    Some(CameTo::Granted("second".to_owned()))
}

pub(super) fn called(mut chronicle: Chronicle, session: usize, begun: Millis, ended: Millis, token: &str) -> Trial {
    chronicle.calls.push((3, Call { session, begun, ended, got: Got::Token(token.to_owned()) }));
    Trial::of(&chronicle, false)
}
