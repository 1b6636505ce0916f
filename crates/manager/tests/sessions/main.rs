//! What a program sees of its sessions, over a scripted authorization server and a store in memory.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod confirming;
mod dashboard;
mod flow;
mod following;
mod hot_path;
mod interleavings;
mod keeping;
mod limits;
mod logout;
mod machine;
mod notes;
mod observing;
mod operator;
mod secrecy;
mod sharing;
mod support;
mod targets;
mod time;
mod trouble;
mod turns;
