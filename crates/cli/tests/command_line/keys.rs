//! The key ring of a store, and moving sessions from one store to another.

use std::fs;
use std::path::Path;

use oidc_session_core::SessionStore as _;
use oidc_session_store_sqlite::SqliteStore;
use serde_json::Value;

use super::terminal::Terminal;

/// The access token of the session, refreshed first.
async fn token(terminal: &Terminal, flags: &str) -> String {
    let ran = terminal.run(&format!("token {flags}")).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
}

fn answer(stdout: &str) -> Value {
    serde_json::from_str(stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"))
}

fn sqlite(path: &Path) -> String {
    format!("sqlite:{}", path.display())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_login_makes_a_key_ring_beside_the_sessions_and_says_so() {
    let terminal = Terminal::open().await;
    let login = terminal.login("native-app", "").await;
    let ring = terminal.file("session-keys.json");
    assert!(login.stderr.contains(&format!("made the key ring {}", ring.display())), "{}", login.stderr);
    assert!(fs::read_to_string(&ring).unwrap().contains("sealing_keys"));

    let ran = terminal.run("status --json").await;
    assert!(!ran.stderr.contains("made the key ring"), "{}", ran.stderr);
    assert_eq!(answer(&ran.stdout)["state"], "fresh");
    let database = fs::read(terminal.store()).unwrap();
    for plain in ["refresh_token", "alice", "native-app"] {
        assert!(!database.windows(plain.len()).any(|window| window == plain.as_bytes()), "{plain}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_key_ring_a_session_is_not_readable_and_not_lost() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let (ring, aside) = (terminal.file("session-keys.json"), terminal.file("aside.json"));
    fs::rename(&ring, &aside).unwrap();
    let ran = terminal.run("token").await;
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("{} is missing", ring.display())), "{}", ran.stderr);
    assert!(!ring.exists(), "another ring would make it look as if there were no session");
    let login = terminal.command("login --issuer http://localhost:1 --client-id native-app --no-browser");
    assert_eq!(Terminal::finish(login).await.code, 5, "and would seal the next one");
    fs::rename(&aside, &ring).unwrap();
    token(&terminal, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ring_is_rotated_and_the_sessions_are_sealed_anew() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let ids = |keys: &Value| -> Vec<String> {
        keys["keys"].as_array().unwrap().iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
    };
    let first = ids(&answer(&terminal.run("keys list --json").await.stdout));
    let rotated = ids(&answer(&terminal.run("keys rotate --json").await.stdout));
    assert_eq!(rotated[1..], first);
    token(&terminal, "").await;

    let resealed = answer(&terminal.run("keys reseal --drop-old-keys --json").await.stdout);
    assert_eq!((&resealed["resealed"], &resealed["unreadable"]), (&1.into(), &0.into()));
    assert_eq!(ids(&answer(&terminal.run("keys list --json").await.stdout)), rotated[..1]);
    token(&terminal, "").await;
    let again = answer(&terminal.run("keys reseal --json").await.stdout);
    assert_eq!(again["resealed"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_key_seals_after_the_next_rotation() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let prepared = answer(&terminal.run("keys rotate --prepare --json").await.stdout);
    assert_eq!((&prepared["keys"][0]["seals"], &prepared["keys"][1]["prepared"]), (&true.into(), &true.into()));
    let rotated = answer(&terminal.run("keys rotate --json").await.stdout);
    assert_eq!(rotated["keys"][0]["id"], prepared["keys"][1]["id"]);
    assert_eq!(rotated["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_being_refreshed_is_not_sealed_anew_under_its_holder() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    terminal.run("keys rotate").await;
    let key = stored_key(&terminal).await;
    let store = SqliteStore::open(&terminal.store()).await.unwrap();
    let holder = oidc_session_core::HolderId::random();
    let lease = store.try_lease(&key, holder, std::time::Duration::from_secs(600)).await.unwrap();
    assert!(matches!(lease, oidc_session_core::Lease::Granted { .. }));

    let ran = terminal.run("keys reseal --drop-old-keys --patience 0s --json").await;
    assert_eq!(ran.code, 4, "{}", ran.stderr);
    assert_eq!(answer(&ran.stdout)["resealing"]["busy"], 1);
    assert_eq!(answer(&terminal.run("keys list --json").await.stdout)["keys"].as_array().unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_from_before_the_key_ring_are_pointed_out_and_sealed_by_reseal() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    unseal(&terminal).await;
    let ran = terminal.run("token").await;
    assert_eq!(ran.code, 5, "{}", ran.stderr);
    assert!(ran.stderr.contains("oidc-session keys reseal"), "{}", ran.stderr);

    let resealed = answer(&terminal.run("keys reseal --json").await.stdout);
    assert_eq!(resealed["resealed"], 1);
    terminal.run("expire").await;
    token(&terminal, "").await;
    assert_eq!(answer(&terminal.run("keys reseal --json").await.stdout)["resealed"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn generate_makes_a_ring_once_and_shows_no_key() {
    let terminal = Terminal::open().await;
    let path = terminal.file("ring.json");
    let made = terminal.run(&format!("keys generate {}", path.display())).await;
    assert_eq!(made.code, 0, "{}", made.stderr);
    let ring = fs::read_to_string(&path).unwrap();
    let secret = ring.lines().find(|line| line.contains("naming_key")).unwrap().split('"').nth(3).unwrap();
    assert!(!format!("{}{}", made.stdout, made.stderr).contains(secret));
    let again = terminal.run(&format!("keys generate {}", path.display())).await;
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert_eq!(fs::read_to_string(&path).unwrap(), ring);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ring_from_a_file_or_a_variable_opens_the_sessions() {
    let terminal = Terminal::open().await;
    let path = terminal.file("ring.json");
    terminal.run(&format!("keys generate {}", path.display())).await;
    let with_file = format!("--keys {}", path.display());
    terminal.login("native-app", &with_file).await.ok();
    assert!(!terminal.file("session-keys.json").exists());
    token(&terminal, &with_file).await;

    let mut command = terminal.command("token");
    command.env("OIDC_SESSION_KEYS", fs::read_to_string(&path).unwrap());
    let ran = Terminal::finish(command).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let mut command = terminal.command("token");
    command.env("OIDC_SESSION_KEYS", "hunter2");
    let ran = Terminal::finish(command).await;
    assert_eq!(ran.code, 5);
    assert!(!ran.stderr.contains("hunter2"), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migrated_session_lives_on_in_the_new_store_and_nowhere_else() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    terminal.login("native-app", "--session second").await.ok();
    terminal.run("logout --session second").await;
    let (old, new) = (sqlite(&terminal.store()), sqlite(&terminal.file("new/sessions.db")));
    let migrate = format!("migrate --from {old} --to {new} --json");
    let ran = terminal.run(&migrate).await;
    assert_eq!(ran.code, 0, "{} {}", ran.stdout, ran.stderr);
    assert_eq!(answer(&ran.stdout)["moved"], 1);

    let ran = terminal.run("token").await;
    assert_eq!(ran.code, 3);
    assert!(ran.stderr.contains("moved to another store"), "{}", ran.stderr);
    assert!(ran.stderr.contains("use the store it was moved to") && !ran.stderr.contains("login"), "{}", ran.stderr);
    for command in ["token", "refresh", "userinfo"] {
        let error = terminal.run(&format!("{command} --json")).await.error(3);
        assert_eq!(error["reason"], "moved", "{error}");
        assert!(error["hint"].as_str().unwrap().contains("use the store it was moved to"), "{error}");
    }
    let status = terminal.run("status").await.stdout;
    assert!(status.contains("lives on in the store") && !status.contains("login"), "{status}");
    terminal.run(&format!("expire --store {new}")).await;
    token(&terminal, &format!("--store {new}")).await;
    assert_eq!(answer(&terminal.run(&migrate).await.stdout)["moved"], 0);

    // And back again.
    let ran = terminal.run(&format!("migrate --from {new} --to {old} --json")).await;
    assert_eq!(answer(&ran.stdout)["moved"], 1, "{}", ran.stderr);
    token(&terminal, "").await;
    assert_eq!(terminal.server.counters().reuse_detected, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namesake_in_the_new_store_is_left_alone() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let (old, new) = (sqlite(&terminal.store()), sqlite(&terminal.file("new/sessions.db")));
    terminal.login("native-app", &format!("--store {new}")).await.ok();
    let tokens = [token(&terminal, "").await, token(&terminal, &format!("--store {new}")).await];
    let ran = terminal.run(&format!("migrate --from {old} --to {new} --json")).await;
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(answer(&ran.stdout)["migration"]["occupied"], 1);
    assert_eq!(tokens, [token(&terminal, "").await, token(&terminal, &format!("--store {new}")).await]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_moved_is_refused_before_anything_is_touched() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let old = sqlite(&terminal.store());
    for (arguments, expected) in [
        (format!("migrate --from {old} --to memory:"), "nothing to move"),
        (format!("migrate --from {old} --to {old}"), "the same store"),
        (format!("migrate --from sqlite:~/old.db --to {old}"), "~ in --from"),
        (format!("migrate --from {old} --to hunter2"), "--to takes a URL"),
        (format!("migrate --from {}x --to {old}", old), "there is no store at --from"),
    ] {
        let ran = terminal.run(&arguments).await;
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
    }
    assert!(!terminal.file("sessions.dbx").exists());
    token(&terminal, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_store_under_two_names_keeps_its_sessions() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let old = sqlite(&terminal.store());
    fs::create_dir(terminal.file("deeper")).unwrap();
    let again = sqlite(&terminal.file("deeper/../sessions.db"));
    let ran = terminal.run(&format!("migrate --from {old} --to {again}")).await;
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    token(&terminal, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_reads_its_urls_from_variables() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    let (old, new) = (sqlite(&terminal.store()), sqlite(&terminal.file("new/sessions.db")));
    let migrate = |from: &str, to: &str, arguments: &str| {
        let mut command = terminal.command(arguments);
        command.env("OIDC_SESSION_FROM", from).env("OIDC_SESSION_TO", to);
        Terminal::finish(command)
    };
    let help = migrate("redis://app:hunter2@h", "redis://app:hunter2@h", "migrate --help").await;
    assert!(help.stdout.contains("OIDC_SESSION_FROM") && help.stdout.contains("OIDC_SESSION_TO"), "{}", help.stdout);
    assert!(!help.stdout.contains("hunter2"), "{}", help.stdout);
    assert_eq!(migrate(&old, &new, "migrate --json").await.ok()["moved"], 1);
    token(&terminal, &format!("--store {new}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_go_under_another_key_ring_in_the_same_store() {
    let terminal = Terminal::open().await;
    for name in ["one", "two", "three"] {
        terminal.login("native-app", &format!("--session {name}")).await.ok();
    }
    let (store, ring) = (sqlite(&terminal.store()), terminal.file("new.json"));
    terminal.run(&format!("keys generate {}", ring.display())).await;
    let migrate = format!("migrate --from {store} --to {store} --to-keys {} --json", ring.display());
    assert_eq!(terminal.run(&migrate).await.ok()["moved"], 3);
    assert_eq!(terminal.run(&migrate).await.ok()["moved"], 0, "what has arrived is none of its business");
    for name in ["one", "two", "three"] {
        terminal.run(&format!("expire --session {name} --keys {}", ring.display())).await;
        token(&terminal, &format!("--session {name} --keys {}", ring.display())).await;
    }
    assert_eq!(terminal.run("token --session one --json").await.error(3)["reason"], "moved");

    // A third ring opens neither.
    let third = terminal.file("third.json");
    terminal.run(&format!("keys generate {}", third.display())).await;
    let ran = terminal
        .run(&format!(
            "migrate --from {store} --from-keys {} --to {store} --to-keys {} --json",
            third.display(),
            ring.display()
        ))
        .await;
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(ran.json()["migration"]["unreadable"], 3, "the tombstones under the first ring");
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_sessions_go_from_files_to_sqlite_and_back_with_their_limits() {
    let terminal = Terminal::open().await;
    let (files, database) =
        (format!("file:{}", terminal.file("files").display()), sqlite(&terminal.file("db/sessions.db")));
    let flags = format!("--store {files}");
    terminal.login("native-app", &format!("{flags} --idle-limit 30m --absolute-limit 8h")).await.ok();
    terminal.login("native-app", &format!("{flags} --session plain")).await.ok();
    terminal.login("native-app", &format!("{flags} --session ended")).await.ok();
    terminal.run(&format!("logout --session ended {flags}")).await;
    let rings = [terminal.file("files/session-keys.json"), terminal.file("db/session-keys.json")];
    let before = terminal.run(&format!("status --json {flags}")).await.ok();
    assert!(before["ends_at"].is_string() && before["idle_at"].is_string(), "{before}");

    for (from, to) in [(&files, &database), (&database, &files)] {
        let moved = terminal.run(&format!("migrate --from {from} --to {to} --json")).await.ok();
        assert_eq!(moved["moved"], 2, "{moved}");
        let after = terminal.run(&format!("status --json --store {to}")).await.ok();
        for field in ["state", "subject", "ends_at", "idle_at", "expires_at", "received_at", "has_refresh_token"] {
            assert_eq!(after[field], before[field], "{field}");
        }
        for name in ["default", "plain"] {
            let error = terminal.run(&format!("token --json --session {name} --store {from}")).await.error(3);
            assert_eq!(error["reason"], "moved", "{error}");
        }
        let kept = kept_for_ever(&terminal.file("db/sessions.db"));
        assert_eq!(kept, if to == &database { 1 } else { 0 }, "the plain one, where it lives");
    }
    let error = terminal.run(&format!("token --json --session ended {flags}")).await.error(3);
    assert_eq!(error["reason"], "logged_out", "an ended session stays where it is");
    assert_eq!(terminal.run(&format!("status --json --session ended --store {database}")).await.ok()["state"], "none");
    for name in ["default", "plain"] {
        terminal.run(&format!("expire {flags} --session {name}")).await;
        token(&terminal, &format!("{flags} --session {name}")).await;
    }
    assert_eq!(terminal.server.counters().reuse_detected, 0);
    assert_ne!(fs::read(&rings[0]).unwrap(), fs::read(&rings[1]).unwrap(), "each store has a ring of its own");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_of_a_session_on_its_way_stands_and_until_then_it_is_told_how_to_go_on() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    departs(&terminal).await;
    let error = terminal.run("token --json").await.error(3);
    assert!(error["hint"].as_str().unwrap().contains("oidc-session migrate"), "{error}");
    assert!(terminal.run("status").await.stdout.contains("still on its way"));
    assert_eq!(terminal.run("logout --json").await.ok()["revoked"], true);
    assert_eq!(terminal.run("token --json").await.error(3)["reason"], "logged_out");
    let (old, new) = (sqlite(&terminal.store()), sqlite(&terminal.file("new/sessions.db")));
    assert_eq!(terminal.run(&format!("migrate --from {old} --to {new} --json")).await.ok()["moved"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_keys_cannot_be_dropped_from_a_variable_and_that_is_told_first() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    terminal.run("keys rotate").await;
    let ring = fs::read_to_string(terminal.file("session-keys.json")).unwrap();
    let with_ring = |arguments: &str| {
        let mut command = terminal.command(arguments);
        command.env("OIDC_SESSION_KEYS", &ring);
        Terminal::finish(command)
    };
    let error = with_ring("keys reseal --drop-old-keys --json").await.error(2);
    assert!(error["message"].as_str().unwrap().contains("OIDC_SESSION_KEYS"), "{error}");
    assert_eq!(with_ring("keys reseal --json").await.ok()["resealed"], 1, "nothing was done before");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_ring_yet_it_is_told_how_to_come_by_one() {
    let terminal = Terminal::open().await;
    for command in ["list", "rotate", "rotate --prepare"] {
        let error = terminal.run(&format!("keys {command} --json")).await.error(5);
        assert!(error["hint"].as_str().unwrap().contains("oidc-session login"), "{error}");
        let named = format!("keys {command} --json --keys {}", terminal.file("none.json").display());
        let error = terminal.run(&named).await.error(5);
        assert!(error["hint"].as_str().unwrap().contains("oidc-session keys generate"), "{error}");
    }
    assert!(!terminal.file("session-keys.json").exists() && !terminal.file("session-keys.lock").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_while_sessions_are_sealed_anew_costs_none_of_them() {
    use oidc_session_core::{HolderId, Lease, Release};
    use tokio::io::{AsyncBufReadExt as _, BufReader};
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    terminal.run("keys rotate").await;
    let (key, holder) = (stored_key(&terminal).await, HolderId::random());
    let store = SqliteStore::open(&terminal.store()).await.unwrap();
    let lease = store.try_lease(&key, holder, std::time::Duration::from_secs(600)).await.unwrap();
    assert!(matches!(lease, Lease::Granted { .. }));

    let mut command = terminal.command("keys reseal --drop-old-keys --json");
    command.env_remove("RUST_LOG");
    let mut resealing = command.spawn().unwrap();
    let mut said = BufReader::new(resealing.stderr.take().unwrap()).lines();
    while !said.next_line().await.unwrap().unwrap().contains("looking again") {}
    assert_eq!(terminal.run("keys rotate").await.code, 0);
    store.release(&key, holder, Release::default()).await.unwrap();
    assert!(resealing.wait().await.unwrap().success());

    let keys = terminal.run("keys list --json").await.ok();
    assert_eq!(keys["keys"].as_array().unwrap().len(), 2, "the newest, and the one that sealed just now: {keys}");
    token(&terminal, "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sweep_drops_what_has_passed_its_time_and_nothing_else() {
    let terminal = Terminal::open().await;
    terminal.login("native-app", "").await.ok();
    terminal.login("native-app", "--session second").await.ok();
    terminal.run("logout --session second").await;
    assert_eq!(answer(&terminal.run("sweep --json").await.stdout)["swept"], 0, "an ended session is kept for a while");
    let database = rusqlite::Connection::open(terminal.store()).unwrap();
    let aged = database.execute("UPDATE sessions SET keep_until_unix_ms = 1 WHERE keep_until_unix_ms IS NOT NULL", ());
    assert_eq!(aged.unwrap(), 1);
    assert_eq!(answer(&terminal.run("sweep --json").await.stdout)["swept"], 1);
    token(&terminal, "").await;
}

/// The key of the only record.
async fn stored_key(terminal: &Terminal) -> oidc_session_core::StoreKey {
    let store = SqliteStore::open(&terminal.store()).await.unwrap();
    match oidc_session_core::Walk::over(&store).next().await.unwrap() {
        Some(oidc_session_core::Walked::Record { key, .. }) => key,
        other => panic!("{other:?}"),
    }
}

/// Puts the session back as a version without sealing stored it.
async fn unseal(terminal: &Terminal) {
    use oidc_session_core::{Clock as _, Commit, Expected, SystemClock};
    use oidc_session_sealing::{KeyRing, Seal};
    let store = SqliteStore::open(&terminal.store()).await.unwrap();
    let seal = Seal::with(KeyRing::load(&terminal.file("session-keys.json")).unwrap());
    let key = stored_key(terminal).await;
    let stored = store.load(&key).await.unwrap().unwrap();
    let opened = seal.open(&key, &stored).unwrap();
    let _ = store.remove(&key, stored.version).await.unwrap();
    let plain = Seal::none();
    let address = plain.address_of_digest(opened.address.digest);
    let next = plain.close(&address, Expected::Absent, &opened.state, SystemClock.now()).unwrap();
    assert_eq!(store.commit(&address.key, Expected::Absent, &next, None).await.unwrap(), Commit::Done);
}

/// Leaves the session on its way, as a `migrate` that was killed does.
async fn departs(terminal: &Terminal) {
    use oidc_session_core::{Clock as _, Commit, Expected, SessionState, SystemClock, Tombstone};
    use oidc_session_sealing::{KeyRing, Seal};
    let store = SqliteStore::open(&terminal.store()).await.unwrap();
    let seal = Seal::with(KeyRing::load(&terminal.file("session-keys.json")).unwrap());
    let key = stored_key(terminal).await;
    let stored = store.load(&key).await.unwrap().unwrap();
    let opened = seal.open(&key, &stored).unwrap();
    let SessionState::Active(session) = opened.state else { panic!("it has ended") };
    let (expected, now) = (Expected::At(stored.version), SystemClock.now());
    let next = seal.close(&opened.address, expected, &Tombstone::of_moving(*session, now).into(), now).unwrap();
    assert_eq!(store.commit(&key, expected, &next, None).await.unwrap(), Commit::Done);
}

/// How many records nobody will ever sweep.
fn kept_for_ever(database: &Path) -> i64 {
    let database = rusqlite::Connection::open(database).unwrap();
    database.query_row("SELECT count(*) FROM sessions WHERE keep_until_unix_ms IS NULL", (), |row| row.get(0)).unwrap()
}
