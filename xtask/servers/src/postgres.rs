//! PostgreSQL.

use std::env;
use std::fmt;
use std::fs::{self, File};
use std::io::{Seek, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use crate::account::Account;
use crate::background::in_background;
use crate::certificate::Certificate;
use crate::daemon::Ending;
use crate::names::random_hex;
use crate::server::{Recipe, Server, on_a_free_port};
use crate::{Result, programs};

const PROGRAMS: [&str; 2] = ["initdb", "postgres"];

/// Where Debian keeps one folder for each major version.
const VERSIONED: &str = "/usr/lib/postgresql";

/// One PostgreSQL server with its own folder, one user `sessions` and one data base `sessions`, which is that user's.
/// Dropping it ends it.
///
/// It waits for the disk before it acknowledges a commit, so a killed one has lost nothing that it acknowledged. If we
/// are root, it runs as `postgres` or `nobody`, because it refuses root.
pub struct Postgres {
    server: Arc<Server>,
    address: SocketAddr,
    options: PostgresOptions,
    password: String,
    certificate: Option<Certificate>,
}

/// What is different from a PostgreSQL on plain TCP. There always is a password (scram-sha-256).
#[derive(Clone, Copy, Debug, Default)]
pub struct PostgresOptions {
    /// Only TLS, with a certificate of `localhost` and 127.0.0.1 by [`Postgres::ca_pem`].
    pub tls: bool,
}

impl Postgres {
    /// Whether there are an `initdb` and a `postgres` in one folder: of Debian's, on the path, or a usual one.
    pub fn is_installed() -> bool {
        programs::find_folder(&PROGRAMS, VERSIONED).is_some()
    }

    /// Starts one on plain TCP.
    ///
    /// # Panics
    ///
    /// If it does not start; the message says why.
    pub async fn start() -> Self {
        Self::start_with(PostgresOptions::default()).await
    }

    /// Starts one as `options` say.
    ///
    /// # Panics
    ///
    /// If it does not start; the message says why.
    pub async fn start_with(options: PostgresOptions) -> Self {
        in_background(move || Self::launch(options)).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts one, without a runtime. Returns when it answers.
    pub fn launch(options: PostgresOptions) -> Result<Self> {
        let programs = programs::find_folder(&PROGRAMS, VERSIONED).ok_or(
            "PostgreSQL is not installed. On Debian: apt-get install postgresql; on macOS: brew install postgresql",
        )?;
        let account = Account::unprivileged()?;
        let certificate = options.tls.then(Certificate::generate).transpose()?;
        let password = random_hex::<16>();
        on_a_free_port(|address| {
            let folder = tempfile::Builder::new().prefix("postgres-").tempdir()?;
            let setup = Setup { programs: &programs, account, folder: folder.path(), options };
            setup.create_cluster(certificate.as_ref(), address)?;
            setup.create_user_and_database(&password)?;
            let programs = programs.clone();
            let recipe = Recipe {
                command: Box::new(move |folder| {
                    let mut command = program(&programs.join("postgres"), account, folder);
                    command.arg("-D").arg(folder.join("data"));
                    command
                }),
                announcement: "database system is ready to accept connections",
                ending: Ending::Quit,
            };
            let server = Server::launch(folder, recipe)?;
            Ok(Self { server, address, options, password: password.clone(), certificate: certificate.clone() })
        })
    }

    /// What clients connect to: `postgres://sessions:PASSWORD@127.0.0.1:PORT/sessions`; with TLS
    /// `postgres://sessions:PASSWORD@localhost:PORT/sessions?sslmode=require`.
    pub fn url(&self) -> String {
        let Self { address, password, .. } = self;
        let (host, tail) = if self.options.tls { ("localhost", "?sslmode=require") } else { ("127.0.0.1", "") };
        format!("postgres://sessions:{password}@{host}:{}/sessions{tail}", address.port())
    }

    /// The authority of its certificate, in PEM. Empty without TLS.
    pub fn ca_pem(&self) -> &str {
        self.certificate.as_ref().map_or("", |certificate| &certificate.authority)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it and all its back ends (SIGKILL), and returns when they are dead.
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

    /// Makes it and all its back ends hang (SIGSTOP): connections stay open, new ones are taken, nothing is answered.
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

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres").field("address", &self.address).field("options", &self.options).finish()
    }
}

/// Makes a data folder.
struct Setup<'a> {
    programs: &'a Path,
    account: Option<Account>,
    folder: &'a Path,
    options: PostgresOptions,
}

impl Setup<'_> {
    fn create_cluster(&self, certificate: Option<&Certificate>, address: SocketAddr) -> Result {
        if let Some(certificate) = certificate {
            certificate.write(self.folder)?;
        }
        if let Some(account) = self.account {
            account.own(self.folder)?;
        }
        let mut initdb = self.program("initdb");
        // Nobody but `sessions` gets in, so the superuser needs no password. This machine will not lose its power.
        initdb.args(["--username=postgres", "--encoding=UTF8", "--locale=C", "--auth=reject", "--no-sync", "-D"]);
        run(initdb.arg(self.data()))?;
        let mut configuration = File::options().append(true).open(self.data().join("postgresql.conf"))?;
        configuration.write_all(self.configuration(address).as_bytes())?;
        let kind = if self.options.tls { "hostssl" } else { "host" };
        fs::write(self.data().join("pg_hba.conf"), format!("{kind} all sessions 127.0.0.1/32 scram-sha-256\n"))?;
        Ok(())
    }

    fn create_user_and_database(&self, password: &str) -> Result {
        let mut statements = tempfile::tempfile()?;
        writeln!(statements, "CREATE ROLE sessions LOGIN PASSWORD '{password}';")?;
        writeln!(statements, "CREATE DATABASE sessions OWNER sessions;")?;
        statements.rewind()?;
        let mut alone = self.program("postgres");
        run(alone.args(["--single", "-c", "fsync=off", "-D"]).arg(self.data()).arg("postgres").stdin(statements))
    }

    fn configuration(&self, address: SocketAddr) -> String {
        let port = address.port();
        // Its shared memory is in its folder; and no statement, which may hold a password, is ever logged.
        let mut lines = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\nmax_connections = 500\n\
             shared_buffers = 16MB\ndynamic_shared_memory_type = mmap\nfsync = on\nsynchronous_commit = on\n\
             log_min_error_statement = panic\n"
        );
        if cfg!(target_os = "linux") {
            // After a kill: one call in place of one for each of a thousand files.
            lines += "recovery_init_sync_method = syncfs\n";
        }
        if self.options.tls {
            lines += "ssl = on\nssl_cert_file = '../server.pem'\nssl_key_file = '../server.key'\n";
        }
        lines
    }

    fn program(&self, name: &str) -> Command {
        program(&self.programs.join(name), self.account, self.folder)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

/// A program that runs as `account` and knows nothing of how PostgreSQL is used on this machine.
fn program(path: &Path, account: Option<Account>, folder: &Path) -> Command {
    let mut command = Command::new(path);
    let variables = env::vars_os().map(|(name, _)| name);
    variables.filter(|name| name.as_encoded_bytes().starts_with(b"PG")).for_each(|name| {
        command.env_remove(name);
    });
    command.env("LC_ALL", "C").current_dir(folder);
    if let Some(account) = account {
        account.run(&mut command);
    }
    command
}

/// Runs to the end. What it wrote is told if it fails.
fn run(command: &mut Command) -> Result {
    let program = command.get_program().display().to_string();
    let output = command.output().map_err(|error| format!("{program} did not start: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim()).into())
}
