//! The questions whose instructions are counted.

use std::hint::black_box;
use std::process::ExitCode;

use futures_util::FutureExt as _;
use oidc_session_benches::{ByHand, Deadline, ReadyHeader, SignedIn, Slots};
use oidc_session_core::SessionId;

use crate::tracer;

/// Asks, in the program that is stepped through.
pub(crate) fn be_asked(question: &str) -> ExitCode {
    let id = SessionId::random();
    let sessions = SignedIn::all(std::slice::from_ref(&id));
    let handle = sessions.manager.session(&id);
    let asked = match question {
        "check/floor" => {
            let floor = Deadline::tomorrow();
            tracer::ask(|| assert!(black_box(&floor).is_ahead()))
        }
        "check/is_fresh" => tracer::ask(|| assert!(black_box(&handle).is_fresh())),
        "header/floor" => {
            let floor = ReadyHeader::fresh();
            tracer::ask(|| drop(black_box(black_box(&floor).authorization()).expect("fresh")))
        }
        "header/by_hand" => {
            let by_hand = ByHand::fresh();
            tracer::ask(|| {
                let answer = black_box(&by_hand).authorization().now_or_never();
                drop(black_box(answer).flatten().expect("fresh"));
            })
        }
        "header/try_authorization" => {
            tracer::ask(|| drop(black_box(black_box(&handle).try_authorization()).expect("fresh")))
        }
        "header/authorization" => tracer::ask(|| {
            let answer = black_box(&handle).authorization().now_or_never();
            drop(black_box(answer).expect("no wait").expect("fresh"));
        }),
        "by_id/floor" => {
            let slots = Slots::of([ReadyHeader::copy()]);
            tracer::ask(|| drop(black_box(black_box(&slots).authorization(black_box(0))).expect("fresh")))
        }
        "by_id/try_authorization" => tracer::ask(|| {
            drop(black_box(black_box(&sessions.manager).try_authorization(black_box(&id))).expect("fresh"));
        }),
        _ => return ExitCode::FAILURE,
    };
    match asked {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(tracer::FORBIDDEN),
    }
}
