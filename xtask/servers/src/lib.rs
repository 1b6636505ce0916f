//! Starts real Redis and PostgreSQL servers on loopback for tests, and cuts the network between.

mod secret_service;

pub use secret_service::SecretService;
