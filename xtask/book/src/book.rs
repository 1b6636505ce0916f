//! The book, by mdBook.

use std::path::Path;

use mdbook_driver::MDBook;

use crate::Result;

/// Builds the book of `folder` into `out`.
pub(crate) fn build(folder: &Path, out: &Path) -> Result {
    let mut book = MDBook::load(folder).map_err(sentence)?;
    book.config.build.build_dir = std::path::absolute(out)?;
    book.build().map_err(sentence)
}

/// With the causes.
fn sentence(error: mdbook_driver::errors::Error) -> Box<dyn std::error::Error + Send + Sync> {
    format!("{error:#}").into()
}
