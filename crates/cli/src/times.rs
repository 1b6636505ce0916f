//! Instants and durations, as they are typed and printed.

use std::time::Duration;

use jiff::SignedDuration;
use oidc_session_core::Timestamp;

/// Reads a duration such as `5s`, `500ms`, `2m`, `1h` or `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed: SignedDuration =
        text.parse().map_err(|_| "a duration has a unit, such as 500ms, 5s, 2m, 1h or 1h30m".to_owned())?;
    Duration::try_from(parsed).map_err(|_| "a duration cannot be negative".to_owned())
}

/// RFC 3339 in UTC. Instants outside the years that can be written so are none.
pub(crate) fn rfc3339(at: Timestamp) -> Option<String> {
    jiff::Timestamp::from_millisecond(at.as_unix_millis()).ok().map(|at| at.to_string())
}

/// An instant for a person: to the second, in UTC.
pub(crate) fn plain(at: Timestamp) -> String {
    match jiff::Timestamp::from_second(at.as_unix_seconds()) {
        Ok(at) => at.to_string().replace('T', " ").replace('Z', " UTC"),
        Err(_) => "never".to_owned(),
    }
}

/// `in 4 min 10 s`, `2 h ago`, `now`.
pub(crate) fn relative(at: Timestamp, now: Timestamp) -> String {
    let (ahead, behind) = (at.saturating_since(now), now.saturating_since(at));
    match (ahead.as_millis(), behind.as_millis()) {
        (0, 0..1000) => "now".to_owned(),
        (0, _) => format!("{} ago", rough(behind)),
        _ => format!("in {}", rough(ahead)),
    }
}

/// A duration for a person, in its two largest units.
pub(crate) fn rough(duration: Duration) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
    let seconds = duration.as_secs();
    if seconds == 0 {
        return format!("{} ms", duration.as_millis());
    }
    let Some(first) = UNITS.iter().position(|(_, unit)| seconds >= *unit) else {
        return format!("{seconds} s");
    };
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, unit) in UNITS.iter().skip(first).take(2) {
        if rest >= *unit {
            parts.push(format!("{} {name}", rest / unit));
        }
        rest %= unit;
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        for (text, expected_ms) in
            [("5s", 5000), ("500ms", 500), ("2m", 120_000), ("1h", 3_600_000), ("1h30m", 5_400_000), ("0s", 0)]
        {
            assert_eq!(duration(text), Ok(Duration::from_millis(expected_ms)), "{text}");
        }
        for text in ["", "5", "s", "-5s", "5 parsecs", "five"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn instants_are_utc() {
        assert_eq!(rfc3339(Timestamp::from_unix_seconds(0)).as_deref(), Some("1970-01-01T00:00:00Z"));
        assert_eq!(rfc3339(Timestamp::from_unix_millis(1_700_000_000_250)).as_deref(), Some("2023-11-14T22:13:20.25Z"));
        assert_eq!(rfc3339(Timestamp::MAX), None);
        assert_eq!(plain(Timestamp::from_unix_millis(1_700_000_000_250)), "2023-11-14 22:13:20 UTC");
    }

    #[test]
    fn distances_are_told_in_two_units() {
        let now = Timestamp::from_unix_seconds(1_000_000);
        for (seconds, expected) in
            [(0, "now"), (4, "in 4 s"), (250, "in 4 min 10 s"), (3600, "in 1 h"), (90_061, "in 1 d 1 h")]
        {
            assert_eq!(relative(now + Duration::from_secs(seconds), now), expected);
        }
        assert_eq!(relative(now - Duration::from_secs(61), now), "1 min 1 s ago");
        assert_eq!(relative(now - Duration::from_millis(400), now), "now");
        assert_eq!(relative(now + Duration::from_millis(400), now), "in 400 ms");
    }
}
