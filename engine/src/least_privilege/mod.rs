//! The smallest token that allows a set of calls: which permission groups, on which resources.
//!
//! Ada's script lists DNS records of one zone and purges the cache of another. Each of these calls accepts a few
//! permissions, any of which would do. This room chooses among them, so that the token can do as little else as possible.
//!
//! **What is smallest.** A call needs one of the permissions that it accepts, on what it is about or on something that
//! contains it. Each permission is granted on the resource of its own scope: one of zones on the zone, one of accounts on
//! the account. So a call has a *place* for each permission that would do, and the narrowest of them is where it is
//! served. Places are settled from the widest to the narrowest: the account, then all resources of a type, then single
//! resources. What a wider place allows already is not asked again. At each place, the chosen permission groups are those
//!
//! 1. by which the fewest permissions are gained, with what they imply (D6: who may write may read);
//! 2. of these, the fewest;
//! 3. of these, the first, where less powerful groups come before more powerful ones, and then the name decides.
//!
//! This is exact: `cover` searches all choices, after throwing out those that cannot be part of a smallest one. Were a
//! search ever to take too long, the best that was found is given, and the answer says that it may not be the smallest.
//!
//! A key of an account with `"*"` covers everything in it, zones too. So permissions of zones are never granted on it, and
//! a policy never names both.

mod cover;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use catalog::{PermissionIndex, PermissionSet, ResourceTypeIndex};
use model::account_state::AccountState;
use model::ids::UserId;
use model::keyed::Keyed;
use model::resource_groups::account_key;
use model::tokens::{Star, TokenResource};

use crate::Engine;
use crate::call_target::CallTarget;

/// How many resources may lie in each other below an account.
const DEEPEST: usize = 8;

/// One call: what it accepts, and what it is about.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Any one of these suffices. `None`: nobody knows what it accepts.
    pub accepts: Option<PermissionSet>,
    /// What it is about.
    pub target: CallTarget,
}

/// Where permission groups are granted. The order is from wide to narrow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The account and everything in it.
    Account,
    /// All resources of a type in the account, present and future.
    All(ResourceTypeIndex),
    /// One resource and everything in it: how deep its type lies, and its key.
    Resource(u8, Box<str>),
    /// A user.
    User(UserId),
}

/// One policy of the smallest token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeastPolicy {
    /// By name.
    pub permission_groups: Vec<PermissionIndex>,
    /// In order.
    pub places: Vec<Place>,
}

/// What serves a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The permission group: the least powerful of those that do.
    pub permission_group: PermissionIndex,
    /// Where it is granted.
    pub place: Place,
}

/// Why no token can be made for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unserved {
    /// Nobody knows what the operation accepts.
    NothingKnown,
    /// None of what it accepts can apply to what it is about.
    NothingApplies,
    /// It is about another account.
    OtherAccount(Box<str>),
    /// It is about a zone that the account does not have.
    Unregistered(Box<str>),
    /// It is about a user, and the token would be an account's.
    NoUser,
}

/// The smallest token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeastPrivilege {
    /// Its policies, all of them allowing.
    pub policies: Vec<LeastPolicy>,
    /// For each call, in order, what serves it, or why nothing can.
    pub calls: Vec<Result<Served, Unserved>>,
    /// Whether no token can be smaller. False only where the search was given up.
    pub is_smallest: bool,
}

/// A call that can be served: what would do, by where it would be granted.
struct Need {
    accepts: PermissionSet,
    /// All places whose grants reach the call, from wide to narrow; the narrowest that something can be granted on serves it.
    reached_from: Vec<Place>,
    home: Place,
    /// The permissions that would do, of those that are granted at home.
    options: PermissionSet,
}

impl Engine {
    /// The smallest token that allows all of the calls that a token can be made for. `user` is whose token it is, if it is
    /// a user's.
    pub fn least_privilege(&self, state: &AccountState, user: Option<UserId>, calls: &[Wanted]) -> LeastPrivilege {
        let closures = self.closures();
        let mut known = HashMap::new();
        let needs: Vec<Result<Arc<Need>, Unserved>> = calls
            .iter()
            .map(|call| {
                // Recorded calls repeat themselves.
                let need = known.entry((&call.target, call.accepts));
                need.or_insert_with(|| self.need(state, user, call, &closures).map(Arc::new)).clone()
            })
            .collect();
        let mut at_home: BTreeMap<&Place, Vec<&Need>> = BTreeMap::new();
        for need in needs.iter().flatten() {
            at_home.entry(&need.home).or_default().push(need);
        }
        let mut granted: BTreeMap<Place, PermissionSet> = BTreeMap::new();
        let mut solved = HashMap::new();
        let (mut is_smallest, mut steps) = (true, cover::MOST_STEPS);
        for (place, needs) in at_home {
            let open = needs.iter().filter(|need| self.served(need, &granted, &closures).is_none());
            let options: BTreeSet<PermissionSet> = open.map(|need| need.options).collect();
            if options.is_empty() {
                continue;
            }
            // A thousand zones are mostly asked the same.
            let found = solved.entry(options).or_insert_with_key(|options| {
                let options: Vec<_> = options.iter().copied().collect();
                cover::smallest(&options, &closures, |index| self.rank(index), &mut steps)
            });
            is_smallest &= found.is_smallest;
            granted.insert(place.clone(), found.chosen);
        }
        let served = |need: &Result<Arc<Need>, Unserved>| match need {
            Ok(need) => self.served(need, &granted, &closures).ok_or(Unserved::NothingApplies),
            Err(unserved) => Err(unserved.clone()),
        };
        let calls = needs.iter().map(served).collect();
        LeastPrivilege { policies: self.folded(&granted), calls, is_smallest }
    }

    /// By permission: what an allow of it gives (D6).
    fn closures(&self) -> Vec<PermissionSet> {
        let all = self.catalog().permissions().iter();
        all.map(|one| self.catalog().allow_closure([one.index].into_iter().collect())).collect()
    }

    /// The order of permissions that are equally powerful: by name, then scope and id.
    fn rank(&self, index: PermissionIndex) -> impl Ord + use<'_> {
        let permission = self.catalog().permission_at(index);
        (&*permission.name, permission.scope, permission.id)
    }

    fn need(
        &self,
        state: &AccountState,
        user: Option<UserId>,
        call: &Wanted,
        closures: &[PermissionSet],
    ) -> Result<Need, Unserved> {
        let accepts = call.accepts.ok_or(Unserved::NothingKnown)?;
        let catalog = self.catalog();
        let mut reached_from = vec![Place::Account];
        let kind = match &call.target {
            CallTarget::Account => ResourceTypeIndex::ACCOUNT,
            CallTarget::All(kind) => {
                reached_from.push(Place::All(*kind));
                *kind
            }
            CallTarget::Resource(key) => {
                let kind = catalog.parse_key(key).map_err(|_| Unserved::Unregistered(key.clone()))?.kind;
                reached_from.push(Place::All(kind));
                let mut chain = self.chain(state, key);
                chain.reverse();
                reached_from.extend(chain);
                kind
            }
            CallTarget::Caller => {
                reached_from = vec![Place::User(user.ok_or(Unserved::NoUser)?)];
                ResourceTypeIndex::USER
            }
            CallTarget::OtherAccount(account) => return Err(Unserved::OtherAccount(account.clone())),
            CallTarget::Unregistered(key) => return Err(Unserved::Unregistered(key.clone())),
        };
        let accepts = accepts & *self.applicable(kind);
        let sufficient = catalog.permissions().iter().filter(|one| {
            closures[usize::from(one.index.0)].intersects(&accepts) && self.applicable(kind).contains(one.index)
        });
        let mut by_place: BTreeMap<&Place, PermissionSet> = BTreeMap::new();
        for permission in sufficient {
            let place = self.place_of(permission.scope, &reached_from, &call.target);
            by_place.entry(place.ok_or(Unserved::NothingApplies)?).or_default().insert(permission.index);
        }
        let (home, options) = by_place.pop_last().ok_or(Unserved::NothingApplies)?;
        Ok(Need { accepts, home: home.clone(), options, reached_from })
    }

    /// The resource of that key and those that it lies in, innermost first.
    fn chain(&self, state: &AccountState, key: &str) -> Vec<Place> {
        let mut found = Vec::new();
        let mut next = state.find_resource(key);
        while let Some(resource) = next
            && found.len() < DEEPEST
        {
            let kind = self.catalog().parse_key(&resource.key).ok().map(|key| key.kind);
            let depth = kind.map_or(0, |kind| self.depth(kind));
            found.push(Place::Resource(depth, resource.key.clone()));
            next = resource.parent.as_deref().and_then(|parent| state.find_resource(parent));
        }
        found
    }

    fn depth(&self, kind: ResourceTypeIndex) -> u8 {
        let parent = |kind: &ResourceTypeIndex| self.catalog().resource_type(*kind).parent;
        std::iter::successors(Some(kind), parent).take(usize::from(u8::MAX)).count() as u8
    }

    /// Where a permission of that scope is granted for the call: on the account, on all of the type if the call is about
    /// all, on the resource of that scope that the call is about or that contains it, or else on the resource itself.
    fn place_of<'p>(
        &self,
        scope: ResourceTypeIndex,
        reached_from: &'p [Place],
        target: &CallTarget,
    ) -> Option<&'p Place> {
        if scope == ResourceTypeIndex::ACCOUNT {
            return reached_from.first();
        }
        if !matches!(target, CallTarget::Resource(_)) {
            return reached_from.last();
        }
        let of_scope = |place: &&Place| match place {
            Place::Resource(_, key) => self.catalog().parse_key(key).is_ok_and(|key| key.kind == scope),
            Place::Account | Place::All(_) | Place::User(_) => false,
        };
        reached_from.iter().find(of_scope).or(reached_from.last())
    }

    /// What of the grants serves a call.
    fn served(
        &self,
        need: &Need,
        granted: &BTreeMap<Place, PermissionSet>,
        closures: &[PermissionSet],
    ) -> Option<Served> {
        let at = need.reached_from.iter().filter_map(|place| Some((place, granted.get(place)?)));
        let grants = at.flat_map(|(place, set)| set.iter().map(move |index| (place, index)));
        let serving = grants.filter(|(_, index)| closures[usize::from(index.0)].intersects(&need.accepts));
        let least =
            serving.min_by_key(|(place, index)| (closures[usize::from(index.0)].len(), self.rank(*index), *place));
        least.map(|(place, permission_group)| Served { permission_group, place: place.clone() })
    }

    /// Places with the same permission groups make one policy.
    fn folded(&self, granted: &BTreeMap<Place, PermissionSet>) -> Vec<LeastPolicy> {
        let mut policies: Vec<LeastPolicy> = Vec::new();
        let mut known: HashMap<PermissionSet, usize> = HashMap::new();
        for (place, set) in granted {
            let at = *known.entry(*set).or_insert_with(|| {
                let mut permission_groups: Vec<_> = set.iter().collect();
                permission_groups.sort_by_key(|index| self.rank(*index));
                policies.push(LeastPolicy { permission_groups, places: Vec::new() });
                policies.len() - 1
            });
            policies[at].places.push(place.clone());
        }
        policies
    }

    /// A policy's places as a token's policy names them.
    pub fn token_resources(&self, state: &AccountState, places: &[Place]) -> Keyed<TokenResource> {
        let own: Box<str> = account_key(state.account_id()).into();
        let mut resources = BTreeMap::new();
        let mut within = BTreeMap::new();
        for place in places {
            let key = match place {
                Place::Account => own.clone(),
                Place::Resource(_, key) => key.clone(),
                Place::User(user) => {
                    format!("{}.{user}", self.catalog().resource_type(ResourceTypeIndex::USER).key).into()
                }
                Place::All(kind) => {
                    within.insert(format!("{}.*", self.catalog().resource_type(*kind).key).into(), Star::Star);
                    continue;
                }
            };
            resources.insert(key, TokenResource::Everything(Star::Star));
        }
        if !within.is_empty() {
            resources.entry(own).or_insert(TokenResource::Within(within.into()));
        }
        resources.into()
    }
}
