//! The refresh protocol as one pure state machine: `step(event, now) -> action`.
//!
//! It decides, and never acts: no I/O, no clock, no secret. The manager carries out its actions and reports what came
//! of them; the model checker in `tests/model` does the same with every fault it can think of.
//!
//! ```text
//! Load ─ fresh? ─► Done        Lease ─ held? ─► serve, or Wait and Load again
//!   │ needed                     │ granted, and still needed as re-read under the lease
//! Prepare ─────────────────────► │
//!                              Refresh ─ unknown? ─► Renew, then once more
//!                                │ granted           rejected? ─► Load again: adopt, or End
//!                              Commit ─ conflict? ─► Load again: adopt, revoke if ended
//!                                │ done
//!                              Done ─► publish
//! ```

mod flight;
mod message;
mod rules;
mod view;

pub use flight::Flight;
pub use message::{
    Action, Answer, CommitView, Event, Failure, FailureCause, Fault, Journal, LeaseView, Now, Outcome, Trigger,
};
pub use rules::{LeaseTooShort, Rules};
pub use view::{RecordView, SessionView, StateView};
