//! Random logs: commits of one to three changes to a handful of documents, over a clock that moves to and fro.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use engine::permit::Permit;
use model::account_state::AccountState;
use model::change::{self, Change, Document, DocumentId};
use model::ids::{AccountId, Id, MemberId, PolicyId, ResourceGroupId, TokenId, UserGroupId};
use model::members::{Member, Standing};
use model::names::Email;
use model::policies::{Effect, Policy};
use model::resource_groups::{Kind, ResourceGroup, Scope, zone_key};
use model::time::Timestamp;
use model::tokens::{Digest, Star, Token, TokenPolicy, TokenResource, TokenStatus};
use model::user_group_members::GroupMember;
use model::user_groups::UserGroup;
use proptest::collection::vec;
use proptest::prelude::*;
use runtime::history::provenance::Fact;

use crate::world::*;

/// One change, to one of few documents; where it does not fit the state, none.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A user group with these policies: two bits each for the first and the second one, 0 for none.
    PutGroup {
        group: u8,
        policies: u8,
        name: bool,
    },
    DeleteGroup(u8),
    PutPlace(u8, u8),
    DeletePlace(u8, u8),
    PutScope(u8, u8),
    DeleteScope(u8),
    PutToken {
        token: u8,
        policies: u8,
        name: bool,
    },
    DeleteToken(u8),
    PutMember {
        member: u8,
        policies: u8,
        standing: u8,
    },
    DeleteMember(u8),
}

/// A commit: how far the clock moves before, in seconds, and the changes.
pub type Planned = (i64, Vec<Step>);

pub fn plans(most: usize) -> impl Strategy<Value = Vec<Planned>> {
    let policies = 0..16u8;
    let step = prop_oneof![
        6 => (0..2u8, policies.clone(), any::<bool>())
            .prop_map(|(group, policies, name)| Step::PutGroup { group, policies, name }),
        1 => (0..2u8).prop_map(Step::DeleteGroup),
        3 => (0..2u8, 0..2u8).prop_map(|(group, member)| Step::PutPlace(group, member)),
        2 => (0..2u8, 0..2u8).prop_map(|(group, member)| Step::DeletePlace(group, member)),
        2 => (0..2u8, 0..2u8).prop_map(|(group, scope)| Step::PutScope(group, scope)),
        1 => (0..2u8).prop_map(Step::DeleteScope),
        3 => (0..2u8, policies.clone(), any::<bool>())
            .prop_map(|(token, policies, name)| Step::PutToken { token, policies, name }),
        1 => (0..2u8).prop_map(Step::DeleteToken),
        3 => (0..2u8, policies, 0..3u8)
            .prop_map(|(member, policies, standing)| Step::PutMember { member, policies, standing }),
        1 => (0..2u8).prop_map(Step::DeleteMember),
    ];
    vec((-3..6i64, vec(step, 1..=3)), 1..=most)
}

fn id(kind: u8, number: u8) -> Id {
    let mut bytes = [kind; 16];
    bytes[15] = number;
    Id::from_bytes(bytes)
}

fn group(number: u8) -> UserGroupId {
    UserGroupId(id(0xd0, number))
}

fn member(number: u8) -> MemberId {
    MemberId(id(0xc0, number))
}

fn resource_group(number: u8) -> ResourceGroupId {
    ResourceGroupId(id(0xe0, number))
}

fn token(number: u8) -> TokenId {
    TokenId(id(0x70, number))
}

fn policy_id(number: u8) -> PolicyId {
    PolicyId(id(0x50, number))
}

/// Of the two policies those whose bits are not 0, as `make` makes them of the number of the policy and the bits.
fn some_policies<P>(bits: u8, make: impl Fn(u8, u8) -> P) -> Box<[P]> {
    let bits = [bits & 3, bits >> 2];
    (0..2).filter(|number| bits[*number as usize] != 0).map(|number| make(number, bits[number as usize])).collect()
}

/// Bits 2 and 3 say the same in another order.
fn permission_groups(bits: u8) -> Box<[Id]> {
    match bits {
        1 => [id(0x51, 0)].into(),
        2 => [id(0x51, 0), id(0x51, 1)].into(),
        _ => [id(0x51, 1), id(0x51, 0)].into(),
    }
}

fn policies(bits: u8, now: Timestamp) -> Box<[Policy]> {
    some_policies(bits, |number, bits| Policy {
        id: policy_id(number),
        access: if number == 0 { Effect::Allow } else { Effect::Deny },
        permission_groups: permission_groups(bits),
        resource_groups: [resource_group(number)].into(),
        created_on: now,
        modified_on: now,
    })
}

fn token_policies(bits: u8) -> Box<[TokenPolicy]> {
    some_policies(bits, |number, bits| TokenPolicy {
        id: policy_id(number),
        effect: Effect::Allow,
        permission_groups: permission_groups(bits),
        resources: [(zone_key(model::ids::ZoneId(id(0x20, bits & 1))).into(), TokenResource::Everything(Star::Star))]
            .into(),
    })
}

fn token_document(number: u8, bits: u8, name: bool, now: Timestamp) -> Document {
    Document::Token(
        Token {
            id: token(number),
            name: if name { "one" } else { "two" }.into(),
            status: TokenStatus::Active,
            digest: Some(Digest([number; 32])),
            policies: token_policies(bits),
            condition: Default::default(),
            not_before: None,
            expires_on: None,
            issued_on: now,
            modified_on: now,
            created_by: None,
        }
        .into(),
    )
}

impl Step {
    /// The changes, if they fit.
    fn changes(self, state: &AccountState, now: Timestamp) -> Vec<Change> {
        let (created_on, modified_on) = (now, now);
        let put = |document| vec![Change::Put(document)];
        let there = |id: &DocumentId| state.document(id).is_some();
        let delete = |id: DocumentId| if there(&id) { vec![Change::Delete(id)] } else { vec![] };
        match self {
            Step::PutGroup { group: number, policies: bits, name } => {
                let name = format!("group {number} {name}").into();
                let (id, policies) = (group(number), policies(bits, now));
                put(Document::UserGroup(UserGroup { id, name, policies, created_on, modified_on }.into()))
            }
            Step::DeleteGroup(number) => {
                let places =
                    state.group_members(group(number)).map(|member| DocumentId::GroupMember(group(number), member));
                let places = places.map(Change::Delete).collect::<Vec<_>>();
                places.into_iter().chain(delete(DocumentId::UserGroup(group(number)))).collect()
            }
            Step::PutPlace(at, who) => {
                let (group, member) = (group(at), member(who));
                if !there(&DocumentId::UserGroup(group)) || !there(&DocumentId::Member(member)) {
                    return vec![];
                }
                put(Document::GroupMember(GroupMember { group, member, created_on }))
            }
            Step::DeletePlace(at, who) => delete(DocumentId::GroupMember(group(at), member(who))),
            Step::PutScope(number, bits) => {
                let (id, kind) = (resource_group(number), Kind::Custom);
                let scope = Scope::listed(state.account_id(), [zone_key(model::ids::ZoneId(id_of_zone(bits))).into()]);
                let name = format!("scope {number}").into();
                let group = ResourceGroup { id, name, kind, scope, created_on, modified_on, shown: Default::default() };
                put(Document::ResourceGroup(group.into()))
            }
            Step::DeleteScope(number) => delete(DocumentId::ResourceGroup(resource_group(number))),
            Step::PutToken { token, policies, name } => put(token_document(token, policies, name, now)),
            Step::DeleteToken(number) => delete(DocumentId::Token(token(number))),
            Step::PutMember { member: number, policies: bits, standing } => {
                let start = Timestamp::from_micros(START);
                let member = Member {
                    id: member(number),
                    email: Email::parse(&format!("member{number}@example.com"), "").unwrap(),
                    standing: match standing {
                        0 => Standing::Pending { invited_on: start },
                        1 => Standing::Rejected { since: start },
                        _ => Standing::Pending { invited_on: now },
                    },
                    profile: Default::default(),
                    policies: policies(bits, now),
                    created_on,
                    modified_on,
                    invitation: None,
                    api_access: None,
                };
                put(Document::Member(member.into()))
            }
            Step::DeleteMember(number) => {
                let places =
                    state.groups_of(member(number)).map(|group| DocumentId::GroupMember(group, member(number)));
                let places = places.map(Change::Delete).collect::<Vec<_>>();
                places.into_iter().chain(delete(DocumentId::Member(member(number)))).collect()
            }
        }
    }
}

fn id_of_zone(bits: u8) -> Id {
    id(0x20, bits)
}

/// Makes the commits; those without a change that fits make none.
pub async fn carry_out(world: &World, account: AccountId, plans: &[Planned]) {
    for (number, (seconds, steps)) in plans.iter().enumerate() {
        world.clock.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
        let work = |state: &AccountState, environment: &model::rules::Environment<'_>| {
            let (mut state, mut changes) = (state.clone(), Vec::new());
            for step in steps {
                let more = step.changes(&state, environment.now);
                more.iter().for_each(|change| state.apply(change).unwrap());
                changes.extend(more);
            }
            Ok((changes, ()))
        };
        let origin = origin_of(&format!("plan {number}"));
        world.runtime.commit(&Permit::for_system(account), &origin, work, |_, _| None).await.unwrap();
    }
}

/// What the log alone says: the changes of every commit, and the state after each, from the empty one on.
pub struct Told {
    pub changes: Vec<Vec<Change>>,
    pub states: Vec<AccountState>,
}

impl Told {
    pub async fn by(world: &World, account: AccountId) -> Told {
        let mut told = Told { changes: vec![], states: vec![AccountState::new(world.runtime.engine.watched())] };
        for record in world.records(account).await {
            let changes = change::read(&record.changes).unwrap();
            let state = told.states.last().unwrap().after(&changes).unwrap();
            told.states.push(state);
            told.changes.push(changes);
        }
        told
    }

    pub fn newest(&self) -> u64 {
        self.changes.len() as u64
    }

    /// Every document that was ever touched, and one that was not.
    pub fn documents(&self) -> BTreeSet<DocumentId> {
        let touched = self.changes.iter().flatten().map(Change::id);
        touched.chain([DocumentId::UserGroup(group(9))]).collect()
    }

    /// The revisions that touched the document, newest first.
    pub fn touches(&self, document: &DocumentId) -> Vec<u64> {
        let touches =
            |revision: &u64| self.changes[*revision as usize - 1].iter().any(|change| change.id() == *document);
        (1..=self.newest()).rev().filter(touches).collect()
    }

    /// The first revision from which on the fact is as it is at a revision, by looking at every state.
    pub fn since(&self, fact: &Fact, at: u64) -> Option<u64> {
        let said = |revision: u64| said(&self.states[revision as usize], fact);
        let now = said(at)?;
        (1..=at).rev().take_while(|revision| said(*revision).as_ref() == Some(&now)).last()
    }
}

/// What a state says of a fact, as text.
fn said(state: &AccountState, fact: &Fact) -> Option<String> {
    let sorted = |groups: &[Id]| groups.iter().copied().collect::<BTreeSet<_>>();
    let policy = |policies: &[Policy], id: PolicyId| {
        let policy = policies.iter().find(|policy| policy.id == id)?;
        Some(format!("{:?} {:?} {:?}", policy.access, sorted(&policy.permission_groups), policy.resource_groups))
    };
    match fact {
        Fact::Policy(DocumentId::Member(member), id) => policy(&state.member(member)?.policies, *id),
        Fact::Policy(DocumentId::UserGroup(group), id) => policy(&state.user_group(group)?.policies, *id),
        Fact::Policy(DocumentId::Token(token), id) => {
            let policy = state.token(token)?.policies.iter().find(|policy| policy.id == *id)?;
            Some(format!("{:?} {:?} {:?}", policy.effect, sorted(&policy.permission_groups), policy.resources))
        }
        Fact::Policy(..) => None,
        Fact::Place(group, member) => state.in_group_since(*member, *group).map(|_| String::new()),
        Fact::Scope(group) => Some(format!("{:?}", state.resource_group(group)?.scope)),
        Fact::Standing(member) => Some(format!("{:?}", state.member(member)?.standing)),
    }
}

/// Every fact that the random documents can be asked for.
pub fn facts() -> Vec<Fact> {
    let mut facts = Vec::new();
    for number in 0..2 {
        for policy in 0..3 {
            let holders = [
                DocumentId::Member(member(number)),
                DocumentId::UserGroup(group(number)),
                DocumentId::Token(token(number)),
            ];
            facts.extend(holders.map(|holder| Fact::Policy(holder, policy_id(policy))));
        }
        facts.extend((0..2).map(|other| Fact::Place(group(number), member(other))));
        facts.extend([Fact::Scope(resource_group(number)), Fact::Standing(member(number))]);
        facts.push(Fact::Policy(DocumentId::ResourceGroup(resource_group(number)), policy_id(0)));
    }
    facts
}
