//! [`StartError`]: why a server did not start.

use std::net::SocketAddr;
use std::{fmt, io};

/// Why the server did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The address can be reached from other machines. Use a loopback address, or say that you mean it.
    NotLoopback(SocketAddr),
    /// The address cannot be listened on. Choose another, or port 0.
    Listen(io::Error),
    /// The signing key could not be made.
    Key(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(address) => write!(f, "{address} is not a loopback address"),
            Self::Listen(_) => f.write_str("cannot listen for connections"),
            Self::Key(_) => f.write_str("cannot generate the signing key"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotLoopback(_) => None,
            Self::Listen(source) => Some(source),
            Self::Key(source) => Some(source.as_ref()),
        }
    }
}
