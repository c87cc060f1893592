//! User groups and who is in them (section 5).

use serde_json::{Value, json};

use super::{
    Answer, Asked, INVALID, LIMITS, Member, NAME, NOT_FOUND, Plain, QUOTA, Refusal, Told, UserGroup, page,
    well_formed_name, whole_list,
};
use crate::random_operations::requests::{Kind, Request};
use crate::random_operations::shown;

impl Plain {
    pub(super) fn create_user_group(&mut self, asked: &Asked<'_>) -> Told {
        if self.user_groups.len() >= LIMITS.user_groups {
            return Err(QUOTA);
        }
        let body = &asked.request.body;
        let (name, key) = self.free_user_group_name(body, None)?;
        let id = self.new_id();
        let policies = match &body["policies"] {
            Value::Array(policies) => self.resolve(asked, &[], policies)?,
            _ => vec![],
        };
        let (created_on, modified_on) = (asked.now.to_owned(), asked.now.to_owned());
        self.user_groups.push(UserGroup { id, name, key, policies, members: vec![], created_on, modified_on });
        Ok(Answer::of(shown::user_group(self, self.user_groups.last().expect("just pushed"))))
    }

    pub(super) fn update_user_group(&mut self, asked: &Asked<'_>) -> Told {
        let Request { ids, body, .. } = asked.request;
        self.must_match(asked.request, self.user_group(&ids[0]).is_some())?;
        let at = self.user_groups.iter().position(|group| group.id == ids[0]).ok_or(NOT_FOUND)?;
        let mut group = self.user_groups[at].clone();
        if body.get("name").is_some() {
            (group.name, group.key) = self.free_user_group_name(body, Some(&group.id))?;
        }
        match body.get("policies") {
            None => {}
            // Terraform writes "remove" as null (D41).
            Some(Value::Null) => group.policies = self.resolve(asked, &group.policies, &[])?,
            Some(policies) => {
                group.policies = self.resolve(asked, &group.policies, policies.as_array().expect("policies"))?;
            }
        }
        // A write that changes nothing leaves `modified_on` (D79).
        if group != self.user_groups[at] {
            group.modified_on = asked.now.to_owned();
        }
        self.user_groups[at] = group;
        self.sweep();
        Ok(Answer::of(shown::user_group(self, &self.user_groups[at])))
    }

    pub(super) fn delete_user_group(&mut self, asked: &Asked<'_>) -> Told {
        let id = &asked.request.ids[0];
        self.must_match(asked.request, self.user_group(id).is_some())?;
        self.user_group(id).ok_or(NOT_FOUND)?;
        self.user_groups.retain(|group| group.id != *id);
        self.sweep();
        Ok(Answer::of(json!({ "id": id })))
    }

    pub(super) fn free_user_group_name(&self, body: &Value, own: Option<&str>) -> Result<(String, String), Refusal> {
        let (name, key) = well_formed_name(body)?;
        let taken = self.user_groups.iter().any(|group| group.key == key && Some(&*group.id) != own);
        if taken { Err(NAME) } else { Ok((name, key)) }
    }

    pub(super) fn list_user_groups(&self, request: &Request) -> Told {
        let asked = |name: &str| request.query.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let mut groups: Vec<&UserGroup> = self.user_groups.iter().collect();
        groups.sort_by_key(|group| &group.key);
        groups.retain(|group| {
            asked("id").is_none_or(|id| group.id == id)
                && asked("name").is_none_or(|name| group.name == name)
                && asked("fuzzyName").is_none_or(|part| group.key.contains(&part.to_lowercase()))
        });
        page(request, groups.into_iter().map(|group| shown::user_group(self, group)).collect(), 100, 500)
    }

    pub(super) fn put_group_members(&mut self, asked: &Asked<'_>) -> Told {
        let request = asked.request;
        let at = self.user_groups.iter().position(|group| group.id == request.ids[0]).ok_or(NOT_FOUND)?;
        let list = if request.body.is_array() { &request.body } else { &request.body["members"] };
        let list = list.as_array().expect("a list of members");
        if list.len() > LIMITS.members_per_request {
            return Err(QUOTA);
        }
        let mut ids: Vec<String> = Vec::new();
        for item in list {
            let id = item["id"].as_str().expect("an id");
            self.member(id).ok_or(INVALID)?;
            if !ids.iter().any(|known| known == id) {
                ids.push(id.to_owned());
            }
        }
        let former = self.user_groups[at].members.clone();
        for id in ids.iter().filter(|id| !former.iter().any(|(member, _)| member == *id)) {
            let groups = self.user_groups.iter().filter(|group| group.members.iter().any(|(member, _)| member == id));
            if groups.count() >= LIMITS.groups_per_member {
                return Err(QUOTA);
            }
        }
        let group = &mut self.user_groups[at];
        if request.kind == Kind::ReplaceGroupMembers {
            group.members.retain(|(member, _)| ids.contains(member));
        }
        for id in &ids {
            if !group.members.iter().any(|(member, _)| member == id) {
                group.members.push((id.clone(), asked.now.to_owned()));
            }
        }
        Ok(whole_list(ids.iter().filter_map(|id| self.member(id)).map(shown::group_member).collect()))
    }

    pub(super) fn remove_group_member(&mut self, request: &Request) -> Told {
        let at = self.user_groups.iter().position(|group| group.id == request.ids[0]).ok_or(NOT_FOUND)?;
        let group = &mut self.user_groups[at];
        let place = group.members.iter().position(|(member, _)| *member == request.ids[1]).ok_or(NOT_FOUND)?;
        group.members.remove(place);
        Ok(Answer::of(shown::group_member(self.member(&request.ids[1]).ok_or(NOT_FOUND)?)))
    }

    pub(super) fn list_group_members(&self, request: &Request) -> Told {
        let group = self.user_group(&request.ids[0]).ok_or(NOT_FOUND)?;
        let mut members: Vec<&Member> = group.members.iter().filter_map(|(id, _)| self.member(id)).collect();
        members.sort_by_key(|member| member.email.to_lowercase());
        if let Some((_, part)) = request.query.iter().find(|(key, _)| *key == "fuzzyEmail") {
            members.retain(|member| member.email.to_lowercase().contains(&part.to_lowercase()));
        }
        page(request, members.into_iter().map(shown::group_member).collect(), 100, 500)
    }
}
