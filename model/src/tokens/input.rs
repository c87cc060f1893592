//! A token as a client sends it.

use crate::policies::Effect;

/// A token to make, or what an existing one shall be: nothing of it is kept that is not here (D49).
#[derive(Clone, Debug)]
pub struct TokenInput {
    /// Its name.
    pub name: String,
    /// `active`, `disabled`, or the computed word that it shows now; absent is unchanged.
    pub status: Option<String>,
    /// What it may do.
    pub policies: Vec<TokenPolicyInput>,
    /// From where.
    pub condition: Given<ConditionInput>,
    /// Not before this time, as RFC 3339.
    pub not_before: Given<String>,
    /// Not from this time on, as RFC 3339.
    pub expires_on: Given<String>,
}

/// Something that may be left out. Both ways clear it; only leaving it out can be a mistake (D49).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Given<T> {
    /// Not there.
    #[default]
    Absent,
    /// `null`.
    Null,
    /// There.
    Value(T),
}

impl<T> Given<T> {
    /// The value, if it is there.
    pub fn value(&self) -> Option<&T> {
        match self {
            Given::Value(value) => Some(value),
            Given::Absent | Given::Null => None,
        }
    }
}

/// Networks as a client sends them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConditionInput {
    /// Where in the body: `/condition/request_ip`, or the older spelling.
    pub pointer: String,
    /// Allowed networks.
    pub within: Vec<String>,
    /// Refused networks.
    pub not_in: Vec<String>,
}

/// A policy of a token as a client sends it. Ids of policies are not read: they are the server's.
#[derive(Clone, Debug)]
pub struct TokenPolicyInput {
    /// Allow or deny.
    pub effect: Effect,
    /// Ids of the token catalogue.
    pub permission_groups: Vec<String>,
    /// Where, by resource key.
    pub resources: Vec<(String, ResourceInput)>,
}

/// What a resource key maps to.
#[derive(Clone, Debug)]
pub enum ResourceInput {
    /// `"*"`.
    Everything,
    /// The keys inside the outer key, each with `"*"`.
    Within(Vec<String>),
}
