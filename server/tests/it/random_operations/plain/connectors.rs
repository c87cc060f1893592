//! SSO connectors (section 7).

use super::{Answer, Asked, Connector, INVALID, LIMITS, NAME, NOT_FOUND, Plain, QUOTA, Told};
use crate::random_operations::pools::DOMAINS;
use crate::random_operations::requests::Request;
use crate::random_operations::shown;

impl Plain {
    pub(super) fn create_connector(&mut self, asked: &Asked<'_>) -> Told {
        let body = &asked.request.body;
        let sent = body["email_domain"].as_str().expect("a domain");
        let (_, domain) = DOMAINS.iter().find(|(text, _)| *text == sent).expect("a domain of the pool");
        let domain = domain.ok_or(INVALID)?;
        if self.connectors.iter().any(|connector| connector.domain == domain) {
            return Err(NAME);
        }
        if body["enabled"] == true {
            return Err(INVALID);
        }
        if self.connectors.len() >= LIMITS.sso_connectors {
            return Err(QUOTA);
        }
        let (id, record) = (self.new_id(), self.new_id());
        let connector = Connector {
            id,
            domain: domain.to_owned(),
            fedramp: body["use_fedramp_language"] == true,
            status: if body["begin_verification"] == false { "awaiting" } else { "pending" },
            record,
            created_on: asked.now.to_owned(),
            updated_on: asked.now.to_owned(),
        };
        let answer = Answer::of(shown::connector(&connector));
        self.connectors.push(connector);
        Ok(answer)
    }

    pub(super) fn update_connector(&mut self, asked: &Asked<'_>) -> Told {
        let Request { ids, body, .. } = asked.request;
        self.must_match(asked.request, self.connector(&ids[0]).is_some())?;
        let at = self.connectors.iter().position(|connector| connector.id == ids[0]).ok_or(NOT_FOUND)?;
        // D61: nothing here is ever verified, and no identity provider can be bound.
        if body["enabled"] == true {
            return Err(INVALID);
        }
        let connector = &mut self.connectors[at];
        let fedramp = body["use_fedramp_language"].as_bool().unwrap_or(connector.fedramp);
        if fedramp != connector.fedramp {
            connector.fedramp = fedramp;
            connector.updated_on = asked.now.to_owned();
        }
        Ok(Answer::of(shown::connector(connector)))
    }
}
