//! Which arrows are allowed: a pure function of the graph.

use std::fmt::{self, Display};

use super::graph::{Arrow, Graph, Member};

/// Packages of which two versions would mean two connection pools or two TLS stacks.
const ONE_VERSION: [&str; 6] = ["h2", "http", "hyper", "reqwest", "rustls", "tower-http"];

/// What the pure crates must not pull in, however far down.
const IMPURE: [&str; 6] = ["hyper", "redis", "reqwest", "rusqlite", "tokio", "tokio-postgres"];

/// Where a crate stands; arrows point from later to earlier.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Layer {
    Core,
    Policy,
    /// Seals records and names them; the manager and the command line open them with it.
    Sealing,
    Manager,
    Store,
    /// `provider-oidc`, which the vendors build on.
    Oidc,
    /// A vendor: what differs from plain OIDC.
    Vendor,
    /// `http-client` and `http-server`: where programs meet sessions.
    Http,
    Testkit,
    Cli,
    Facade,
    /// `xtask/servers`: real servers for tests.
    Servers,
    /// `benches`, `examples`, `xtask` and its `e2e/client`: outside `crates/`, published never.
    Outside,
}

/// Every rule the graph breaks, as sentences; empty if none.
pub(super) fn violations(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for member in &graph.members {
        let Some(from) = layer(&member.folder) else {
            found.push(format!("{} has no rule: say in xtask/src/arrows/rules.rs what it may name", member.folder));
            continue;
        };
        found.extend(misnamed(member));
        found.extend(impure(member, from));
        found.extend(member.arrows.iter().filter_map(|arrow| forbidden(graph, member, from, arrow)));
    }
    found.extend(ONE_VERSION.iter().filter_map(|name| several_versions(graph, name)));
    found
}

fn layer(folder: &str) -> Option<Layer> {
    let Some(name) = folder.strip_prefix("crates/") else {
        return Some(if folder == "xtask/servers" { Layer::Servers } else { Layer::Outside });
    };
    match name {
        "core" => Some(Layer::Core),
        "policy" => Some(Layer::Policy),
        "sealing" => Some(Layer::Sealing),
        "manager" => Some(Layer::Manager),
        "testkit" => Some(Layer::Testkit),
        "cli" => Some(Layer::Cli),
        "oidc-session" => Some(Layer::Facade),
        _ if name.starts_with("store-") => Some(Layer::Store),
        "provider-oidc" => Some(Layer::Oidc),
        _ if name.starts_with("provider-") => Some(Layer::Vendor),
        _ if name.starts_with("http-") => Some(Layer::Http),
        _ => None,
    }
}

fn misnamed(member: &Member) -> Option<String> {
    let folder = member.folder.strip_prefix("crates/")?;
    let expected = if folder == "oidc-session" { folder.to_owned() } else { format!("oidc-session-{folder}") };
    (member.name != expected).then(|| format!("{} holds {}, not {expected}", member.folder, member.name))
}

fn impure(member: &Member, layer: Layer) -> Option<String> {
    let pure = matches!(layer, Layer::Core | Layer::Policy | Layer::Sealing);
    let found: Vec<&str> = IMPURE.into_iter().filter(|name| member.closure.contains(*name)).collect();
    (pure && !found.is_empty()).then(|| format!("{} is pure, but pulls in {}", member.folder, found.join(", ")))
}

fn forbidden(graph: &Graph, member: &Member, from: Layer, arrow: &Arrow) -> Option<String> {
    let target = graph.members.iter().find(|target| target.name == arrow.to)?;
    let to = layer(&target.folder)?;
    let allowed = if arrow.dev { in_tests(from, to, &target.folder) } else { in_code(from, to, arrow.optional) };
    let place = if arrow.dev { "its tests name" } else { "it names" };
    (!allowed).then(|| format!("{}: {place} {}; {}", member.folder, target.folder, Reason(from)))
}

/// What a crate may name.
fn in_code(from: Layer, to: Layer, optional: bool) -> bool {
    match from {
        Layer::Core | Layer::Servers => false,
        Layer::Policy | Layer::Sealing | Layer::Store | Layer::Oidc | Layer::Testkit => to == Layer::Core,
        Layer::Vendor => matches!(to, Layer::Core | Layer::Oidc),
        Layer::Manager => matches!(to, Layer::Core | Layer::Policy | Layer::Sealing),
        Layer::Http => match to {
            Layer::Core | Layer::Sealing | Layer::Manager => true,
            // What a DPoP proof is, is known there.
            Layer::Oidc => optional,
            _ => false,
        },
        Layer::Facade => match to {
            Layer::Core | Layer::Policy | Layer::Sealing | Layer::Manager => true,
            Layer::Store | Layer::Oidc | Layer::Vendor | Layer::Http => optional,
            Layer::Testkit | Layer::Cli | Layer::Facade | Layer::Servers | Layer::Outside => false,
        },
        Layer::Cli => !matches!(to, Layer::Servers | Layer::Outside),
        Layer::Outside => to != Layer::Outside,
    }
}

/// What the tests of a crate may name besides.
fn in_tests(from: Layer, to: Layer, target: &str) -> bool {
    let concrete = matches!(to, Layer::Store | Layer::Oidc | Layer::Vendor);
    match from {
        Layer::Core | Layer::Servers => false,
        // Stores are tested with real servers.
        Layer::Store if to == Layer::Servers => true,
        Layer::Policy | Layer::Sealing | Layer::Store | Layer::Oidc | Layer::Vendor => {
            in_code(from, to, false) || to == Layer::Testkit || target == "crates/store-memory"
        }
        Layer::Manager | Layer::Testkit | Layer::Http => in_code(from, to, false) || to == Layer::Testkit || concrete,
        Layer::Cli | Layer::Facade | Layer::Outside => to != Layer::Outside,
    }
}

fn several_versions(graph: &Graph, name: &str) -> Option<String> {
    let versions: Vec<&str> = graph.versions.get(name)?.iter().map(String::as_str).collect();
    (versions.len() > 1).then(|| format!("there must be one {name}, not {}", versions.join(" and ")))
}

/// The rule of a layer, as it is told to whoever broke it.
struct Reason(Layer);

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Layer::Core => "core is the innermost crate and names no other",
            Layer::Policy => "policy knows core only",
            Layer::Sealing => "sealing knows core only, and in tests testkit and store-memory",
            Layer::Manager => {
                "the manager knows core, policy and sealing, and meets stores and providers through their seams"
            }
            Layer::Store => "a store knows core only, and in tests testkit, store-memory and xtask/servers",
            Layer::Oidc => "it knows core only, and in tests testkit and store-memory",
            Layer::Vendor => "vendors know core and provider-oidc, and in tests testkit and store-memory",
            Layer::Testkit => "testkit knows core only",
            Layer::Http => {
                "the HTTP crates know core, sealing and the manager, provider-oidc behind a feature, and no store"
            }
            Layer::Facade => "the facade names stores and providers behind features only, and never testkit or cli",
            Layer::Servers => "the servers for tests know none of our crates",
            Layer::Cli | Layer::Outside => "nothing names benches, examples or xtask, and the command no xtask/servers",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrow(to: &str) -> Arrow {
        let name = if to == "oidc-session" { to.to_owned() } else { format!("oidc-session-{to}") };
        Arrow { to: name, dev: false, optional: false }
    }

    fn member(folder: &str, to: &[&str]) -> Member {
        Member {
            name: arrow(folder).to,
            folder: format!("crates/{folder}"),
            arrows: to.iter().map(|to| arrow(to)).collect(),
            ..Member::default()
        }
    }

    fn house() -> Graph {
        let mut facade = member("oidc-session", &["core", "policy", "manager", "store-memory", "provider-oidc"]);
        facade.arrows.iter_mut().skip(3).for_each(|arrow| arrow.optional = true);
        let outside = |name: &str, folder: &str, to: &[&str]| Member {
            name: name.into(),
            folder: folder.into(),
            ..member("", to)
        };
        Graph {
            members: vec![
                member("core", &[]),
                member("policy", &["core"]),
                member("manager", &["core", "policy"]),
                member("store-memory", &["core"]),
                member("store-sqlite", &["core"]),
                member("provider-oidc", &["core"]),
                member("provider-auth0", &["core", "provider-oidc"]),
                member("http-client", &["core", "manager"]),
                member("testkit", &["core"]),
                member("cli", &["core", "manager", "store-sqlite", "provider-oidc", "testkit"]),
                facade,
                outside("oidc-session-benches", "benches", &["store-memory"]),
                outside("oidc-session-test-servers", "xtask/servers", &[]),
                outside("xtask", "xtask", &["test-servers"]),
            ],
            versions: [("reqwest".to_owned(), ["0.13.5".to_owned()].into())].into(),
        }
    }

    /// The house with one member changed breaks exactly one rule, whose sentence starts like this.
    fn breaks(folder: &str, change: impl FnOnce(&mut Member), sentence: &str) {
        let mut graph = house();
        let name = format!("crates/{folder}");
        change(graph.members.iter_mut().find(|member| member.folder == name).unwrap());
        let found = violations(&graph);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with(sentence), "{found:?}");
    }

    #[test]
    fn the_house_as_designed_breaks_no_rule() {
        assert_eq!(violations(&house()), Vec::<String>::new());
    }

    #[test]
    fn arrows_that_point_outward_are_found() {
        for (folder, to) in [
            ("core", "policy"),
            ("policy", "store-memory"),
            ("manager", "store-memory"),
            ("manager", "provider-oidc"),
            ("store-sqlite", "store-memory"),
            ("store-sqlite", "policy"),
            ("provider-oidc", "manager"),
            ("provider-oidc", "provider-auth0"),
            ("provider-auth0", "manager"),
            ("provider-auth0", "store-memory"),
            ("testkit", "store-memory"),
            ("http-client", "store-memory"),
            ("http-client", "policy"),
            ("http-client", "provider-oidc"), // Without a feature.
            ("manager", "http-client"),
            ("oidc-session", "testkit"),
            ("oidc-session", "store-sqlite"), // Without a feature.
            ("cli", "benches"),
            ("cli", "test-servers"),
            ("store-sqlite", "test-servers"), // In code; in tests it may.
        ] {
            let sentence = format!("crates/{folder}: it names");
            breaks(folder, |member| member.arrows.push(arrow(to)), &sentence);
        }
    }

    #[test]
    fn tests_may_name_testkit_and_store_memory_but_core_may_not() {
        let in_tests = |to: &str| Arrow { dev: true, ..arrow(to) };
        for folder in ["policy", "manager", "store-sqlite", "provider-oidc", "oidc-session", "cli"] {
            let mut graph = house();
            let name = format!("crates/{folder}");
            let member = graph.members.iter_mut().find(|member| member.folder == name).unwrap();
            member.arrows.extend([in_tests("testkit"), in_tests("store-memory")]);
            assert_eq!(violations(&graph), Vec::<String>::new());
        }
        breaks("core", |member| member.arrows.push(in_tests("testkit")), "crates/core: its tests name");
        breaks(
            "store-sqlite",
            |member| member.arrows.push(in_tests("provider-oidc")),
            "crates/store-sqlite: its tests",
        );
    }

    #[test]
    fn tests_of_stores_and_of_the_command_may_start_servers_and_others_may_not() {
        let servers = || Arrow { dev: true, ..arrow("test-servers") };
        for folder in ["store-sqlite", "oidc-session", "cli"] {
            let mut graph = house();
            let name = format!("crates/{folder}");
            graph.members.iter_mut().find(|member| member.folder == name).unwrap().arrows.push(servers());
            assert_eq!(violations(&graph), Vec::<String>::new());
        }
        for folder in ["policy", "manager", "provider-oidc", "testkit"] {
            breaks(folder, |member| member.arrows.push(servers()), &format!("crates/{folder}: its tests name"));
        }
    }

    #[test]
    fn a_folder_is_its_package_without_the_prefix() {
        breaks("testkit", |member| member.name = "oidc-session-kit".into(), "crates/testkit holds oidc-session-kit");
    }

    #[test]
    fn a_crate_without_a_rule_is_found() {
        let mut graph = house();
        graph.members.push(member("plugins", &["core"]));
        assert_eq!(violations(&graph).len(), 1);
        assert!(violations(&graph)[0].starts_with("crates/plugins has no rule"));
    }

    #[test]
    fn pure_crates_pull_in_no_runtime_however_far_down() {
        for folder in ["core", "policy"] {
            let sentence = format!("crates/{folder} is pure, but pulls in tokio");
            breaks(folder, |member| member.closure = ["serde".into(), "tokio".into()].into(), &sentence);
        }
    }

    #[test]
    fn a_second_reqwest_is_found() {
        let mut graph = house();
        graph.versions.entry("reqwest".into()).or_default().insert("0.12.28".into());
        assert_eq!(violations(&graph), ["there must be one reqwest, not 0.12.28 and 0.13.5"]);
    }
}
