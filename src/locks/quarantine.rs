//! What was cleared and is not an empty directory waits here, and can be brought back.
//!
//! One directory an item in `<data>/quarantine`: the item under its own name, and `manifest.json`
//! with its old place, the time and the reason. The manifest is written first, so that even a crash
//! between the two steps leaves nothing whose origin is unknown.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::directory::Directory;
use super::sighting::LockSighting;
use super::survey::FoundLock;
use crate::disk::{self, Durability, records};
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

fn room(places: &Places) -> PathBuf {
    places.data.join("quarantine")
}

/// Why a lock is not here. The sentences say what to do instead.
#[derive(Debug)]
pub(super) enum NotPut {
    /// The quarantine cannot be used for it.
    NoPlace(String),
    /// It is not the one that was judged any more, and stays.
    Replaced(String),
    /// The system refused.
    Refused(io::Error),
}

impl NotPut {
    pub(super) fn says(self, found: &FoundLock) -> String {
        match self {
            Self::NoPlace(says) | Self::Replaced(says) => says,
            Self::Refused(error) => failure(&error, found),
        }
    }
}

/// Moves an empty directory here, and removes it only then: if it is not the one that was judged, it
/// can be put back.
pub(super) fn remove_empty(
    places: &Places,
    found: &FoundLock,
    parent: &Directory,
    why: &str,
    now: DateTime<Utc>,
) -> Result<(), NotPut> {
    match put(places, found, parent, why, now) {
        Ok(item) => {
            // What cannot be removed stays, and can be brought back.
            let removed = Directory::open(&item).and_then(|here| here.remove_empty(found.name()));
            if removed.is_ok() {
                discard(&item);
            }
            Ok(())
        }
        Err(NotPut::NoPlace(_)) => parent.remove_empty(found.name()).map_err(NotPut::Refused),
        Err(other) => Err(other),
    }
}

/// Moves a lock here, and says where to.
pub(super) fn put(
    places: &Places,
    found: &FoundLock,
    parent: &Directory,
    why: &str,
    now: DateTime<Utc>,
) -> Result<PathBuf, NotPut> {
    let room = room(places);
    let manifest = Manifest {
        original: found.path(),
        moved_at: now.to_rfc3339(),
        why: why.to_owned(),
    };
    let prepared = || -> anyhow::Result<(PathBuf, Directory)> {
        disk::create_private_dir(&room)?;
        let name = now.format("%Y%m%dT%H%M%SZ-").to_string();
        // Until it is kept, what goes wrong deletes it again, with nothing in it but our manifest.
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let item = builder.prefix(&name).tempdir_in(&room)?;
        let manifest = serde_json::to_vec_pretty(&manifest)?;
        disk::write_atomically(&item.path().join(MANIFEST), &manifest, Durability::Synced)?;
        let target = Directory::open(item.path())?;
        Ok((item.keep(), target))
    };
    let (item, target) = prepared().map_err(|error| {
        let room = room.display();
        let says = "Check who may write there.";
        NotPut::NoPlace(format!(
            "The quarantine in {room} cannot be used: {error}. {says}"
        ))
    })?;
    let moved = move_in(found, parent, &target, &item);
    // Windows deletes no directory that is open.
    drop(target);
    if let Err(error) = moved {
        // Nothing came in, so the room is empty again but for our own manifest.
        discard(&item);
        return Err(error);
    }
    Ok(item)
}

fn move_in(
    found: &FoundLock,
    parent: &Directory,
    target: &Directory,
    item: &Path,
) -> Result<(), NotPut> {
    let name = found.name();
    parent.move_to(name, target).map_err(|error| match error.kind() {
        ErrorKind::CrossesDevices => {
            let path = found.path();
            let path = path.display();
            NotPut::NoPlace(format!("The quarantine is on another file system. Move it by hand: mv '{path}' '{path}.old'"))
        }
        _ => NotPut::Refused(error),
    })?;
    let (arrived, judged) = (target.look(name).ok().flatten(), &found.facts.seen);
    let is_judged = |it: LockSighting| it.identity == judged.identity && it.shape == judged.shape;
    if arrived.is_some_and(is_judged) {
        return Ok(());
    }
    // Somebody replaced it in the last instant: this one is not the one that was judged.
    Err(NotPut::Replaced(match target.move_to(name, parent) {
        Ok(()) => "It was replaced while we worked; the new one was left in place.".to_owned(),
        Err(error) => format!(
            "It was replaced while we worked, and the new one could not be put back ({error}); it is in {}.",
            item.display()
        ),
    }))
}

/// What the system's refusal means for the user.
pub(super) fn failure(error: &io::Error, found: &FoundLock) -> String {
    let path = found.path();
    let directory = path.parent().unwrap_or(Path::new("/")).display();
    format!("The system refused: {error}. Check who may write in {directory}.")
}

/// Something in quarantine and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Restored {
    /// Where it was before it was cleared.
    pub(crate) path: PathBuf,
    /// Whether it is there again.
    pub(crate) back: bool,
    /// Why, if it is not.
    pub(crate) why: String,
}

/// Brings back everything, oldest first, but never over something that exists now.
pub(crate) fn restore(places: &Places) -> Result<Vec<Restored>, disk::Error> {
    let room = room(places);
    if room.exists() {
        disk::ours::check_own_directory(&room).map_err(disk::unread(&room))?;
    }
    let mut items: Vec<PathBuf> = match std::fs::read_dir(&room) {
        Ok(items) => items.flatten().map(|item| item.path()).collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        Err(source) => return Err(disk::Error::Read { path: room, source }),
    };
    items.sort();
    Ok(items.iter().filter_map(|item| bring_back(item)).collect())
}

fn bring_back(item: &Path) -> Option<Restored> {
    // Killed between bringing it back and clearing up: nothing is to be told of it.
    if discard(item) {
        return None;
    }
    let manifest: Manifest = records::read(&item.join(MANIFEST))?;
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
    let move_out = || Directory::open(item)?.move_to(name, &Directory::open(parent)?);
    move_out().map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            format!("Something is in its old place now; it stays in {here}.")
        }
        _ => format!("The system refused ({error}); it stays in {here}."),
    })
}

/// Removes an item's room once only our manifest is left in it. False if more is.
fn discard(item: &Path) -> bool {
    let only_manifest = |names: Vec<OsString>| names.iter().all(|name| name == MANIFEST);
    let names = Directory::open(item).and_then(|item| item.names(2));
    let is_spent = names.is_ok_and(only_manifest);
    if is_spent {
        // What cannot be removed stays and is harmless: a manifest without an item.
        let _ = disk::remove_own_file(&item.join(MANIFEST));
        disk::replace::remove_own_empty_dir(item);
    }
    is_spent
}
