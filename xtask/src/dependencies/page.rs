//! The page that keeps the numbers.

use std::fmt::Write;

use super::closure::Closure;
use crate::Result;

const BEGIN: &str = "<!-- The table is written by `cargo xtask dependencies`. -->\n";
const END: &str = "<!-- The table ends here. -->\n";

/// One row per adapter.
pub(super) fn table(closures: &[Closure]) -> String {
    let mut table = "| Crate | Pulls in | Of these, not ours |\n|---|---:|---:|\n".to_owned();
    for closure in closures {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| `{}` | {} | {} |", closure.name, closure.size(), closure.foreign());
    }
    table
}

/// The page with its table replaced.
pub(super) fn with_table(page: &str, table: &str) -> Result<String> {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.ok_or("the page has lost the two comments around its table")?;
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_table_is_replaced() {
        let page = format!("before\n{BEGIN}\nold\n\n{END}after\n");
        let written = with_table(&page, "new\n").unwrap();
        assert_eq!(written, format!("before\n{BEGIN}\nnew\n\n{END}after\n"));
        assert_eq!(with_table(&written, "new\n").unwrap(), written);
    }

    #[test]
    fn a_page_without_a_place_for_the_table_is_an_error() {
        assert!(with_table("before\n", "new\n").is_err());
    }
}
