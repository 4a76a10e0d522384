//! What was cleared and is not an empty directory waits here, and can be brought back.
//!
//! One directory an item in `<data>/quarantine`: the item under its own name, and `manifest.json`
//! with its old place, the time and the reason. The manifest is written first, so that even a crash
//! between the two steps leaves nothing whose origin is unknown.

use std::ffi::OsStr;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::LockAction;
use super::survey::{FoundLock, ReachedLock};
use crate::claude::shell::quoted;
use crate::disk::directory::Directory;
use crate::disk::{self, Durability, EntryShape, records};
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

/// Why a lock is not cleared. The sentences say what to do instead.
#[derive(Debug)]
pub(super) enum NotCleared {
    /// It is not the one that was judged any more, and stays.
    Kept(&'static str),
    /// The quarantine cannot be used for it.
    NoPlace(String),
    /// Somebody took it when it was moved already, and it could not be put back.
    Displaced(String),
    /// The system refused.
    Refused(io::Error),
}

impl From<io::Error> for NotCleared {
    fn from(error: io::Error) -> Self {
        Self::Refused(error)
    }
}

impl NotCleared {
    /// What is said of this lock.
    pub(super) fn outcome(self, found: &FoundLock) -> (LockAction, String) {
        let error = match self {
            Self::Kept(says) => return (LockAction::Kept, says.to_owned()),
            Self::NoPlace(says) | Self::Displaced(says) => return (LockAction::Failed, says),
            Self::Refused(error) => error,
        };
        match error.kind() {
            ErrorKind::NotFound => (LockAction::None, GONE.to_owned()),
            ErrorKind::DirectoryNotEmpty => (LockAction::Kept, FILLED.to_owned()),
            _ => {
                let path = found.at.path();
                let directory = path.parent().unwrap_or(Path::new("/")).display();
                let says =
                    format!("The system refused: {error}. Check who may write in {directory}.");
                (LockAction::Failed, says)
            }
        }
    }
}

const GONE: &str = "It was gone before we came to it: released, or cleared by somebody else.";
const FILLED: &str = "Something was put into it while we worked.";
const TAKEN: NotCleared =
    NotCleared::Kept("Somebody took it while we worked; it was left in place.");

/// A lock that was judged to be dead goes out of the directory in which it lies.
impl ReachedLock<'_> {
    /// `why` it was judged to be dead.
    pub(super) fn take_away(&self, why: &str) -> Result<(), NotCleared> {
        let name = self.found.at.name();
        let is_empty = self.found.seen.shape == EntryShape::EmptyDirectory;
        match self.put_aside(why) {
            // It is removed only when it has been moved: if it is not the one that was judged, it can
            // be put back.
            Ok(item) if is_empty => {
                // What cannot be removed stays, and can be brought back.
                let removed = Directory::open(&item).and_then(|here| here.remove_empty(name));
                if removed.is_ok() {
                    discard(&item);
                }
                Ok(())
            }
            Err(NotCleared::NoPlace(_)) if is_empty => {
                let aside = format!("{}.whycap-{}", name.to_string_lossy(), std::process::id());
                self.take_to(&self.parent, aside.as_ref(), aside.as_ref())?;
                Ok(self.parent.remove_empty(aside.as_ref())?)
            }
            put_aside => put_aside.map(drop),
        }
    }

    /// Moves it into quarantine, and says where to.
    fn put_aside(&self, why: &str) -> Result<PathBuf, NotCleared> {
        let room = room(self.around.places);
        let (item, target) = self.prepare(&room, why).map_err(|error| {
            let room = room.display();
            let says = "Check who may write there.";
            let says = format!("The quarantine in {room} cannot be used: {error}. {says}");
            NotCleared::NoPlace(says)
        })?;
        let moved = self.take_to(&target, self.found.at.name(), &item);
        // Windows deletes no directory that is open.
        drop(target);
        if moved.is_err() {
            // Nothing came in, so the room is empty again but for our own manifest.
            discard(&item);
        }
        moved.map(|()| item)
    }

    /// Makes the item's own room, with its manifest.
    fn prepare(&self, room: &Path, why: &str) -> anyhow::Result<(PathBuf, Directory)> {
        let manifest = Manifest {
            original: self.found.at.path(),
            moved_at: self.around.now.to_rfc3339(),
            why: why.to_owned(),
        };
        disk::create_private_dir(room)?;
        let name = self.around.now.format("%Y%m%dT%H%M%SZ-").to_string();
        // Until it is kept, what goes wrong deletes it again, with nothing in it but our manifest.
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let item = builder.prefix(&name).tempdir_in(room)?;
        let manifest = serde_json::to_vec_pretty(&manifest)?;
        disk::write_atomically(&item.path().join(MANIFEST), &manifest, Durability::Synced)?;
        let target = Directory::open(item.path())?;
        Ok((item.keep(), target))
    }

    /// Moves it under a name in `target`, and back if it turns out there that somebody has taken it
    /// in the last instant.
    fn take_to(&self, target: &Directory, name: &OsStr, place: &Path) -> Result<(), NotCleared> {
        if !self.is_untouched()? {
            return Err(TAKEN);
        }
        let own = self.found.at.name();
        self.parent
            .move_to(own, target, name)
            .map_err(|error| match error.kind() {
                ErrorKind::CrossesDevices => {
                    let path = self.found.at.path();
                    let [from, to] =
                        ["", ".old"].map(|end| quoted(&format!("{}{end}", path.display())));
                    NotCleared::NoPlace(format!(
                        "The quarantine is on another file system. Move it by hand: mv {from} {to}"
                    ))
                }
                _ => error.into(),
            })?;
        if self.is_still(name, target).unwrap_or(false) {
            return Ok(());
        }
        let back = target.move_to(name, &self.parent, own);
        back.map_err(|error| NotCleared::Displaced(format!(
            "Somebody took it while we worked, and it could not be put back ({error}); it is in {}.",
            place.display()
        )))?;
        Err(TAKEN)
    }
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
    let Manifest { original: path, .. } = records::read(&item.join(MANIFEST))?;
    let outcome = put_back(item, &path).map(|()| discard(item));
    Some(Restored {
        back: outcome.is_ok(),
        why: outcome.err().unwrap_or_default(),
        path,
    })
}

fn put_back(item: &Path, path: &Path) -> Result<(), String> {
    let stays = |why: &str| format!("{why}; it stays in {}.", item.display());
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(stays("Its old place is not known"));
    };
    let move_out = || Directory::open(item)?.move_to(name, &Directory::open(parent)?, name);
    move_out().map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => stays("Something is in its old place now"),
        _ => stays(&format!("The system refused ({error})")),
    })
}

/// Removes an item's room once only our manifest is left in it. False if more is.
fn discard(item: &Path) -> bool {
    let names = Directory::open(item).and_then(|item| item.names(2));
    let is_spent = names.is_ok_and(|names| names.iter().all(|name| name == MANIFEST));
    if is_spent {
        // What cannot be removed stays and is harmless: a manifest without an item.
        let _ = disk::remove_own_file(&item.join(MANIFEST));
        disk::replace::remove_own_empty_dir(item);
    }
    is_spent
}
