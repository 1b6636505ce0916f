//! Keeps sessions in the secret store of the operating system.
