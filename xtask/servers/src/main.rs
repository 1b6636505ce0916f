//! Starts the servers that tests share, and keeps them until its input ends: for whoever runs single tests by hand.

use std::io::{self, Read, Write};

use oidc_session_test_servers::{
    Postgres, PostgresOptions, Redis, RedisOptions, Result, SHARED_POSTGRES, SHARED_REDIS,
};

fn main() -> Result {
    let redis = Redis::is_installed().then(|| Redis::launch(RedisOptions::default())).transpose()?;
    let postgres = Postgres::is_installed().then(|| Postgres::launch(PostgresOptions::default())).transpose()?;
    let mut output = io::stdout();
    if let Some(redis) = &redis {
        writeln!(output, "export {SHARED_REDIS}='{}'", redis.url())?;
    }
    if let Some(postgres) = &postgres {
        writeln!(output, "export {SHARED_POSTGRES}='{}'", postgres.url())?;
    }
    writeln!(output, "# Until Ctrl-D or Ctrl-C.")?;
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
