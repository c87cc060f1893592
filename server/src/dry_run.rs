//! What would change if: any write with the header `portcullis-dry-run: true` is answered as it would be, commits
//! nothing, and tells in `dry_run` who would gain and who would lose what.

use axum::http::{HeaderMap, HeaderName};
use catalog::{Catalog, Permission, PermissionSet};
use engine::Account;
use engine::diff::{Affected, ResourceSet, Row, Shift, diff};
use model::ids::{Id, Revision};
use model::problem::{FaultKind, Problem};
use model::resource_groups::account_key;
use runtime::stream::Rehearsed;
use serde::Serialize;

use crate::answer::Success;
use crate::error::Error;

/// The header that asks for it.
pub const DRY_RUN: HeaderName = HeaderName::from_static("portcullis-dry-run");

/// Whether the headers ask for a dry run.
///
/// # Errors
/// The header says neither `true` nor `false`: whoever sends it does not want the write, whatever it says.
pub fn is_asked(headers: &HeaderMap) -> Result<bool, Problem> {
    match headers.get(DRY_RUN).map(|value| value.as_bytes()) {
        None | Some(b"false") => Ok(false),
        Some(b"true") => Ok(true),
        Some(_) => Err(Problem::new(FaultKind::Invalid, "the header `portcullis-dry-run` must be `true` or `false`")),
    }
}

/// What a write would change in what may be done.
#[derive(Serialize, utoipa::ToSchema)]
pub struct DryRun<'a> {
    /// The revision that it was worked out on.
    revision: Revision,
    /// Whether it would make a commit.
    changes: bool,
    /// Who gains what.
    gains: Vec<RowView<'a>>,
    /// Who loses what.
    losses: Vec<RowView<'a>>,
}

/// Each of these principals gains or loses each of these permissions on each of these resources.
#[derive(Serialize, utoipa::ToSchema)]
struct RowView<'a> {
    principals: Vec<PrincipalView<'a>>,
    permissions: Vec<PermissionView<'a>>,
    resources: Vec<ResourceView<'a>>,
}

/// A member or a token of the account.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum PrincipalView<'a> {
    Member {
        #[schema(value_type = String)]
        id: Id,
        email: &'a str,
    },
    Token {
        #[schema(value_type = String)]
        id: Id,
        name: &'a str,
    },
}

/// A permission of the token catalogue.
#[derive(Serialize, utoipa::ToSchema)]
struct PermissionView<'a> {
    #[schema(value_type = String)]
    id: Id,
    name: &'a str,
    scope: &'a str,
}

/// A resource, or with `.*` all resources of a type, now and later, but for the excepted ones.
#[derive(Serialize, utoipa::ToSchema)]
struct ResourceView<'a> {
    key: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(value_type = Vec<String>)]
    except: &'a [Box<str>],
}

/// The answer that a write would get, with what it would change.
///
/// # Errors
/// Only if it cannot be written as JSON, which is our fault.
pub fn answer<T>(rehearsed: &Rehearsed<Account, T>, shown: Success) -> Result<Success, Error> {
    let (before, after) = (&rehearsed.before.state, &rehearsed.after.state);
    let rows = diff(before, after, &rehearsed.changes);
    let shift = |shift| rows.iter().filter(|row| row.shift == shift).map(|row| view(before, after, row)).collect();
    let revision = rehearsed.before.revision();
    let told = DryRun {
        revision,
        changes: !rehearsed.changes.is_empty(),
        gains: shift(Shift::Gained),
        losses: shift(Shift::Lost),
    };
    Ok(shown.with_field("dry_run", &told)?.at(revision))
}

fn view<'a>(before: &'a Account, after: &'a Account, row: &'a Row) -> RowView<'a> {
    let catalog = after.engine().catalog();
    RowView {
        principals: row.principals.iter().map(|principal| principal_view(before, after, *principal)).collect(),
        permissions: permissions(catalog, &row.permissions),
        resources: resources(after, &row.resources),
    }
}

fn principal_view<'a>(before: &'a Account, after: &'a Account, principal: Affected) -> PrincipalView<'a> {
    match principal {
        Affected::Member(id) => {
            let member = after.member(&id).or_else(|| before.member(&id));
            PrincipalView::Member { id: id.0, email: member.map_or("", |member| member.email.as_str()) }
        }
        Affected::Token(id) => {
            let token = after.token(&id).or_else(|| before.token(&id));
            PrincipalView::Token { id: id.0, name: token.map_or("", |token| &token.name) }
        }
    }
}

fn permissions<'a>(catalog: &'a Catalog, set: &PermissionSet) -> Vec<PermissionView<'a>> {
    let mut permissions: Vec<&Permission> = set.iter().map(|index| catalog.permission_at(index)).collect();
    permissions.sort_unstable_by(|one, other| one.name.cmp(&other.name).then(one.scope.cmp(&other.scope)));
    let view = |permission: &'a Permission| PermissionView {
        id: permission.id,
        name: &permission.name,
        scope: &catalog.resource_type(permission.scope).key,
    };
    permissions.into_iter().map(view).collect()
}

fn resources<'a>(account: &'a Account, set: &'a ResourceSet) -> Vec<ResourceView<'a>> {
    let catalog = account.engine().catalog();
    let own = set.account.then(|| ResourceView { key: account_key(account.account_id()), except: &[] });
    let all_of = set
        .all_of
        .iter()
        .map(|(kind, except)| ResourceView { key: format!("{}.*", catalog.resource_type(*kind).key), except });
    let single = set.keys.iter().map(|key| ResourceView { key: key.to_string(), except: &[] });
    own.into_iter().chain(all_of).chain(single).collect()
}
