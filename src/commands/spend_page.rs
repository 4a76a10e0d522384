//! The page of `whycap spend --html`: where it goes.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::ensure;

use super::reply::{Reply, print_as_it_is};
use crate::disk::{self, Durability};
use crate::html::BEGINNING;
use crate::machine::Machine;
use crate::render::Report;
use crate::spend::ReportRequest;

/// Standard output.
const PIPE: &str = "-";

/// Writes the page of what is wanted, and says where it is.
pub(super) fn reply(
    file: &Path,
    wanted: &ReportRequest,
    is_anonymous: bool,
    machine: &Machine,
) -> anyhow::Result<Reply> {
    check_target(file)?;
    let (page, is_incomplete) = machine.page_of_spend(wanted, is_anonymous)?;
    let mut reply = Reply::default().with_code(is_incomplete);
    if file == Path::new(PIPE) {
        // Its texts were made visible when they became markup.
        print_as_it_is(page)?;
    } else {
        disk::write_atomically(file, page.as_bytes(), Durability::Synced)?;
        let file = machine.places.show(file);
        reply.report = Report::from_lines(&format!("Written: {file}; open it in a browser"));
    }
    Ok(reply)
}

/// A page of ours may be replaced, and an empty file; nothing else.
fn check_target(file: &Path) -> anyhow::Result<()> {
    let begins = match disk::read_head(file, BEGINNING.len() as u64) {
        _ if file == Path::new(PIPE) => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        read => read.map_err(disk::unread(file))?,
    };
    ensure!(
        begins.is_empty() || begins == BEGINNING.as_bytes(),
        "{} exists and is no page of whycap; name another file, or move it away",
        file.display()
    );
    Ok(())
}
