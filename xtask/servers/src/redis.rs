//! Redis.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use tempfile::TempDir;

use crate::background::in_background;
use crate::certificate::Certificate;
use crate::daemon::{Daemon, Ending};
use crate::names::random_hex;
use crate::{Result, port, programs};

/// Valkey is the Redis that some distributions have instead.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// How many ports to try: between looking for one and taking it, somebody else may.
const TRIES: usize = 5;

/// One `redis-server` with its own folder. Dropping it ends it.
///
/// It writes every command to disk before it answers, so a killed one has lost nothing that it acknowledged.
pub struct Redis {
    node: Arc<Node>,
}

/// What is different from a Redis that trusts everybody over plain TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct RedisOptions {
    /// Only TLS, with a certificate of `localhost` and 127.0.0.1 by [`Redis::ca_pem`].
    pub tls: bool,
    /// A user `sessions` with a random password, who may do everything; nobody may do anything without it.
    pub acl: bool,
    /// A cluster of this one node, which has all slots. It takes two seconds to start.
    pub cluster: bool,
}

struct Node {
    program: PathBuf,
    folder: TempDir,
    address: SocketAddr,
    options: RedisOptions,
    password: String,
    certificate: Option<Certificate>,
    running: Mutex<Option<Daemon>>,
}

impl Redis {
    /// Whether there is a `redis-server` on the path or in the usual places.
    pub fn is_installed() -> bool {
        programs::find(&PROGRAMS).is_some()
    }

    /// Starts one: plain TCP, no password.
    ///
    /// # Panics
    ///
    /// If it does not start; the message says why.
    pub async fn start() -> Self {
        Self::start_with(RedisOptions::default()).await
    }

    /// Starts one as `options` say.
    ///
    /// # Panics
    ///
    /// If it does not start; the message says why.
    pub async fn start_with(options: RedisOptions) -> Self {
        in_background(move || Self::launch(options)).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts one, without a runtime. Returns when it answers.
    pub fn launch(options: RedisOptions) -> Result<Self> {
        let program = programs::find(&PROGRAMS).ok_or(
            "redis-server is not installed. On Debian: apt-get install redis-server; on macOS: brew install redis",
        )?;
        let certificate = options.tls.then(Certificate::generate).transpose()?;
        let mut failure = None;
        for _ in 0..TRIES {
            let node = Node {
                program: program.clone(),
                folder: tempfile::Builder::new().prefix("redis-").tempdir()?,
                address: port::free_address(),
                options,
                password: random_hex::<16>(),
                certificate: None,
                running: Mutex::default(),
            };
            let node = Node { certificate: certificate.clone(), ..node };
            node.write_files()?;
            match node.start() {
                Ok(()) => return Ok(Self { node: Arc::new(node) }),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| "never tried".into()))
    }

    /// What clients connect to: `redis://127.0.0.1:PORT/0`, or `rediss://localhost:PORT/0` with TLS; after `//` comes
    /// `sessions:PASSWORD@` if there are users.
    pub fn url(&self) -> String {
        let Node { options, address, password, .. } = &*self.node;
        let (scheme, host) = if options.tls { ("rediss", "localhost") } else { ("redis", "127.0.0.1") };
        let user = if options.acl { format!("sessions:{password}@") } else { String::new() };
        format!("{scheme}://{user}{host}:{}/0", address.port())
    }

    /// The authority of its certificate, in PEM. Empty without TLS.
    pub fn ca_pem(&self) -> &str {
        self.node.certificate.as_ref().map_or("", |certificate| &certificate.authority)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.node.address
    }

    /// Kills it (SIGKILL), and returns when it is dead.
    pub async fn kill(&mut self) {
        let node = self.node.clone();
        in_background(move || {
            if let Some(daemon) = node.running().take() {
                daemon.kill();
            }
        })
        .await;
    }

    /// Starts it again, on the same port and with the same data; kills it before if it runs. Returns when it answers.
    ///
    /// # Panics
    ///
    /// If it does not start; the message says why.
    pub async fn restart(&mut self) {
        self.kill().await;
        let node = self.node.clone();
        in_background(move || node.start()).await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Makes it hang (SIGSTOP): it keeps its connections, takes new ones, and answers nothing.
    pub fn pause(&self) {
        self.node.running().as_ref().expect("it runs").pause();
    }

    /// Lets it go on where it was (SIGCONT).
    pub fn resume(&self) {
        self.node.running().as_ref().expect("it runs").resume();
    }
}

impl Node {
    fn start(&self) -> Result {
        let mut command = Command::new(&self.program);
        command.arg(self.folder.path().join("redis.conf")).current_dir(self.folder.path());
        // A node alone trusts itself with its slots only after two seconds.
        let announcement =
            if self.options.cluster { "Cluster state changed: ok" } else { "Ready to accept connections" };
        let daemon = Daemon::start(&mut command, announcement, Ending::Kill, self.folder.path())?;
        *self.running() = Some(daemon);
        Ok(())
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Daemon>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_files(&self) -> io::Result<()> {
        let folder = self.folder.path();
        if let Some(Certificate { authority, chain, key }) = &self.certificate {
            fs::write(folder.join("ca.pem"), authority)?;
            fs::write(folder.join("server.pem"), chain)?;
            fs::write(folder.join("server.key"), key)?;
        }
        if self.options.cluster {
            fs::write(folder.join("nodes.conf"), self.only_node())?;
        }
        fs::write(folder.join("redis.conf"), Configuration { node: self, folder }.to_string())
    }

    /// What a node remembers of a cluster in which it is alone and has every slot.
    fn only_node(&self) -> String {
        let (id, port) = (random_hex::<20>(), self.address.port());
        format!(
            "{id} 127.0.0.1:{port}@{bus} myself,master - 0 0 1 connected 0-16383\nvars currentEpoch 1 lastVoteEpoch 0\n",
            bus = port + port::BUS
        )
    }
}

struct Configuration<'a> {
    node: &'a Node,
    folder: &'a Path,
}

impl Display for Configuration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node: Node { options, address, password, .. }, folder } = self;
        let (port, folder) = (address.port(), folder.display());
        writeln!(f, "bind 127.0.0.1\ndir \"{folder}\"\nsave \"\"\nappendonly yes\nappendfsync always")?;
        if options.tls {
            writeln!(f, "port 0\ntls-port {port}\ntls-auth-clients no")?;
            writeln!(f, "tls-ca-cert-file \"{folder}/ca.pem\"")?;
            writeln!(f, "tls-cert-file \"{folder}/server.pem\"\ntls-key-file \"{folder}/server.key\"")?;
        } else {
            writeln!(f, "port {port}")?;
        }
        if options.acl {
            writeln!(f, "user default off\nuser sessions on >{password} ~* &* +@all")?;
        }
        if options.cluster {
            writeln!(f, "cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-announce-ip 127.0.0.1")?;
            writeln!(f, "tls-cluster {}", if options.tls { "yes" } else { "no" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("address", &self.node.address).field("options", &self.node.options).finish()
    }
}
