//! The network between a client and a server.
#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use oidc_session_test_servers::Proxy;

const PATIENCE: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_millis(200);

/// Sends back what it gets.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            thread::spawn(move || {
                let mut back = client.try_clone().unwrap();
                let _ = std::io::copy(&mut client, &mut back);
                let _ = back.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    address
}

fn dial(proxy: &Proxy) -> TcpStream {
    let client = TcpStream::connect(proxy.address()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client
}

fn hears(client: &mut TcpStream, text: &str) {
    let mut bytes = vec![0; text.len()];
    client.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes, text.as_bytes());
}

fn hears_nothing(client: &mut TcpStream) {
    client.set_read_timeout(Some(SILENCE)).unwrap();
    assert_eq!(client.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
}

#[tokio::test]
async fn everything_passes_in_order_and_a_close_too() {
    let proxy = Proxy::to(echo()).await;
    let mut client = dial(&proxy);
    let sent: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let mut writer = client.try_clone().unwrap();
    let expected = sent.clone();
    let writing = thread::spawn(move || {
        writer.write_all(&sent).unwrap();
        writer.shutdown(std::net::Shutdown::Write).unwrap();
    });
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).unwrap();
    writing.join().unwrap();
    assert!(heard == expected);
}

#[tokio::test]
async fn a_cut_drops_every_connection_and_refuses_new_ones_until_it_is_healed() {
    let proxy = Proxy::to(echo()).await;
    let mut open = dial(&proxy);
    open.write_all(b"one").unwrap();
    hears(&mut open, "one");
    proxy.cut();
    let end = open.read(&mut [0]).map_err(|error| error.kind());
    assert!(matches!(end, Ok(0) | Err(ErrorKind::ConnectionReset)), "{end:?}");
    assert_eq!(TcpStream::connect(proxy.address()).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    proxy.heal();
    let mut new = dial(&proxy);
    new.write_all(b"two").unwrap();
    hears(&mut new, "two");
}

#[tokio::test]
async fn in_a_stall_connections_stay_open_and_nothing_passes_until_it_is_healed() {
    let proxy = Proxy::to(echo()).await;
    let mut open = dial(&proxy);
    open.write_all(b"one").unwrap();
    hears(&mut open, "one");
    proxy.stall();
    open.write_all(b"two").unwrap();
    hears_nothing(&mut open);
    let mut new = dial(&proxy);
    new.write_all(b"new").unwrap();
    hears_nothing(&mut new);
    proxy.heal();
    hears(&mut open, "two");
    hears(&mut new, "new");
}

#[tokio::test]
async fn a_delay_holds_each_direction_up_and_then_no_more() {
    let proxy = Proxy::to(echo()).await;
    let mut client = dial(&proxy);
    // Twice this is longer than the silence, once is not.
    proxy.delay(SILENCE * 3 / 4);
    client.write_all(b"late").unwrap();
    hears_nothing(&mut client);
    hears(&mut client, "late");
    proxy.delay(Duration::ZERO);
    client.write_all(b"soon").unwrap();
    client.set_read_timeout(Some(SILENCE)).unwrap();
    hears(&mut client, "soon");
}

#[tokio::test]
async fn a_server_that_is_down_is_a_dropped_connection() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxy = Proxy::to(nobody).await;
    assert_eq!(dial(&proxy).read(&mut [0]).unwrap(), 0);
}

/// Sends every client its name, and closes.
fn named(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            client.unwrap().write_all(name.as_bytes()).unwrap();
        }
    });
    address
}

#[tokio::test]
async fn a_load_balancer_takes_turns_among_those_that_it_leads_to_now() {
    let balancer = Proxy::balancer();
    let served_by = || {
        let mut name = String::new();
        dial(&balancer).read_to_string(&mut name).unwrap();
        name
    };
    assert_eq!(served_by(), "", "nobody is there yet");
    let (one, other) = (named("one"), named("other"));
    balancer.lead_to(&[one, other]);
    assert_eq!(
        [served_by(), served_by(), served_by(), served_by()].map(|name| name == "one"),
        [true, false, true, false]
    );
    balancer.lead_to(&[other]);
    assert_eq!([served_by(), served_by(), served_by()], ["other"; 3]);
}
