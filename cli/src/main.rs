//! The `portcullis` program: reads what was typed, and wires the rooms together.
//!
//! ```text
//! arguments     what can be typed                      config_file   a file in place of flags
//! serve, dev    the server                             database, secret_key, wiring   the parts it is made of
//! init, user, account, revert, report_leak, declare, migrate   offline commands that write     log, audit, check, ask, doctor   offline commands that read
//! ```

mod account;
mod account_snapshot;
mod arguments;
mod ask;
mod audit;
mod background;
mod backup;
mod check;
mod config_file;
mod database;
mod declare;
mod dev;
mod doctor;
mod duration;
mod init;
mod log;
mod log_lines;
mod migrate;
mod pages;
mod report_leak;
mod restore;
mod revert;
mod secret_key;
mod serve;
mod shutdown;
mod user;
mod verification;
mod wiring;

use std::process::ExitCode;

use arguments::{Arguments, Command};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = config_file::read_arguments();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("portcullis: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Completions { shell } => return pages::print_completions(shell),
        Command::Man { folder } => return pages::print_manual(folder.as_deref()),
        Command::Serve(_)
        | Command::Init(_)
        | Command::Dev(_)
        | Command::User(_)
        | Command::Account(_)
        | Command::Log(_)
        | Command::Audit(_)
        | Command::Check(_)
        | Command::Ask(_)
        | Command::Revert(_)
        | Command::Export(_)
        | Command::Apply(_)
        | Command::Doctor(_)
        | Command::Migrate(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::Snapshot(_)
        | Command::ReportLeak(_) => {}
    }
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        match arguments.command {
            Command::Serve(serve) => serve::run(*serve).await,
            Command::Init(init) => init::run(init).await,
            Command::Dev(dev) => dev::run(dev).await,
            Command::User(command) => user::run(command).await,
            Command::Account(command) => account::run(command).await,
            Command::Log(command) => log::run(command).await,
            Command::Audit(command) => audit::run(command).await,
            Command::Check(check) => check::run(check).await,
            Command::Ask(ask) => Ok(ask::run(ask).await),
            Command::Revert(revert) => revert::run(revert).await,
            Command::Export(export) => declare::export(export).await,
            Command::Apply(apply) => declare::apply(apply).await,
            Command::Doctor(doctor) => doctor::run(doctor).await,
            Command::Migrate(migrate) => migrate::run(migrate).await,
            Command::Backup(backup) => backup::run(backup).await,
            Command::Restore(restore) => restore::run(restore).await,
            Command::Snapshot(command) => account_snapshot::run(command).await,
            Command::ReportLeak(report) => report_leak::run(report).await,
            // Answered above, without starting threads.
            Command::Completions { .. } | Command::Man { .. } => Ok(ExitCode::SUCCESS),
        }
    })
}
