//! [`Network`]: the line between the application and its authorization server, which can be cut.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at one time; more have to wait.
const MOST_LINKS: usize = 64;
/// How long a switch may take, and the pause between two attempts to listen again.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);

/// A relay on loopback in front of a server. While it is cut, it refuses connections, as a network does that is down.
///
/// Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Network {
    address: SocketAddr,
    wanted: watch::Sender<bool>,
    works: watch::Receiver<bool>,
}

/// The line did not change: somebody else has taken its port meanwhile.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the network could not be switched")]
pub(crate) struct Stuck;

impl Network {
    /// A line to `upstream`.
    pub(crate) async fn to(upstream: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (wanted, orders) = watch::channel(true);
        let (report, works) = watch::channel(true);
        tokio::spawn(async move {
            // Ends with the network itself: then nobody gives orders.
            let _ = relay(listener, upstream, orders, report).await;
        });
        Ok(Self { address, wanted, works })
    }

    /// Where to connect to.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it works.
    pub(crate) fn works(&self) -> bool {
        *self.works.borrow()
    }

    /// Cuts it, open connections included, or repairs it. It is so when this returns.
    pub(crate) async fn switch(&self, works: bool) -> Result<(), Stuck> {
        self.wanted.send_replace(works);
        let mut report = self.works.clone();
        match timeout(PATIENCE, report.wait_for(|now| *now == works)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Stuck),
        }
    }
}

async fn relay(
    mut listener: TcpListener,
    upstream: SocketAddr,
    mut orders: watch::Receiver<bool>,
    report: watch::Sender<bool>,
) -> Result<(), watch::error::RecvError> {
    let address = match listener.local_addr() {
        Ok(address) => address,
        Err(_) => return Ok(()),
    };
    loop {
        let mut links = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                cut = told(&mut orders, false) => { cut?; break; }
                _ = links.join_next(), if !links.is_empty() => {}
                client = listener.accept(), if links.len() < MOST_LINKS => match client {
                    Ok((client, _)) => { links.spawn(link(client, upstream)); }
                    // Too many open files, say: that takes a while to pass.
                    Err(_) => sleep(PAUSE).await,
                },
            }
        }
        drop(listener);
        links.shutdown().await;
        report.send_replace(false);
        listener = loop {
            told(&mut orders, true).await?;
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(_) => sleep(PAUSE).await,
            }
        };
        report.send_replace(true);
    }
}

async fn told(orders: &mut watch::Receiver<bool>, works: bool) -> Result<(), watch::error::RecvError> {
    orders.wait_for(|order| *order == works).await.map(drop)
}

async fn link(mut client: TcpStream, upstream: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(upstream).await {
        // An error on either side ends the link, which drops both.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = client.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn a_cut_ends_what_is_open_and_refuses_what_is_new_until_it_is_repaired() {
        let network = Network::to(echo().await).await.unwrap();
        let mut open = TcpStream::connect(network.address()).await.unwrap();
        let mut byte = [0];
        open.write_all(b"a").await.unwrap();
        open.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"a");

        network.switch(false).await.unwrap();
        assert!(!network.works());
        // Closed or reset, as the system likes it.
        assert!(matches!(open.read(&mut byte).await, Ok(0) | Err(_)));
        assert!(TcpStream::connect(network.address()).await.is_err());

        network.switch(true).await.unwrap();
        let mut again = TcpStream::connect(network.address()).await.unwrap();
        again.write_all(b"b").await.unwrap();
        again.read_exact(&mut byte).await.unwrap();
        assert_eq!(&byte, b"b");
    }
}
