//! Processes that are the first on a database. What else several processes may expect is in the contract.

use oidc_session_core::Expected;
use oidc_session_test_servers::{fresh_name, shared_postgres};
use oidc_session_testkit::processes::{Child, Children, Parent};

use crate::fixture::{KEY, builder, commit};

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_may_start_on_an_empty_database_at_once() {
    const NAME: &str = "processes::eight_processes_may_start_on_an_empty_database_at_once";
    if let Some(parent) = Parent::of_this_process() {
        let schema = parent.ready();
        let patient = std::time::Duration::from_secs(60);
        let builder = builder(parent.address()).schema(schema).acquire_timeout(patient).statement_timeout(patient);
        let store = builder.connect_timeout(patient).connect().await.unwrap();
        let created = commit(&store, KEY, Expected::Absent, "first").await.unwrap();
        return parent.say(if created.is_some() { "created" } else { "found" });
    }

    let mut children = Children::start(NAME, shared_postgres().await, 8);
    children.go(&fresh_name());
    let said: Vec<String> = children.iter_mut().flat_map(Child::hear_all).collect();
    assert_eq!(said.len(), 8);
    assert_eq!(said.iter().filter(|said| *said == "created").count(), 1);
}
