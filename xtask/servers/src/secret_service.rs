//! The secret service of a Linux desktop.

use crate::programs;

/// A `gnome-keyring-daemon` on a session bus of its own.
#[derive(Debug)]
pub struct SecretService;

impl SecretService {
    /// Whether the programs are there: the daemon, the bus, and what starts a bus for one command.
    pub fn is_installed() -> bool {
        let programs = ["gnome-keyring-daemon", "dbus-daemon", "dbus-run-session"];
        programs.iter().all(|program| programs::find(&[program]).is_some())
    }
}
