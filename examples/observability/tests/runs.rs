//! The example runs to its end, and shows what the page on observability says.

use std::process::Command;

#[test]
fn it_shows_the_spans_and_the_metrics_of_one_refresh() {
    let run = Command::new(env!("CARGO_BIN_EXE_oidc-session-example-observability")).output().unwrap();
    let (shown, errors) = (String::from_utf8(run.stdout).unwrap(), String::from_utf8(run.stderr).unwrap());
    assert!(run.status.success(), "{errors}");

    let spans = |name: &str| shown.lines().filter(|line| line.trim() == format!("Name         : {name}")).count();
    assert_eq!(spans("oidc_session.refresh"), 1, "{shown}");
    assert!(spans("oidc_session.provider_request") >= 2 && spans("oidc_session.store_call") >= 2, "{shown}");
    assert!(shown.contains(r#"oidc_session.outcome: String(Owned("refreshed"))"#), "{shown}");

    for line in [
        r#"oidc_session_outcomes_total{outcome="refreshed"} 1"#,
        r#"oidc_session_outcomes_total{outcome="joined"} 2"#,
        r#"oidc_session_ended_total{reason="logged_out"} 1"#,
        r#"oidc_session_ended_total{reason="rejected"} 0"#,
        r#"oidc_session_refresh_duration_seconds_count{outcome="refreshed"} 1"#,
        "oidc_session_refreshes_in_progress 0",
        "oidc_session_change_feed_followed 1",
        "# TYPE oidc_session_store_call_duration_seconds histogram",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in {shown}");
    }
}
