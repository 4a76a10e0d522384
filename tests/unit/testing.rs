//! Helpers for unit tests that hide the differences between operating systems.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Converts a path that begins with `/` to an absolute path on the current system.
pub(crate) fn absolute(path: &str) -> PathBuf {
    PathBuf::from(if cfg!(windows) {
        format!("C:{path}")
    } else {
        path.to_owned()
    })
}

/// Sets the modification time of a file or directory.
pub(crate) fn set_date(path: &Path, date: SystemTime) {
    let mut options = File::options();
    #[cfg(unix)]
    options.read(true);
    #[cfg(windows)]
    {
        // Windows requires this flag to open a directory.
        const BACKUP_SEMANTICS: u32 = 0x0200_0000;
        options.write(true);
        std::os::windows::fs::OpenOptionsExt::custom_flags(&mut options, BACKUP_SEMANTICS);
    }
    let opened = options.open(path).unwrap();
    opened.set_modified(date).unwrap();
}

/// Creates a link at `link` that points to `target`.
pub(crate) fn make_link(target: impl AsRef<Path>, link: impl AsRef<Path>) {
    #[cfg(unix)]
    let made = std::os::unix::fs::symlink(target, link);
    #[cfg(windows)]
    let made = {
        use std::os::windows::fs::{symlink_dir, symlink_file};
        let resolved = link
            .as_ref()
            .parent()
            .map(|parent| parent.join(&target));
        if resolved.is_some_and(|path| path.is_dir()) {
            symlink_dir(target, link)
        } else {
            symlink_file(target, link)
        }
    };
    made.unwrap();
}
