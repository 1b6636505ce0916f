//! Random names and passwords.

/// A random identifier for a key prefix or a schema, so that tests on a shared server do not meet: a letter, then
/// lower-case hexadecimal digits.
pub fn fresh_name() -> String {
    format!("t{}", random_hex::<8>())
}

/// `BYTES` random bytes in lower-case hexadecimal.
pub(crate) fn random_hex<const BYTES: usize>() -> String {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the operating system has random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
