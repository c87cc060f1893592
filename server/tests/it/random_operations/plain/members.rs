//! Members (section 4).

use serde_json::json;

use super::policies::ids;
use super::{Answer, Asked, EXISTS, INVALID, LIMITS, Member, NOT_FOUND, Plain, Policy, QUOTA, Refusal, Told, page};
use crate::random_operations::pools::NO_ADDRESS;
use crate::random_operations::requests::Request;
use crate::random_operations::{rights, shown};

impl Plain {
    pub(super) fn add_member(&mut self, asked: &Asked<'_>) -> Told {
        let body = &asked.request.body;
        if body.get("roles").is_none() && body.get("policies").is_none() {
            return Err(INVALID);
        }
        let email = body["email"].as_str().expect("an address");
        if email == NO_ADDRESS {
            return Err(INVALID);
        }
        let at = self.members.iter().position(|member| member.email.eq_ignore_ascii_case(email));
        let prior = at.map_or_else(Vec::new, |at| self.members[at].policies.clone());
        let policies = self.grants(asked, &prior)?;
        let accepted = body["status"].as_str().is_some_and(|status| status.eq_ignore_ascii_case("accepted"));
        // D31: the user must exist; this server adds any existing user directly.
        let user = match accepted {
            true => Some(asked.facts.user(email).ok_or(INVALID)?.to_owned()),
            false => None,
        };
        let id = match at {
            Some(at) if self.members[at].user.is_some() => return Err(EXISTS),
            Some(at) => {
                let member = &mut self.members[at];
                (member.user, member.policies, member.invited_on) = (user, policies, asked.now.to_owned());
                member.id.clone()
            }
            None => {
                let id = self.new_id();
                let (email, invited_on) = (email.to_owned(), asked.now.to_owned());
                self.members.push(Member { id: id.clone(), email, user, policies, invited_on });
                id
            }
        };
        self.sweep();
        let mut answer = self.member_answer(asked, &id)?;
        // The link of the invitation.
        let is_invited = self.member(&id).is_some_and(|member| member.user.is_none());
        answer.messages.extend(is_invited.then_some(1014));
        Ok(answer)
    }

    pub(super) fn update_member(&mut self, asked: &Asked<'_>) -> Told {
        let Request { ids, body, .. } = asked.request;
        let at = self.members.iter().position(|member| member.id == ids[0]).ok_or(NOT_FOUND)?;
        if body.get("roles").is_none() && body.get("policies").is_none() {
            return Err(INVALID);
        }
        self.must_match(asked.request, true)?;
        // D30: the status may be repeated, not changed.
        if body["status"].as_str().is_some_and(|status| !status.eq_ignore_ascii_case(self.members[at].status())) {
            return Err(INVALID);
        }
        let prior = self.members[at].policies.clone();
        self.members[at].policies = self.grants(asked, &prior)?;
        self.sweep();
        self.member_answer(asked, &ids[0])
    }

    pub(super) fn remove_member(&mut self, asked: &Asked<'_>) -> Told {
        let id = &asked.request.ids[0];
        self.must_match(asked.request, self.member(id).is_some())?;
        self.member(id).ok_or(NOT_FOUND)?;
        self.members.retain(|member| member.id != *id);
        for group in &mut self.user_groups {
            group.members.retain(|(member, _)| member != id);
        }
        self.sweep();
        let messages = self.warnings(asked, false);
        Ok(Answer { messages, ..Answer::of(json!({ "id": id })) })
    }

    /// Policies win over roles (D28).
    pub(super) fn grants(&mut self, asked: &Asked<'_>, prior: &[Policy]) -> Result<Vec<Policy>, Refusal> {
        let body = &asked.request.body;
        match body["policies"].as_array() {
            Some(policies) => self.resolve(asked, prior, policies),
            None => self.roles(asked, prior, &ids(&body["roles"])),
        }
    }

    /// A role is one allow policy on the whole account; one that is there already stays what it is.
    pub(super) fn roles(
        &mut self,
        asked: &Asked<'_>,
        prior: &[Policy],
        roles: &[String],
    ) -> Result<Vec<Policy>, Refusal> {
        if roles.len() > LIMITS.policies {
            return Err(QUOTA);
        }
        let whole = self.whole_account().id.clone();
        let mut policies: Vec<Policy> = Vec::new();
        for role in roles {
            let group = asked.facts.groups.iter().find(|group| group.role == *role).ok_or(INVALID)?;
            let (created_on, modified_on) = (asked.now.to_owned(), asked.now.to_owned());
            let mut policy = Policy {
                id: String::new(),
                access: "allow".to_owned(),
                permission_groups: vec![group.id.clone()],
                resource_groups: vec![whole.clone()],
                created_on,
                modified_on,
            };
            if policies.iter().any(|known| known.says_as(&policy)) {
                continue;
            }
            match prior.iter().find(|former| former.says_as(&policy)) {
                Some(former) => policies.push(former.clone()),
                None => {
                    policy.id = self.new_id();
                    policies.push(policy);
                }
            }
        }
        Ok(policies)
    }

    pub(super) fn member_answer(&self, asked: &Asked<'_>, id: &str) -> Told {
        let body = &asked.request.body;
        let roles_ignored = body.get("roles").is_some() && body.get("policies").is_some();
        let messages = self.warnings(asked, roles_ignored);
        let member = self.member(id).ok_or(NOT_FOUND)?;
        Ok(Answer { messages, ..Answer::of(shown::member(self, asked.facts, member)) })
    }

    pub(super) fn warnings(&self, asked: &Asked<'_>, roles_ignored: bool) -> Vec<u64> {
        let alone = rights::super_administrators(self, asked.facts).len() == 1;
        roles_ignored.then_some(1001).into_iter().chain(alone.then_some(1012)).collect()
    }

    pub(super) fn list_members(&self, asked: &Asked<'_>) -> Told {
        let query =
            |name: &str| asked.request.query.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str());
        let status = query("status").map(str::to_lowercase);
        let wrong = |given: Option<&str>, words: &[&str]| given.is_some_and(|word| !words.contains(&word));
        if wrong(status.as_deref(), &["accepted", "pending", "rejected"])
            || wrong(query("order"), &["user.email", "status"])
        {
            return Err(INVALID);
        }
        let mut members: Vec<&Member> = self.members.iter().collect();
        members.retain(|member| status.as_deref().is_none_or(|status| member.status() == status));
        members.sort_by_key(|member| member.email.to_lowercase());
        if query("order") == Some("status") {
            members.sort_by_key(|member| member.status());
        }
        page(
            asked.request,
            members.into_iter().map(|member| shown::member(self, asked.facts, member)).collect(),
            20,
            50,
        )
    }
}
