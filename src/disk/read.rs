//! Reads regular files up to a size limit.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{Error, ownership, read_error};

/// Reads a regular file. Returns `None` if it does not exist. Fails if it is larger than `limit` bytes.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    read_opened(path, ownership::open_regular(path), limit)
}

/// Like [`read`], but fails if the file is a symbolic link or belongs to another user.
pub(crate) fn read_owned(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    read_opened(path, ownership::open_owned(path), limit)
}

fn read_opened(
    path: &Path,
    opened: io::Result<File>,
    limit: u64,
) -> Result<Option<Vec<u8>>, Error> {
    let file = match opened {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(read_error(path))?,
    };
    let size = file.metadata().map_err(read_error(path))?.len();
    if size > limit {
        return Err(Error::TooLarge {
            path: path.to_owned(),
            size,
            limit,
        });
    }

    // Files in `/proc` report a size of 0, and without an initial capacity, they would be read in chunks of 32 bytes.
    let capacity = usize::try_from(size).unwrap_or(0).max(1024);
    let mut bytes = Vec::with_capacity(capacity);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(read_error(path))?;
    Ok(Some(bytes))
}

/// Reads the last `limit` bytes of a file. Returns the offset at which they start, and the bytes.
pub(crate) fn read_tail(path: &Path, limit: u64) -> io::Result<(u64, Vec<u8>)> {
    read_end(ownership::open_regular(path)?, 0, limit)
}

/// Reads one of the user's files from `start` to the end, but at most the last `limit` bytes. Returns the offset at
/// which the bytes start, and the bytes.
pub(crate) fn read_owned_end(path: &Path, start: u64, limit: u64) -> io::Result<(u64, Vec<u8>)> {
    read_end(ownership::open_owned(path)?, start, limit)
}

fn read_end(file: File, min_start: u64, limit: u64) -> io::Result<(u64, Vec<u8>)> {
    let size = file.metadata()?.len();
    let start = min_start.max(size.saturating_sub(limit));
    Ok((start, read_range(file, start..size)?))
}

/// Reads the first `limit` bytes of a file.
pub(crate) fn read_head(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = ownership::open_regular(path)?;
    let size = file.metadata()?.len();
    read_range(file, 0..size.min(limit))
}

/// Returns the size of one of the user's files, in bytes. Fails if the path is a symbolic link or belongs to another
/// user.
pub(crate) fn owned_size(path: &Path) -> io::Result<u64> {
    Ok(ownership::owned_file(path)?.len())
}

/// Reads a byte range of a file. Returns fewer bytes if the file is too short.
///
/// Unlike `read_to_end`, this allocates the whole buffer up front and does not grow it in steps of 8 KB.
pub(super) fn read_range(mut file: File, range: Range<u64>) -> io::Result<Vec<u8>> {
    if range.start > 0 {
        file.seek(SeekFrom::Start(range.start))?;
    }
    let size = usize::try_from(range.end.saturating_sub(range.start)).map_err(io::Error::other)?;
    let mut bytes = vec![0; size];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..)
        && !rest.is_empty()
    {
        match file.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Returns the paths of all files in a directory with the given extension. The result is empty if the directory cannot
/// be read.
pub(crate) fn files_with_extension(
    directory: &Path,
    extension: &'static str,
) -> impl Iterator<Item = PathBuf> + use<> {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(move |path| {
            path.extension()
                .is_some_and(|other| other == extension)
        })
}

/// Returns true if a name matches a pattern. Each `*` in the pattern matches any string.
pub(crate) fn matches_wildcard(pattern: &str, name: &str) -> bool {
    let Some((prefix, rest_of_pattern)) = pattern.split_once('*') else {
        return pattern == name;
    };
    name.strip_prefix(prefix)
        .is_some_and(|rest_of_name| {
            (0..=rest_of_name.len())
                .filter_map(|skipped| rest_of_name.get(skipped..))
                .any(|rest_of_name| matches_wildcard(rest_of_pattern, rest_of_name))
        })
}

/// Returns true if two paths lead to the same file or directory, including through symbolic links.
pub(crate) fn is_same_file(first: &Path, second: &Path) -> bool {
    if first == second {
        return true;
    }
    match (fs::canonicalize(first), fs::canonicalize(second)) {
        (Ok(first), Ok(second)) => first == second,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::matches_wildcard;

    #[test]
    fn an_asterisk_stands_for_any_text() {
        for (pattern, name) in [
            ("*.lock", "2.1.328#77.lock"),
            ("a-*.lock", "a-.lock"),
            (".*_x.lock", ".design_x.lock"),
            ("*a*b", "caab"),
        ] {
            assert!(matches_wildcard(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("*.lock", "x.lock.tmp.f4e4430a"),
            ("*.json.lock", "package.lock"),
            (".lock", "x.lock"),
        ] {
            assert!(!matches_wildcard(pattern, name), "{pattern} {name}");
        }
    }
}
