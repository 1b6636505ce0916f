//! One client and its server.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Sleep, sleep};

use super::Weather;

/// How many pieces may be under way in one direction before the sender has to wait.
const UNDER_WAY: usize = 64;

/// What travels together, in bytes.
const PIECE: usize = 16 * 1024;

/// Some bytes, and when they arrive. No bytes: the sender has closed.
struct Piece {
    arrives: Pin<Box<Sleep>>,
    bytes: Vec<u8>,
}

/// Passes bytes both ways until either side breaks or both have closed.
pub(super) async fn run(client: TcpStream, upstream: SocketAddr, mut weather: watch::Receiver<Weather>) {
    // An error on either side ends the link, which drops both sides.
    let _ = async {
        passing(&mut weather).await?;
        let server = TcpStream::connect(upstream).await?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::try_join!(pass(from_client, to_server, weather.clone()), pass(from_server, to_client, weather))
    }
    .await;
}

async fn pass(from: OwnedReadHalf, to: OwnedWriteHalf, weather: watch::Receiver<Weather>) -> io::Result<()> {
    let (send, arriving) = mpsc::channel(UNDER_WAY);
    tokio::try_join!(take(from, send, weather.clone()), hand_over(arriving, to, weather))?;
    Ok(())
}

async fn take(mut from: OwnedReadHalf, send: mpsc::Sender<Piece>, weather: watch::Receiver<Weather>) -> io::Result<()> {
    loop {
        let mut bytes = Vec::with_capacity(PIECE);
        from.read_buf(&mut bytes).await?;
        let closed = bytes.is_empty();
        let delay = weather.borrow().delay;
        let piece = Piece { arrives: Box::pin(sleep(delay)), bytes };
        if send.send(piece).await.is_err() || closed {
            return Ok(());
        }
    }
}

async fn hand_over(
    mut arriving: mpsc::Receiver<Piece>,
    mut to: OwnedWriteHalf,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    while let Some(Piece { arrives, bytes }) = arriving.recv().await {
        arrives.await;
        passing(&mut weather).await?;
        if bytes.is_empty() {
            return to.shutdown().await;
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            passing(&mut weather).await?;
            tokio::select! {
                biased;
                // It stalls while the receiver is slow.
                _ = weather.wait_for(|weather| !weather.passes) => {}
                written = to.write(rest) => rest = rest.split_at(written?).1,
            }
        }
    }
    Ok(())
}

/// Waits until something passes again.
async fn passing(weather: &mut watch::Receiver<Weather>) -> io::Result<()> {
    weather.wait_for(|weather| weather.passes).await.map_err(|_| io::ErrorKind::ConnectionAborted)?;
    Ok(())
}
