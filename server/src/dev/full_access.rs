//! A token of a user that may do all that the user may: what `init` and the seed give to the first super administrator.

use catalog::{Catalog, ResourceTypeIndex};
use model::ids::{Id, PolicyId, TokenId, UserId};
use model::policies::Effect;
use model::rules::Environment;
use model::tokens::{Condition, Digest, Star, Token, TokenPolicy, TokenResource, TokenStatus};

/// A token with every permission of the catalogue, on every account that the user can reach and on the user itself.
pub fn token(environment: &Environment<'_>, id: TokenId, name: &str, digest: Digest, user: UserId) -> Token {
    let now = environment.now;
    Token {
        id,
        name: name.into(),
        status: TokenStatus::Active,
        digest: Some(digest),
        policies: policies(environment, user).into(),
        condition: Condition::default(),
        not_before: None,
        expires_on: None,
        issued_on: now,
        modified_on: now,
        created_by: None,
    }
}

/// One policy for accounts and what is in them, one for the user: a user lies in no account.
fn policies(environment: &Environment<'_>, user: UserId) -> Vec<TokenPolicy> {
    let catalog = environment.catalog;
    let own_key = format!("com.cloudflare.api.user.{user}");
    let policy = |is_chosen: fn(ResourceTypeIndex) -> bool, keys: &[&str]| TokenPolicy {
        id: PolicyId(environment.next_id()),
        effect: Effect::Allow,
        permission_groups: permission_groups(catalog, is_chosen),
        resources: keys.iter().map(|key| (Box::from(*key), TokenResource::Everything(Star::Star))).collect(),
    };
    vec![
        policy(
            |scope| scope != ResourceTypeIndex::USER,
            &["com.cloudflare.api.account.*", "com.cloudflare.api.account.zone.*"],
        ),
        policy(|scope| scope == ResourceTypeIndex::USER, &[&own_key]),
    ]
}

fn permission_groups(catalog: &Catalog, is_chosen: fn(ResourceTypeIndex) -> bool) -> Box<[Id]> {
    catalog
        .permissions()
        .iter()
        .filter(|permission| is_chosen(permission.scope))
        .map(|permission| permission.id)
        .collect()
}
