//! The details of a request, rolled with the numbers of a step. These mean less the smaller they are, so a failing
//! sequence shrinks to simple requests.

use serde_json::{Value, json};

use super::plain::{Facts, LIMITS, PermissionGroup, Plain, Policy, ResourceGroup, Scoped};
use super::pools::{DOMAINS, EMAILS, NAMES, NO_ADDRESS, NONSENSE, NOWHERE, ZONES, name_text};
use super::requests::Kind::{self, *};
use super::requests::{Request, Step, route};

/// Rolls the details of a request. What exists already is asked for more often than what does not.
pub fn request(step: &Step, plain: &Plain, facts: &Facts) -> Request {
    let mut dice = Dice::new(&step.dice);
    let mut kind = step.kind;
    let faulty = dice.once_in(5);
    let mut roll = Roll { dice, plain, facts, faulty };
    if roll.dice.roll(4) != 3 {
        kind = roll.possible(kind);
    }
    roll.request(kind)
}

struct Roll<'a> {
    dice: Dice<'a>,
    plain: &'a Plain,
    facts: &'a Facts,
    /// Whether the body may have mistakes in it. If each of its parts could have one, little would ever be right.
    faulty: bool,
}

impl Roll<'_> {
    /// Rather than ask for something of which there is none, make one.
    fn possible(&self, kind: Kind) -> Kind {
        match kind {
            UpdateUserGroup | DeleteUserGroup | GetUserGroup | AddGroupMembers | ReplaceGroupMembers
            | RemoveGroupMember | GetGroupMember | ListGroupMembers
                if self.plain.user_groups.is_empty() =>
            {
                CreateUserGroup
            }
            RemoveGroupMember | GetGroupMember
                if self.plain.user_groups.iter().all(|group| group.members.is_empty()) =>
            {
                AddGroupMembers
            }
            UpdateResourceGroup | DeleteResourceGroup | GetResourceGroup
                if !self.plain.resource_groups.iter().any(ResourceGroup::editable) =>
            {
                CreateResourceGroup
            }
            DeleteZone | GetZone if self.plain.zones.is_empty() => RegisterZone,
            UpdateConnector | DeleteConnector | GetConnector | BeginVerification
                if self.plain.connectors.is_empty() =>
            {
                CreateConnector
            }
            other => other,
        }
    }

    /// Once in so many times, in a request that may have mistakes.
    fn wrong(&mut self, times: usize) -> bool {
        self.faulty && self.dice.once_in(times)
    }

    fn request(&mut self, kind: Kind) -> Request {
        let ids = self.path_ids(kind);
        let body = self.body(kind, &ids);
        let query = self.query(kind);
        let if_match = match kind {
            UpdateUserGroup | DeleteUserGroup | UpdateResourceGroup | DeleteResourceGroup | UpdateMember
            | RemoveMember | UpdateConnector | DeleteConnector => {
                self.dice.once_in(8).then(|| self.dice.pick(&["*", "\"0000000000000000\""]))
            }
            _ => None,
        };
        let (method, path) = route(kind, &ids);
        Request { kind, method, path, ids, query, body, if_match }
    }

    fn path_ids(&mut self, kind: Kind) -> Vec<String> {
        match kind {
            UpdateUserGroup | DeleteUserGroup | GetUserGroup | AddGroupMembers | ReplaceGroupMembers
            | ListGroupMembers => vec![self.user_group()],
            RemoveGroupMember | GetGroupMember => {
                let group = self.user_group();
                let inside = self.plain.user_group(&group).map(|group| group.members.clone()).unwrap_or_default();
                let inside: Vec<String> = inside.into_iter().map(|(member, _)| member).collect();
                let member =
                    if inside.is_empty() || self.dice.once_in(4) { self.member() } else { self.dice.pick(&inside) };
                vec![group, member]
            }
            UpdateResourceGroup | DeleteResourceGroup | GetResourceGroup => vec![self.resource_group()],
            UpdateMember | RemoveMember | GetMember => vec![self.member()],
            DeleteZone | GetZone => vec![self.zone()],
            UpdateConnector | DeleteConnector | GetConnector | BeginVerification => {
                let live: Vec<String> = self.plain.connectors.iter().map(|connector| connector.id.clone()).collect();
                vec![self.id_of(&live, "connector")]
            }
            ListElsewhere => vec![self.dice.pick(&[self.facts.foreign("account"), NOWHERE.to_owned()])],
            _ => vec![],
        }
    }

    /// Mostly something that is there.
    fn id_of(&mut self, live: &[String], noun: &'static str) -> String {
        let which = self.dice.roll(if self.faulty { 24 } else { 20 });
        let gone: Vec<&String> = self.plain.gone.iter().filter(|(kind, _)| *kind == noun).map(|(_, id)| id).collect();
        match which {
            20 | 21 if !gone.is_empty() => self.dice.pick(&gone).clone(),
            21 => self.facts.foreign(noun),
            22 => NOWHERE.to_owned(),
            23 => NONSENSE.to_owned(),
            _ if live.is_empty() => NOWHERE.to_owned(),
            _ => self.dice.pick(live),
        }
    }

    fn user_group(&mut self) -> String {
        let live: Vec<String> = self.plain.user_groups.iter().map(|group| group.id.clone()).collect();
        self.id_of(&live, "user_group")
    }

    fn member(&mut self) -> String {
        let live: Vec<String> = self.plain.members.iter().rev().map(|member| member.id.clone()).collect();
        self.id_of(&live, "member")
    }

    fn zone(&mut self) -> String {
        let live: Vec<String> = self.plain.zones.iter().map(|zone| zone.id.clone()).collect();
        self.id_of(&live, "zone")
    }

    /// Any resource group, those that people made more often.
    fn resource_group(&mut self) -> String {
        let custom = |group: &&ResourceGroup| group.editable();
        let all = self.plain.resource_groups.iter();
        let live: Vec<String> = if self.dice.once_in(4) {
            all.map(|group| group.id.clone()).collect()
        } else {
            all.filter(custom).map(|group| group.id.clone()).collect()
        };
        self.id_of(&live, "resource_group")
    }

    fn query(&mut self, kind: Kind) -> Vec<(&'static str, String)> {
        let mut query: Vec<(&'static str, String)> = Vec::new();
        let sides = if self.dice.once_in(2) { 1 } else { 0 };
        match kind {
            ListUserGroups => match self.dice.roll(5) + sides {
                0 | 1 => {}
                2 => query.push(("fuzzyName", self.dice.pick(&["STA", "\u{c9}COLE", "%", "zzz", "s"]).to_owned())),
                3 => query.push(("name", self.dice.pick(&["Staff", "staff", "ops"]).to_owned())),
                _ => query.push(("id", self.user_group())),
            },
            ListGroupMembers if sides == 1 => {
                query.push(("fuzzyEmail", self.dice.pick(&["EXAMPLE.COM", "zoe", "@", "%"]).to_owned()));
            }
            ListMembers => match self.dice.roll(5) {
                0 | 1 => {}
                2 => query.push(("status", self.dice.pick(&["accepted", "PENDING", "rejected", "expired"]).to_owned())),
                3 => query.push(("order", self.dice.pick(&["user.email", "status", "id"]).to_owned())),
                _ => {
                    query.push(("order", "status".to_owned()));
                    query.push(("status", self.dice.pick(&["pending", "accepted"]).to_owned()));
                }
            },
            ListResourceGroups => match self.dice.roll(4) {
                0 => {}
                1 => query.push(("name", self.dice.pick(&["Staff", "ops", "sTAFF"]).to_owned())),
                2 => query.push(("id", self.resource_group())),
                _ => query.push(("page", "2".to_owned())),
            },
            ListZones => {
                query.push(("account.id", self.facts.account.clone()));
                if sides == 1 {
                    query.push(("name", self.dice.pick(&["EXAMPLE.com", "shop.example.com"]).to_owned()));
                }
            }
            _ => return query,
        }
        if kind != ListResourceGroups {
            self.paging(&mut query);
        }
        query
    }

    fn paging(&mut self, query: &mut Vec<(&'static str, String)>) {
        if self.dice.once_in(2) {
            query.push(("direction", self.dice.pick(&["desc", "DESC", "asc", "sideways"]).to_owned()));
        }
        if self.dice.once_in(2) {
            query.push(("per_page", self.dice.pick(&["1", "2", "3", "1000", "0", "many"]).to_owned()));
        }
        if self.dice.once_in(3) {
            query.push(("page", self.dice.pick(&["2", "1", "3", "99", "-1", "18446744073709551615"]).to_owned()));
        }
    }

    fn body(&mut self, kind: Kind, ids: &[String]) -> Value {
        let id = ids.first().map_or("", String::as_str);
        match kind {
            CreateUserGroup => {
                let mut body = json!({ "name": self.name() });
                self.add_policies(&mut body, &[]);
                body
            }
            UpdateUserGroup => {
                let mut body = json!({});
                if !self.dice.once_in(3) {
                    body["name"] = self.name().into();
                }
                let prior = self.plain.user_group(id).map_or(&[][..], |group| &group.policies);
                self.add_policies(&mut body, prior);
                body
            }
            AddGroupMembers | ReplaceGroupMembers => {
                let count =
                    if self.wrong(4) { LIMITS.members_per_request + 1 } else { self.dice.pick(&[1, 1, 2, 2, 3, 0]) };
                let ids: Vec<Value> = (0..count).map(|_| json!({ "id": self.member() })).collect();
                if self.dice.once_in(4) { json!({ "members": ids }) } else { ids.into() }
            }
            CreateResourceGroup => json!({ "name": self.name(), "scope": self.scope() }),
            UpdateResourceGroup => {
                let mut body = json!({});
                if self.dice.once_in(2) {
                    body["name"] = self.name().into();
                }
                if !self.dice.once_in(3) {
                    body["scope"] = self.scope();
                }
                body
            }
            AddMember => {
                let mut body = json!({ "email": if self.wrong(6) { NO_ADDRESS } else { self.dice.pick(&EMAILS) } });
                let present = body["email"].as_str().and_then(|email| self.plain.member_by_email(email));
                let prior = present.map_or(&[][..], |member| &member.policies);
                self.add_grants(&mut body, prior);
                match self.dice.roll(4) {
                    0 => {}
                    1 => body["status"] = "pending".into(),
                    _ => body["status"] = self.dice.pick(&["accepted", "Accepted"]).into(),
                }
                body
            }
            UpdateMember => {
                let mut body = json!({});
                let present = self.plain.member(id);
                let prior = present.map_or(&[][..], |member| &member.policies);
                self.add_grants(&mut body, prior);
                if self.dice.once_in(3) {
                    body["status"] = self.dice.pick(&["accepted", "pending", "ACCEPTED"]).into();
                }
                body
            }
            RegisterZone => {
                let account = match self.wrong(3) {
                    true => self.dice.pick(&[self.facts.foreign("account"), NOWHERE.to_owned()]),
                    false => self.facts.account.clone(),
                };
                let most = if self.faulty { ZONES.len() } else { 4 };
                json!({ "name": ZONES[self.dice.roll(most)].0, "account": { "id": account } })
            }
            CreateConnector => {
                let mut body =
                    json!({ "email_domain": DOMAINS[self.dice.roll(if self.faulty { DOMAINS.len() } else { 4 })].0 });
                if self.dice.once_in(2) {
                    body["begin_verification"] = self.dice.pick(&[false, true]).into();
                }
                if self.dice.once_in(3) {
                    body["use_fedramp_language"] = true.into();
                }
                if self.dice.once_in(6) {
                    body["enabled"] = self.dice.pick(&[false, true]).into();
                }
                body
            }
            UpdateConnector => self.dice.pick(&[
                json!({ "use_fedramp_language": true }),
                json!({ "use_fedramp_language": false, "enabled": false }),
                json!({}),
                json!({ "enabled": true }),
                json!({ "unknown": 1 }),
            ]),
            _ => Value::Null,
        }
    }

    fn name(&mut self) -> String {
        let most = if self.faulty { NAMES.len() } else { 8 };
        name_text(&NAMES[self.dice.roll(most)])
    }

    fn add_policies(&mut self, body: &mut Value, prior: &[Policy]) {
        match self.dice.roll(8) {
            0 => {}
            1 => body["policies"] = Value::Null,
            _ => body["policies"] = self.policies(prior),
        }
    }

    fn add_grants(&mut self, body: &mut Value, prior: &[Policy]) {
        let which = self.dice.roll(if self.faulty { 12 } else { 11 });
        if which <= 4 || which == 10 {
            let roles = self.roles();
            // POST takes ids, PUT objects; both take both.
            let shown =
                if self.dice.once_in(2) { roles.iter().map(|id| json!({ "id": id })).collect() } else { json!(roles) };
            body["roles"] = shown;
        }
        if (5..=10).contains(&which) {
            body["policies"] = self.policies(prior);
        }
    }

    fn roles(&mut self) -> Vec<String> {
        let count = if self.wrong(4) { LIMITS.policies + 1 } else { self.dice.pick(&[1, 1, 2, 0, 1, 2]) };
        let mut roles = Vec::new();
        for _ in 0..count {
            let known = &self.facts.groups[self.dice.roll(self.facts.groups.len())];
            roles.push(if self.wrong(4) { NOWHERE.to_owned() } else { known.role.clone() });
        }
        roles
    }

    fn policies(&mut self, prior: &[Policy]) -> Value {
        let count = if self.wrong(6) { LIMITS.policies + 1 } else { self.dice.pick(&[1, 1, 1, 2, 2, 0, 3, 1]) };
        let mut policies = Vec::new();
        for index in 0..count {
            let former = prior.get(index);
            let policy = match former {
                // As a client does that reads, and sends back what it read.
                Some(former) if self.dice.once_in(2) => self.read_back(former),
                _ => self.policy(former),
            };
            policies.push(policy);
        }
        policies.into()
    }

    fn read_back(&mut self, former: &Policy) -> Value {
        let groups: Vec<Value> = former.permission_groups.iter().map(|id| json!({ "id": id })).collect();
        let by_scope = self.dice.once_in(2);
        let places = former.resource_groups.iter().map(|id| match self.plain.resource_group(id) {
            Some(group) if group.policy.is_some() && by_scope => json!({ "scope": self.plain.scope_shown(group) }),
            Some(group) => json!({ "id": id, "scope": self.plain.scope_shown(group) }),
            None => json!({ "id": id }),
        });
        let places: Vec<Value> = places.collect();
        json!({ "id": former.id, "access": former.access, "permission_groups": groups, "resource_groups": places })
    }

    fn policy(&mut self, former: Option<&Policy>) -> Value {
        let deny = self.dice.once_in(4);
        let place_count = match self.wrong(4) {
            true => self.dice.pick(&[0, LIMITS.policy_resource_groups + 1]),
            false => self.dice.pick(&[1, 1, 1, 1, 2, 2, 3]),
        };
        let mut whole = true;
        let mut places = Vec::new();
        for _ in 0..place_count {
            let (place, is_whole) = self.place(former);
            whole &= is_whole;
            places.push(place);
        }
        let any_label = self.wrong(2);
        let fits = |group: &&PermissionGroup| {
            (any_label || whole || group.scope == Scoped::Zone) && (!deny || group.may_be_denied)
        };
        let fitting: Vec<String> = self.facts.groups.iter().filter(fits).map(|group| group.id.clone()).collect();
        let count = match self.wrong(4) {
            true => self.dice.pick(&[0, LIMITS.permission_groups + 1]),
            false => self.dice.pick(&[1, 1, 1, 2, 2, 3]),
        };
        let mut groups = Vec::new();
        for _ in 0..count {
            let id = match self.wrong(6) {
                true => self.dice.pick(&[NOWHERE.to_owned(), self.facts.token_permission.clone()]),
                false => self.dice.pick(&fitting),
            };
            groups.push(json!({ "id": id }));
        }
        let access =
            if deny { self.dice.pick(&["deny", "Deny"]) } else { self.dice.pick(&["allow", "ALLOW", "allow"]) };
        let mut policy = json!({ "access": access, "permission_groups": groups, "resource_groups": places });
        match (self.dice.roll(12), former) {
            (0..=5, Some(former)) => policy["id"] = former.id.clone().into(),
            (11, _) if self.faulty => policy["id"] = NOWHERE.into(),
            _ => {}
        }
        policy
    }

    /// Where a policy applies, and whether that is the whole account.
    fn place(&mut self, former: Option<&Policy>) -> (Value, bool) {
        match self.dice.roll(10) {
            0..=2 => (json!({ "id": self.plain.whole_account().id }), true),
            3 | 4 => {
                let scope = self.scope();
                let whole = scope.to_string().contains("\"*\"");
                (json!({ "scope": scope }), whole)
            }
            5 if former.is_some() => {
                // Maybe an anonymous group of this policy.
                let own: Vec<String> = former.map(|former| former.resource_groups.clone()).unwrap_or_default();
                let id = self.dice.pick(&own);
                let whole = self.plain.resource_group(&id).is_some_and(ResourceGroup::is_whole);
                (json!({ "id": id }), whole)
            }
            6 if self.faulty => {
                // Maybe an anonymous group of another policy.
                let anonymous = |group: &&ResourceGroup| group.policy.is_some();
                let all = self.plain.resource_groups.iter().filter(anonymous).map(|group| group.id.clone());
                let all: Vec<String> = all.collect();
                (json!({ "id": self.id_of(&all, "resource_group") }), false)
            }
            _ => {
                let named = self.plain.resource_groups.iter().filter(|group| group.policy.is_none());
                let ids: Vec<String> = named.map(|group| group.id.clone()).collect();
                let id = self.id_of(&ids, "resource_group");
                let whole = self.plain.resource_group(&id).is_some_and(ResourceGroup::is_whole);
                (json!({ "id": id }), whole)
            }
        }
    }

    fn scope(&mut self) -> Value {
        let own = format!("com.cloudflare.api.account.{}", self.facts.account);
        let zone_key = |id: &str| format!("com.cloudflare.api.account.zone.{id}");
        let sides = if self.faulty { 16 } else { 12 };
        // Before there are zones, most that could be said of them is wrong.
        let which = if self.plain.zones.is_empty() && !self.faulty { 9 } else { self.dice.roll(sides) };
        let (key, objects) = match which {
            0 | 1 => (own, vec!["*".to_owned()]),
            2..=6 => (own, vec![zone_key(&self.zone())]),
            7 | 8 => (own, vec![zone_key(&self.zone()), zone_key(&self.zone())]),
            9 => (own, vec![zone_key("*")]),
            10 => (zone_key(&self.zone()), vec!["*".to_owned()]),
            11 => {
                let zone = zone_key(&self.zone());
                (own, vec![zone.clone(), zone])
            }
            12 => (own, vec![]),
            13 => (own, vec![zone_key("*"); LIMITS.objects + 1]),
            14 => (own, vec!["*".to_owned(), zone_key("*")]),
            _ => (format!("com.cloudflare.api.account.{}", self.facts.foreign("account")), vec!["*".to_owned()]),
        };
        let objects: Vec<Value> = objects.iter().map(|key| json!({ "key": key })).collect();
        let scope = json!({ "key": key, "objects": objects });
        if self.dice.once_in(2) { json!([scope]) } else { scope }
    }
}

/// The numbers of a step, used up from the left and again.
pub struct Dice<'a> {
    rolls: std::iter::Cycle<std::slice::Iter<'a, u8>>,
    turn: u8,
}

impl<'a> Dice<'a> {
    pub fn new(rolls: &'a [u8]) -> Dice<'a> {
        Dice { rolls: rolls.iter().cycle(), turn: 0 }
    }

    /// A number below `sides`.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.turn = self.turn.wrapping_add(1);
        let roll = self.rolls.next().copied().unwrap_or(0);
        // The second time round the same number shall mean something else, but zero shall stay zero.
        usize::from(if roll == 0 { 0 } else { roll.wrapping_add((self.turn / 32).wrapping_mul(101)) }) % sides
    }

    /// True once in so many times, and never for zero.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.roll(times) == times - 1
    }

    pub fn pick<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len())].clone()
    }
}
