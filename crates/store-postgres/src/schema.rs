//! [`Schema`]: whose tables are used, and how they came to be.

use std::fmt;
use std::time::Duration;

use oidc_session_core::{StoreError, StoreErrorKind};
use tokio_postgres::{Client, GenericClient};

use crate::error::{from_postgres, misconfigured};

/// Every layout, from the first to the one that this version needs.
const MIGRATIONS: &[&str] = &[include_str!("migrations/0001.sql")];

/// The layout that this version needs.
const LAYOUT: i32 = MIGRATIONS.len() as i32;

const CHECK: &str = "check the session tables";
const MIGRATE: &str = "migrate the session tables";

/// The schema that holds the tables.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Schema(String);

impl Schema {
    pub(crate) const DEFAULT: &str = "oidc_session";

    /// How long a migration may take, with the wait for other processes.
    pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

    /// The channel's name is longer, and PostgreSQL's names have at most 63 bytes.
    const LONGEST: usize = 50;

    /// A name of lower-case letters, digits and underscores: what needs no quoting cannot be quoted wrongly elsewhere.
    pub(crate) fn named(name: &str) -> Result<Self, StoreError> {
        let fits = name.len() <= Self::LONGEST
            && name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
            && name.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_')
            && !name.starts_with("pg_");
        if fits {
            Ok(Self(name.to_owned()))
        } else {
            Err(misconfigured(
                "use the schema",
                "its name must have 1 to 50 lower-case letters, digits and underscores, and no digit or `pg_` in front",
            ))
        }
    }

    /// The name as SQL has it.
    pub(crate) fn quoted(&self) -> String {
        format!("\"{}\"", self.0)
    }

    /// Where changes are told of.
    pub(crate) fn channel(&self) -> String {
        format!("{}_changes", self.0)
    }

    /// The statements that make the tables, for whoever does it by hand.
    pub(crate) fn script(&self) -> String {
        let mut script = format!("BEGIN;\n\nCREATE SCHEMA IF NOT EXISTS {};\n\n", self.quoted());
        for migration in MIGRATIONS {
            script.push_str(&self.filled_in(migration));
            script.push('\n');
        }
        script.push_str("COMMIT;\n");
        script
    }

    fn filled_in(&self, migration: &str) -> String {
        migration.replace("{schema}", &self.quoted())
    }

    /// Fails unless the tables have the layout that this version needs.
    pub(crate) async fn check(&self, client: &Client) -> Result<(), StoreError> {
        match self.layout(client).await.map_err(|error| from_postgres(CHECK, &error))? {
            Layout::Some(LAYOUT) => Ok(()),
            other => Err(StoreError::new(StoreErrorKind::Misconfigured, CHECK).because(self.advice(other))),
        }
    }

    /// Brings the tables to the layout that this version needs. Of many processes that do so at once, one does it.
    pub(crate) async fn migrate(&self, client: &mut Client) -> Result<(), StoreError> {
        let failed = |error: tokio_postgres::Error| from_postgres(MIGRATE, &error);
        // Looked at first without the lock: almost always there is nothing to do, nor perhaps the right to do it.
        if self.layout(client).await.map_err(failed)? == Layout::Some(LAYOUT) {
            return Ok(());
        }
        let transaction = client.transaction().await.map_err(failed)?;
        transaction
            .batch_execute(&format!("SET LOCAL statement_timeout = {}", Self::PATIENCE.as_millis()))
            .await
            .map_err(failed)?;
        transaction
            .execute(
                "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))",
                &[&format!("oidc-session migrations of {}", self.0)],
            )
            .await
            .map_err(failed)?;
        // Looked at again: another process may have done it while this one waited.
        let done = match self.layout(&transaction).await.map_err(failed)? {
            Layout::None => 0,
            Layout::Some(layout @ 1..=LAYOUT) => layout.unsigned_abs() as usize,
            other @ Layout::Some(_) => return Err(misconfigured(MIGRATE, self.advice(other))),
        };
        if !self.exists(&transaction).await.map_err(failed)? {
            transaction.batch_execute(&format!("CREATE SCHEMA {}", self.quoted())).await.map_err(failed)?;
        }
        for migration in MIGRATIONS.iter().skip(done) {
            transaction.batch_execute(&self.filled_in(migration)).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)
    }

    async fn exists(&self, client: &impl GenericClient) -> Result<bool, tokio_postgres::Error> {
        let found = client.query_opt("SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1", &[&self.0]).await?;
        Ok(found.is_some())
    }

    async fn layout(&self, client: &impl GenericClient) -> Result<Layout, tokio_postgres::Error> {
        let table = format!("{}.layouts", self.quoted());
        // Not by `to_regclass`: it may remember, from before the lock, that there was no such schema.
        let found = client
            .query_opt(
                "SELECT FROM pg_catalog.pg_class JOIN pg_catalog.pg_namespace ON pg_namespace.oid = relnamespace
                 WHERE nspname = $1 AND relname = 'layouts'",
                &[&self.0],
            )
            .await?;
        if found.is_none() {
            return Ok(Layout::None);
        }
        let found = client.query_one(&format!("SELECT max(layout) FROM {table}"), &[]).await?;
        Ok(found.try_get::<_, Option<i32>>(0)?.map_or(Layout::None, Layout::Some))
    }

    fn advice(&self, found: Layout) -> String {
        match found {
            Layout::None => format!("the schema `{self}` has no session tables; let the store migrate, or run its SQL"),
            Layout::Some(found) if found > LAYOUT => format!(
                "the schema `{self}` has layout {found}, which a newer version made; this one knows {LAYOUT}: update it"
            ),
            Layout::Some(found) => format!(
                "the schema `{self}` has layout {found}, and {LAYOUT} is needed; let the store migrate, or run its SQL"
            ),
        }
    }
}

impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Layout {
    None,
    Some(i32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_name_needs_no_quoting() {
        for name in ["oidc_session", "_a", "a1", &"x".repeat(50)] {
            assert!(Schema::named(name).is_ok(), "{name}");
        }
        for name in ["", "1a", "A", "a-b", "a b", "a\"b", "a.b", "a'b", "ä", "pg_mine", &"x".repeat(51)] {
            assert!(Schema::named(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_script_names_the_schema_everywhere() {
        let script = Schema::named("mine").unwrap().script();
        assert!(script.contains("CREATE TABLE \"mine\".sessions"));
        assert!(!script.replace("-- Layout 1. \"mine\"", "").contains("{schema}"));
    }
}
