//! Policies, wherever they are (sections 2.2 and 5).

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    Asked, Facts, INVALID, LIMITS, PAIR, PermissionGroup, Plain, Policy, QUOTA, Refusal, ResourceGroup, Scoped,
};

impl Plain {
    /// The policies that a client sends, for a holder that had `prior`. Anonymous groups come with them; [`Plain::sweep`]
    /// takes away those that nothing names any more.
    pub(super) fn resolve(
        &mut self,
        asked: &Asked<'_>,
        prior: &[Policy],
        sent: &[Value],
    ) -> Result<Vec<Policy>, Refusal> {
        if sent.len() > LIMITS.policies {
            return Err(QUOTA);
        }
        let mut policies: Vec<Policy> = Vec::new();
        for input in sent {
            let former = match input["id"].as_str() {
                None => None,
                Some(id) => {
                    let known = prior.iter().find(|policy| policy.id == id).ok_or(INVALID)?;
                    if policies.iter().any(|policy| policy.id == id) {
                        return Err(INVALID);
                    }
                    Some(known)
                }
            };
            let id = former.map_or_else(|| self.new_id(), |policy| policy.id.clone());
            let permission_groups = self.permission_groups(asked.facts, input)?;
            let resource_groups = self.places(asked, input, &id)?;
            for place in &resource_groups {
                let whole = self.resource_group(place).is_some_and(ResourceGroup::is_whole);
                for group in &permission_groups {
                    if !may_meet(asked.facts.known_group(group), whole) {
                        return Err(PAIR);
                    }
                }
            }
            let access = input["access"].as_str().expect("an access").to_ascii_lowercase();
            let (created_on, modified_on) = (asked.now.to_owned(), asked.now.to_owned());
            let mut policy = Policy { id, access, permission_groups, resource_groups, created_on, modified_on };
            if let Some(former) = former {
                policy.created_on = former.created_on.clone();
                if policy.says_as(former) {
                    policy.modified_on = former.modified_on.clone();
                }
            }
            policies.push(policy);
        }
        Ok(policies)
    }

    pub(super) fn permission_groups(&self, facts: &Facts, input: &Value) -> Result<Vec<String>, Refusal> {
        let sent = ids(&input["permission_groups"]);
        if sent.is_empty() {
            return Err(INVALID);
        }
        if sent.len() > LIMITS.permission_groups {
            return Err(QUOTA);
        }
        let mut groups = Vec::new();
        for id in sent {
            facts.group(&id).ok_or(INVALID)?;
            if !groups.contains(&id) {
                groups.push(id);
            }
        }
        Ok(groups)
    }

    pub(super) fn places(&mut self, asked: &Asked<'_>, input: &Value, policy: &str) -> Result<Vec<String>, Refusal> {
        let sent = input["resource_groups"].as_array().expect("resource groups");
        if sent.is_empty() {
            return Err(INVALID);
        }
        if sent.len() > LIMITS.policy_resource_groups {
            return Err(QUOTA);
        }
        let mut places: Vec<String> = Vec::new();
        for place in sent {
            let id = match place["id"].as_str() {
                Some(id) => {
                    let group = self.resource_group(id).ok_or(INVALID)?;
                    // An anonymous group belongs to its policy alone (D23).
                    if group.policy.as_deref().is_some_and(|owner| owner != policy) {
                        return Err(INVALID);
                    }
                    id.to_owned()
                }
                None => {
                    let objects = self.objects(&place["scope"])?;
                    self.anonymous(asked.now, policy, objects)
                }
            };
            if !places.contains(&id) {
                places.push(id);
            }
        }
        Ok(places)
    }

    /// The anonymous group of that policy with that content: the one there is, or a new one.
    pub(super) fn anonymous(&mut self, now: &str, policy: &str, objects: Vec<String>) -> String {
        let mut own = self.resource_groups.iter().filter(|group| group.policy.as_deref() == Some(policy));
        if let Some(same) = own.find(|group| group.objects == objects) {
            return same.id.clone();
        }
        let (id, name) = (self.new_id(), self.account_key());
        let (created_on, modified_on) = (now.to_owned(), now.to_owned());
        let policy = Some(policy.to_owned());
        let group = ResourceGroup {
            id: id.clone(),
            name,
            key: String::new(),
            objects,
            built_in: false,
            policy,
            created_on,
            modified_on,
        };
        self.resource_groups.push(group);
        id
    }

    /// Anonymous groups go with their policy.
    pub(super) fn sweep(&mut self) {
        let used: BTreeSet<String> = self.policies().flat_map(|policy| policy.resource_groups.clone()).collect();
        self.resource_groups.retain(|group| group.policy.is_none() || used.contains(&group.id));
    }
}

/// Section 2.2. All objects of these sequences are zones.
pub(super) fn may_meet(group: &PermissionGroup, whole: bool) -> bool {
    whole || group.scope == Scoped::Zone
}

pub(super) fn ids(list: &Value) -> Vec<String> {
    let list = list.as_array().expect("a list");
    // Roles come as ids or as objects.
    list.iter().map(|item| item.as_str().or(item["id"].as_str()).expect("an id").to_owned()).collect()
}
