//! Zones (D90), which have no account in their path.

use serde_json::json;

use super::{Answer, Asked, BAD_ID, EXISTS, FORBIDDEN, INVALID, NOT_FOUND, Plain, ResourceGroup, Told, Zone, page};
use crate::random_operations::pools::{NONSENSE, ZONES};
use crate::random_operations::requests::Kind;
use crate::random_operations::{rights, shown};

impl Plain {
    pub(super) fn register_zone(&mut self, asked: &Asked<'_>) -> Told {
        let body = &asked.request.body;
        let own = body["account"]["id"] == *self.account;
        if !own || !rights::may_register_zones(self, asked.facts, asked.who) {
            return Err(FORBIDDEN);
        }
        let sent = body["name"].as_str().expect("a name");
        let (_, name) = ZONES.iter().find(|(text, _)| *text == sent).expect("a name of the pool");
        let name = name.ok_or(INVALID)?;
        if self.zones.iter().any(|zone| zone.name == name) {
            return Err(EXISTS);
        }
        let (id, group) = (self.new_id(), self.new_id());
        let key = format!("com.cloudflare.api.account.zone.{id}");
        let now = asked.now.to_owned();
        // D21: with it comes a resource group of its own.
        self.resource_groups.push(ResourceGroup {
            id: group,
            name: key.clone(),
            key: key.clone(),
            objects: vec![key],
            built_in: true,
            policy: None,
            created_on: now.clone(),
            modified_on: now.clone(),
        });
        let zone = Zone { id, name: name.to_owned(), created_on: now };
        let answer = Answer::of(shown::zone(self, &zone));
        self.zones.push(zone);
        Ok(answer)
    }

    pub(super) fn one_zone(&mut self, asked: &Asked<'_>) -> Told {
        let id = &asked.request.ids[0];
        if id == NONSENSE {
            return Err(BAD_ID);
        }
        // Whoever reaches nothing in the account does not learn that the zone is there.
        let zone = self.zone(id).filter(|_| rights::is_known(self, asked.who)).ok_or(NOT_FOUND)?.clone();
        if !rights::may_on_zone(self, asked.facts, asked.who, &zone.id, asked.request.kind == Kind::DeleteZone) {
            return Err(FORBIDDEN);
        }
        if asked.request.kind == Kind::GetZone {
            return Ok(Answer::of(shown::zone(self, &zone)));
        }
        // D26: the key stays where it is; the zone's own group stays while a policy uses it.
        let key = format!("com.cloudflare.api.account.zone.{id}");
        let unused: Vec<String> = self
            .resource_groups
            .iter()
            .filter(|group| group.built_in && group.key == key && !self.is_used(&group.id))
            .map(|group| group.id.clone())
            .collect();
        self.resource_groups.retain(|group| !unused.contains(&group.id));
        self.zones.retain(|zone| zone.id != *id);
        Ok(Answer::of(json!({ "id": id })))
    }

    pub(super) fn list_zones(&self, asked: &Asked<'_>) -> Told {
        let request = asked.request;
        let name = request.query.iter().find(|(key, _)| *key == "name").map(|(_, name)| name.to_lowercase());
        let mut zones: Vec<&Zone> = self.zones.iter().collect();
        zones.retain(|zone| {
            name.as_ref().is_none_or(|name| zone.name == *name)
                && rights::is_known(self, asked.who)
                && rights::sees_zone(self, asked.facts, asked.who, &zone.id)
        });
        zones.sort_by_key(|zone| &zone.name);
        let answer = page(request, zones.into_iter().map(|zone| shown::zone(self, zone)).collect(), 20, 50)?;
        Ok(Answer { at_revision: false, ..answer })
    }
}
