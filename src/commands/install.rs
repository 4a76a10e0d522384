//! `whycap install`: wires the status line and the hooks into a settings file.

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use crate::claude::settings::{self, Contents, Scope};
use crate::disk;
use crate::environment::Environment;
use crate::install::ours::Kept;
use crate::install::plan::{self, Plan};
use crate::install::report::{self, Mood};
use crate::install::steps::{self, Progress};
use crate::install::wiring::{self, Foreign, Wanted};
use crate::install::{ours, program};
use crate::places::Places;
use crate::terminal::{Palette, cut, sanitize};

/// How long to wait for another installation to end.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often to start again because somebody else wrote the file meanwhile.
const ATTEMPTS: usize = 20;

/// Whose settings file: the user's, the project's shared one, the user's own in the project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScopeChoice {
    /// `settings.json` in `~/.claude`: all the user's projects.
    User,
    /// `.claude/settings.json` here: everyone who works on this project.
    Project,
    /// `.claude/settings.local.json` here: the user, in this project.
    Local,
}

impl ScopeChoice {
    /// The settings file that is meant when whycap runs in `directory`.
    pub(super) fn path(self, places: &Places, directory: &Path) -> PathBuf {
        let scope = match self {
            Self::User => Scope::User,
            Self::Project => Scope::Project,
            Self::Local => Scope::Local,
        };
        settings::path_of(scope, places, directory)
    }
}

/// Arguments of `whycap install`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  whycap install --dry-run     show what would change, change nothing
  whycap install               status line and hooks, for all projects
  whycap install --wrap        keep the status line you have above ours
  whycap uninstall             take everything out again")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch on the command line"
)]
pub struct InstallArgs {
    /// Show what would change and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Only the status line
    #[arg(long)]
    statusline: bool,
    /// Only the hooks
    #[arg(long)]
    hooks: bool,
    /// Whose settings: yours everywhere, this project's, or yours in this project
    #[arg(long, value_enum, default_value = "user")]
    scope: ScopeChoice,
    /// Show another program's status line above ours
    #[arg(long, conflicts_with = "replace")]
    wrap: bool,
    /// Set another program's status line aside; uninstall puts it back
    #[arg(long)]
    replace: bool,
}

/// Runs the verb.
pub fn run(arguments: &InstallArgs, environment: &Environment) -> anyhow::Result<ExitCode> {
    let places = Places::of(environment);
    let palette = Palette::for_person(environment);
    let directory = std::env::current_dir().unwrap_or_else(|_| places.home.clone());
    let path = arguments.scope.path(&places, &directory);
    let program = this_program(environment)?;
    let both = arguments.statusline == arguments.hooks;
    let status_line = both || arguments.statusline;
    let wanted = Wanted {
        program: &program,
        status_line,
        hooks: both || arguments.hooks,
        foreign: match (arguments.wrap, arguments.replace) {
            (true, _) => Foreign::Take(Kept::Wrapped),
            (_, true) => Foreign::Take(Kept::SetAside),
            _ if status_line && !arguments.dry_run => ask(&path)?,
            _ => Foreign::Leave,
        },
    };
    let make = || plan::install(&places, &path, wanted);
    let (plan, mood) = if arguments.dry_run {
        (make()?, Mood::Would)
    } else {
        (carry_out(&places, make)?, Mood::Done)
    };
    let mut lines = report::lines(&plan, &path, mood, &places, palette);
    let notes = afterthoughts(&places, &directory, arguments.scope, &path);
    lines.extend(notes.into_iter().map(|note| format!("  note: {note}")));
    lines.push(match mood {
        Mood::Would => "Nothing was changed.".to_owned(),
        Mood::Done if plan.is_empty() => {
            "whycap was installed already; nothing was written.".to_owned()
        }
        Mood::Done => {
            "Open sessions take it up within seconds. To undo: whycap uninstall".to_owned()
        }
    });
    crate::terminal::print(&(lines.join("\n") + "\n"))?;
    Ok(ExitCode::SUCCESS)
}

/// This program as it is to be written on a shell command line.
fn this_program(environment: &Environment) -> anyhow::Result<String> {
    let running = std::env::current_exe().context("could not find this program's own path")?;
    let called = std::env::args_os().next();
    let path = program::lasting_path(called.as_deref(), environment.variable("PATH"), &running);
    program::quoted(&path).with_context(|| {
        format!(
            "{} is not text, which settings need; move whycap to another directory",
            path.display()
        )
    })
}

/// Plans and carries out, alone among whycaps and again if somebody else wrote in between.
pub(super) fn carry_out(
    places: &Places,
    make: impl Fn() -> anyhow::Result<Plan>,
) -> anyhow::Result<Plan> {
    // What is refused or already done needs neither a lock nor a data directory.
    let first = make()?;
    if first.is_empty() {
        return Ok(first);
    }
    let _alone = lock(places)?;
    for _ in 0..ATTEMPTS {
        let plan = make()?;
        if steps::run(&plan.steps)? == Progress::Done {
            return Ok(plan);
        }
    }
    bail!(
        "another program keeps changing the settings; nothing was lost, try again when it is done"
    )
}

fn lock(places: &Places) -> anyhow::Result<disk::lock::Held> {
    disk::create_private_dir(&places.data)?;
    let path = places.data.join("install.lock");
    let start = Instant::now();
    loop {
        let taken = disk::lock::try_lock(&path)
            .with_context(|| format!("could not lock {}", path.display()))?;
        if let Some(held) = taken {
            return Ok(held);
        }
        if start.elapsed() > PATIENCE {
            bail!(
                "another whycap install is still running ({} is locked); try again when it is done",
                path.display()
            );
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Asks what to do about a status line that is not ours, if there is somebody to ask.
fn ask(path: &Path) -> anyhow::Result<Foreign> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Ok(Foreign::Leave);
    }
    let text = plan::text_of(path)?.unwrap_or_default();
    let found = serde_json::from_str(text.trim_start_matches('\u{feff}'))
        .ok()
        .and_then(|settings| wiring::foreign_status_line(&settings));
    let Some(command) = found else {
        return Ok(Foreign::Leave);
    };
    let question = format!(
        "You have a status line already: {}\n  k  keep it and show ours below\n  s  set it aside \
         (uninstall puts it back)\n  Enter  leave it and do without ours\n> ",
        cut(&sanitize(&command), 60)
    );
    crate::terminal::print(&question)?;
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(match answer.trim() {
        "k" | "K" => Foreign::Take(Kept::Wrapped),
        "s" | "S" => Foreign::Take(Kept::SetAside),
        _ => Foreign::Leave,
    })
}

/// What keeps the installation from taking effect, or concerns others.
fn afterthoughts(
    places: &Places,
    directory: &Path,
    scope: ScopeChoice,
    path: &Path,
) -> Vec<String> {
    let files = settings::of(places, Some(directory));
    let mut notes = Vec::new();
    if let Some((winner, entry)) = settings::winner(&files, "statusLine")
        && winner.path != path
        && ours::entry_invocation(entry, ours::HostVerb::StatusLine).is_none()
    {
        notes.push(format!(
            "in this folder {} has another status line, and it wins",
            places.show(&winner.path)
        ));
    }
    for file in &files {
        if file
            .get("disableAllHooks")
            .and_then(serde_json::Value::as_bool)
            == Some(true)
        {
            notes.push(format!(
                "{} sets disableAllHooks: no hook and no status line will run until it is taken out",
                places.show(&file.path)
            ));
        }
        if let Contents::Unusable(why) = &file.contents {
            notes.push(format!("{}: {why}", places.show(&file.path)));
        }
    }
    if scope == ScopeChoice::Project {
        notes.push(
            "this file is usually shared; others need whycap at the same path. --scope local \
             keeps it to you"
                .to_owned(),
        );
    }
    notes
}
