//! The refresh behind everybody's back: `SessionHandle::keep_fresh`, in real time.
//!
//! `background`: a million sessions are kept fresh until each has been refreshed once. How late do the refreshes come, what
//! do they cost, and does a caller ever find an expired token? `background-timers`: what one timer of the keeper costs among
//! few and among many.
//!
//! It takes about five minutes, most of them spent waiting.

mod due;
mod server;
mod timers;

use std::io;

fn main() -> io::Result<()> {
    // First, while the allocator has nothing to tidy up.
    due::measure()?;
    timers::measure()
}
