//! A crash at each step of every change leaves the old record or the new one, whole.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keyring_core::api::{Credential, CredentialApi, CredentialStoreApi};
use keyring_core::{CredentialStore, Entry, Error, Result};
use oidc_session_core::{
    HolderId, LeaseClaim, LeaseState, LeaseTerm, Record, StoreErrorKind, StoreKey, Stored, Timestamp, Version,
};

use crate::head::{Content, Head};
use crate::name::EntryName;
use crate::records::{EntrySizes, Records};
use crate::vault::Vault;

const KEY: StoreKey = StoreKey::from_bytes([7; 32]);
const NEIGHBOUR: StoreKey = StoreKey::from_bytes([8; 32]);
const NOW: Timestamp = Timestamp::from_unix_seconds(1_700_000_000);

/// Always in chunks, of which a short record has several.
const TINY: EntrySizes = EntrySizes { head: 0, chunk: 7 };
/// Records up to some length are in their heads.
const MIXED: EntrySizes = EntrySizes { head: 420, chunk: 64 };

#[test]
fn a_first_commit_is_there_or_not() {
    for sizes in [TINY, MIXED] {
        at_each_step(sizes, None, |records| records.replace("test", &KEY, None, &stored(2, LONG), None));
    }
}

#[test]
fn a_commit_replaces_the_record_or_leaves_it() {
    for sizes in [TINY, MIXED] {
        for (old, new) in [(SHORT, SHORT), (SHORT, LONG), (LONG, SHORT), (LONG, LONG), ("", LONG), (LONG, "")] {
            at_each_step(sizes, Some(stored(1, old)), |records| {
                let head = records.head("test", &KEY)?;
                records.replace("test", &KEY, head.as_ref(), &stored(2, new), None)
            });
        }
    }
}

#[test]
fn a_remove_forgets_the_record_or_leaves_it() {
    for sizes in [TINY, MIXED] {
        for old in [SHORT, LONG] {
            at_each_step(sizes, Some(stored(1, old)), |records| match records.head("test", &KEY)? {
                Some(head) => records.forget("test", &KEY, &head),
                None => Ok(()),
            });
        }
    }
}

#[test]
fn a_commit_that_fails_but_lives_on_leaves_no_chunks() {
    let disk = Disk::default();
    let records = disk.records(TINY);
    disk.put(&records, &stored(1, SHORT));
    let before = disk.names();
    disk.fails_once_after(3);
    let head = records.head("test", &KEY).unwrap();
    assert!(records.replace("test", &KEY, head.as_ref(), &stored(2, LONG), None).is_err());
    assert_eq!(disk.names(), before);
}

/// Its chunks might be those that the next repeat finds committed.
#[test]
fn a_head_that_may_have_been_written_keeps_its_chunks() {
    let disk = Disk::default();
    let records = disk.records(TINY);
    let text = LONG.len().div_ceil(3) * 4;
    disk.loses_the_answer_after(text.div_ceil(TINY.chunk));
    let error = records.replace("test", &KEY, None, &stored(2, LONG), None).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(records.stored("test", &KEY).unwrap(), Some(stored(2, LONG)));
}

#[test]
fn a_head_with_its_record_has_room_for_any_lease() {
    let mut inline = 0;
    for length in 0..400 {
        let disk = Disk::default();
        let records = disk.records(MIXED);
        records
            .replace("test", &KEY, None, &stored(i64::MAX as u64, &"x".repeat(length)), Some(Timestamp::MAX))
            .unwrap();
        let mut head = records.head("test", &KEY).unwrap().unwrap();
        if let Content::Chunks(_) = head.content {
            continue;
        }
        inline += 1;
        let term = LeaseTerm { ends_at: Timestamp::from_unix_millis(i64::MIN), length: Duration::MAX };
        let claim = LeaseClaim::Leased { holder: HolderId::from_u128(u128::MAX), term };
        head.lease = LeaseState { claim, unsettled: u32::MAX };
        assert!(head.encode("test").unwrap().len() <= MIXED.head);
    }
    assert!(inline > 0 && inline < 400);
}

fn is_leased(head: &Head) -> bool {
    matches!(head.lease.claim, LeaseClaim::Leased { .. })
}

const SHORT: &str = "a short record";
const LONG: &str = "a record that is rather long: it takes many of the tiny chunks, and it takes some of those which have \
     the size that the other tests use, because it goes on and on and on until it is longer than a head can be, even \
     with all its other fields, and here it ends";

/// Lets `change` crash before and after each write that it makes, and looks at what is left.
fn at_each_step(
    sizes: EntrySizes,
    old: Option<Stored>,
    change: impl Fn(&Records) -> std::result::Result<(), oidc_session_core::StoreError>,
) {
    for takes_effect in [false, true] {
        let mut steps = 0;
        loop {
            let disk = Disk::default();
            let records = disk.records(sizes);
            let neighbour = stored(9, LONG);
            records.replace("test", &NEIGHBOUR, None, &neighbour, None).unwrap();
            if let Some(old) = &old {
                disk.put(&records, old);
            }
            disk.crashes_after(steps, takes_effect);
            let changed = change(&records);
            let crashed = disk.restart();

            let records = disk.records(sizes);
            let head = records.head("test", &KEY).unwrap();
            let left = records.stored("test", &KEY).unwrap();
            if left == old {
                assert!(changed.is_err(), "step {steps}: it was told to be done");
                let unsettled = head.as_ref().map(is_leased);
                assert_eq!(unsettled, old.as_ref().map(|_| true), "step {steps}: the lease is as it was");
            } else {
                assert!(left.as_ref().is_none_or(|left| left.version == Version::from_u64(2)), "step {steps}");
                assert!(head.as_ref().is_none_or(|head| !is_leased(head)), "step {steps}: a commit ends the lease");
            }

            sweep(&records);
            assert_eq!(records.stored("test", &KEY).unwrap(), left);
            assert_eq!(records.stored("test", &NEIGHBOUR).unwrap(), Some(neighbour));
            assert_eq!(disk.names().len(), named(&records), "step {steps}: something is left that no head names");
            if !crashed {
                assert!(changed.is_ok() && left != old);
                break;
            }
            steps += 1;
        }
        assert!(steps > 0);
    }
}

fn sweep(records: &Records) {
    for (key, chunks) in records.keys("test").unwrap() {
        let head = records.head("test", &key).unwrap();
        records.tidy("test", head.as_ref(), &chunks).unwrap();
    }
}

/// How many entries the heads make up, with their chunks.
fn named(records: &Records) -> usize {
    let heads = records.keys("test").unwrap().into_keys().map(|key| records.head("test", &key).unwrap());
    heads.flatten().map(|head| 1 + chunk_count(&head)).sum()
}

fn chunk_count(head: &Head) -> usize {
    match &head.content {
        Content::Inline(_) => 0,
        Content::Chunks(chunks) => chunks.count as usize,
    }
}

fn stored(version: u64, content: &str) -> Stored {
    Stored { version: Version::from_u64(version), record: Record::from_bytes(content.as_bytes().to_vec()) }
}

/// A secret store in memory that outlives the processes that use it.
#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, Vec<u8>>,
    fault: Option<Fault>,
    is_down: bool,
}

/// What happens to one of the next writes.
#[derive(Clone, Copy, Debug)]
struct Fault {
    writes_before: usize,
    takes_effect: bool,
    /// Nothing works after it.
    is_the_end: bool,
}

impl Disk {
    fn records(&self, sizes: EntrySizes) -> Records {
        let disk = self.clone();
        let connect = move || Ok(Arc::new(disk.clone()) as Arc<CredentialStore>);
        Records::new(Vault::open("test".to_owned(), connect).unwrap(), sizes)
    }

    /// A record with somebody who is refreshing it.
    fn put(&self, records: &Records, stored: &Stored) {
        records.replace("test", &KEY, None, stored, None).unwrap();
        let mut head = records.head("test", &KEY).unwrap().unwrap();
        let term = LeaseTerm::new(Duration::from_secs(20), NOW);
        head.lease.claim = LeaseClaim::Leased { holder: HolderId::from_u128(1), term };
        records.write_head("test", &KEY, &head).unwrap();
    }

    fn crashes_after(&self, writes_before: usize, takes_effect: bool) {
        self.state().fault = Some(Fault { writes_before, takes_effect, is_the_end: true });
    }

    fn fails_once_after(&self, writes_before: usize) {
        self.state().fault = Some(Fault { writes_before, takes_effect: false, is_the_end: false });
    }

    fn loses_the_answer_after(&self, writes_before: usize) {
        self.state().fault = Some(Fault { writes_before, takes_effect: true, is_the_end: false });
    }

    /// Whether it crashed.
    fn restart(&self) -> bool {
        let mut state = self.state();
        state.fault = None;
        std::mem::take(&mut state.is_down)
    }

    fn names(&self) -> Vec<String> {
        self.state().entries.keys().cloned().collect()
    }

    fn read<T>(&self, read: impl FnOnce(&BTreeMap<String, Vec<u8>>) -> Result<T>) -> Result<T> {
        let state = self.state();
        if state.is_down { Err(down()) } else { read(&state.entries) }
    }

    fn write(&self, write: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> Result<()>) -> Result<()> {
        let mut state = self.state();
        if state.is_down {
            return Err(down());
        }
        match &mut state.fault {
            Some(fault) if fault.writes_before == 0 => {
                let Fault { takes_effect, is_the_end, .. } = *fault;
                state.fault = None;
                state.is_down = is_the_end;
                if takes_effect {
                    write(&mut state.entries)?;
                }
                return Err(down());
            }
            Some(fault) => fault.writes_before -= 1,
            None => {}
        }
        write(&mut state.entries)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn down() -> Error {
    Error::PlatformFailure("down".into())
}

impl CredentialStoreApi for Disk {
    fn vendor(&self) -> String {
        "memory".to_owned()
    }

    fn id(&self) -> String {
        "memory".to_owned()
    }

    fn build(&self, _: &str, user: &str, _: Option<&HashMap<&str, &str>>) -> Result<Entry> {
        assert!(EntryName::parse(user).is_some(), "{user}");
        Ok(Entry::new_with_credential(Arc::new(Item { disk: self.clone(), name: user.to_owned() })))
    }

    fn search(&self, _: &HashMap<&str, &str>) -> Result<Vec<Entry>> {
        let names = self.read(|entries| Ok(entries.keys().cloned().collect::<Vec<_>>()))?;
        let items = names.into_iter().map(|name| Item { disk: self.clone(), name });
        Ok(items.map(|item| Entry::new_with_credential(Arc::new(item))).collect())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

#[derive(Debug)]
struct Item {
    disk: Disk,
    name: String,
}

impl CredentialApi for Item {
    fn set_secret(&self, secret: &[u8]) -> Result<()> {
        assert!(secret.is_ascii(), "KWallet keeps nothing but text");
        self.disk.write(|entries| {
            entries.insert(self.name.clone(), secret.to_vec());
            Ok(())
        })
    }

    fn get_secret(&self) -> Result<Vec<u8>> {
        self.disk.read(|entries| entries.get(&self.name).cloned().ok_or(Error::NoEntry))
    }

    /// As each platform tells the name of an entry that was found.
    fn get_attributes(&self) -> Result<HashMap<String, String>> {
        let target = format!("{}.test", self.name);
        Ok(HashMap::from([("username".to_owned(), self.name.clone()), ("target_name".to_owned(), target)]))
    }

    fn delete_credential(&self) -> Result<()> {
        self.disk.write(|entries| entries.remove(&self.name).map(drop).ok_or(Error::NoEntry))
    }

    fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
        Ok(None)
    }

    fn get_specifiers(&self) -> Option<(String, String)> {
        Some(("test".to_owned(), self.name.clone()))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
