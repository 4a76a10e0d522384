//! What can be seen of a lock from outside.

use chrono::{DateTime, Utc};

/// What lies at a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LockShape {
    /// A directory without entries.
    EmptyDirectory,
    /// A directory with entries, or one that cannot be listed.
    FullDirectory,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A socket, pipe or device.
    Other,
}

/// What could be seen at a name without opening it for writing.
#[derive(Debug, Clone, Copy)]
pub(super) struct LockSighting {
    /// Device and inode: they tell one thing at a name from the next thing at the same name.
    pub(super) identity: (i128, i128),
    pub(super) shape: LockShape,
    /// Whether it belongs to the user that runs us.
    pub(super) ours: bool,
    /// Date of the last change of content; a holder's heartbeat sets it.
    pub(super) modified: DateTime<Utc>,
    /// Date of the last change of any kind, which no program can choose.
    pub(super) changed: DateTime<Utc>,
}
