//! How paths and names are stored: as their bytes, which need not be UTF-8.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::path::Path;

pub(super) fn bytes_of(path: &Path) -> &[u8] {
    path.as_os_str().as_encoded_bytes()
}

/// The reverse of [`bytes_of`].
#[cfg(unix)]
pub(super) fn name_of(bytes: &[u8]) -> Cow<'_, OsStr> {
    Cow::Borrowed(std::os::unix::ffi::OsStrExt::from_bytes(bytes))
}

/// The reverse of [`bytes_of`].
#[cfg(not(unix))]
pub(super) fn name_of(bytes: &[u8]) -> Cow<'_, OsStr> {
    Cow::Owned(String::from_utf8_lossy(bytes).into_owned().into())
}
