//! What would change if: any write with the header `portcullis-dry-run: true` is answered as it would be, commits
//! nothing, and tells in `dry_run` who would gain and who would lose what.

use axum::http::{HeaderMap, HeaderName};
use engine::Account;
use engine::diff::{Affected, Row, Shift, diff};
use model::ids::{Id, Revision};
use model::problem::{FaultKind, Problem};
use model::users::UserState;
use runtime::stream::Rehearsed;
use serde::Serialize;

use crate::answer::Success;
use crate::error::Error;
use crate::wire::permitted::{self, PermissionView, ResourceView};

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
    #[serde(flatten)]
    shifts: Shifts<'a>,
}

/// Who gains and who loses by a commit.
#[derive(Serialize, utoipa::ToSchema)]
pub struct Shifts<'a> {
    /// Who gains what.
    gains: Vec<RowView<'a>>,
    /// Who loses what.
    losses: Vec<RowView<'a>>,
}

impl<'a> Shifts<'a> {
    /// The rows of [`diff`] between two states.
    pub fn of(before: &'a Account, after: &'a Account, rows: &'a [Row]) -> Shifts<'a> {
        let shift = |shift| rows.iter().filter(|row| row.shift == shift).map(|row| view(before, after, row)).collect();
        Shifts { gains: shift(Shift::Gained), losses: shift(Shift::Lost) }
    }
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

/// The answer that a write would get, with what it would change.
///
/// # Errors
/// Only if it cannot be written as JSON, which is our fault.
pub fn answer<T>(rehearsed: &Rehearsed<Account, T>, shown: Success) -> Result<Success, Error> {
    let (before, after) = (&rehearsed.before.state, &rehearsed.after.state);
    let rows = diff(before, after, &rehearsed.changes);
    let revision = rehearsed.before.revision();
    let shifts = Shifts::of(before, after, &rows);
    let told = DryRun { revision, changes: !rehearsed.changes.is_empty(), shifts };
    Ok(shown.with_field("dry_run", &told)?.at(revision))
}

/// The same of a write to a user's own stream, whose tokens are never more than the user.
///
/// # Errors
/// As for [`answer`].
pub fn answer_of_user<T>(rehearsed: &Rehearsed<UserState, T>, shown: Success) -> Result<Success, Error> {
    let revision = rehearsed.before.revision();
    let shifts = Shifts { gains: Vec::new(), losses: Vec::new() };
    let told = DryRun { revision, changes: !rehearsed.changes.is_empty(), shifts };
    Ok(shown.with_field("dry_run", &told)?.at(revision))
}

fn view<'a>(before: &'a Account, after: &'a Account, row: &'a Row) -> RowView<'a> {
    let catalog = after.engine().catalog();
    RowView {
        principals: row.principals.iter().map(|principal| principal_view(before, after, *principal)).collect(),
        permissions: permitted::permissions(catalog, &row.permissions),
        resources: permitted::resources(after, &row.resources),
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
