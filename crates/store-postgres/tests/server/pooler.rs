//! [`Pooler`]: what PgBouncer does to notifications.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use tokio::io::{self, AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// A way to the server, without TLS, as a pooler of transactions that has connections enough: each client is handed the
/// same server connection again and again. What that one tells of between two transactions reaches nobody.
pub(crate) struct Pooler {
    address: SocketAddr,
    pools_transactions: Arc<AtomicBool>,
    accepting: AbortHandle,
}

impl Pooler {
    /// Pools sessions at first: then everything is passed on.
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let pools_transactions = Arc::new(AtomicBool::new(false));
        let pools = Arc::clone(&pools_transactions);
        let accepting = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (from_client, to_client) = io::split(client);
                let (from_server, to_server) = io::split(TcpStream::connect(server).await.unwrap());
                let (pools, works) = (Arc::clone(&pools), Arc::new(AtomicBool::new(true)));
                connections.spawn(ask(from_client, to_server, Arc::clone(&works)));
                connections.spawn(async move {
                    let _ = tell(from_server, to_client, pools, works).await; // One of the two has gone.
                });
            }
        });
        Self { address, pools_transactions, accepting: accepting.abort_handle() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pool_transactions(&self) {
        self.pools_transactions.store(true, SeqCst);
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn ask(mut client: ReadHalf<TcpStream>, mut server: WriteHalf<TcpStream>, works: Arc<AtomicBool>) {
    let mut some = [0; 4096];
    while let Ok(length @ 1..) = client.read(&mut some).await {
        works.store(true, SeqCst);
        if server.write_all(&some[..length]).await.is_err() {
            return;
        }
    }
    let _ = server.shutdown().await;
}

async fn tell(
    mut server: ReadHalf<TcpStream>,
    mut client: WriteHalf<TcpStream>,
    pools: Arc<AtomicBool>,
    works: Arc<AtomicBool>,
) -> io::Result<()> {
    loop {
        let (kind, length) = (server.read_u8().await?, server.read_u32().await?);
        let mut message = vec![0; length as usize - 4];
        server.read_exact(&mut message).await?;
        match kind {
            b'Z' => works.store(message != b"I", SeqCst), // Ready, and idle or within a transaction.
            b'A' if pools.load(SeqCst) && !works.load(SeqCst) => continue,
            _ => {}
        }
        client.write_u8(kind).await?;
        client.write_u32(length).await?;
        client.write_all(&message).await?;
    }
}
