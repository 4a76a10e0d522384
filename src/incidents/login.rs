//! The account that is logged in.

use std::cell::OnceCell;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::claude::account::{Account, LoginState};
use crate::claude::window_usage::UsagePage;
use crate::disk::records;
use crate::paths::Paths;

/// The account that was logged in when it was saved.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct SavedAccount {
    /// The hash of the configuration directory. Several directories, each with its own login, may share whycap's data.
    directory: Option<String>,
    account: Option<Account>,
}

/// The login of a configuration directory. It is read on first use.
#[derive(Debug)]
pub(super) struct Login<'a> {
    paths: &'a Paths,
    state: OnceCell<LoginState>,
    saved: OnceCell<SavedAccount>,
}

impl<'a> Login<'a> {
    pub(super) fn new(paths: &'a Paths) -> Self {
        Self {
            paths,
            state: OnceCell::new(),
            saved: OnceCell::new(),
        }
    }

    /// Returns the login from Claude Code's global state. The file may be large, so it is read only once.
    fn state(&self) -> &LoginState {
        self.state.get_or_init(|| LoginState::load(self.paths))
    }

    pub(super) fn account(&self) -> Option<&Account> {
        self.state().account.as_ref()
    }

    /// Returns the usage figures that `/usage` last showed.
    pub(super) fn cached_usage(&self) -> Option<&UsagePage> {
        self.state().usage.as_ref()
    }

    /// Returns Claude Code's reason for not paying for requests with usage credits.
    pub(super) fn no_credits_reason(&self) -> Option<&str> {
        self.state().no_credits.as_deref()
    }

    /// Returns the account that was saved last. Status-line calls read this small file instead of the global state.
    /// Returns `None` if it is the login of another configuration directory.
    pub(super) fn saved_account(&self) -> Option<Account> {
        let saved = self.saved();
        if saved.directory == Some(self.directory_hash()) {
            saved.account.clone()
        } else {
            None
        }
    }

    fn saved(&self) -> &SavedAccount {
        self.saved
            .get_or_init(|| records::read(&self.saved_account_file()).unwrap_or_default())
    }

    /// Saves the account for later status-line calls. If saving fails, the account is saved with the next reading.
    pub(super) fn save_account(&self) {
        let current = SavedAccount {
            directory: Some(self.directory_hash()),
            account: self.account().cloned(),
        };
        if current != *self.saved() {
            let _ = records::write(&self.saved_account_file(), &current);
        }
    }

    fn saved_account_file(&self) -> PathBuf {
        self.paths.data.join("account.json")
    }

    /// Returns the hash that identifies the configuration directory in readings.
    pub(super) fn directory_hash(&self) -> String {
        let directory = self.paths.claude_directory.to_string_lossy();
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(directory.as_bytes()))
    }
}
