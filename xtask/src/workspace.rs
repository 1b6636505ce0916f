//! What cargo says about this workspace.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand, Package};

use crate::Result;
use crate::command_line::CommandLine;

/// The folder of the root `Cargo.toml`.
pub(crate) fn root() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("xtask has no parent folder")?;
    Ok(folder.to_owned())
}

/// Members, dependencies and the resolved graph, with every feature on.
pub(crate) fn metadata() -> Result<Metadata> {
    Ok(MetadataCommand::new()
        .manifest_path(root()?.join("Cargo.toml"))
        .features(cargo_metadata::CargoOpt::AllFeatures)
        .exec()?)
}

/// The member called `name`.
pub(crate) fn member<'a>(metadata: &'a Metadata, name: &str) -> Result<&'a Package> {
    let package = metadata.workspace_packages().into_iter().find(|package| package.name.as_str() == name);
    Ok(package.ok_or_else(|| format!("the workspace has no package `{name}`"))?)
}

/// Builds the workspace's `programs` and returns the folder they are in.
///
/// With the features of the whole workspace, as the tests have been built: after them, nothing else is compiled.
pub(crate) fn build(programs: &[&str]) -> Result<PathBuf> {
    let names = programs.iter().flat_map(|program| ["--bin", program]);
    CommandLine::cargo(["build", "--workspace", "--all-features"]).args(names).run()?;
    Ok(PathBuf::from(metadata()?.target_directory).join("debug"))
}

/// Whether the package may never be published (`publish = false`).
pub(crate) fn is_private(package: &Package) -> bool {
    package.publish.as_ref().is_some_and(Vec::is_empty)
}
