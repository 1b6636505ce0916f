//! Keeps sessions in Redis, for any number of processes and machines.
