//! Who exports: a pseudonym of the person, and a random name of the machine; and what a directory is called outside of it.
//!
//! The key of a pseudonym is the account's own id, a random number of 122 bits that Claude Code has
//! on each machine where somebody is logged in. So a person is the same on all of them without any
//! key being carried about; nobody comes from the pseudonym to the id, and no list of names or
//! addresses can be tried. Whoever knows the id, as an organization that collects Claude Code's
//! telemetry does, can work it out, unless the user sets a key of their own.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::Sha256;

use super::files::cut_name;
use crate::checkout;
use crate::claude::account::global_state;
use crate::claude::{credentials, transcripts};
use crate::config::{Branches, Export, Others};
use crate::disk::{self, Error, fits, records};
use crate::environment::Environment;
use crate::foreign::Foreign;
use crate::places::Places;

/// On whose behalf rows leave.
#[derive(Debug, Default)]
pub(crate) struct Exporter {
    pub(crate) machine: String,
    pub(crate) person: String,
    /// A hash of the account that is logged in.
    pub(super) login: Option<String>,
    /// Of the accounts that sessions belong to.
    pub(super) owners: HashMap<String, KnownOwner>,
    /// Who answers where no session says it.
    pub(super) provider: &'static str,
    /// What the names of projects and branches are hashed with: what a team has in common.
    pub(super) secret: String,
    pub(super) choice: Export,
}

/// How sure it is whose a session is; the surest of equal copies counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ownership {
    /// The transcript does not say, so it is taken for the exporter's.
    Unknown,
    /// Of another account than the one that is logged in.
    Other,
    Own,
}

impl Exporter {
    /// By the account that is logged in; without one, by the user of the system if there is a key,
    /// else each machine is a person of its own.
    pub(crate) fn new(
        places: &Places,
        environment: &Environment,
        choice: &Export,
    ) -> Result<Self, Error> {
        let machine = machine(places)?;
        let state = global_state(places).unwrap_or_default();
        let [account, shared] = ["accountUuid", "organizationUuid"]
            .map(|name| state.at("oauthAccount").text(name).map(str::to_owned));
        let login = account.as_deref().map(person_hash);
        let by_login = login.as_deref().map(|login| pseudonym(choice, login));
        let mut user = ["USER", "LOGNAME", "USERNAME"].into_iter();
        let user = user.find_map(|name| environment.text(name));
        let by_user = || Some(hash(choice.key.as_deref()?, &format!("user {}", user?)));
        let named = choice.person.clone().or(by_login).or_else(by_user);
        let provider = provider(places, environment, account.is_some());
        let secret = choice.key.clone().or(shared).or(account);
        Ok(Self {
            person: named.unwrap_or_else(|| machine.clone()),
            login,
            owners: owners(places),
            provider,
            secret: secret.unwrap_or_else(|| machine.clone()),
            choice: choice.clone(),
            machine,
        })
    }

    /// The hash of the account that a session belongs to.
    pub(super) fn owner_of(&self, session: &str) -> Option<&str> {
        self.owners.get(session)?.owner.as_deref()
    }

    /// The person to whom a session of this account belongs, and how sure that is. A home that was
    /// copied has others' sessions.
    pub(super) fn person_of(&self, owner: Option<&str>) -> (Cow<'_, str>, Ownership) {
        let exporter = Cow::Borrowed(self.person.as_str());
        match owner {
            None => (exporter, Ownership::Unknown),
            Some(owner) if self.login.as_deref() == Some(owner) => (exporter, Ownership::Own),
            Some(_) if self.choice.person.is_some() => (exporter, Ownership::Other),
            Some(owner) => (pseudonym(&self.choice, owner).into(), Ownership::Other),
        }
    }

    /// Who answered: as the model is called, then as the machine is set up, then as the session says.
    pub(super) fn provider_of(&self, model: &str, owner: Option<&str>) -> &'static str {
        if model.contains("anthropic.") || model.starts_with("arn:") {
            "bedrock"
        } else if model.contains('@') {
            "vertex"
        } else if owner.is_some() && matches!(self.provider, "api" | "unknown") {
            "plan"
        } else {
            self.provider
        }
    }
}

/// What stands for the account of this hash.
fn pseudonym(choice: &Export, account: &str) -> String {
    let key = choice.key.as_deref();
    key.map_or_else(|| account.to_owned(), |key| hash(key, account))
}

/// What is set where somebody else than a plan answers.
const PROVIDERS: [(&str, &str); 4] = [
    ("CLAUDE_CODE_USE_BEDROCK", "bedrock"),
    ("CLAUDE_CODE_USE_VERTEX", "vertex"),
    ("CLAUDE_CODE_USE_FOUNDRY", "foundry"),
    ("ANTHROPIC_BASE_URL", "gateway"),
];

/// Who answers this machine's requests, as far as its settings and its login say.
fn provider(places: &Places, environment: &Environment, has_login: bool) -> &'static str {
    let set = credentials::of_session(places, environment, None);
    let has = |name: &str| set.iter().any(|credential| credential.name == name);
    match PROVIDERS.iter().find(|(name, _)| has(name)) {
        Some((_, provider)) => provider,
        None if set.iter().any(credentials::Credential::outranks_login) => "api",
        None if has_login => "plan",
        None => "unknown",
    }
}

/// What stands for an account's id.
pub(super) fn person_hash(account: &str) -> String {
    hash(account, "whycap person")
}

/// What stands for `text` to everybody who does not know `secret`.
pub(super) fn hash(secret: &str, text: &str) -> String {
    // Any length of a key will do.
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes());
    let hashed = mac.map(|mac| mac.chain_update(text).finalize().into_bytes());
    let first = hashed.ok().and_then(|hash| hash.first_chunk().copied());
    let digits = first.map(|first| format!("{:016x}", u64::from_be_bytes(first)));
    digits.unwrap_or_default()
}

/// 256 bits as digits.
fn random() -> std::io::Result<String> {
    let parts = (0..4).map(|_| Ok(format!("{:016x}", getrandom::u64()?)));
    parts.collect()
}

/// A line of configuration with a key that nobody guesses.
pub(crate) fn new_key() -> std::io::Result<String> {
    Ok(format!("key = \"{}\"\n", random()?))
}

/// The random name of this machine, made when it is first asked for.
fn machine(places: &Places) -> Result<String, Error> {
    let path = places.data.join("export").join("machine");
    if let Some(name) = machine_in(&path)? {
        return Ok(name);
    }
    let mut random = random().map_err(disk::unwritten(&path))?;
    random.truncate(16);
    disk::create_directory_of(&path)?;
    // If another process was first, its name stands; what is damaged is replaced.
    if !disk::create_atomically(&path, random.as_bytes())? && machine_in(&path)?.is_none() {
        disk::write_atomically(&path, random.as_bytes(), disk::Durability::Synced)?;
    }
    Ok(machine_in(&path)?.unwrap_or(random))
}

fn machine_in(path: &Path) -> Result<Option<String>, Error> {
    let known = disk::read_own(path, 64)?.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(known.filter(|name| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit())))
}

/// Claude Code says it at the beginning of a run and often enough afterwards.
const LOOKED_AT: u64 = 64 * 1024;

/// What is known of a session.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct KnownOwner {
    /// How long the transcript was.
    size: u64,
    owner: Option<String>,
}

/// Whose sessions are: looks at the transcripts that changed.
fn owners(places: &Places) -> HashMap<String, KnownOwner> {
    let remembered = places.data.join("export").join("owners.json");
    let mut all: HashMap<String, KnownOwner> = records::read_large(&remembered).unwrap_or_default();
    for file in transcripts::of_sessions(places.transcript_roots()) {
        let known = all.entry(transcripts::session_of(&file.path)).or_default();
        if known.size != file.state.size {
            known.size = file.state.size;
            known.owner = last_owner(&file.path).or_else(|| known.owner.take());
        }
    }
    // What is not remembered is looked up again, as long as the transcript is there.
    let _ = records::write(&remembered, &all);
    all
}

fn last_owner(transcript: &Path) -> Option<String> {
    let (_, tail) = disk::read_tail(transcript, LOOKED_AT).ok()?;
    owner_in(&tail).or_else(|| owner_in(&disk::read_head(transcript, LOOKED_AT).ok()?))
}

/// The last that part of a transcript names.
fn owner_in(part: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(part);
    text.lines().rev().find_map(|line| {
        let is_meant = line.contains("\"session-owner\"");
        let line: Value = is_meant.then(|| serde_json::from_str(line).ok())??;
        let account = line.text("accountUuid")?;
        (line.at("type") == "session-owner").then(|| person_hash(account))
    })
}

/// Stands for a home directory, whose name is often its owner's.
const HOME: &str = "~";

/// Names of directories and branches, and which of them may leave.
#[derive(Debug)]
pub(crate) struct Projects<'p> {
    exporter: &'p Exporter,
    home: &'p Path,
    known: HashMap<String, String>,
}

/// What a project is called where its rows go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ShownProject {
    pub(super) name: String,
    /// Whether that is a repository's, or a hash of one.
    pub(super) is_repository: bool,
    /// None: under its own name.
    pub(super) leaves: Option<Others>,
}

/// How many rows do not leave under the name of their project, by what becomes of them.
pub(crate) type LeftOut = HashMap<Others, u64>;

impl<'p> Projects<'p> {
    pub(super) fn new(exporter: &'p Exporter, places: &'p Places) -> Self {
        Self {
            exporter,
            home: &places.home,
            known: records::read_large(&memory(places)).unwrap_or_default(),
        }
    }

    /// What is not remembered is looked up again, as long as the checkout is there.
    pub(super) fn remember(&self, places: &Places) {
        let _ = records::write(&memory(places), &self.known);
    }

    /// How what was spent in a directory leaves. A repository may be private, so it does not leave
    /// under its name unless the user says so.
    pub(super) fn shown(&mut self, directory: &str) -> ShownProject {
        let (name, is_repository) = self.name(directory);
        let Exporter { choice, secret, .. } = self.exporter;
        let mut patterns = choice.projects.iter();
        let leaves = match choice.others {
            _ if patterns.any(|pattern| matches(pattern, &name)) => None,
            None if !choice.projects.is_empty() => Some(Others::Sum),
            None => is_repository.then_some(Others::Hash),
            others => others,
        };
        let (name, is_repository) = match leaves {
            None => (name, is_repository),
            Some(Others::Hash) => (format!("project-{}", hash(secret, &name)), true),
            Some(_) => ("other".to_owned(), false),
        };
        ShownProject {
            name,
            is_repository,
            leaves,
        }
    }

    /// What leaves of the name of a branch in a project.
    pub(super) fn branch(&self, project: &ShownProject, branch: &str) -> String {
        let Exporter { choice, secret, .. } = self.exporter;
        match (choice.branches, project.leaves) {
            (Branches::None, _) | (_, Some(Others::Sum | Others::Drop)) => String::new(),
            _ if branch.is_empty() => String::new(),
            (Branches::Hash, _) => format!("branch-{}", hash(secret, branch)),
            (Branches::Ticket, _) => ticket(branch).unwrap_or_default().to_owned(),
            (Branches::Name, _) => cut_name(branch).to_owned(),
        }
    }

    /// `owner/repository` by git, else the last part of the path. Never a path.
    /// The second: whether it is a repository's.
    fn name(&mut self, directory: &str) -> (String, bool) {
        if directory.is_empty() {
            return (String::new(), false);
        }
        // Another system's path is none here: it would be looked for below where whycap was started.
        let path = Some(Path::new(directory)).filter(|path| path.is_absolute());
        if let Some(repository) = path.and_then(checkout::repository) {
            self.known.insert(directory.to_owned(), repository);
        }
        if let Some(known) = self.known.get(directory) {
            return (known.clone(), true);
        }
        // Whatever machine it was written on; drives and `~` say nothing.
        let parts = directory.split(['/', '\\']);
        let is_name = |part: &&str| !matches!(part.as_bytes(), [] | [b'~'] | [_, b':']);
        let parts: Vec<&str> = parts.filter(is_name).collect();
        let name = match &*parts {
            [] | ["root"] => HOME,
            _ if is_home(&parts) || Path::new(directory) == self.home => HOME,
            [.., last] => cut_name(last),
        };
        (name.to_owned(), false)
    }
}

/// Where repositories that were found are kept, by directory: a checkout may be gone.
fn memory(places: &Places) -> PathBuf {
    places.data.join("export").join("projects")
}

/// Whether a system has somebody's home under such a name.
fn is_home(parts: &[&str]) -> bool {
    let is = |part: &str, names: &[&str]| names.iter().any(|name| part.eq_ignore_ascii_case(name));
    match parts {
        // A system of WSL as Windows sees it.
        [server, _, inside @ ..] if is(server, &["wsl$", "wsl.localhost"]) => {
            inside.is_empty() || inside == ["root"] || is_home(inside)
        }
        [homes, _] => is(homes, &["home", "Users"]),
        // Fedora's systems that change as a whole, FreeBSD, Solaris.
        ["var" | "usr" | "export", "home", _] => true,
        // A drive of Windows: in WSL, in Git Bash, in Cygwin.
        ["mnt" | "cygdrive", drive, homes, _] | [drive, homes, _] => {
            drive.len() == 1 && is(homes, &["Users"])
        }
        _ => false,
    }
}

/// The first that looks like the number of a ticket: `API-77`.
fn ticket(branch: &str) -> Option<&str> {
    branch.match_indices('-').find_map(|(dash, _)| {
        let (before, after) = (branch.get(..dash)?, branch.get(dash + 1..)?);
        let is_of_key = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        let key = before.len() - before.trim_end_matches(is_of_key).len();
        let number = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let found = branch.get(dash - key..=dash + number)?;
        (key > 1 && number > 0 && found.starts_with(|c: char| c.is_ascii_uppercase()))
            .then_some(found)
    })
}

/// Whether a name is what a pattern says, where `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    fits(&pattern.to_lowercase(), &name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_pseudonym_depends_on_the_secret_and_says_nothing_of_it() {
        let [one, other] = ["11111111-aaaa", "11111111-aaab"].map(person_hash);
        assert!(one != other && one != hash("11111111-aaaa", "whycap persons"));
        assert!(one.len() == 16 && !one.contains("1111"));
        // RFC 4231, test case 2.
        let known = hash("Jefe", "what do ya want for nothing?");
        assert_eq!(known, "5bdcc146bf60754e");
    }

    /// Settings, a directory with a branch in it, and what they leave as: never as a path, and of a
    /// home no name; a repository, which `/w/own` is, by name where the user says so and else under a
    /// hash; of a branch nothing unless it is asked for.
    const LEAVES: &str = r#"
 > /srv/work/api > api
 > /srv/people/ada > ~
 > /home/ada > ~
 > /Users/ada > ~
 > C:\Users\ada > ~
 > C:\Users\ada\src\api > api
 > c:\users\ada > ~
 > /mnt/c/Users/ada > ~
 > /mnt/c/Users/ada/api > api
 > /c/Users/ada > ~
 > /cygdrive/c/Users/ada > ~
 > /var/home/ada > ~
 > \\wsl$\Ubuntu\home\ada > ~
 > \\wsl.localhost\Ubuntu\home\ada\api > api
 > /srv/work/home/api > api
 > /root > ~
 > / > ~
 >  > 
 > /w/own > project-#
 > /w/api > api
others = "sum" > /w/api > other
others = "hash" > /w/api > project-#
others = "drop" > /w/own > (stays)
projects = ["*"] > /w/own > acme/own
projects = ["acme/*", "api"]; others = "sum" > /w/own > acme/own
projects = ["A*m*N"] > /w/own > acme/own
projects = ["a*n*m", "acme/ow"] > /w/own > other
projects = ["acme/*"]; others = "drop" > /w/apis > (stays)
projects = ["api"]; others = "hash" > /w/apis > project-#
branches = "none" > /w/own@canary.person/JIRA-77-layoffs-plan > project-#@
branches = "name" > /w/own@canary.person/JIRA-77-layoffs-plan > project-#@canary.person/JIRA-77-layoffs-plan
branches = "hash" > /w/own@canary.person/JIRA-77-layoffs-plan > project-#@branch-#
branches = "ticket" > /w/own@canary.person/JIRA-77-layoffs-plan > project-#@JIRA-77
branches = "ticket" > /w/own@x/AB1-2 > project-#@AB1-2
branches = "ticket" > /w/own@fix-77 > project-#@
branches = "ticket" > /w/own@A-1 > project-#@
branches = "ticket" > /w/own@-1 > project-#@"#;

    /// What a directory, and a branch in it, leave as by such settings; `#` stands for a hash.
    fn left(settings: &str, directory: &str, branch: &str) -> [String; 2] {
        let settings = settings.replace("; ", "\n");
        let exporter = Exporter {
            choice: Config::parse(&format!("[export]\n{settings}")).export,
            ..Exporter::default()
        };
        let mut projects = Projects {
            exporter: &exporter,
            home: Path::new("/srv/people/ada"),
            known: HashMap::from([("/w/own".to_owned(), "acme/own".to_owned())]),
        };
        let mut project = projects.shown(directory);
        let branch = projects.branch(&project, branch);
        if project.leaves == Some(Others::Drop) {
            project.name = "(stays)".to_owned();
        }
        [project.name, branch].map(|name| match name.rsplit_once('-') {
            Some((kind, hash)) if hash.len() == 16 => format!("{kind}-#"),
            _ => name,
        })
    }

    #[test]
    fn projects_and_branches_leave_as_the_user_says_and_never_as_a_path() {
        for line in LEAVES.trim_start_matches('\n').lines() {
            let (rest, expected) = line.rsplit_once(" > ").unwrap();
            let (settings, place) = rest.split_once(" > ").unwrap();
            let (directory, branch) = place.split_once('@').unwrap_or((place, ""));
            let (name, shown) = expected.split_once('@').unwrap_or((expected, ""));
            assert_eq!(left(settings, directory, branch), [name, shown], "{line}");
        }
    }
}
