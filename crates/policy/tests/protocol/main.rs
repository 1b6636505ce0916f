//! The refresh protocol as a dialogue: what the flight asks for, what it is told, what it asks for next.
//!
//! The model checker in `tests/model` explores every order of events. These tests say which answer is right.

mod answers;
mod commits;
mod dialogue;
mod disorder;
mod endings;
mod leases;
mod limits;
mod looks;
mod repeats;
mod takeovers;
mod targets;
mod views;
