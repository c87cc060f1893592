//! The filters of an audit: `x=` asks for one of some values, `x.not=` for none of them, and all that are given must hold.

use std::borrow::Cow;
use std::net::IpAddr;

use ::model::commit::Actor;
use ::model::problem::{FaultKind, Faults, Problem};

use super::entry::{Entry, Level};
use super::products::{CATEGORIES, Category};
use crate::wire::paging::Query;

/// The most values of one filter.
const MOST_VALUES: usize = 200;

macro_rules! fields {
    ($($variant:ident = $name:literal,)+) => {
        /// What can be filtered by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Field { $(#[doc = $name] $variant,)+ }

        impl Field {
            /// Every field.
            pub const ALL: &'static [Field] = &[$(Field::$variant),+];

            /// As in the query.
            pub fn name(self) -> &'static str {
                match self { $(Field::$variant => $name,)+ }
            }
        }
    };
}

fields! {
    AccountName = "account_name",
    ActionResult = "action_result",
    ActionType = "action_type",
    ActorContext = "actor_context",
    ActorEmail = "actor_email",
    ActorId = "actor_id",
    ActorIpAddress = "actor_ip_address",
    ActorTokenId = "actor_token_id",
    ActorTokenName = "actor_token_name",
    ActorType = "actor_type",
    Id = "id",
    RawCfRayId = "raw_cf_ray_id",
    RawMethod = "raw_method",
    RawStatusCode = "raw_status_code",
    RawUri = "raw_uri",
    ResourceId = "resource_id",
    ResourceProduct = "resource_product",
    ResourceType = "resource_type",
    ResourceScope = "resource_scope",
    ZoneId = "zone_id",
    ZoneName = "zone_name",
}

/// The older name of [`Field::Id`].
const OLDER_ID: &str = "audit_log_id";
/// The filter that stands for several values of [`Field::ResourceProduct`].
const CATEGORY: &str = "product_category";

/// The words of those fields that have a few.
fn words(field: Field) -> Option<&'static [&'static str]> {
    match field {
        Field::ActionResult => Some(&["success", "failure"]),
        Field::ActionType => Some(&["create", "delete", "view", "update"]),
        Field::ActorContext => Some(&["api", "api_key", "api_token", "dash", "oauth", "origin_ca_key"]),
        Field::ActorType => Some(&["account", "cloudflare_admin", "delegated_service", "system", "user"]),
        Field::ResourceScope => Some(&["accounts", "user", "zones", "memberships"]),
        _ => None,
    }
}

/// One filter: the value of a field is among these, or is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Of what.
    pub field: Field,
    /// The values, as [`value`] gives them; sorted, each once.
    pub values: Vec<String>,
    /// Whether they are those that are left out.
    pub not: bool,
}

/// All filters of a question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filters {
    /// Each must hold.
    pub all: Vec<Filter>,
}

/// What an entry says of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// This.
    Is(Cow<'a, str>),
    /// Nothing.
    None,
    /// Not here: what the zone was called that a commit removed.
    Elsewhere,
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Value<'a> {
        if text.is_empty() { Value::None } else { Value::Is(text.into()) }
    }
}

/// What an entry says of a field, in the form in which it is compared.
pub fn value(entry: &Entry, field: Field) -> Value<'_> {
    match field {
        // Of the account that is asked about, and so the same for all entries.
        Field::AccountName => Value::Elsewhere,
        Field::ActionResult => if entry.succeeded() { "success" } else { "failure" }.into(),
        Field::ActionType => entry.action.name().into(),
        Field::ActorContext => context(&entry.actor).into(),
        Field::ActorEmail => match &entry.actor {
            Actor::User { email, .. } => Value::Is(lower(email)),
            Actor::Account { .. } | Actor::System { .. } => Value::None,
        },
        Field::ActorId => match &entry.actor {
            Actor::User { id, .. } => Value::Is(id.to_string().into()),
            Actor::Account { id, .. } => Value::Is(id.to_string().into()),
            Actor::System { .. } => Value::None,
        },
        Field::ActorIpAddress => (&*entry.request.ip).into(),
        Field::ActorTokenId => match &entry.actor {
            Actor::User { token: Some(token), .. } | Actor::Account { token, .. } => {
                Value::Is(token.to_string().into())
            }
            Actor::User { token: None, .. } | Actor::System { .. } => Value::None,
        },
        Field::ActorTokenName => token_name(&entry.actor).unwrap_or_default().into(),
        Field::ActorType => actor_type(&entry.actor).into(),
        Field::Id => Value::Is(entry.id()),
        Field::RawCfRayId => entry.ray().into(),
        Field::RawMethod => (&*entry.request.method).into(),
        Field::RawStatusCode => match entry.request.method.is_empty() {
            true => Value::None,
            false => Value::Is(entry.status.to_string().into()),
        },
        Field::RawUri => match entry.uri() {
            uri if uri.is_empty() => Value::None,
            uri => Value::Is(uri),
        },
        Field::ResourceId => (&*entry.resource).into(),
        Field::ResourceProduct => entry.kind.product.into(),
        Field::ResourceType => entry.kind.name.into(),
        Field::ResourceScope => scope(entry).into(),
        Field::ZoneId => entry.zone.as_ref().map_or("", |zone| &*zone.id).into(),
        Field::ZoneName => match &entry.zone {
            None => Value::None,
            Some(zone) => zone.name.as_ref().map_or(Value::Elsewhere, |name| Value::Is(lower(name))),
        },
    }
}

/// By which credential.
pub fn context(actor: &Actor) -> &'static str {
    match actor {
        Actor::User { token: None, .. } => "api_key",
        Actor::User { token: Some(_), .. } | Actor::Account { .. } => "api_token",
        Actor::System { .. } => "",
    }
}

/// What the actor is (D85).
pub fn actor_type(actor: &Actor) -> &'static str {
    match actor {
        Actor::User { .. } => "user",
        Actor::Account { .. } => "account",
        Actor::System { .. } => "system",
    }
}

/// The name of the actor's token at that time.
pub fn token_name(actor: &Actor) -> Option<&str> {
    match actor {
        Actor::User { token_name, .. } | Actor::Account { token_name, .. } => token_name.as_deref(),
        Actor::System { .. } => None,
    }
}

/// What the resource belongs to.
pub fn scope(entry: &Entry) -> &'static str {
    match (entry.kind.name, entry.level) {
        ("zone", _) => "zones",
        ("membership" | "invitation", _) => "memberships",
        (_, Level::User) => "user",
        (_, Level::Account | Level::Server) => "accounts",
    }
}

fn lower(text: &str) -> Cow<'_, str> {
    match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(text.to_ascii_lowercase()),
        false => Cow::Borrowed(text),
    }
}

impl Filter {
    /// Whether it lets a value pass. A field that says nothing is none of any values.
    pub fn passes(&self, value: Option<&str>) -> bool {
        let is_among = value.is_some_and(|value| self.values.binary_search_by(|one| (**one).cmp(value)).is_ok());
        is_among != self.not
    }

    /// Whether it lets an entry pass; `None` where the entry alone does not tell.
    pub fn decides(&self, entry: &Entry) -> Option<bool> {
        match value(entry, self.field) {
            Value::Is(value) => Some(self.passes(Some(&value))),
            Value::None => Some(self.passes(None)),
            Value::Elsewhere => None,
        }
    }
}

impl Filters {
    /// Reads the filters of a query; every fault of them is told at once.
    pub fn of(query: &Query, faults: &mut Faults) -> Filters {
        let mut all = Vec::new();
        for field in Field::ALL {
            for not in [false, true] {
                let mut values = Vec::new();
                for name in [Some(field.name()), (*field == Field::Id).then_some(OLDER_ID)].into_iter().flatten() {
                    let parameter = if not { format!("{name}.not") } else { name.to_owned() };
                    for text in query.all(&parameter) {
                        values.extend(faults.take(parsed(*field, text, &parameter)));
                    }
                }
                if *field == Field::ResourceProduct && !not {
                    values.extend(of_categories(query, faults));
                }
                values.sort_unstable();
                values.dedup();
                if values.len() > MOST_VALUES {
                    let message =
                        format!("{} has {} values; at most {MOST_VALUES} are taken", field.name(), values.len());
                    faults.push(FaultKind::Invalid, format!("?{}", field.name()), message);
                }
                if !values.is_empty() {
                    all.push(Filter { field: *field, values, not });
                }
            }
        }
        Filters { all }
    }

    /// Takes the filters by the account's name out, which hold for all entries or for none; the answer tells which.
    pub fn split_account_name(&mut self, name: &str) -> bool {
        let of_account = self.all.extract_if(.., |filter| filter.field == Field::AccountName);
        of_account.fold(true, |holds, filter| holds & filter.passes(Some(name)))
    }

    /// The filters as bytes, the same for the same question, for the seal of a cursor.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for filter in &self.all {
            bytes.extend_from_slice(filter.field.name().as_bytes());
            bytes.push(u8::from(filter.not));
            for value in &filter.values {
                bytes.extend_from_slice(&(value.len() as u64).to_be_bytes());
                bytes.extend_from_slice(value.as_bytes());
            }
            bytes.push(0xff);
        }
        bytes
    }
}

/// The products of the categories that are asked for.
fn of_categories(query: &Query, faults: &mut Faults) -> Vec<String> {
    let mut products = Vec::new();
    for text in query.all(CATEGORY) {
        match Category::find(text) {
            Some(category) => products.extend(category.products().map(str::to_owned)),
            None => {
                let known: Vec<String> = CATEGORIES.iter().map(|one| format!("`{}`", one.value())).collect();
                let message = format!("{CATEGORY} `{text}` must be one of {}", known.join(", "));
                faults.push(FaultKind::Invalid, format!("?{CATEGORY}"), message);
            }
        }
    }
    products
}

/// A value as it is compared.
fn parsed(field: Field, text: &str, parameter: &str) -> Result<String, Problem> {
    let refuse = |right: String| {
        let message = format!("{parameter} `{text}` must be {right}");
        Err(Problem::at(FaultKind::Invalid, format!("?{parameter}"), message))
    };
    if let Some(words) = words(field) {
        return match words.iter().find(|word| word.eq_ignore_ascii_case(text)) {
            Some(word) => Ok((*word).to_owned()),
            None => refuse(format!(
                "one of {}",
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
            )),
        };
    }
    match field {
        Field::ActorIpAddress => match text.parse::<IpAddr>() {
            Ok(address) => Ok(address.to_canonical().to_string()),
            Err(_) => refuse("an IP address, such as `192.0.2.7`".to_owned()),
        },
        Field::RawStatusCode => match text.parse::<u16>() {
            Ok(status) if (100..600).contains(&status) => Ok(status.to_string()),
            Ok(_) | Err(_) => refuse("an HTTP status, such as `403`".to_owned()),
        },
        Field::RawMethod => Ok(text.to_ascii_uppercase()),
        Field::RawCfRayId => Ok(text.split('-').next().unwrap_or_default().to_ascii_lowercase()),
        Field::ActorEmail | Field::ZoneName | Field::ResourceProduct | Field::ResourceType => {
            Ok(text.to_ascii_lowercase())
        }
        _ => Ok(text.to_owned()),
    }
}
