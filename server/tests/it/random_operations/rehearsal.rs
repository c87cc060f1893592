//! Every write is asked for as a dry run first: it must be answered as the write then is, do nothing, and foretell who
//! may do what afterwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use catalog::{Id, ResourceTypeIndex};
use engine::Account;
use engine::principal::Principal;
use engine::target::Target;
use model::resource_groups::account_key;
use runtime::stream::Snapshot;
use serde_json::Value;
use testkit::Response;

use super::requests::Request;
use super::rights::Who;
use super::session::Session;
use crate::support::without_ids;

/// What a dry run answered, and the account that it left as it was.
pub struct Rehearsal {
    response: Response,
    before: Arc<Snapshot<Account>>,
}

/// One thing that somebody may do: address or id, permission, and key; of a resource that the write makes, whose id no dry run
/// knows, `new`.
type Cell = (String, Id, String);

impl Session {
    /// Sends a write as a dry run.
    pub async fn rehearse(&self, who: &Who, request: &Request, body: &Value) -> Result<Option<Rehearsal>, String> {
        if request.method == "GET" {
            return Ok(None);
        }
        let before = self.snapshot().await;
        let response = self.send(who, request, body, &[("portcullis-dry-run", "true")]).await;
        let after = self.snapshot().await;
        if after.revision() != before.revision() || after.hash != before.hash {
            return Err("a dry run made a commit".to_owned());
        }
        Ok(Some(Rehearsal { response, before }))
    }

    /// Compares a dry run with what then happened.
    pub async fn compare_rehearsal(&self, rehearsal: &Rehearsal, response: &Response) -> Result<(), String> {
        let Rehearsal { response: foretold, before } = rehearsal;
        // What a refusal would have made has other ids each time.
        let errors = |response: &Response| without_ids(&response.body["errors"].to_string());
        if foretold.status != response.status || errors(foretold) != errors(response) {
            return Err(format!("the dry run was answered with {} {}", foretold.status, foretold.text));
        }
        if response.status != 200 {
            return Ok(());
        }
        let after = self.snapshot().await;
        let told = &foretold.body["dry_run"];
        let committed = after.revision() > before.revision();
        if told["changes"] != committed || told["revision"] != before.revision() {
            return Err(format!("the dry run told of {told}"));
        }
        let (old, new) = (everything(&before.state, &before.state), everything(&after.state, &before.state));
        let gained: BTreeSet<Cell> = new.difference(&old).cloned().collect();
        let lost: BTreeSet<Cell> = old.difference(&new).cloned().collect();
        for (name, expected, account) in [("gains", gained, &after.state), ("losses", lost, &before.state)] {
            let foretold = cells(&told[name], account, &before.state);
            if foretold != expected {
                return Err(format!("{name} are {expected:?}, but the dry run told of {foretold:?}: {told}"));
            }
        }
        Ok(())
    }
}

fn targets(account: &Account) -> impl Iterator<Item = (String, Target)> {
    let resources = account.resources_from(None);
    let resources = resources.filter_map(|one| Some((one.key.to_string(), account.resource(&one.key)?)));
    std::iter::once((account_key(account.account_id()), Target::ACCOUNT)).chain(resources)
}

/// The name of a resource in a cell.
fn known(key: String, before: &Account) -> String {
    let is_known = key == account_key(before.account_id()) || before.find_resource(&key).is_some();
    if is_known { key } else { "new".to_owned() }
}

/// All that members and tokens may do.
fn everything(account: &Account, before: &Account) -> BTreeSet<Cell> {
    let catalog = account.engine().catalog();
    let mut cells = BTreeSet::new();
    for (key, target) in targets(account) {
        let members = account.members().map(|member| (member.email.as_str().to_owned(), Principal::Member(member.id)));
        let tokens = account.tokens_from(None).map(|token| {
            let compiled = account.engine().compile_token(token).into();
            (token.id.to_string(), Principal::AccountToken { account: account.account_id(), token: compiled })
        });
        for (name, principal) in members.chain(tokens) {
            let held = account.engine().held(account, &principal, &target);
            let held = held.iter().map(|index| catalog.permission_at(index).id);
            cells.extend(held.map(|id| (name.clone(), id, known(key.clone(), before))));
        }
    }
    cells
}

/// What the rows of a dry run say of an account.
fn cells(rows: &Value, account: &Account, before: &Account) -> BTreeSet<Cell> {
    let texts = |value: &Value, fields: [&str; 2]| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items.map(|item| item[fields[0]].as_str().or(item[fields[1]].as_str()).expect("a text").to_owned()).collect()
    };
    let catalog = account.engine().catalog();
    let mut cells = BTreeSet::new();
    for row in rows.as_array().into_iter().flatten() {
        let mut keys = Vec::new();
        for resource in row["resources"].as_array().into_iter().flatten() {
            let key = resource["key"].as_str().expect("a key");
            match key.strip_suffix(".*").and_then(|kind| catalog.resource_type_by_key(kind)) {
                Some(kind) => {
                    let except =
                        |key: &str| resource["except"].as_array().is_some_and(|keys| keys.contains(&key.into()));
                    let of_kind = targets(account).filter(|(_, target)| target.kind == kind.index);
                    let of_kind = of_kind.filter(|(key, _)| kind.index != ResourceTypeIndex::ACCOUNT && !except(key));
                    keys.extend(of_kind.map(|(key, _)| known(key, before)));
                }
                None => keys.push(known(key.to_owned(), before)),
            }
        }
        for name in texts(&row["principals"], ["email", "id"]) {
            for id in texts(&row["permissions"], ["id"; 2]) {
                let id: Id = id.parse().expect("an id");
                cells.extend(keys.iter().map(|key| (name.clone(), id, key.clone())));
            }
        }
    }
    cells
}
