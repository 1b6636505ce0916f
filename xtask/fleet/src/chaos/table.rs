//! [`Table`]: figures, a column for each run.

use std::fmt;

/// Rows of a name and a figure for each column.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    head: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
}

impl Table {
    pub(crate) fn with_columns(head: Vec<String>) -> Self {
        Self { head, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, name: &str, figures: impl IntoIterator<Item = impl ToString>) {
        self.rows.push((name.to_owned(), figures.into_iter().map(|figure| figure.to_string()).collect()));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        let width = |column: usize| {
            let figures = self.rows.iter().filter_map(|(_, figures)| figures.get(column));
            figures.chain(self.head.get(column)).map(|text| text.chars().count()).max().unwrap_or_default()
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, first: &str, cells: &[String]| {
            write!(f, "{first:<name$}")?;
            widths.iter().zip(cells).try_for_each(|(width, cell)| write!(f, "  {cell:>width$}"))?;
            writeln!(f)
        };
        line(f, "", &self.head)?;
        self.rows.iter().try_for_each(|(first, figures)| line(f, first, figures))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_they_hold() {
        let mut table = Table::with_columns(vec!["file".to_owned(), "SQLite".to_owned()]);
        table.row("grants", [12345, 7]);
        table.row("kills", [1, 2]);
        assert_eq!(table.to_string(), "         file  SQLite\ngrants  12345       7\nkills       1       2\n");
    }
}
