//! An account as Terraform's official provider configures it, each resource with the block that imports it.

use std::collections::BTreeSet;

use anyhow::Context;
use catalog::Catalog;
use hcl::expr::{FuncCall, Traversal, Variable};
use hcl::{Block, Body, Expression, Identifier};
use model::account_state::AccountState;
use model::members::Standing;
use model::policies::{Effect, Policy};
use model::resource_groups::Kind;
use model::tokens::{Token, TokenStatus};
use serde_json::{Value, json};

/// Writes the configuration.
///
/// # Errors
/// Only if it cannot be written as HCL, which is our fault.
pub fn write(state: &AccountState, catalog: &Catalog) -> anyhow::Result<String> {
    let mut file = File { state, text: String::new(), labels: BTreeSet::new() };
    file.head()?;
    file.account()?;
    file.zones()?;
    file.resource_groups();
    let members = file.members(catalog)?;
    file.user_groups(catalog, &members)?;
    file.sso_connectors()?;
    file.tokens()?;
    Ok(file.text)
}

struct File<'a> {
    state: &'a AccountState,
    text: String,
    /// Names that are taken, by type.
    labels: BTreeSet<(&'static str, String)>,
}

impl File<'_> {
    fn head(&mut self) -> anyhow::Result<()> {
        let account = self.state.account_id();
        self.comment(&format!(
            "Account {account}, as exported from Portcullis. `terraform plan` imports everything below."
        ));
        self.comment(
            "Set `base_url` of the provider, or CLOUDFLARE_BASE_URL, to this server's address and /client/v4.",
        );
        let provider = json!({ "source": "cloudflare/cloudflare", "version": "~> 5.0" });
        let providers = Block::builder("required_providers").add_attribute(("cloudflare", expression(&provider)?));
        self.block(Block::builder("terraform").add_block(providers.build()).build())
    }

    fn comment(&mut self, text: &str) {
        self.text.push_str("# ");
        // No name has a line break, and no comment may.
        self.text.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
        self.text.push('\n');
    }

    fn block(&mut self, block: Block) -> anyhow::Result<()> {
        let body = Body::builder().add_block(block).build();
        self.text.push_str(&hcl::to_string(&body)?);
        self.text.push('\n');
        Ok(())
    }

    /// A resource and the block that imports it. What is null is left out.
    fn resource(
        &mut self,
        kind: &'static str,
        name: &str,
        id: &str,
        attributes: Vec<(&str, Expression)>,
    ) -> anyhow::Result<Traversal> {
        let label = self.label(kind, name);
        let to = Traversal::builder(variable(kind)?).attr(Identifier::new(label.as_str())?).build();
        let import = Block::builder("import").add_attribute(("to", to.clone())).add_attribute(("id", id));
        self.block(import.build())?;
        let mut resource = Block::builder("resource").add_label(kind).add_label(label.as_str());
        for (name, value) in attributes {
            resource = resource.add_attribute((name, value));
        }
        self.block(resource.build())?;
        Ok(to)
    }

    /// A name that Terraform takes, and that nothing else of the type has.
    fn label(&mut self, kind: &'static str, name: &str) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
        let mut label: String = name.chars().map(plain).collect();
        if !label.starts_with(|c: char| c.is_ascii_alphabetic()) {
            label.insert_str(0, "n_");
        }
        let base = label.clone();
        let mut number = 2;
        while !self.labels.insert((kind, label.clone())) {
            label = format!("{base}_{number}");
            number += 1;
        }
        label
    }

    fn account_id(&self) -> (&'static str, Expression) {
        ("account_id", Expression::from(self.state.account_id().to_string()))
    }

    fn below(&self, id: impl std::fmt::Display) -> String {
        format!("{}/{id}", self.state.account_id())
    }

    fn account(&mut self) -> anyhow::Result<()> {
        let Some(account) = self.state.account() else { return Ok(()) };
        let mut settings = json!({ "enforce_twofactor": account.settings.enforce_twofactor });
        if let Some(email) = &account.settings.abuse_contact_email {
            settings["abuse_contact_email"] = Value::from(&**email);
        }
        let attributes = vec![
            ("name", Expression::from(&*account.name)),
            ("type", Expression::from(&*account.kind)),
            ("settings", expression(&settings)?),
        ];
        self.resource("cloudflare_account", &account.name, &account.id.to_string(), attributes)?;
        Ok(())
    }

    fn zones(&mut self) -> anyhow::Result<()> {
        let account = expression(&json!({ "id": self.state.account_id().to_string() }))?;
        let zones: Vec<_> = self.state.zones().map(|(id, zone)| (id.to_string(), zone.name.to_string())).collect();
        for (id, name) in zones {
            let attributes = vec![
                ("account", account.clone()),
                ("name", Expression::from(name.as_str())),
                ("type", Expression::from("full")),
            ];
            self.resource("cloudflare_zone", &name, &id, attributes)?;
        }
        Ok(())
    }

    /// The provider has no resource for these: nothing is to be lost without a word.
    fn resource_groups(&mut self) {
        let custom = self.state.resource_groups().filter(|group| group.kind == Kind::Custom);
        let told: Vec<String> = custom
            .map(|group| {
                let objects: Vec<&str> = group.scope.shown_objects().iter().map(|object| &**object).collect();
                format!("resource group \"{}\" ({}): {}", group.name, group.id, objects.join(", "))
            })
            .collect();
        if told.is_empty() {
            return;
        }
        self.comment("The provider has no resource for resource groups; policies below name these by their ids.");
        told.iter().for_each(|line| self.comment(line));
        self.text.push('\n');
    }

    fn members(&mut self, catalog: &Catalog) -> anyhow::Result<Vec<(model::ids::MemberId, Traversal)>> {
        let mut written = Vec::new();
        let state = self.state;
        for member in state.members() {
            if matches!(member.standing, Standing::Rejected { .. }) {
                self.comment(&format!("{} declined the invitation", member.email.as_str()));
                continue;
            }
            let attributes = vec![
                self.account_id(),
                ("email", Expression::from(member.email.as_str())),
                ("policies", expression(&policies(catalog, &member.policies))?),
            ];
            let id = self.below(member.id);
            let resource = self.resource("cloudflare_account_member", member.email.as_str(), &id, attributes)?;
            written.push((member.id, resource));
        }
        Ok(written)
    }

    fn user_groups(&mut self, catalog: &Catalog, members: &[(model::ids::MemberId, Traversal)]) -> anyhow::Result<()> {
        let state = self.state;
        for (_, group) in state.user_groups() {
            let mut attributes = vec![self.account_id(), ("name", Expression::from(&*group.name))];
            if !group.policies.is_empty() {
                attributes.push(("policies", expression(&policies(catalog, &group.policies))?));
            }
            let id = self.below(group.id);
            let resource = self.resource("cloudflare_user_group", &group.name, &id, attributes)?;
            let reference = |of: &Traversal| -> anyhow::Result<Expression> { Ok(with_id(of)?.into()) };
            let places =
                state.group_members(group.id).filter_map(|id| members.iter().find(|(member, _)| *member == id));
            let places = places.map(|(_, member)| {
                let mut place = hcl::expr::Object::new();
                place.insert(Identifier::new("id")?.into(), reference(member)?);
                Ok(Expression::Object(place))
            });
            let places = places.collect::<anyhow::Result<Vec<Expression>>>()?;
            let attributes = vec![
                self.account_id(),
                ("user_group_id", reference(&resource)?),
                ("members", Expression::Array(places)),
            ];
            self.resource("cloudflare_user_group_members", &group.name, &id, attributes)?;
        }
        Ok(())
    }

    fn sso_connectors(&mut self) -> anyhow::Result<()> {
        let state = self.state;
        for connector in state.sso_connectors() {
            let attributes = vec![
                self.account_id(),
                ("email_domain", Expression::from(&*connector.email_domain)),
                ("enabled", Expression::from(connector.enabled)),
                ("use_fedramp_language", Expression::from(connector.use_fedramp_language)),
            ];
            let id = self.below(connector.id);
            self.resource("cloudflare_sso_connector", &connector.email_domain, &id, attributes)?;
        }
        Ok(())
    }

    fn tokens(&mut self) -> anyhow::Result<()> {
        let state = self.state;
        for token in state.tokens_from(None) {
            let mut attributes = vec![
                self.account_id(),
                ("name", Expression::from(&*token.name)),
                ("policies", Expression::Array(token_policies(token)?)),
            ];
            if token.status == TokenStatus::Disabled {
                attributes.push(("status", Expression::from("disabled")));
            }
            if !token.condition.is_empty() {
                let ip = serde_json::to_value(&token.condition)?;
                attributes.push(("condition", expression(&json!({ "request_ip": ip }))?));
            }
            for (name, time) in [("not_before", token.not_before), ("expires_on", token.expires_on)] {
                attributes.extend(time.map(|time| (name, Expression::from(time.to_string()))));
            }
            let id = self.below(token.id);
            self.resource("cloudflare_account_token", &token.name, &id, attributes)?;
        }
        Ok(())
    }
}

fn variable(name: &str) -> anyhow::Result<Variable> {
    Variable::new(name).context("a name of a type is an identifier")
}

fn with_id(of: &Traversal) -> anyhow::Result<Traversal> {
    let mut reference = of.clone();
    reference.operators.push(hcl::expr::TraversalOperator::GetAttr(Identifier::new("id")?));
    Ok(reference)
}

fn expression(value: &Value) -> anyhow::Result<Expression> {
    Ok(hcl::expr::to_expression(value)?)
}

fn policies(catalog: &Catalog, policies: &[Policy]) -> Value {
    let ids = |ids: &mut dyn Iterator<Item = String>| ids.map(|id| json!({ "id": id })).collect::<Vec<_>>();
    let policy = |policy: &Policy| {
        // What the catalogue has no more is kept by its id all the same.
        let known = policy.permission_groups.iter().map(|id| catalog.iam_group(id).map_or(*id, |group| group.id));
        json!({
            "access": match policy.access { Effect::Allow => "allow", Effect::Deny => "deny" },
            "permission_groups": ids(&mut known.map(|id| id.to_string())),
            "resource_groups": ids(&mut policy.resource_groups.iter().map(|id| id.to_string())),
        })
    };
    policies.iter().map(policy).collect()
}

/// The provider takes the resources of a token's policy as a text of JSON.
fn token_policies(token: &Token) -> anyhow::Result<Vec<Expression>> {
    let policies = token.policies.iter().map(|policy| {
        let groups: Vec<Value> = policy.permission_groups.iter().map(|id| json!({ "id": id.to_string() })).collect();
        let effect = match policy.effect {
            Effect::Allow => "allow",
            Effect::Deny => "deny",
        };
        let resources = expression(&serde_json::to_value(&policy.resources)?)?;
        let mut object = hcl::expr::Object::new();
        object.insert(Identifier::new("effect")?.into(), Expression::from(effect));
        object.insert(Identifier::new("permission_groups")?.into(), expression(&Value::Array(groups))?);
        let encoded = FuncCall::builder("jsonencode").arg(resources).build();
        object.insert(Identifier::new("resources")?.into(), Expression::from(encoded));
        Ok(Expression::Object(object))
    });
    policies.collect()
}
