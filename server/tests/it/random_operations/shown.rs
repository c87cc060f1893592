//! How things look in answers. Entries of the catalogue are reduced to their ids, on both sides.

use serde_json::{Map, Value, json};

use super::plain::{Connector, Facts, Member, Plain, Policy, ResourceGroup, UserGroup, Zone};

pub fn user_group(plain: &Plain, group: &UserGroup) -> Value {
    let mut shown = json!({
        "id": group.id, "name": group.name, "status": "V",
        "created_on": group.created_on, "modified_on": group.modified_on,
    });
    // Left out where there are none (api.md 2.4).
    if !group.policies.is_empty() {
        shown["policies"] = policies(plain, &group.policies);
    }
    shown
}

fn policies(plain: &Plain, policies: &[Policy]) -> Value {
    policies.iter().map(|one| policy(plain, one)).collect()
}

fn policy(plain: &Plain, policy: &Policy) -> Value {
    let groups: Vec<Value> = policy.permission_groups.iter().map(|id| json!({ "id": id })).collect();
    let places = policy.resource_groups.iter().filter_map(|id| plain.resource_group(id));
    let places: Vec<Value> = places.map(|group| resource_group(plain, group)).collect();
    json!({
        "id": policy.id, "access": policy.access, "permission_groups": groups, "resource_groups": places, "status": "V",
        "created_on": policy.created_on, "modified_on": policy.modified_on,
    })
}

pub fn resource_group(plain: &Plain, group: &ResourceGroup) -> Value {
    let mut meta = json!({ "editable": if group.editable() { "true" } else { "false" } });
    if group.policy.is_some() {
        meta["adhoc"] = "true".into();
    }
    json!({
        "id": group.id, "name": group.name, "scope": [scope(plain, group)], "meta": meta, "status": "V",
        "created_on": group.created_on, "modified_on": group.modified_on,
    })
}

pub fn scope(plain: &Plain, group: &ResourceGroup) -> Value {
    let objects: Vec<Value> = group.objects.iter().map(|key| json!({ "key": key })).collect();
    json!({ "key": plain.account_key(), "objects": objects })
}

pub fn member(plain: &Plain, facts: &Facts, member: &Member) -> Value {
    let mut user = json!({
        "email": member.email, "first_name": null, "last_name": null, "two_factor_authentication_enabled": false,
    });
    if let Some(id) = &member.user {
        user["id"] = id.clone().into();
    }
    // Policies over the whole account are reflected back as roles.
    let mut roles: Vec<Value> = Vec::new();
    for policy in member.policies.iter().filter(|policy| policy.allows()) {
        let whole = |id: &String| plain.resource_group(id).is_some_and(ResourceGroup::is_whole);
        if policy.resource_groups.iter().any(whole) {
            for id in &policy.permission_groups {
                let role = json!({ "id": facts.known_group(id).role });
                if !roles.contains(&role) {
                    roles.push(role);
                }
            }
        }
    }
    json!({
        "id": member.id, "email": member.email, "status": member.status(), "user": user, "roles": roles,
        "policies": policies(plain, &member.policies),
    })
}

pub fn group_member(member: &Member) -> Value {
    json!({ "id": member.id, "email": member.email, "status": member.status() })
}

pub fn group_member_in_full(member: &Member, since: &str) -> Value {
    let mut shown = group_member(member);
    shown["created_at"] = since.into();
    if let Some(id) = &member.user {
        shown["user"] = json!({ "id": id, "email": member.email });
    }
    shown
}

pub fn zone(plain: &Plain, zone: &Zone) -> Value {
    json!({ "id": zone.id, "name": zone.name, "account": { "id": plain.account }, "created_on": zone.created_on })
}

pub fn connector(connector: &Connector) -> Value {
    json!({
        "id": connector.id, "email_domain": connector.domain, "enabled": false,
        "use_fedramp_language": connector.fedramp,
        "verification": { "code": connector.record, "status": connector.status },
        "created_on": connector.created_on, "updated_on": connector.updated_on,
    })
}

/// An answer of the server without what this model does not know: what the catalogue says of its entries, and what is
/// the same in every zone.
pub fn reduced(actual: &Value) -> Value {
    match actual {
        Value::Array(items) => items.iter().map(reduced).collect(),
        Value::Object(fields) if fields.contains_key("name_servers") => {
            json!({
                "id": fields["id"], "name": fields["name"], "account": { "id": fields["account"]["id"] },
                "created_on": fields["created_on"],
            })
        }
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match name.as_str() {
                "permission_groups" | "roles" => (name.clone(), only_ids(value)),
                _ => (name.clone(), reduced(value)),
            };
            Value::Object(fields.iter().map(field).collect::<Map<String, Value>>())
        }
        other => other.clone(),
    }
}

fn only_ids(list: &Value) -> Value {
    list.as_array().into_iter().flatten().map(|item| json!({ "id": item["id"] })).collect()
}
