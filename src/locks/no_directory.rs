//! Where there are no directory handles, no lock is reached: none is found, and none is cleared.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::sighting::LockSighting;

/// A directory that cannot be opened.
#[derive(Debug)]
pub(super) enum Directory {}

impl Directory {
    pub(super) fn open(_: &Path) -> io::Result<Self> {
        Err(ErrorKind::Unsupported.into())
    }

    pub(super) fn child(&self, _: &OsStr) -> io::Result<Self> {
        match *self {}
    }

    pub(super) fn names(&self, _: usize) -> io::Result<Vec<OsString>> {
        match *self {}
    }

    pub(super) fn look(&self, _: &OsStr) -> io::Result<Option<LockSighting>> {
        match *self {}
    }

    pub(super) fn read(&self, _: &OsStr, _: u64) -> io::Result<Vec<u8>> {
        match *self {}
    }

    pub(super) fn remove_empty(&self, _: &OsStr) -> io::Result<()> {
        match *self {}
    }

    pub(super) fn move_to(&self, _: &OsStr, _: &Self) -> io::Result<()> {
        match *self {}
    }
}
