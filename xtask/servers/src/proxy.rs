//! The network between a client and a server.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::sync::{mpsc as commands, watch};
use tokio::task::JoinSet;

use crate::server::on_a_free_port;

mod link;

/// A TCP proxy on loopback in front of any address, or of several in turn. Dropping it drops its connections.
///
/// What it is told holds when the call returns, for connections that are open as well.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    commands: commands::UnboundedSender<Command>,
}

/// How the network is just now.
#[derive(Clone, Copy, Debug)]
struct Weather {
    passes: bool,
    delay: Duration,
}

#[derive(Debug)]
struct Command {
    order: Order,
    done: mpsc::SyncSender<()>,
}

#[derive(Clone, Debug)]
enum Order {
    Cut,
    Stall,
    Heal,
    Delay(Duration),
    LeadTo(Vec<SocketAddr>),
}

impl Proxy {
    /// A proxy in front of `upstream`, which need not listen yet.
    ///
    /// # Panics
    ///
    /// If it finds no port to listen on.
    pub async fn to(upstream: SocketAddr) -> Self {
        Self::before(vec![upstream])
    }

    /// A load balancer that [leads to](Self::lead_to) nobody yet, and drops whoever connects: its address is known before
    /// the servers behind it are started. Needs no runtime.
    ///
    /// # Panics
    ///
    /// If it finds no port to listen on.
    pub fn balancer() -> Self {
        Self::before(Vec::new())
    }

    fn before(upstreams: Vec<SocketAddr>) -> Self {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
        let (address, listener) = {
            let _entered = runtime.enter();
            on_a_free_port(|address| listen(address).map(|listener| (address, listener)))
                .expect("a free port on loopback")
        };
        let (sender, receiver) = commands::unbounded_channel();
        thread::spawn(move || runtime.block_on(Relay::new(upstreams, address, listener).run(receiver)));
        Self { address, commands: sender }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Drops all connections, and refuses new ones.
    pub fn cut(&self) {
        self.order(Order::Cut);
    }

    /// A silent cut: connections stay open, new ones are accepted, and nothing passes.
    pub fn stall(&self) {
        self.order(Order::Stall);
    }

    /// Ends a cut or a stall. What was sent during a stall now arrives.
    pub fn heal(&self) {
        self.order(Order::Heal);
    }

    /// Lets whatever is sent from now on arrive so much later, in each direction.
    pub fn delay(&self, length: Duration) {
        self.order(Order::Delay(length));
    }

    /// Leads each new connection to the next of `upstreams`, round robin. Connections that are open stay as they are.
    pub fn lead_to(&self, upstreams: &[SocketAddr]) {
        self.order(Order::LeadTo(upstreams.to_vec()));
    }

    fn order(&self, order: Order) {
        let (done, is_done) = mpsc::sync_channel(1);
        self.commands.send(Command { order, done }).expect("the proxy runs");
        is_done.recv().expect("the proxy runs");
    }
}

/// The thread behind a [`Proxy`].
struct Relay {
    upstreams: Vec<SocketAddr>,
    accepted: usize,
    address: SocketAddr,
    listener: Option<TcpListener>,
    links: JoinSet<()>,
    weather: watch::Sender<Weather>,
}

impl Relay {
    fn new(upstreams: Vec<SocketAddr>, address: SocketAddr, listener: TcpListener) -> Self {
        let weather = watch::Sender::new(Weather { passes: true, delay: Duration::ZERO });
        Self { upstreams, accepted: 0, address, listener: Some(listener), links: JoinSet::new(), weather }
    }

    async fn run(mut self, mut commands: commands::UnboundedReceiver<Command>) {
        loop {
            tokio::select! {
                biased;
                command = commands.recv() => {
                    let Some(Command { order, done }) = command else { return };
                    self.obey(order).await;
                    // Nobody needs to wait.
                    let _ = done.send(());
                }
                client = accepted(self.listener.as_ref()) => {
                    let link = client.zip(self.next_upstream());
                    let link = link.map(|(client, upstream)| link::run(client, upstream, self.weather.subscribe()));
                    link.map(|link| self.links.spawn(link));
                }
                Some(_) = self.links.join_next() => {}
            }
        }
    }

    async fn obey(&mut self, order: Order) {
        match order {
            Order::Cut => {
                self.listener = None;
                self.links.shutdown().await;
            }
            Order::Stall => {
                self.listen();
                self.weather.send_modify(|weather| weather.passes = false);
            }
            Order::Heal => {
                self.listen();
                self.weather.send_modify(|weather| weather.passes = true);
            }
            Order::Delay(delay) => self.weather.send_modify(|weather| weather.delay = delay),
            Order::LeadTo(upstreams) => self.upstreams = upstreams,
        }
    }

    fn next_upstream(&mut self) -> Option<SocketAddr> {
        let turn = self.accepted.checked_rem(self.upstreams.len())?;
        self.accepted = self.accepted.wrapping_add(1);
        self.upstreams.get(turn).copied()
    }

    fn listen(&mut self) {
        if self.listener.is_none() {
            self.listener = Some(listen(self.address).expect("the port is still free"));
        }
    }
}

/// The next client; never if nobody listens.
async fn accepted(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.ok().map(|(client, _)| client),
        None => std::future::pending().await,
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}
