//! `whycap completions` and `whycap man`: what a shell and `man` can know about whycap, made from
//! the same definitions as `--help`.

use std::process::ExitCode;

use clap::Command;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap_complete::Shell;

use super::reply::print_as_it_is;

/// The shells whose completions were tried.
const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

#[derive(Debug, clap::Args)]
#[command(after_help = include_str!("help/completions.txt"))]
pub(crate) struct CompletionsArguments {
    /// Which shell
    #[arg(value_parser = PossibleValuesParser::new(SHELLS).try_map(|name| name.parse::<Shell>()))]
    shell: Shell,
}

/// Prints completions for this command line.
pub(crate) fn run(
    arguments: &CompletionsArguments,
    mut command: Command,
) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "whycap", &mut script);
    print_as_it_is(String::from_utf8_lossy(&script).into_owned())
}

/// Prints the man page, with every verb's options in it: whycap has one page, not one a verb.
pub(crate) fn man(mut command: Command) -> anyhow::Result<ExitCode> {
    command.build();
    let mut page = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        let about = verb.get_about().map(ToString::to_string);
        let about = about.unwrap_or_default().replace('\\', "\\\\");
        let name = verb.get_name().to_uppercase();
        page.extend(format!(".SH \"WHYCAP {name}\"\n{about}\n").into_bytes());
        let mut options = Vec::new();
        clap_mangen::Man::new(verb.clone()).render_options_section(&mut options)?;
        // A section of its own for each verb's options would read as whycap's own.
        let options = String::from_utf8_lossy(&options).replace(".SH OPTIONS", ".SS Options");
        page.extend(options.into_bytes());
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    print_as_it_is(String::from_utf8_lossy(&page).into_owned())
}
