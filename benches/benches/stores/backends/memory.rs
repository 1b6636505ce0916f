//! In the memory of this process.

use std::sync::Arc;

use async_trait::async_trait;
use oidc_session_core::SessionStore;
use oidc_session_store_memory::MemoryStore;

use super::Backend;

#[derive(Debug, Default)]
pub(super) struct Memory(MemoryStore);

#[async_trait]
impl Backend for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn durability(&self) -> &'static str {
        "at once; it ends with the process"
    }

    /// More than of others: the rest of a process comes and goes by some pages.
    fn sessions(&self) -> usize {
        10_000
    }

    async fn open(&mut self) -> Arc<dyn SessionStore> {
        Arc::new(self.0.clone())
    }

    async fn size(&mut self) -> Vec<(&'static str, u64)> {
        resident().map(|bytes| ("resident memory of the process", bytes)).into_iter().collect()
    }
}

/// The memory that this process has, as Linux counts it: see proc_pid_status(5). Elsewhere nobody is asked.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1_024)
}
