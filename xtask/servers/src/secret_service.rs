//! [`SecretService`]: a secret service on a D-Bus session of its own.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::sync::OwnedMutexGuard;

use crate::guard::Guard;
use crate::programs;

/// A `gnome-keyring-daemon` with an unlocked login keyring, on a private D-Bus session, with a home folder of its own.
///
/// Nothing of it is shared with the desktop of whoever runs the tests. Both daemons end when it is dropped.
#[derive(Debug)]
pub struct SecretService {
    keyring: Option<Daemon>,
    bus: Option<Daemon>,
    address: String,
    folder: TempDir,
}

const BUS: &str = "dbus-daemon";
const KEYRING: &str = "gnome-keyring-daemon";
const SEND: &str = "dbus-send";

/// The variable that tells a process that its D-Bus session is one of ours.
const OURS: &str = "OIDC_SESSION_TEST_SECRET_SERVICE";

impl SecretService {
    /// Whether its programs are installed.
    pub fn is_installed() -> bool {
        [BUS, KEYRING, SEND].iter().all(|program| programs::find(&[program]).is_some())
    }

    /// Starts both daemons, and returns when the keyring is unlocked. Blocks for a fraction of a second.
    pub fn start() -> io::Result<Self> {
        if !Self::is_installed() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "these tests need a secret service: install dbus-daemon and gnome-keyring-daemon \
                 (Debian: apt-get install dbus gnome-keyring)",
            ));
        }
        let folder = tempfile::tempdir()?;
        let (bus, address) = start_bus(folder.path())?;
        let mut service = Self { keyring: None, bus: Some(bus), address, folder };
        service.start_keyring()?;
        Ok(service)
    }

    /// Starts the keyring daemon (again), with what an earlier one has kept.
    pub fn start_keyring(&mut self) -> io::Result<()> {
        self.keyring = Some(start_keyring(&self.env(), self.folder.path())?);
        Ok(())
    }

    /// Kills the keyring daemon. The bus goes on, and what was kept stays.
    pub fn stop_keyring(&mut self) {
        self.keyring = None;
    }

    /// Kills the bus.
    pub fn stop_bus(&mut self) {
        self.bus = None;
    }

    /// The process id of the keyring daemon, if it is running.
    pub fn keyring_id(&self) -> Option<u32> {
        self.keyring.as_ref().map(|daemon| daemon.child.id())
    }

    /// The variables that a process needs to find this secret service, and no other.
    pub fn env(&self) -> Vec<(&'static str, OsString)> {
        let folder = |name: &str| self.folder.path().join(name).into_os_string();
        vec![
            ("DBUS_SESSION_BUS_ADDRESS", self.address.clone().into()),
            ("HOME", folder("home")),
            ("XDG_CACHE_HOME", folder("home/cache")),
            ("XDG_CONFIG_HOME", folder("home/config")),
            ("XDG_DATA_HOME", folder("home/data")),
            ("XDG_STATE_HOME", folder("home/state")),
            ("XDG_RUNTIME_DIR", folder("run")),
            (OURS, "1".into()),
        ]
    }

    /// Makes sure that this process runs under a secret service for tests. It never uses the desktop's own.
    ///
    /// If none was given to it, starts one, runs the same program with the same arguments under it, and **ends this
    /// process** with the outcome of that. So the first line of a test may call it, whatever runs the tests.
    pub fn enter() {
        static ENTERING: Mutex<()> = Mutex::new(());
        let _the_others_wait_for_the_end = ENTERING.lock().unwrap_or_else(PoisonError::into_inner);
        if env::var_os(OURS).is_some() {
            return;
        }
        let code = match Self::start().and_then(|service| service.run_again()) {
            Ok(code) => code,
            Err(error) => {
                eprintln!("{error}");
                1
            }
        };
        std::process::exit(code);
    }

    fn run_again(&self) -> io::Result<i32> {
        let program = env::current_exe()?;
        let status = Command::new(program).args(env::args_os().skip(1)).envs(self.env()).status()?;
        Ok(status.code().unwrap_or(1))
    }
}

/// The keyring daemon of the secret service that this process has [entered](SecretService::enter), which all tests of
/// the process share.
///
/// Whoever has it may stop it and start it; whoever else wants it waits. It should be running when it is dropped.
#[derive(Debug)]
pub struct EnteredKeyring(OwnedMutexGuard<Option<Daemon>>);

impl EnteredKeyring {
    /// Enters a secret service, and waits until nobody else has its keyring daemon.
    pub async fn take() -> Self {
        static KEYRING: LazyLock<Arc<tokio::sync::Mutex<Option<Daemon>>>> = LazyLock::new(Arc::default);
        SecretService::enter();
        Self(Arc::clone(&KEYRING).lock_owned().await)
    }

    /// Kills the keyring daemon (SIGKILL), and returns when it is gone from its bus. What was kept stays.
    pub fn stop(&mut self) -> io::Result<()> {
        match self.0.take() {
            Some(ours) => drop(ours),
            // That of the process which started this one.
            None => {
                let id = owner_of_the_name(&[])?.ok_or_else(|| io::Error::other("there is no keyring daemon"))?;
                kill_process(id, Signal::KILL)?;
            }
        }
        for _ in 0..5000 {
            if owner_of_the_name(&[])?.is_none() {
                return Ok(());
            }
        }
        Err(io::Error::other("gnome-keyring-daemon is still on its bus"))
    }

    /// Starts the keyring daemon again, with what the earlier one has kept.
    pub fn start(&mut self) -> io::Result<()> {
        let run = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let folder = run.as_deref().and_then(Path::parent).ok_or_else(|| io::Error::other("there is no folder"))?;
        *self.0 = Some(start_keyring(&[], folder)?);
        Ok(())
    }
}

type Variables = [(&'static str, OsString)];

/// Starts a keyring daemon that keeps its things in `folder`, and returns when it is unlocked and on its bus.
fn start_keyring(env: &Variables, folder: &Path) -> io::Result<Daemon> {
    let mut command = program(KEYRING);
    command.args(["--unlock", "--components=secrets", "--foreground", "--control-directory"]);
    command.arg(folder.join("run/keyring"));
    let mut daemon = Daemon::start(command.envs(env.iter().cloned()).stdin(Stdio::piped()), folder)?;
    // The password. The end of it starts the daemon, which then says where it listens.
    let mut stdin = daemon.child.stdin.take().ok_or_else(|| io::Error::other("no pipe"))?;
    stdin.write_all(b"the password of a test")?;
    drop(stdin);
    let said = daemon.hear()?;
    if !said.starts_with("GNOME_KEYRING_CONTROL=") {
        return Err(io::Error::other(format!("gnome-keyring-daemon did not start: {said:?}")));
    }
    // Asks the bus until the daemon has its name there: it says where it listens before that.
    for _ in 0..5000 {
        if owner_of_the_name(env)?.is_some() {
            return Ok(daemon);
        }
    }
    Err(io::Error::other("gnome-keyring-daemon is not on its bus"))
}

/// The process that has the name of the secret service on the bus.
fn owner_of_the_name(env: &Variables) -> io::Result<Option<Pid>> {
    let mut ask = program(SEND);
    ask.args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"]);
    ask.args(["org.freedesktop.DBus.GetConnectionUnixProcessID", "string:org.freedesktop.secrets"]);
    let answer = ask.envs(env.iter().cloned()).output()?;
    let said = String::from_utf8_lossy(&answer.stdout);
    let number = said.lines().find_map(|line| line.trim().strip_prefix("uint32 ")?.parse().ok());
    Ok(number.and_then(Pid::from_raw))
}

/// A bus that starts nothing by itself, so that no other secret service or prompt of this machine comes in.
fn start_bus(folder: &Path) -> io::Result<(Daemon, String)> {
    for name in ["home", "run"] {
        let mut builder = fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder.join(name))?;
    }
    let config: PathBuf = folder.join("bus.conf");
    fs::write(
        &config,
        format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:dir={}</listen>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#,
            folder.join("run").display()
        ),
    )?;
    let mut command = program(BUS);
    command.arg("--config-file").arg(config).args(["--print-address", "--nofork", "--nopidfile"]);
    let mut daemon = Daemon::start(command.stdin(Stdio::null()), folder)?;
    let address = daemon.hear()?;
    if address.is_empty() {
        return Err(io::Error::other("dbus-daemon did not start"));
    }
    Ok((daemon, address))
}

fn program(name: &str) -> Command {
    Command::new(programs::find(&[name]).unwrap_or_else(|| name.into()))
}

/// A child process, which is killed when it is no longer needed, or when this process has ended in whatever way.
#[derive(Debug)]
struct Daemon {
    child: Child,
    stdout: BufReader<ChildStdout>,
    guard: Option<Guard>,
}

impl Daemon {
    fn start(command: &mut Command, folder: &Path) -> io::Result<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().map(BufReader::new).ok_or_else(|| io::Error::other("no pipe"))?;
        let guard = Guard::over(child.id(), "KILL", folder)?;
        Ok(Self { child, stdout, guard: Some(guard) })
    }

    /// The next line that it says; an empty one if it has ended.
    fn hear(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stdout.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Before its number is free for another process.
        self.guard = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
