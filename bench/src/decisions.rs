//! Workload W over HTTP: its accounts in a database, its questions as bodies of requests, and both for Cerbos, which is
//! given the groups of a member with each question, as its users do.

mod cerbos;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use engine::permit::Permit;
use model::account_state::AccountState;
use model::accounts::NewAccount;
use model::ids::UserId;
use model::rules::Environment;
use serde_json::{Value, json};
use workload::{Question, SEED, Size, Workload};

use crate::seed::{origin, runtime_on, write_snapshot};

/// How large: W is ten accounts of a thousand members.
#[derive(Args)]
pub struct Extent {
    /// Accounts
    #[arg(long, default_value_t = 10)]
    accounts: usize,
    /// Members of each account
    #[arg(long, default_value_t = 1000)]
    members: usize,
}

impl Extent {
    fn workload(&self) -> anyhow::Result<Workload> {
        Workload::new(Size { accounts: self.accounts, members: self.members, ..Size::times(1) }, SEED)
    }
}

/// `portcullis-bench questions`.
#[derive(Args)]
pub struct Questions {
    #[command(flatten)]
    extent: Extent,
    /// How many questions
    #[arg(long, default_value_t = 20_000)]
    count: usize,
    /// How many of them in a request, where it has several
    #[arg(long, default_value_t = 1000)]
    batch: usize,
    /// Where to write the files
    #[arg(long)]
    folder: PathBuf,
}

/// Writes the files: `catalogue.json`; `expected` with an answer a line; `single`, `batches` and `cerbos` with the body
/// of a request a line; and the folder `policies`, of Cerbos.
///
/// # Errors
/// When they cannot be written.
pub fn write(questions: &Questions) -> anyhow::Result<()> {
    let workload = questions.extent.workload()?;
    let asked = workload.questions(questions.count);
    let lines = |name: &str, lines: &mut dyn Iterator<Item = String>| write_lines(&questions.folder.join(name), lines);
    fs::write(questions.folder.join("catalogue.json"), workload::catalogue_file())?;
    lines("expected", &mut asked.iter().map(|question| question.allowed.to_string()))?;
    lines("single", &mut asked.iter().map(|question| evaluation(&workload, question).to_string()))?;
    lines("batches", &mut asked.chunks_exact(questions.batch).map(|some| evaluations(&workload, some).to_string()))?;
    lines("cerbos", &mut asked.iter().map(|question| cerbos::request(&workload, question).to_string()))?;
    cerbos::write_policies(&workload, &questions.folder.join("policies"))
}

fn write_lines(path: &Path, lines: &mut dyn Iterator<Item = String>) -> anyhow::Result<()> {
    let text: String = lines.flat_map(|line| [line, "\n".to_owned()]).collect();
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}

/// A question of AuthZEN.
fn evaluation(workload: &Workload, question: &Question) -> Value {
    let account = &workload.accounts[usize::from(question.account)];
    json!({
        "subject": { "type": "member", "id": account.members[question.member as usize].id },
        "action": { "name": workload.permissions[usize::from(question.permission)].name },
        "resource": { "type": "zone", "id": account.zones[usize::from(question.zone)] },
    })
}

/// Many, of which each has a subject, an action and a resource of its own: nothing is shared.
fn evaluations(workload: &Workload, questions: &[Question]) -> Value {
    json!({ "evaluations": questions.iter().map(|question| evaluation(workload, question)).collect::<Vec<_>>() })
}

/// `portcullis-bench seed-decisions`.
#[derive(Args)]
pub struct SeedDecisions {
    #[command(flatten)]
    extent: Extent,
    /// The file of the database; no server may run on it
    #[arg(long)]
    database: PathBuf,
    /// Who becomes the first super administrator of each account
    #[arg(long)]
    user: UserId,
}

/// Makes the accounts, and stores a snapshot of each.
///
/// # Errors
/// When there is no such database or user, or an account is there already.
pub fn seed(seed: &SeedDecisions) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(fill(seed))
}

async fn fill(seed: &SeedDecisions) -> anyhow::Result<()> {
    let workload = seed.extent.workload()?;
    let runtime = runtime_on(&seed.database, workload.catalog.clone())?;
    let maker = runtime.user(seed.user).await?.and_then(|snapshot| snapshot.state.user.clone());
    let maker = maker.with_context(|| format!("there is no user `{}`", seed.user))?;
    for (number, account) in workload.accounts.iter().enumerate() {
        let new = NewAccount { name: format!("Account {number}"), kind: None };
        runtime.create_account(account.id, &new, &maker, &origin(), |_, _| None).await?;
        let permit = Permit::for_system(account.id);
        for step in account.steps() {
            let work = |state: &AccountState, environment: &Environment<'_>| {
                Ok((workload.changes(state, environment, account, &step)?, ()))
            };
            runtime.commit(&permit, &origin(), work, |_, _| None).await?;
        }
        write_snapshot(&runtime, account.id).await?;
    }
    runtime.store.close().await;
    Ok(())
}
