//! [`Script`]: what happens in one step at the server, in Lua.

use std::sync::LazyLock;

use redis::{Cmd, cmd};

/// A script with its SHA-1, by which the server knows it after the first run.
pub(crate) struct Script {
    text: &'static str,
    digest: String,
}

macro_rules! script {
    ($name:ident, $file:literal) => {
        pub(crate) static $name: LazyLock<Script> =
            LazyLock::new(|| Script::new(concat!(include_str!("lua/session.lua"), include_str!($file))));
    };
}

script!(PROBE, "lua/probe.lua");
script!(LOAD, "lua/load.lua");
script!(COMMIT, "lua/commit.lua");
script!(REMOVE, "lua/remove.lua");
script!(TRY_LEASE, "lua/try_lease.lua");
script!(RENEW, "lua/renew.lua");
script!(RELEASE, "lua/release.lua");

impl Script {
    fn new(text: &'static str) -> Self {
        Self { text, digest: redis::Script::new(text).get_hash().to_owned() }
    }

    /// Runs the script if the server still has it; else the answer is `NOSCRIPT`, and nothing happened.
    pub(crate) fn by_digest(&self, key: &str, arguments: &[&[u8]]) -> Cmd {
        invocation("EVALSHA", &self.digest, key, arguments)
    }

    /// Brings the script along, and the server keeps it. Needs no permission to `SCRIPT LOAD`, and in a cluster no
    /// other node than the one of the key.
    pub(crate) fn by_text(&self, key: &str, arguments: &[&[u8]]) -> Cmd {
        invocation("EVAL", self.text, key, arguments)
    }
}

fn invocation(command: &str, script: &str, key: &str, arguments: &[&[u8]]) -> Cmd {
    let mut invocation = cmd(command);
    invocation.arg(script).arg(1).arg(key);
    for argument in arguments {
        invocation.arg(*argument);
    }
    invocation
}
