//! What an operation may lean on besides the state: the catalogue, the time, fresh ids and the operator's rules.

use catalog::Catalog;

use crate::ids::Id;
use crate::time::Timestamp;

/// The operator's settings that decide what an account may hold.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Limits (D87).
    pub limits: Limits,
    /// Accept resource keys that the registry does not know, as `dev` does (api.md 9.3 c). Off: D12 holds.
    pub accept_unknown_resources: bool,
    /// Accept `status: accepted` for any existing user (D31).
    pub allow_direct_add: bool,
    /// Accept `status: accepted` for anybody, making the user where there is none, and take the adding of a member who is in
    /// already as a change, as `dev` does.
    pub accept_anybody: bool,
    /// Let every user create accounts, not operators only.
    pub open_account_creation: bool,
    /// Domains that no connector may claim: free-mail providers (D60).
    pub blocked_sso_domains: Vec<String>,
    /// Suffixes whose connectors wait for an operator's approval before they are enabled (section 7).
    pub approval_sso_suffixes: Vec<String>,
    /// A SCIM token may attach and change policies (D17).
    pub scim_may_manage_policies: bool,
    /// How long an invitation can be answered, in seconds (D32).
    pub invitation_seconds: i64,
}

impl Default for Rules {
    fn default() -> Self {
        let list = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        Rules {
            limits: Limits::default(),
            accept_unknown_resources: false,
            allow_direct_add: false,
            accept_anybody: false,
            open_account_creation: false,
            blocked_sso_domains: list(&[
                "gmail.com",
                "googlemail.com",
                "outlook.com",
                "hotmail.com",
                "live.com",
                "yahoo.com",
                "icloud.com",
                "aol.com",
                "gmx.com",
                "gmx.de",
                "gmx.net",
                "proton.me",
                "protonmail.com",
                "mail.com",
                "mail.ru",
                "qq.com",
                "163.com",
                "126.com",
                "yandex.ru",
                "yandex.com",
                "zoho.com",
                "web.de",
                "msn.com",
                "me.com",
            ]),
            approval_sso_suffixes: list(&["edu", "ac.uk", "edu.au"]),
            scim_may_manage_policies: false,
            invitation_seconds: 7 * 24 * 3600,
        }
    }
}

/// The most of each thing (D87); more is refused with 1009.
#[derive(Clone, Debug)]
pub struct Limits {
    /// User groups in an account.
    pub user_groups: usize,
    /// Custom resource groups in an account.
    pub resource_groups: usize,
    /// Policies of one member or group.
    pub policies: usize,
    /// Permission groups in one policy.
    pub permission_groups: usize,
    /// Resource groups in one policy.
    pub policy_resource_groups: usize,
    /// Objects in one scope.
    pub objects: usize,
    /// Members in one request.
    pub members_per_request: usize,
    /// Groups of one member.
    pub groups_per_member: usize,
    /// SSO connectors in an account.
    pub sso_connectors: usize,
    /// Tokens of a user that have not expired.
    pub user_tokens: usize,
    /// Tokens of an account that have not expired.
    pub account_tokens: usize,
    /// Networks in one list of a token's condition.
    pub cidrs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            user_groups: 10_000,
            resource_groups: 10_000,
            policies: 100,
            permission_groups: 200,
            policy_resource_groups: 100,
            objects: 1_000,
            members_per_request: 1_000,
            groups_per_member: 100,
            sso_connectors: 50,
            user_tokens: 50,
            account_tokens: 500,
            cidrs: 100,
        }
    }
}

/// What an operation leans on. Passed in, so that operations stay pure.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// What can be granted.
    pub catalog: &'a Catalog,
    /// The operator's settings.
    pub rules: &'a Rules,
    /// The time of the commit.
    pub now: Timestamp,
    /// A source of fresh random ids.
    pub ids: &'a (dyn Fn() -> Id + Sync),
}

impl Environment<'_> {
    /// A fresh id.
    pub fn next_id(&self) -> Id {
        (self.ids)()
    }
}
