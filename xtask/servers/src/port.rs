//! Ports that nobody listens on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;

/// Below the ports that the operating system gives to outgoing connections (from 32768 on Linux): else one of those
/// takes a server's port while the server is down, or a client that dials it then connects to itself. And low enough for
/// the bus of a Redis Cluster, which is 10000 above.
const PORTS: Range<u16> = 12_000..22_000;

/// How far above its port a Redis node listens for other nodes.
pub(crate) const BUS: u16 = 10_000;

/// An address on loopback with a free port. Somebody may take it before you do: then try another.
pub(crate) fn free_address() -> SocketAddr {
    loop {
        let address = loopback(random_port());
        if is_free(address) && is_free(loopback(address.port() + BUS)) {
            return address;
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn is_free(address: SocketAddr) -> bool {
    TcpListener::bind(address).is_ok()
}

fn random_port() -> u16 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    let ports = u32::from(PORTS.end - PORTS.start);
    PORTS.start + u16::try_from(u32::from_ne_bytes(bytes) % ports).expect("less than the number of ports")
}
