//! Keeps sessions in PostgreSQL, for any number of processes and machines.
