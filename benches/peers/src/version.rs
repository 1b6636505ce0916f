/// The version of `name` that was built, from this workspace's lock file.
pub fn version(name: &str) -> Option<&'static str> {
    let mut lines = include_str!("../Cargo.lock").lines();
    lines.find(|line| line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"')) == Some(name))?;
    lines.next()?.strip_prefix("version = \"")?.strip_suffix('"')
}
