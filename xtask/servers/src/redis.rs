//! Redis.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::{fs, io};

use crate::background::in_background;
use crate::certificate::Certificate;
use crate::daemon::Ending;
use crate::names::random_hex;
use crate::server::{Recipe, Server, on_a_free_port};
use crate::{Result, port, programs};

/// Valkey is the Redis that some distributions have instead.
const PROGRAMS: [&str; 2] = ["redis-server", "valkey-server"];

/// One `redis-server` with its own folder. Dropping it ends it.
///
/// It writes every command to disk before it answers, so a killed one has lost nothing that it acknowledged.
pub struct Redis {
    server: Arc<Server>,
    address: SocketAddr,
    options: RedisOptions,
    password: String,
    certificate: Option<Certificate>,
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
        on_a_free_port(|address| {
            let folder = tempfile::Builder::new().prefix("redis-").tempdir()?;
            let password = random_hex::<16>();
            let files = Files { folder: folder.path(), address, options, password: &password };
            files.write(certificate.as_ref())?;
            let program = program.clone();
            let recipe = Recipe {
                command: Box::new(move |folder| {
                    let mut command = Command::new(&program);
                    command.arg(folder.join("redis.conf")).current_dir(folder);
                    command
                }),
                // A node that has all slots trusts itself with them only after two seconds.
                announcement: if options.cluster { "Cluster state changed: ok" } else { "Ready to accept connections" },
                ending: Ending::Kill,
            };
            let server = Server::launch(folder, recipe)?;
            Ok(Self { server, address, options, password, certificate: certificate.clone() })
        })
    }

    /// What clients connect to: `redis://127.0.0.1:PORT/0`, or `rediss://localhost:PORT/0` with TLS; after `//` comes
    /// `sessions:PASSWORD@` if there are users.
    pub fn url(&self) -> String {
        let Self { options, address, password, .. } = self;
        let (scheme, host) = if options.tls { ("rediss", "localhost") } else { ("redis", "127.0.0.1") };
        let user = if options.acl { format!("sessions:{password}@") } else { String::new() };
        format!("{scheme}://{user}{host}:{}/0", address.port())
    }

    /// The authority of its certificate, in PEM. Empty without TLS.
    pub fn ca_pem(&self) -> &str {
        self.certificate.as_ref().map_or("", |certificate| &certificate.authority)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it (SIGKILL), and returns when it is dead.
    pub async fn kill(&mut self) {
        self.server.kill().await;
    }

    /// Starts it again, on the same port and with the same data; kills it before if it runs. Returns when it answers.
    ///
    /// # Panics
    ///
    /// If it does not start; the message says why.
    pub async fn restart(&mut self) {
        self.server.restart().await;
    }

    /// Makes it hang (SIGSTOP): it keeps its connections, takes new ones, and answers nothing.
    ///
    /// # Panics
    ///
    /// If it was killed.
    pub fn pause(&self) {
        self.server.pause();
    }

    /// Lets it go on where it was (SIGCONT).
    ///
    /// # Panics
    ///
    /// If it was killed.
    pub fn resume(&self) {
        self.server.resume();
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("address", &self.address).field("options", &self.options).finish()
    }
}

/// What a Redis reads when it starts.
struct Files<'a> {
    folder: &'a Path,
    address: SocketAddr,
    options: RedisOptions,
    password: &'a str,
}

impl Files<'_> {
    fn write(&self, certificate: Option<&Certificate>) -> io::Result<()> {
        if let Some(certificate) = certificate {
            certificate.write(self.folder)?;
        }
        if self.options.cluster {
            fs::write(self.folder.join("nodes.conf"), self.only_node())?;
        }
        fs::write(self.folder.join("redis.conf"), self.to_string())
    }

    /// What a node remembers of a cluster in which it is alone and has every slot.
    fn only_node(&self) -> String {
        let (id, port) = (random_hex::<20>(), self.address.port());
        let bus = port + port::BUS;
        format!(
            "{id} 127.0.0.1:{port}@{bus} myself,master - 0 0 1 connected 0-16383\n\
             vars currentEpoch 1 lastVoteEpoch 0\n"
        )
    }
}

/// `redis.conf`.
impl Display for Files<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, address, options, password } = self;
        let (port, folder) = (address.port(), folder.display());
        writeln!(f, "bind 127.0.0.1\ndir \"{folder}\"\nsave \"\"\nappendonly yes\nappendfsync always")?;
        if options.tls {
            writeln!(f, "port 0\ntls-port {port}\ntls-auth-clients no\ntls-ca-cert-file \"{folder}/ca.pem\"")?;
            writeln!(f, "tls-cert-file \"{folder}/server.pem\"\ntls-key-file \"{folder}/server.key\"")?;
        } else {
            writeln!(f, "port {port}")?;
        }
        if options.acl {
            writeln!(f, "user default off\nuser sessions on >{password} ~* &* +@all")?;
        }
        if options.cluster {
            writeln!(f, "cluster-enabled yes\ncluster-config-file nodes.conf\ncluster-announce-ip 127.0.0.1")?;
        }
        if options.cluster && options.tls {
            writeln!(f, "tls-cluster yes")?;
        }
        Ok(())
    }
}
