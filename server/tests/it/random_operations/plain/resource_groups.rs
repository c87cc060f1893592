//! Resource groups and scopes (section 3).

use serde_json::{Value, json};

use super::policies::may_meet;
use super::{
    Answer, Asked, BUILT_IN, IN_USE, INVALID, LIMITS, NAME, NOT_FOUND, PAIR, Plain, QUOTA, Refusal, ResourceGroup,
    Told, well_formed_name, whole_list,
};
use crate::random_operations::requests::Request;
use crate::random_operations::shown;

impl Plain {
    pub(super) fn create_resource_group(&mut self, asked: &Asked<'_>) -> Told {
        let body = &asked.request.body;
        let (name, key) = self.free_resource_group_name(body, None)?;
        let objects = self.objects(&body["scope"])?;
        if self.resource_groups.iter().filter(|group| group.editable()).count() >= LIMITS.resource_groups {
            return Err(QUOTA);
        }
        let id = self.new_id();
        let (created_on, modified_on) = (asked.now.to_owned(), asked.now.to_owned());
        let group = ResourceGroup { id, name, key, objects, built_in: false, policy: None, created_on, modified_on };
        let answer = Answer::of(shown::resource_group(self, &group));
        self.resource_groups.push(group);
        Ok(answer)
    }

    pub(super) fn update_resource_group(&mut self, asked: &Asked<'_>) -> Told {
        let Request { ids, body, .. } = asked.request;
        self.must_match(asked.request, self.resource_group(&ids[0]).is_some())?;
        let at = self.resource_groups.iter().position(|group| group.id == ids[0]).ok_or(NOT_FOUND)?;
        let mut group = self.resource_groups[at].clone();
        if !group.editable() {
            return Err(BUILT_IN);
        }
        if body.get("name").is_some() {
            (group.name, group.key) = self.free_resource_group_name(body, Some(&group.id))?;
        }
        if let Some(scope) = body.get("scope") {
            group.objects = self.objects(scope)?;
        }
        let users = self.policies().filter(|policy| policy.resource_groups.contains(&group.id));
        let named: Vec<&String> = users.flat_map(|policy| &policy.permission_groups).collect();
        if named.into_iter().any(|id| !may_meet(asked.facts.known_group(id), group.is_whole())) {
            return Err(PAIR);
        }
        if group != self.resource_groups[at] {
            group.modified_on = asked.now.to_owned();
        }
        self.resource_groups[at] = group;
        Ok(Answer::of(shown::resource_group(self, &self.resource_groups[at])))
    }

    pub(super) fn delete_resource_group(&mut self, request: &Request) -> Told {
        let id = &request.ids[0];
        self.must_match(request, self.resource_group(id).is_some())?;
        if !self.resource_group(id).ok_or(NOT_FOUND)?.editable() {
            return Err(BUILT_IN);
        }
        if self.is_used(id) {
            return Err(IN_USE);
        }
        self.resource_groups.retain(|group| group.id != *id);
        Ok(Answer::of(json!({ "id": id })))
    }

    pub(super) fn free_resource_group_name(
        &self,
        body: &Value,
        own: Option<&str>,
    ) -> Result<(String, String), Refusal> {
        let (name, key) = well_formed_name(body)?;
        let mut others = self.resource_groups.iter().filter(|group| Some(&*group.id) != own && group.policy.is_none());
        let taken = key.starts_with("com.cloudflare.") || others.any(|group| group.key == key);
        if taken { Err(NAME) } else { Ok((name, key)) }
    }

    /// The content of a scope, as it is kept (D10, D12).
    pub(super) fn objects(&self, scope: &Value) -> Result<Vec<String>, Refusal> {
        let scope = if scope.is_array() { &scope[0] } else { scope };
        let key = scope["key"].as_str().expect("a key");
        let sent: Vec<&str> =
            scope["objects"].as_array().expect("objects").iter().filter_map(|object| object["key"].as_str()).collect();
        if sent.is_empty() {
            return Err(INVALID);
        }
        if sent.len() > LIMITS.objects {
            return Err(QUOTA);
        }
        let known = |key: &str| {
            key.strip_prefix("com.cloudflare.api.account.zone.").is_some_and(|id| id == "*" || self.zone(id).is_some())
        };
        // The ad-hoc form: one zone, and everything in it.
        if key != self.account_key() {
            return if sent == ["*"] && known(key) { Ok(vec![key.to_owned()]) } else { Err(INVALID) };
        }
        if sent == ["*"] {
            return Ok(vec!["*".to_owned()]);
        }
        let mut objects: Vec<String> = Vec::new();
        for key in sent {
            if !known(key) {
                return Err(INVALID);
            }
            if !objects.iter().any(|object| object == key) {
                objects.push(key.to_owned());
            }
        }
        Ok(objects)
    }

    pub(super) fn list_resource_groups(&self, request: &Request) -> Told {
        let asked = |name: &str| request.query.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let mut groups: Vec<&ResourceGroup> =
            self.resource_groups.iter().filter(|group| group.policy.is_none()).collect();
        groups.sort_by_key(|group| &group.key);
        groups.retain(|group| {
            asked("id").is_none_or(|id| group.id == id)
                && asked("name").is_none_or(|name| group.name == name)
                && asked("page").is_none()
        });
        Ok(whole_list(groups.into_iter().map(|group| shown::resource_group(self, group)).collect()))
    }
}
