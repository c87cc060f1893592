//! What would allow what is denied, as it is shown.

use engine::Account;
use engine::decide::Source;
use engine::explain::remedies::{Asker, Grant, Granted, Lift, Recipient, Remedy, Requirement};
use engine::principal::Principal;
use model::account_state::Holder;
use model::ids::{Id, PolicyId};
use serde::Serialize;

use crate::evidence::{self, OriginView};
use crate::explain::{PermissionGroupView, permission_group};
use crate::wire::permitted::{self, PermissionView};

/// Changes that would allow it, together.
#[derive(Serialize, utoipa::ToSchema)]
pub struct RemedyView<'a> {
    /// What has to be so besides.
    requires: Vec<RequirementView<'a>>,
    /// Policies to take away.
    lifts: Vec<LiftView>,
    /// Policies to add.
    grants: Vec<GrantView<'a>>,
    /// How many changes of policies it takes: lifts and grants.
    size: usize,
}

/// Something other than a policy that stands in the way.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum RequirementView<'a> {
    /// The subject becomes a member of the account, and accepts.
    Membership,
    /// The member accepts its invitation.
    Acceptance {
        #[schema(value_type = String)]
        member_id: Id,
        email: &'a str,
    },
    /// The resource is registered in the account.
    Registration { key: &'a str },
    /// The token is used as its conditions ask, or they are changed.
    Condition {
        #[schema(value_type = String)]
        token_id: Id,
        /// Which are not met: `status`, `time`, `address`.
        unmet: Vec<&'static str>,
    },
}

/// A policy to take away.
#[derive(Serialize, utoipa::ToSchema)]
struct LiftView {
    #[schema(value_type = String)]
    policy_id: PolicyId,
    origin: OriginView,
}

/// A policy to add.
#[derive(Serialize, utoipa::ToSchema)]
struct GrantView<'a> {
    to: RecipientView<'a>,
    /// Of the IAM catalogue for a member or user group, of the token catalogue for a token.
    permission_group: PermissionGroupView<'a>,
    /// The key of the resource; the account's is the account and everything in it.
    resource: Box<str>,
    /// Everything that it allows where it applies.
    permissions: Vec<PermissionView<'a>>,
}

/// Who is granted something.
#[derive(Serialize, utoipa::ToSchema)]
struct RecipientView<'a> {
    /// `member`, `new_member`, `user_group` or `token`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Left out of who is no member yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    id: Option<Id>,
    /// The address of a member, the name of anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
}

/// Shows remedies.
pub fn views<'a>(account: &'a Account, asker: &'a Asker, remedies: &'a [Remedy]) -> Vec<RemedyView<'a>> {
    remedies.iter().map(|remedy| view(account, asker, remedy)).collect()
}

fn view<'a>(account: &'a Account, asker: &'a Asker, remedy: &'a Remedy) -> RemedyView<'a> {
    RemedyView {
        requires: remedy.requires.iter().map(|requirement| requirement_view(account, requirement)).collect(),
        lifts: remedy.lifts.iter().map(|lift| lift_view(account, asker, lift)).collect(),
        grants: remedy.grants.iter().map(|grant| grant_view(account, asker, grant)).collect(),
        size: remedy.size(),
    }
}

fn requirement_view<'a>(account: &'a Account, requirement: &'a Requirement) -> RequirementView<'a> {
    match requirement {
        Requirement::Membership => RequirementView::Membership,
        Requirement::Acceptance(id) => RequirementView::Acceptance {
            member_id: id.0,
            email: account.member(id).map_or("", |member| member.email.as_str()),
        },
        Requirement::Registration(key) => RequirementView::Registration { key },
        Requirement::Condition(token, unmet) => {
            let words = [(unmet.status, "status"), (unmet.time, "time"), (unmet.address, "address")];
            let unmet = words.into_iter().filter(|(unmet, _)| *unmet).map(|(_, word)| word).collect();
            RequirementView::Condition { token_id: token.0, unmet }
        }
    }
}

fn lift_view(account: &Account, asker: &Asker, lift: &Lift) -> LiftView {
    let principal = match (asker, lift.source) {
        (Asker::Known(principal), _) => principal.clone(),
        // Who is not known has no policies; whoever asks, a holder is told by itself.
        (Asker::Newcomer, Source::Holder(Holder::Member(id))) => Principal::Member(id),
        (Asker::Newcomer, Source::Holder(Holder::Group(id))) => Principal::UserGroup(id),
        (Asker::Newcomer, Source::Token) => Principal::System,
    };
    let origin = account.origin(&principal, lift.source, lift.position);
    LiftView { policy_id: lift.policy, origin: evidence::origin(account, &principal, &origin) }
}

fn grant_view<'a>(account: &'a Account, asker: &'a Asker, grant: &Grant) -> GrantView<'a> {
    let engine = account.engine();
    let id = match grant.what {
        Granted::IamGroup(id) => id,
        Granted::Permission(one) => engine.catalog().permission_at(one).id,
    };
    GrantView {
        to: recipient_view(account, asker, grant.to),
        permission_group: permission_group(account, &id),
        resource: grant.on.clone(),
        permissions: permitted::permissions(engine.catalog(), &engine.permissions_of_grant(grant.what)),
    }
}

fn recipient_view<'a>(account: &'a Account, asker: &'a Asker, to: Recipient) -> RecipientView<'a> {
    let (kind, id, name) = match to {
        Recipient::Member(id) => ("member", Some(id.0), account.member(&id).map(|member| member.email.as_str())),
        Recipient::NewMember => ("new_member", None, None),
        Recipient::UserGroup(id) => ("user_group", Some(id.0), account.user_group(&id).map(|group| &*group.name)),
        Recipient::Token => {
            let token = match asker {
                Asker::Known(principal) => principal.token().map(|token| &token.token),
                Asker::Newcomer => None,
            };
            ("token", token.map(|token| token.id.0), token.map(|token| &*token.name))
        }
    };
    RecipientView { kind, id, name }
}
