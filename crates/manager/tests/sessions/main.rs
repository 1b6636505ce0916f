//! What a program sees of its sessions, over a scripted authorization server and a store in memory.

mod flow;
mod logout;
mod sharing;
mod support;
mod time;
mod trouble;
