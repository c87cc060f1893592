//! The configuration file: the names of the flags, in TOML. What it says becomes the default of the flag, so that a
//! flag or an environment variable beats it, and one parser checks all three.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Arg, Command, CommandFactory, FromArgMatches};
use toml::{Table, Value};

use crate::arguments::Arguments;

/// Reads flags, environment and configuration file; ends the program where they do not fit.
pub fn read_arguments() -> Arguments {
    let typed: Vec<OsString> = std::env::args_os().collect();
    let mut command = Arguments::command();
    let mut matches = command.clone().get_matches_from(&typed);
    if let Some(path) = config_path(&matches) {
        let table = match read(&path, &command) {
            Ok(table) => table,
            Err(error) => fail(&error),
        };
        command = with_defaults(command, &table);
        // The same arguments have passed before, so what does not fit now is in the file.
        matches = command.clone().try_get_matches_from(&typed).unwrap_or_else(|error| {
            fail(&anyhow::anyhow!("configuration file `{}`: {}", path.display(), what_is_wrong(&error)))
        });
    }
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut command).exit())
}

/// The same exit code as for a flag that does not fit.
fn fail(error: &anyhow::Error) -> ! {
    eprintln!("portcullis: {error:#}");
    std::process::exit(2);
}

/// The first paragraph of clap's message, which names the flag and the value.
fn what_is_wrong(error: &clap::Error) -> String {
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    first.trim_start_matches("error: ").to_owned()
}

/// The value of `--config`, of whichever command.
fn config_path(matches: &clap::ArgMatches) -> Option<PathBuf> {
    let below = matches.subcommand().and_then(|(_, matches)| config_path(matches));
    below.or_else(|| matches.try_get_one::<PathBuf>("config").ok().flatten().cloned())
}

fn read(path: &Path, command: &Command) -> anyhow::Result<Table> {
    let context = || format!("configuration file `{}`", path.display());
    let text = std::fs::read_to_string(path).with_context(context)?;
    let table: Table = text.parse().with_context(context)?;
    check_names(&table, command).with_context(context)?;
    Ok(table)
}

/// All commands share one file, so a name is good if the server has the flag.
fn check_names(table: &Table, command: &Command) -> anyhow::Result<()> {
    let server = command.get_subcommands().filter(|command| command.get_name() == "serve");
    let settings: Vec<&Arg> = server.flat_map(Command::get_arguments).filter(|arg| is_setting(arg)).collect();
    let is_known = |key: &str| settings.iter().any(|arg| arg.get_long() == Some(key));
    let unknown: Vec<String> = table.keys().filter(|key| !is_known(key)).map(|key| format!("`{key}`")).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let shown = settings.iter().filter(|arg| !arg.is_hide_set());
    let shown: Vec<&str> = shown.filter_map(|arg| arg.get_long()).collect();
    bail!("unknown {}; the names are {}", unknown.join(", "), shown.join(", "))
}

fn reads_file(command: &Command) -> bool {
    command.get_arguments().any(|arg| arg.get_id() == "config")
}

/// What describes the server stands in the file; what belongs to one call of a command does not.
fn is_setting(arg: &Arg) -> bool {
    arg.get_env().is_some() && arg.get_id() != "config"
}

/// The command line with the values of the file as defaults.
fn with_defaults(mut command: Command, table: &Table) -> Command {
    if reads_file(&command) {
        command = command.mut_args(|arg| match arg.get_long().and_then(|name| table.get(name)) {
            Some(value) if is_setting(&arg) => arg.required(false).default_values(texts(value)),
            Some(_) | None => arg,
        });
    }
    command.mut_subcommands(|command| with_defaults(command, table))
}

/// The value as it would be typed; a list is a flag given several times.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Integer(number) => vec![number.to_string()],
        Value::Float(number) => vec![number.to_string()],
        Value::Boolean(choice) => vec![choice.to_string()],
        Value::Datetime(time) => vec![time.to_string()],
        // No setting is a table, so this is refused as a value that does not fit.
        Value::Table(_) => vec!["[table]".to_owned()],
    }
}
