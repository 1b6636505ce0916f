//! A program to run in the workspace root, shown as a person would type it.

use std::borrow::Cow;
use std::fmt;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::thread;

use crate::{Result, workspace};

/// A program with its arguments and environment.
#[derive(Clone)]
pub(crate) struct CommandLine {
    program: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    secrets: Vec<(String, String)>,
}

impl CommandLine {
    /// A program found on the path.
    pub(crate) fn new<const N: usize>(program: &str, arguments: [&str; N]) -> Self {
        Self {
            program: program.to_owned(),
            arguments: arguments.map(str::to_owned).to_vec(),
            environment: Vec::new(),
            secrets: Vec::new(),
        }
    }

    /// A cargo command.
    pub(crate) fn cargo<const N: usize>(arguments: [&str; N]) -> Self {
        Self::new("cargo", arguments)
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets an environment variable that is not shown.
    pub(crate) fn secret_env(mut self, name: &str, value: &str) -> Self {
        self.secrets.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs to the end; the program writes to our terminal.
    pub(crate) fn run(&self) -> Result {
        let status = self.command()?.status().map_err(|error| self.did_not_start(&error))?;
        if status.success() { Ok(()) } else { Err(format!("`{self}` failed ({status})").into()) }
    }

    /// Runs to the end, shows every line it writes, and returns those lines.
    pub(crate) fn run_and_listen(&self) -> (Vec<String>, Result) {
        self.run_and_listen_for(|_| true)
    }

    /// Runs to the end, shows the lines that are `worth` it, and returns all of them.
    pub(crate) fn run_and_listen_for(&self, worth: impl Fn(&str) -> bool + Sync) -> (Vec<String>, Result) {
        match self.listen(&worth) {
            Ok((lines, true)) => (lines, Ok(())),
            Ok((lines, false)) => (lines, Err(format!("`{self}` failed").into())),
            Err(error) => (Vec::new(), Err(error)),
        }
    }

    /// Runs to the end and returns what it wrote to its standard output; errors go to our terminal.
    pub(crate) fn output(&self) -> Result<String> {
        let output = self.command()?.stderr(Stdio::inherit()).output().map_err(|error| self.did_not_start(&error))?;
        if !output.status.success() {
            return Err(format!("`{self}` failed ({})", output.status).into());
        }
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Whether the program starts and succeeds; what it writes is thrown away.
    pub(crate) fn succeeds(&self) -> bool {
        self.command().is_ok_and(|mut command| {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .is_ok_and(|status| status.success())
        })
    }

    fn listen(&self, worth: &(impl Fn(&str) -> bool + Sync)) -> Result<(Vec<String>, bool)> {
        let mut child = self
            .command()?
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| self.did_not_start(&error))?;
        let stdout = child.stdout.take().ok_or("stdout is piped")?;
        let stderr = child.stderr.take().ok_or("stderr is piped")?;
        let lines = thread::scope(|scope| {
            let stdout = scope.spawn(|| echo(stdout, worth, |line| println!("{line}")));
            let stderr = scope.spawn(|| echo(stderr, worth, |line| eprintln!("{line}")));
            [stdout, stderr].into_iter().flat_map(|stream| stream.join().unwrap_or_default()).collect()
        });
        Ok((lines, child.wait()?.success()))
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().chain(&self.secrets).map(|(name, value)| (name, value)))
            .current_dir(workspace::root()?);
        Ok(command)
    }

    fn did_not_start(&self, error: &std::io::Error) -> String {
        format!("`{self}` did not start: {error}")
    }
}

fn echo(stream: impl Read, worth: impl Fn(&str) -> bool, show: impl Fn(&str)) -> Vec<String> {
    let lines = BufReader::new(stream).split(b'\n').map_while(std::result::Result::ok);
    let lines = lines.map(|line| String::from_utf8_lossy(&line).into_owned());
    lines
        .inspect(|line| {
            if worth(line) {
                show(line)
            }
        })
        .collect()
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.environment {
            write!(f, "{name}=\"{value}\" ")?;
        }
        write!(f, "{}", self.program)?;
        self.arguments.iter().try_for_each(|argument| write!(f, " {}", quoted(argument)))
    }
}

/// For a shell, if it would not take it as it is.
fn quoted(argument: &str) -> Cow<'_, str> {
    let plain = |character: char| character.is_alphanumeric() || "-_=/.,:@+".contains(character);
    if argument.chars().all(plain) { argument.into() } else { format!("'{argument}'").into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_as_a_person_would_type_it() {
        let line = CommandLine::cargo(["doc", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings").args(["--no-deps"]);
        assert_eq!(line.to_string(), r#"RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps"#);
        let line = CommandLine::cargo(["nextest", "run", "-E", "not (kind(test))"]);
        assert_eq!(line.to_string(), "cargo nextest run -E 'not (kind(test))'");
    }

    #[test]
    fn a_secret_reaches_the_program_and_is_not_shown() {
        let line = CommandLine::new("sh", ["-c", "echo $PASSWORD"]).secret_env("PASSWORD", "hunter2");
        assert_eq!(line.to_string(), "sh -c 'echo $PASSWORD'");
        assert_eq!(line.output().unwrap(), "hunter2\n");
    }

    #[test]
    fn listening_keeps_both_streams() {
        let (mut lines, outcome) = CommandLine::new("sh", ["-c", "echo out; echo err >&2; exit 1"]).run_and_listen();
        lines.sort();
        assert_eq!(lines, ["err", "out"]);
        assert!(outcome.is_err());
    }
}
