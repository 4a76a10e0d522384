//! `whycap spend --html`: writes a page to a file or to standard output.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::ensure;

use super::reply::{Reply, print_unescaped};
use crate::collect::Context;
use crate::disk::{self, Durability};
use crate::html::BEGINNING;
use crate::render::Report;
use crate::spend::ReportRequest;

/// The file name that stands for standard output.
const STANDARD_OUTPUT: &str = "-";

/// Writes the requested page and reports its location. Fails if the file exists and was not written by whycap.
pub(super) fn reply(
    file: &Path,
    request: &ReportRequest,
    is_anonymous: bool,
    context: &Context,
) -> anyhow::Result<Reply> {
    check_target(file)?;
    let page = context.spend_page(request, is_anonymous)?;
    let mut reply = Reply::default().with_code(page.is_incomplete);
    if file == Path::new(STANDARD_OUTPUT) {
        // The page has already been escaped.
        print_unescaped(page.html)?;
    } else {
        disk::write_atomically(file, page.html.as_bytes(), Durability::Synced)?;
        let file = context.paths.show(file);
        reply.report = Report::from_lines(&format!("Wrote {file}. Open it in a browser."));
    }
    Ok(reply)
}

/// Fails if the file contains anything other than an earlier page.
fn check_target(file: &Path) -> anyhow::Result<()> {
    if file == Path::new(STANDARD_OUTPUT) {
        return Ok(());
    }
    let start = match disk::read_head(file, BEGINNING.len() as u64) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        read => read.map_err(disk::read_error(file))?,
    };
    ensure!(
        start.is_empty() || start == BEGINNING.as_bytes(),
        "{} already exists and was not written by whycap; choose a different file, or move this file somewhere else",
        file.display()
    );
    Ok(())
}
