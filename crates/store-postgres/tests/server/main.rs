//! What is peculiar to this store, on real servers.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

mod access;
mod connections;
mod feed;
mod fixture;
mod leases;
mod migrations;
mod outage;
mod pooler;
mod processes;
mod rows;
mod tls;
