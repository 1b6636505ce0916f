//! Where the programs of a server are.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// Beside the path: where packages put servers that not everybody should run.
const USUAL_PLACES: [&str; 5] = ["/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/opt/homebrew/bin"];

/// The first of `names` that is on the path or in one of the usual places.
pub(crate) fn find(names: &[&str]) -> Option<PathBuf> {
    names.iter().find_map(|name| folders().map(|folder| folder.join(name)).find(|program| program.is_file()))
}

/// The folder in which `programs` all are: the newest `versioned/*/bin`, one on the path, or a usual place.
pub(crate) fn find_folder(programs: &[&str], versioned: &str) -> Option<PathBuf> {
    versions(Path::new(versioned))
        .into_iter()
        .chain(folders())
        .find(|folder| programs.iter().all(|program| folder.join(program).is_file()))
}

fn folders() -> impl Iterator<Item = PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path: Vec<PathBuf> = env::split_paths(&path).collect();
    on_path.into_iter().chain(USUAL_PLACES.iter().map(PathBuf::from))
}

/// `parent/15/bin` before `parent/14/bin`.
fn versions(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let mut numbered: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    numbered.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    numbered.into_iter().map(|(_, folder)| folder).collect()
}
