//! Times per operation, as criterion leaves them below `<target>/criterion`.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use serde::Deserialize;

use crate::Result;

/// The time of one operation, in nanoseconds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Figure {
    /// The group, such as `header/2`.
    pub(super) group: String,
    /// The function in its group, with its parameter, such as `close/sealed`.
    pub(super) function: String,
    /// The median of the samples; without one, the slope.
    pub(super) time: f64,
    /// The interval around it that criterion is confident of.
    pub(super) interval: (f64, f64),
    /// When it was measured.
    pub(super) at: SystemTime,
}

/// Reads every figure below `folder` that is not older than `since`. A folder that is not there holds none.
///
/// # Errors
///
/// A file that is not what criterion writes, by its name.
pub(super) fn read(folder: &Path, since: Option<SystemTime>) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    if folder.is_dir() {
        walk(folder, since, &mut figures)?;
    }
    Ok(figures)
}

fn walk(folder: &Path, since: Option<SystemTime>, figures: &mut Vec<Figure>) -> Result {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !path.is_dir() {
            continue;
        }
        // The run before it is in `base`, what changed in `change`.
        if path.file_name().is_some_and(|name| name == "new") {
            figures.extend(read_one(&path, since)?);
        } else {
            walk(&path, since, figures)?;
        }
    }
    Ok(())
}

/// Reads what one benchmark left; nothing if it was interrupted, or is too old.
fn read_one(folder: &Path, since: Option<SystemTime>) -> Result<Option<Figure>> {
    let (benchmark, estimates) = (folder.join("benchmark.json"), folder.join("estimates.json"));
    if !benchmark.is_file() || !estimates.is_file() {
        return Ok(None);
    }
    let at = fs::metadata(&estimates)?.modified()?;
    if since.is_some_and(|since| at < since) {
        return Ok(None);
    }
    let malformed = |path: &Path, error: String| format!("{}: not what criterion writes: {error}", path.display());
    let (group, function) = name(&fs::read_to_string(&benchmark)?).map_err(|error| malformed(&benchmark, error))?;
    let (time, interval) = time(&fs::read_to_string(&estimates)?).map_err(|error| malformed(&estimates, error))?;
    Ok(Some(Figure { group, function, time, interval, at }))
}

#[derive(Deserialize)]
struct Benchmark {
    group_id: String,
    function_id: Option<String>,
    value_str: Option<String>,
}

/// The group and the function that `benchmark.json` names.
fn name(json: &str) -> std::result::Result<(String, String), String> {
    let Benchmark { group_id, function_id, value_str } =
        serde_json::from_str(json).map_err(|error| error.to_string())?;
    // A function without a group is a group of its own.
    let function = match (function_id, value_str) {
        (Some(function), Some(value)) => format!("{function}/{value}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => group_id.clone(),
    };
    Ok((group_id, function))
}

#[derive(Deserialize)]
struct Estimates {
    median: Option<Estimate>,
    slope: Option<Estimate>,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

/// The time and its interval that `estimates.json` states, in nanoseconds.
fn time(json: &str) -> std::result::Result<(f64, (f64, f64)), String> {
    let Estimates { median, slope } = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let Estimate { point_estimate: time, confidence_interval } =
        median.or(slope).ok_or("it has neither a median nor a slope")?;
    if time <= 0.0 {
        return Err(format!("an operation cannot take {time} ns"));
    }
    Ok((time, (confidence_interval.lower_bound, confidence_interval.upper_bound)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEDIAN: &str =
        r#""median":{"point_estimate":21.5,"confidence_interval":{"lower_bound":21.0,"upper_bound":22.0}}"#;
    const SLOPE: &str =
        r#""slope":{"point_estimate":23.5,"confidence_interval":{"lower_bound":23.0,"upper_bound":24.0}}"#;

    #[test]
    fn the_median_is_the_time_and_the_slope_where_there_is_none() {
        assert_eq!(time(&format!("{{{MEDIAN},{SLOPE}}}")).unwrap(), (21.5, (21.0, 22.0)));
        assert_eq!(time(&format!("{{{SLOPE}}}")).unwrap(), (23.5, (23.0, 24.0)));
        assert_eq!(time(&format!("{{{MEDIAN},\"slope\":null}}")).unwrap().0, 21.5);
        assert!(time("{}").is_err());
    }

    #[test]
    fn no_time_at_all_is_an_error() {
        let error = time(&format!("{{{}}}", MEDIAN.replace("21.5", "0.0"))).unwrap_err();
        assert_eq!(error, "an operation cannot take 0 ns");
    }

    #[test]
    fn a_function_is_named_with_its_parameter() {
        for (json, expected) in [
            (r#"{"group_id":"header/2","function_id":"floor","value_str":null}"#, ("header/2", "floor")),
            (r#"{"group_id":"sealing","function_id":"close","value_str":"plain"}"#, ("sealing", "close/plain")),
            (r#"{"group_id":"timers/10","function_id":null,"value_str":"12"}"#, ("timers/10", "12")),
            (r#"{"group_id":"alone","function_id":null,"value_str":null}"#, ("alone", "alone")),
        ] {
            let (group, function) = name(json).unwrap();
            assert_eq!((group.as_str(), function.as_str()), expected);
        }
    }

    #[test]
    fn figures_are_found_below_the_folder_but_not_those_of_the_run_before() {
        let folder = scratch("found");
        leave(&folder.join("header_2/floor/new"), "floor", MEDIAN);
        leave(&folder.join("header_2/floor/base"), "floor", SLOPE);
        leave(&folder.join("header_2/close/deeper/new"), "close", SLOPE);
        fs::create_dir_all(folder.join("header_2/interrupted/new")).unwrap();
        let mut figures = read(&folder, None).unwrap();
        figures.sort_by(|one, other| one.function.cmp(&other.function));
        assert_eq!(figures.iter().map(|figure| figure.time).collect::<Vec<_>>(), [23.5, 21.5]);
        assert_eq!(read(&folder.join("absent"), None).unwrap(), []);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_older_is_left_out() {
        let folder = scratch("older");
        leave(&folder.join("floor/new"), "floor", MEDIAN);
        let at = read(&folder, None).unwrap()[0].at;
        assert_eq!(read(&folder, Some(at)).unwrap().len(), 1);
        assert_eq!(read(&folder, Some(at + std::time::Duration::from_secs(1))).unwrap(), []);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_malformed_file_is_named() {
        let folder = scratch("malformed");
        leave(&folder.join("floor/new"), "floor", "not JSON");
        let error = read(&folder, None).unwrap_err().to_string();
        assert!(error.contains("estimates.json: not what criterion writes: "), "{error}");
        fs::remove_dir_all(folder).unwrap();
    }

    fn scratch(name: &str) -> std::path::PathBuf {
        std::env::temp_dir().join(format!("bench-report-{name}-{}", std::process::id()))
    }

    fn leave(folder: &Path, function: &str, estimates: &str) {
        fs::create_dir_all(folder).unwrap();
        let benchmark = format!(r#"{{"group_id":"header/2","function_id":"{function}","value_str":null}}"#);
        fs::write(folder.join("benchmark.json"), benchmark).unwrap();
        fs::write(folder.join("estimates.json"), format!("{{{estimates}}}")).unwrap();
    }
}
