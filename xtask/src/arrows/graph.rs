//! The crates of this workspace and what they depend on.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId};

use crate::Result;

/// Everything the rules look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    /// Every member of the workspace.
    pub(super) members: Vec<Member>,
    /// Every package in the resolved graph, with its versions.
    pub(super) versions: BTreeMap<String, BTreeSet<String>>,
}

/// One crate of the workspace.
#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    /// The package name.
    pub(super) name: String,
    /// The folder, relative to the workspace root.
    pub(super) folder: String,
    /// Dependencies on other members.
    pub(super) arrows: Vec<Arrow>,
    /// Every package in its normal dependencies, and theirs.
    pub(super) closure: BTreeSet<String>,
}

/// One dependency of a member on another.
#[derive(Clone, Debug)]
pub(super) struct Arrow {
    /// The package it points at.
    pub(super) to: String,
    /// Whether only tests need it.
    pub(super) dev: bool,
    /// Whether a feature turns it on.
    pub(super) optional: bool,
}

/// Reads the graph from what cargo says.
pub(super) fn read(metadata: &Metadata) -> Result<Graph> {
    let names: HashMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let resolve = metadata.resolve.as_ref().ok_or("cargo resolved no dependency graph")?;
    let nodes: HashMap<&PackageId, &Node> = resolve.nodes.iter().map(|node| (&node.id, node)).collect();

    let mut graph = Graph::default();
    for package in &metadata.packages {
        graph.versions.entry(package.name.to_string()).or_default().insert(package.version.to_string());
    }
    let members = metadata.workspace_packages();
    for package in &members {
        let manifest = package.manifest_path.strip_prefix(&metadata.workspace_root)?;
        graph.members.push(Member {
            name: package.name.to_string(),
            folder: manifest.parent().map(ToString::to_string).unwrap_or_default(),
            arrows: arrows(package, &members),
            closure: closure(&package.id, &nodes)
                .into_iter()
                .filter_map(|id| names.get(id))
                .map(ToString::to_string)
                .collect(),
        });
    }
    graph.members.sort_by(|one, other| one.folder.cmp(&other.folder));
    Ok(graph)
}

fn arrows(package: &Package, members: &[&Package]) -> Vec<Arrow> {
    let is_member = |name: &str| members.iter().any(|member| member.name.as_str() == name);
    let inside =
        package.dependencies.iter().filter(|dependency| dependency.path.is_some() && is_member(&dependency.name));
    inside
        .map(|dependency| Arrow {
            to: dependency.name.clone(),
            dev: dependency.kind == DependencyKind::Development,
            optional: dependency.optional,
        })
        .collect()
}

fn closure<'a>(start: &'a PackageId, nodes: &HashMap<&'a PackageId, &'a Node>) -> BTreeSet<&'a PackageId> {
    let mut reached = BTreeSet::new();
    let mut next = vec![start];
    while let Some(node) = next.pop().and_then(|id| nodes.get(id)) {
        for dependency in &node.deps {
            let normal = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if normal && reached.insert(&dependency.pkg) {
                next.push(&dependency.pkg);
            }
        }
    }
    reached
}

/// One line per crate: what it names, and what its tests name.
pub(super) fn table(graph: &Graph) -> String {
    let mut table = format!("{:<24} {:<72} {}\n", "crate", "depends on (? = a feature turns it on)", "in tests also");
    for member in &graph.members {
        let names = |dev: bool| {
            let arrows = member.arrows.iter().filter(|arrow| arrow.dev == dev);
            let names = arrows.map(|arrow| format!("{}{}", short(&arrow.to), if arrow.optional { "?" } else { "" }));
            names.collect::<Vec<_>>().join(", ")
        };
        let line = format!("{:<24} {:<72} {}", member.folder, names(false), names(true));
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{}", line.trim_end());
    }
    table
}

fn short(name: &str) -> &str {
    name.strip_prefix("oidc-session-").unwrap_or(name)
}
