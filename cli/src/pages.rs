//! Completions and manual pages, made from the arguments themselves.

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;

/// Prints the completions of a shell.
///
/// # Errors
/// When standard output is closed.
pub fn print_completions(shell: Shell) -> anyhow::Result<ExitCode> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "portcullis", &mut text);
    std::io::stdout().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the manual page of the program, or writes those of all commands into a folder.
///
/// # Errors
/// When they cannot be written.
pub fn print_manual(folder: Option<&Path>) -> anyhow::Result<ExitCode> {
    match folder {
        None => clap_mangen::Man::new(Arguments::command()).render(&mut std::io::stdout())?,
        Some(folder) => {
            let context = || format!("cannot write the pages into `{}`", folder.display());
            std::fs::create_dir_all(folder).with_context(context)?;
            clap_mangen::generate_to(Arguments::command(), folder).with_context(context)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
