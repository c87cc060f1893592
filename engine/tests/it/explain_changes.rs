//! An account and somebody who asks, with real changes to either.

use std::sync::{Arc, LazyLock};

use catalog::PermissionSet;
use engine::Account;
use engine::decide::Source;
use engine::explain::remedies::{Grant, Granted, Lift, Recipient, Remedy, Requirement};
use engine::principal::Principal;
use engine::target::Target;
use model::account_state::Holder;
use model::change::{Change, Document};
use model::ids::{MemberId, PolicyId, ResourceGroupId, UserId};
use model::members::{Member, Standing};
use model::policies::{Effect, Policy, may_meet};
use model::resource_groups::{Kind, ResourceGroup, Scope};
use model::resources::Resource;
use model::tokens::{Condition, Star, Token, TokenPolicy, TokenResource, TokenStatus};
use model::user_groups::UserGroup;

use crate::world::*;

/// Who asks; a token is by its document, so that it can be changed.
#[derive(Clone, Debug)]
pub enum Asks {
    Caller(Caller),
    Member(u8),
    Group(u8),
}

impl Asks {
    pub fn principal(&self) -> Principal {
        match self {
            Asks::Caller(caller) => caller.principal(),
            Asks::Member(n) => Principal::Member(member_id(*n)),
            Asks::Group(n) => Principal::UserGroup(group_id(*n)),
        }
    }

    fn token(&mut self) -> &mut Arc<Token> {
        match self {
            Asks::Caller(Caller::UserToken(_, token) | Caller::AccountToken(_, token)) => token,
            Asks::Caller(Caller::User(_)) | Asks::Member(_) | Asks::Group(_) => panic!("no token"),
        }
    }

    /// The user that it is or acts for, or the member that it would be.
    fn number(&self) -> u8 {
        match self {
            Asks::Caller(Caller::User(n) | Caller::UserToken(n, _)) | Asks::Member(n) => *n,
            Asks::Caller(Caller::AccountToken(..)) | Asks::Group(_) => panic!("nobody who could be a member"),
        }
    }
}

/// For what operations need besides a state.
static EMPTY: LazyLock<World> = LazyLock::new(World::new);

/// An account, who asks, and of what.
#[derive(Clone)]
pub struct Scene {
    pub account: Account,
    pub asks: Asks,
    pub key: String,
    /// Who became a member.
    newcomer: Option<MemberId>,
    fresh: u8,
}

impl Scene {
    pub fn new(account: &Account, asks: &Asks, key: &str) -> Scene {
        Scene { account: account.clone(), asks: asks.clone(), key: key.to_owned(), newcomer: None, fresh: 0 }
    }

    pub fn target(&self) -> Option<Target> {
        if self.key == account_key() { Some(Target::ACCOUNT) } else { self.account.resource(&self.key) }
    }

    /// Whether any one of the permissions is held, or all of them.
    pub fn allows(&self, asked: &PermissionSet, all: bool) -> bool {
        let Some(target) = self.target() else { return false };
        let held = ENGINE.held(&self.account, &self.asks.principal(), &target);
        if all { asked.is_subset(&held) } else { held.intersects(asked) }
    }

    fn put(&mut self, documents: Vec<Document>) {
        let changes: Vec<Change> = documents.into_iter().map(Change::put).collect();
        self.account = self.account.after(&changes).unwrap();
    }

    /// Does all of a remedy but for the requirement that is left out.
    pub fn remedy(&mut self, remedy: &Remedy, left_out: Option<&Requirement>) {
        for requirement in remedy.requires.iter().filter(|one| Some(*one) != left_out) {
            self.require(requirement);
        }
        self.lift(&remedy.lifts);
        for grant in &remedy.grants {
            if grant.to != Recipient::NewMember || self.newcomer.is_some() {
                self.grant(grant);
            }
        }
    }

    pub fn require(&mut self, requirement: &Requirement) {
        match requirement {
            Requirement::Membership => {
                let n = 0x80 + self.asks.number();
                let id = match self.asks {
                    Asks::Member(asked) => member_id(asked),
                    Asks::Caller(_) | Asks::Group(_) => member_id(n),
                };
                let member = Member {
                    id,
                    email: model::names::Email::parse(&email(n), "").unwrap(),
                    standing: Standing::Accepted { user: user_id(self.asks.number()), since: NOW() },
                    profile: Default::default(),
                    policies: Box::new([]),
                    created_on: NOW(),
                    modified_on: NOW(),
                    invitation: None,
                    api_access: None,
                };
                self.newcomer = Some(id);
                self.put(vec![Document::Member(member.into())]);
            }
            Requirement::Acceptance(id) => {
                let user = UserId(self::id(0xb1, self.asks.number()));
                let standing = Standing::Accepted { user, since: NOW() };
                let member = Member { standing, ..self.account.member(id).unwrap().clone() };
                self.put(vec![Document::Member(member.into())]);
            }
            Requirement::Condition(id, unmet) => {
                let token = Arc::make_mut(self.asks.token());
                assert_eq!(*id, token.id);
                if unmet.status {
                    token.status = TokenStatus::Active;
                }
                if unmet.time {
                    (token.not_before, token.expires_on) = (None, None);
                }
                if unmet.address {
                    token.condition = Condition::default();
                }
            }
            Requirement::Registration(key) => {
                let resource = Resource { name: key.clone(), key: key.clone(), parent: None, created_on: NOW() };
                self.put(vec![Document::Resource(resource.into())]);
            }
        }
    }

    /// Takes policies away, all at once.
    pub fn lift(&mut self, lifts: &[Lift]) {
        let mut sources: Vec<Source> = lifts.iter().map(|lift| lift.source).collect();
        sources.sort_unstable();
        sources.dedup();
        for source in sources {
            let lifted: Vec<(usize, PolicyId)> =
                lifts.iter().filter(|lift| lift.source == source).map(|lift| (lift.position, lift.policy)).collect();
            let left_positions = |at: usize, id: PolicyId| {
                let named = lifted.iter().find(|(position, _)| *position == at);
                named.inspect(|(_, named)| assert_eq!(*named, id)).is_none()
            };
            match source {
                Source::Holder(holder) => {
                    let policies = self.account.policies_of(holder).iter().enumerate();
                    let left = policies.filter(|(at, policy)| left_positions(*at, policy.id));
                    self.set_policies(holder, left.map(|(_, policy)| policy.clone()).collect());
                }
                Source::Token => {
                    let token = Arc::make_mut(self.asks.token());
                    let policies = token.policies.iter().enumerate();
                    let left = policies.filter(|(at, policy)| left_positions(*at, policy.id));
                    token.policies = left.map(|(_, policy)| policy.clone()).collect();
                }
            }
        }
    }

    fn set_policies(&mut self, holder: Holder, policies: Box<[Policy]>) {
        let document = match holder {
            Holder::Member(id) => {
                Document::Member(Member { policies, ..self.account.member(&id).unwrap().clone() }.into())
            }
            Holder::Group(id) => {
                Document::UserGroup(UserGroup { policies, ..self.account.user_group(&id).unwrap().clone() }.into())
            }
        };
        self.put(vec![document]);
    }

    /// Adds one policy, which the operations would accept.
    pub fn grant(&mut self, grant: &Grant) {
        match grant.what {
            Granted::IamGroup(group) => {
                let scope = self.scope(&grant.on);
                let named = CATALOG.iam_group(&group).unwrap();
                let meets = EMPTY.with(|environment, _| may_meet(&self.account, environment, named, &scope));
                assert!(meets, "{} cannot be granted on {}", named.name, grant.on);
                self.give(grant.to, vec![group], scope);
            }
            Granted::Permission(permission) => {
                assert_eq!(grant.to, Recipient::Token);
                self.give_token(vec![CATALOG.permission_at(permission).id], &grant.on);
            }
        }
    }

    /// Grants everything that can be granted, on the whole account: no single grant does more.
    pub fn grant_everything(&mut self, to: Recipient) {
        if to == Recipient::Token {
            let all = CATALOG.permissions().iter().map(|permission| permission.id).collect();
            self.give_token(all, &account_key());
        } else {
            let all = CATALOG.iam_groups().iter().map(|group| group.id).collect();
            self.give(to, all, Scope::whole_account(account_id()));
        }
    }

    fn scope(&self, key: &str) -> Scope {
        if key == account_key() {
            Scope::whole_account(account_id())
        } else {
            Scope::listed(account_id(), [key.into()])
        }
    }

    fn give(&mut self, to: Recipient, permission_groups: Vec<model::ids::Id>, scope: Scope) {
        self.fresh += 1;
        let (policy, group) = (PolicyId(id(0x52, self.fresh)), ResourceGroupId(id(0xe2, self.fresh)));
        let resource_group = ResourceGroup {
            id: group,
            name: "granted".into(),
            kind: Kind::Anonymous { policy },
            scope,
            created_on: NOW(),
            modified_on: NOW(),
            shown: Default::default(),
        };
        self.put(vec![Document::ResourceGroup(resource_group.into())]);
        let policy = Policy {
            id: policy,
            access: Effect::Allow,
            permission_groups: permission_groups.into(),
            resource_groups: Box::new([group]),
            created_on: NOW(),
            modified_on: NOW(),
        };
        let holder = match to {
            Recipient::Member(id) => Holder::Member(id),
            Recipient::NewMember => Holder::Member(self.newcomer.expect("somebody became a member")),
            Recipient::UserGroup(id) => Holder::Group(id),
            Recipient::Token => panic!("a token has no IAM permission groups"),
        };
        let policies = self.account.policies_of(holder).iter().cloned().chain([policy]).collect();
        self.set_policies(holder, policies);
    }

    fn give_token(&mut self, permission_groups: Vec<model::ids::Id>, key: &str) {
        let resources = [(key.into(), TokenResource::Everything(Star::Star))].into();
        let policy = TokenPolicy {
            id: PolicyId(id(0x62, 0)),
            effect: Effect::Allow,
            permission_groups: permission_groups.into(),
            resources,
        };
        let token = Arc::make_mut(self.asks.token());
        token.policies = token.policies.iter().cloned().chain([policy]).collect();
    }
}
