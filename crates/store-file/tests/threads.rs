//! How many threads wait. A program of its own, because the threads of other tests would be counted too.

#![expect(clippy::unwrap_used, reason = "in a test, an error is a failure")]

use std::fs::{self, File};
use std::time::Duration;

use oidc_session_core::{Commit, Expected, Record, SessionStore as _, StoreKey, Stored, Version};
use oidc_session_store_file::FileStore;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);

#[test]
fn writes_that_wait_hold_one_thread_between_them_and_none_of_the_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let store = FileStore::builder(directory.path()).busy_timeout(Duration::from_secs(60)).open().await.unwrap();
        let first = Stored { version: Version::from_u64(1), record: Record::from_bytes(b"sealed".to_vec()) };
        let other_process = File::open(directory.path().join("oidc-session.lock")).unwrap();
        other_process.lock().unwrap();

        for _ in 0..3 {
            let given_up = store.commit(&KEY, Expected::Absent, &first, None);
            assert!(tokio::time::timeout(Duration::from_millis(20), given_up).await.is_err());
        }
        let mut commits = tokio::task::JoinSet::new();
        for _ in 0..50 {
            let (store, first) = (store.clone(), first.clone());
            commits.spawn(async move { store.commit(&KEY, Expected::Absent, &first, None).await.unwrap() });
        }
        for _ in 0..3 {
            tokio::task::yield_now().await;
            tokio::task::spawn_blocking(|| ()).await.unwrap();
            assert_eq!(store.load(&KEY).await.unwrap(), None);
        }
        #[cfg(target_os = "linux")]
        assert_eq!(threads_that_wait(), 1);

        drop(other_process);
        let commits = commits.join_all().await;
        let created = commits.iter().filter(|commit| **commit == Commit::Done);
        assert_eq!(created.count(), 1);
    });
}

#[cfg(target_os = "linux")]
fn threads_that_wait() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let names = threads.filter_map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")).ok());
    names.filter(|name| name.starts_with("oidc-session-lo")).count()
}
