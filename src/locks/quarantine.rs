//! What was cleared and is not an empty directory waits here, and can be brought back.
//!
//! One directory an item in `<data>/quarantine`: the item under its own name, and `manifest.json`
//! with its old place, the time and the reason. The manifest is written first, so that even a crash
//! between the two steps leaves nothing whose origin is unknown.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::finding::Found;
use crate::disk;
use crate::places::Places;

#[derive(Debug, Serialize, Deserialize)]
struct Manifest {
    /// Where the item was; absolute.
    original: PathBuf,
    /// RFC 3339, for people who look in here.
    moved_at: String,
    why: String,
}

const MANIFEST: &str = "manifest.json";
const MANIFEST_LIMIT: u64 = 64 * 1024;
/// More items than anybody has; the oldest come first.
const MOST_ITEMS: usize = 10_000;

fn room(places: &Places) -> PathBuf {
    places.data.join("quarantine")
}

/// Moves a lock here. The error says, in a sentence, what to do instead.
pub(super) fn put(
    places: &Places,
    found: &Found,
    parent: &Directory,
    why: &str,
    now: DateTime<Utc>,
) -> Result<(), String> {
    let in_words = |error: disk::Error| format!("The quarantine cannot be used: {error}.");
    disk::create_private_dir(&room(places)).map_err(in_words)?;
    let manifest = serde_json::to_vec_pretty(&Manifest {
        original: found.path.clone(),
        moved_at: now.to_rfc3339(),
        why: why.to_owned(),
    })
    .map_err(|error| format!("The quarantine's manifest cannot be written: {error}."))?;
    let item = tempfile::Builder::new()
        .prefix(&now.format("%Y%m%dT%H%M%SZ-").to_string())
        .tempdir_in(room(places))
        .map_err(|error| {
            format!(
                "The quarantine cannot be used: {error}; check {}.",
                room(places).display()
            )
        })?
        .keep();
    let moved = disk::write_atomically(&item.join(MANIFEST), &manifest, disk::Durability::Synced)
        .map_err(in_words)
        .and_then(|()| {
            let target = Directory::open(&item)
                .map_err(|error| format!("The quarantine cannot be used: {error}."))?;
            move_in(found, parent, &target, &item)
        });
    if moved.is_err() {
        // Nothing came in, so the room is empty again but for our own manifest.
        discard(&item);
    }
    moved
}

fn move_in(
    found: &Found,
    parent: &Directory,
    target: &Directory,
    item: &Path,
) -> Result<(), String> {
    parent
        .move_to(found.name(), target, found.name())
        .map_err(|error| {
            if error.kind() == std::io::ErrorKind::CrossesDevices {
                format!(
                    "The quarantine is on another file system. Move it by hand: mv '{}' '{}.old'",
                    found.path.display(),
                    found.path.display()
                )
            } else {
                failure(&error, found)
            }
        })?;
    let arrived = target.look(found.name()).ok().flatten();
    if arrived.is_some_and(|look| look.identity.same_object(found.identity)) {
        return Ok(());
    }
    // Somebody replaced it in the last instant: this one is not the one that was judged.
    match target.move_to(found.name(), parent, found.name()) {
        Ok(()) => Err("It was replaced while we worked; the new one was left in place.".to_owned()),
        Err(error) => Err(format!(
            "It was replaced while we worked, and the new one could not be put back ({error}); it is in {}.",
            item.display()
        )),
    }
}

/// What the system's refusal means for the user.
pub(super) fn failure(error: &std::io::Error, found: &Found) -> String {
    let directory = found.path.parent().unwrap_or(Path::new("/"));
    format!(
        "The system refused: {error}. Check who may write in {}.",
        directory.display()
    )
}

/// Something in quarantine and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restored {
    /// Where it was before it was cleared.
    pub path: PathBuf,
    /// Whether it is there again.
    pub back: bool,
    /// Why, if it is not.
    pub why: String,
}

/// Brings back everything, oldest first, but never over something that exists now.
pub fn restore(places: &Places) -> Result<Vec<Restored>, disk::Error> {
    let room = room(places);
    let mut items: Vec<PathBuf> = match std::fs::read_dir(&room) {
        Ok(listing) => listing
            .flatten()
            .map(|entry| entry.path())
            .take(MOST_ITEMS)
            .collect(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(disk::Error::Read { path: room, source }),
    };
    items.sort();
    Ok(items.iter().filter_map(|item| bring_back(item)).collect())
}

fn bring_back(item: &Path) -> Option<Restored> {
    let bytes = disk::read(&item.join(MANIFEST), MANIFEST_LIMIT).ok()??;
    let manifest: Manifest = serde_json::from_slice(&bytes).ok()?;
    let path = manifest.original;
    let outcome = put_back(item, &path);
    if outcome.is_ok() {
        discard(item);
    }
    Some(Restored {
        back: outcome.is_ok(),
        why: outcome.err().unwrap_or_default(),
        path,
    })
}

fn put_back(item: &Path, path: &Path) -> Result<(), String> {
    let here = item.display();
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(format!("Its old place is not known; it stays in {here}."));
    };
    let waits = |why: String| format!("{why}; it stays in {here}.");
    let from = Directory::open(item).map_err(|error| waits(error.to_string()))?;
    let to = Directory::open(parent)
        .map_err(|error| waits(format!("{} cannot be opened ({error})", parent.display())))?;
    from.move_to(name, &to, name).map_err(|error| {
        waits(if error.kind() == std::io::ErrorKind::AlreadyExists {
            "Something is in its old place now".to_owned()
        } else {
            format!("The system refused ({error})")
        })
    })
}

/// Removes an item's room once only our manifest is left in it.
fn discard(item: &Path) {
    let (Some(room), Some(name)) = (item.parent(), item.file_name()) else {
        return;
    };
    let Ok(directory) = Directory::open(item) else {
        return;
    };
    if directory
        .names(2)
        .is_ok_and(|names| names.iter().all(|name| name == OsStr::new(MANIFEST)))
    {
        // What cannot be removed stays and is harmless: a manifest without an item.
        let _ = disk::remove_own_file(&item.join(MANIFEST));
        let _ = Directory::open(room).and_then(|room| room.remove_empty(name));
    }
}
