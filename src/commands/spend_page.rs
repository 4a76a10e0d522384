//! Where the page of `whycap spend --html FILE` goes.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::ensure;

use super::reply::print_as_it_is;
use crate::disk::{self, Durability};
use crate::html::BEGINNING;
use crate::places::Places;
use crate::render::Report;

/// Standard output.
fn is_piped(file: &Path) -> bool {
    file == Path::new("-")
}

/// Writes the page, and says where it is.
pub(super) fn write(file: &Path, page: String, places: &Places) -> anyhow::Result<Report> {
    let mut report = Report::default();
    if is_piped(file) {
        // Its texts were made visible when they became markup.
        print_as_it_is(page)?;
    } else {
        disk::write_atomically(file, page.as_bytes(), Durability::Synced)?;
        let file = places.show(file);
        report.line(format!("Written: {file}; open it in a browser"));
    }
    Ok(report)
}

/// A page of ours may be replaced, and an empty file; nothing else.
pub(super) fn check_target(file: &Path) -> anyhow::Result<()> {
    if is_piped(file) {
        return Ok(());
    }
    let begins = match disk::read_head(file, BEGINNING.len() as u64) {
        Ok(begins) => begins,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(disk::unread(file)(error).into()),
    };
    ensure!(
        begins.is_empty() || begins == BEGINNING.as_bytes(),
        "{} exists and is no page of whycap; name another file, or move it away",
        file.display()
    );
    Ok(())
}
