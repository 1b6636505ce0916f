//! The machine that the figures belong to.

use std::fs;
use std::thread;
use std::time::SystemTime;

use crate::Result;
use crate::command_line::CommandLine;

/// What absolute times depend on.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: String,
    pub(super) memory: String,
    pub(super) system: String,
    pub(super) compiler: String,
    /// `2026-11-23`, in UTC.
    pub(super) date: String,
}

/// Describes this machine; what it does not tell is "unknown".
pub(super) fn describe(now: SystemTime) -> Result<Machine> {
    let told = |path: &str| fs::read_to_string(path).unwrap_or_default();
    Ok(Machine {
        processor: or_unknown(field(&told("/proc/cpuinfo"), "model name")),
        cores: thread::available_parallelism().map_or_else(|_| "unknown".to_owned(), |cores| cores.to_string()),
        memory: or_unknown(field(&told("/proc/meminfo"), "MemTotal").as_deref().and_then(gibibytes)),
        system: system(&told("/proc/sys/kernel/osrelease")),
        compiler: CommandLine::new("rustc", ["--version"]).output()?.trim().to_owned(),
        date: jiff::Timestamp::try_from(now)?.strftime("%Y-%m-%d").to_string(),
    })
}

fn or_unknown(answer: Option<String>) -> String {
    answer.unwrap_or_else(|| "unknown".to_owned())
}

/// The first value of a line like `model name : Some Processor`.
fn field(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

/// `24684032 kB` as `23.5 GiB`.
fn gibibytes(memory: &str) -> Option<String> {
    let kibibytes: f64 = memory.strip_suffix("kB")?.trim().parse().ok()?;
    Some(format!("{:.1} GiB", kibibytes / 1_048_576.0))
}

/// Kernel and C library, as far as they say.
fn system(release: &str) -> String {
    // A build number behind the version says nothing about speed.
    let kernel = release.trim().split('-').next().filter(|version| !version.is_empty());
    let libc = CommandLine::new("getconf", ["GNU_LIBC_VERSION"]);
    let libc = if libc.succeeds() { libc.output().ok() } else { None };
    let parts = [kernel.map(|version| format!("Linux {version}")), libc.map(|version| version.trim().to_owned())];
    let known: Vec<String> = parts.into_iter().flatten().collect();
    if known.is_empty() { std::env::consts::OS.to_owned() } else { known.join(", ") }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A machine for pages in tests.
    pub(in super::super) fn machine() -> Machine {
        Machine {
            processor: "Fast One".to_owned(),
            cores: "2".to_owned(),
            memory: "23.5 GiB".to_owned(),
            system: "Linux 6.18".to_owned(),
            compiler: "rustc 1.95.0".to_owned(),
            date: "2026-11-23".to_owned(),
        }
    }

    #[test]
    fn a_field_is_the_first_of_its_name() {
        let told = "processor\t: 0\nmodel name\t: Fast One @ 3 GHz\nprocessor\t: 1\nmodel name\t: Other\n";
        assert_eq!(field(told, "model name").as_deref(), Some("Fast One @ 3 GHz"));
        assert_eq!(field(told, "flags"), None);
    }

    #[test]
    fn memory_is_told_in_gibibytes() {
        assert_eq!(gibibytes("24684032 kB").as_deref(), Some("23.5 GiB"));
        assert_eq!(gibibytes("much"), None);
    }

    #[test]
    fn the_date_is_that_of_the_instant() {
        assert_eq!(describe(SystemTime::UNIX_EPOCH).unwrap().date, "1970-01-01");
    }
}
