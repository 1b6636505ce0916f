//! The desktop program, without a secret service.

#![cfg(target_os = "linux")]

use crate::program::Program;

#[tokio::test]
async fn without_a_secret_service_it_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let home = |name| (name, folder.path().as_os_str().to_owned());
    let nowhere = format!("unix:path={}", folder.path().join("nobody").display());
    let env =
        [home("HOME"), home("XDG_STATE_HOME"), home("XDG_RUNTIME_DIR"), ("DBUS_SESSION_BUS_ADDRESS", nowhere.into())];
    let ended = Program::start(env!("CARGO_BIN_EXE_desktop"), env).ends().await;
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stdout);
    assert!(ended.stderr.starts_with("error: could not open the secret store: "), "{}", ended.stderr);
    assert!(ended.stderr.contains("secret service"), "{}", ended.stderr);
}
