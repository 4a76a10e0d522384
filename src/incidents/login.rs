//! The account that is logged in.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::claude::account::{Account, LoginState};
use crate::claude::window_usage::UsagePage;
use crate::disk::records;
use crate::paths::Paths;

/// The accounts that were logged in when they were saved, by the hash of the configuration directory. Several directories,
/// each with its own login, may share whycap's data.
type SavedAccounts = BTreeMap<String, Account>;

/// The login of a configuration directory. It is read on first use.
#[derive(Debug)]
pub(super) struct Login<'a> {
    paths: &'a Paths,
    state: OnceCell<LoginState>,
    saved: OnceCell<SavedAccounts>,
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

    /// Returns true if the server accepts usage credits, according to Claude Code's newest record.
    pub(super) fn accepts_credits(&self) -> bool {
        self.state().accepts_credits
    }

    /// Returns the account that was saved last for this configuration directory. Status-line calls read this small file
    /// instead of the global state.
    pub(super) fn saved_account(&self) -> Option<Account> {
        self.saved().get(&self.directory_hash()).cloned()
    }

    fn saved(&self) -> &SavedAccounts {
        self.saved
            .get_or_init(|| records::read(&self.saved_accounts_file()).unwrap_or_default())
    }

    /// Saves the account for later status-line calls. If saving fails, the account is saved with the next reading.
    pub(super) fn save_account(&self) {
        let directory = self.directory_hash();
        let account = self.account();
        if account == self.saved().get(&directory) {
            return;
        }
        let mut accounts = self.saved().clone();
        match account {
            Some(account) => accounts.insert(directory, account.clone()),
            None => accounts.remove(&directory),
        };
        let _ = records::write(&self.saved_accounts_file(), &accounts);
    }

    fn saved_accounts_file(&self) -> PathBuf {
        self.paths.data.join("account.json")
    }

    /// Returns the hash that identifies the configuration directory in readings.
    pub(super) fn directory_hash(&self) -> String {
        let directory = self.paths.claude_directory.to_string_lossy();
        format!("{:016x}", xxhash_rust::xxh3::xxh3_64(directory.as_bytes()))
    }
}
