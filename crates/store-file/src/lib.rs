//! Keeps sessions in files that any number of processes of one machine may share.
