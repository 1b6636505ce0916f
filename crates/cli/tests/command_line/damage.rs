//! A store in which one record is damaged.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::terminal::Terminal;

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_is_told_and_holds_nothing_up() {
    let terminal = Terminal::open().await;
    let folder = terminal.file("sessions");
    let store = format!("--store file:{}", folder.display());
    terminal.login("native-app", &format!("{store} --session whole")).await.ok();
    let before = records(&folder);
    terminal.login("native-app", &format!("{store} --session damaged")).await.ok();
    let damaged = records(&folder).difference(&before).next().unwrap().clone();
    fs::write(&damaged, "garbage").unwrap();

    let listed = terminal.run(&format!("list {store} --json")).await.ok();
    let states: BTreeSet<_> =
        listed["sessions"].as_array().unwrap().iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, BTreeSet::from(["damaged", "fresh"]), "{listed}");

    terminal.run(&format!("keys rotate {store}")).await;
    let resealed = terminal.run(&format!("keys reseal {store} --json")).await;
    assert!(resealed.stdout.contains(r#""resealed":1"#), "{} {}", resealed.stdout, resealed.stderr);
    assert!(resealed.stdout.contains(r#""unreadable":1"#), "{}", resealed.stdout);

    let new = format!("file:{}", terminal.file("new").display());
    let moved = terminal.run(&format!("migrate --from file:{} --to {new} --json", folder.display())).await;
    assert!(moved.stdout.contains(r#""moved":1"#), "{} {}", moved.stdout, moved.stderr);
    assert!(moved.stdout.contains(r#""unreadable":1"#), "{}", moved.stdout);
    assert_eq!(fs::read(&damaged).unwrap(), b"garbage");
}

/// The files of the sessions in a folder.
fn records(folder: &Path) -> BTreeSet<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "session")).collect()
}
