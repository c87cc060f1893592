//! What entries are about: the products and types of resources, and the categories that group products.

use ::model::change::DocumentId;
use ::model::resource_groups::ZONE_KEY;
use serde::Serialize;

/// A kind of resource, and the product that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// As in `resource.product`.
    pub product: &'static str,
    /// As in `resource.type`.
    pub name: &'static str,
    /// In words, as in `action.description`.
    pub words: &'static str,
}

macro_rules! kinds {
    ($($constant:ident = $product:literal, $name:literal, $words:literal;)+) => {
        $(const $constant: Kind = Kind { product: $product, name: $name, words: $words };)+

        /// Every kind that an entry can be about.
        #[cfg(test)]
        const ALL: &[Kind] = &[$($constant),+];
    };
}

kinds! {
    ACCOUNT = "accounts", "account", "account";
    MEMBER = "members", "member", "member";
    MEMBERSHIP = "members", "membership", "membership";
    INVITATION = "members", "invitation", "invitation";
    USER_GROUP = "user_groups", "user_group", "user group";
    GROUP_MEMBER = "user_groups", "user_group_member", "member of a user group";
    RESOURCE_GROUP = "resource_groups", "resource_group", "resource group";
    ZONE = "zones", "zone", "zone";
    RESOURCE = "resources", "resource", "resource";
    TOKEN = "api_tokens", "api_token", "API token";
    SSO_CONNECTOR = "sso", "sso_connector", "SSO connector";
    USER = "users", "user", "user";
    COMMIT = "commits", "commit", "commit";
    AUTHENTICATION = "authentication", "authentication", "authentication";
    AUDIT_LOG = "audit_logs", "audit_log", "audit log";
    OTHER = "other", "other", "object";
}

impl Kind {
    /// What a document is.
    pub fn of_document(id: &DocumentId) -> Kind {
        match id {
            DocumentId::Account => ACCOUNT,
            DocumentId::Member(_) => MEMBER,
            DocumentId::UserGroup(_) => USER_GROUP,
            DocumentId::GroupMember(..) => GROUP_MEMBER,
            DocumentId::ResourceGroup(_) => RESOURCE_GROUP,
            DocumentId::Resource(key) if key.starts_with(ZONE_KEY) => ZONE,
            DocumentId::Resource(_) | DocumentId::RemovedResource(_) => RESOURCE,
            DocumentId::Token(_) => TOKEN,
            DocumentId::SsoConnector(_) => SSO_CONNECTOR,
            DocumentId::User => USER,
        }
    }

    /// What the operations of a route are about. The first that fits counts.
    pub fn of_route(route: &str) -> Kind {
        const ROUTES: [(&str, Kind); 14] = [
            ("/iam/user_groups/{user_group_id}/members", GROUP_MEMBER),
            ("/iam/user_groups", USER_GROUP),
            ("/iam/resource_groups", RESOURCE_GROUP),
            ("/iam/commits", COMMIT),
            ("/sso_connectors", SSO_CONNECTOR),
            ("/tokens", TOKEN),
            ("/memberships", MEMBERSHIP),
            ("/user/invites", INVITATION),
            ("/members", MEMBER),
            ("/zones", ZONE),
            ("/resources", RESOURCE),
            ("/user", USER),
            ("/accounts/{account_id}/", OTHER),
            ("/accounts", ACCOUNT),
        ];
        ROUTES.iter().find(|(part, _)| route.contains(part)).map_or(OTHER, |(_, kind)| *kind)
    }

    /// What failed authentications are about.
    pub const FAILED_AUTHENTICATION: Kind = AUTHENTICATION;
    /// What is missing from the log itself.
    pub const LOG: Kind = AUDIT_LOG;
}

/// A set of products, by one word.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Category {
    /// For people.
    label: &'static str,
    /// What it stands for.
    products: &'static [Product],
    /// For the filter `product_category`.
    value: &'static str,
}

/// A product.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Product {
    /// For people.
    label: &'static str,
    /// As in `resource.product`.
    value: &'static str,
}

const fn product(value: &'static str, label: &'static str) -> Product {
    Product { label, value }
}

/// The categories, by value.
pub const CATEGORIES: &[Category] = &[
    Category {
        label: "Access control",
        products: &[
            product("members", "Members"),
            product("resource_groups", "Resource groups"),
            product("user_groups", "User groups"),
            product("commits", "Commits"),
        ],
        value: "access_control",
    },
    Category {
        label: "Accounts and users",
        products: &[product("accounts", "Accounts"), product("users", "Users")],
        value: "accounts",
    },
    Category {
        label: "Credentials",
        products: &[product("api_tokens", "API tokens"), product("authentication", "Authentication")],
        value: "credentials",
    },
    Category { label: "Log", products: &[product("audit_logs", "Audit logs")], value: "log" },
    Category {
        label: "Resources",
        products: &[product("resources", "Resources"), product("zones", "Zones"), product("other", "Other")],
        value: "resources",
    },
    Category { label: "Single sign-on", products: &[product("sso", "Single sign-on")], value: "sso" },
];

impl Category {
    /// The category of that value, in any case.
    pub fn find(value: &str) -> Option<&'static Category> {
        CATEGORIES.iter().find(|category| category.value.eq_ignore_ascii_case(value))
    }

    /// The values of its products.
    pub fn products(&self) -> impl Iterator<Item = &'static str> {
        self.products.iter().map(|product| product.value)
    }

    /// Its value.
    pub fn value(&self) -> &'static str {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_is_in_one_category() {
        for kind in ALL {
            let holding = CATEGORIES.iter().filter(|category| category.products().any(|value| value == kind.product));
            assert_eq!(holding.count(), 1, "{}", kind.product);
        }
        for value in CATEGORIES.iter().flat_map(Category::products) {
            assert!(ALL.iter().any(|kind| kind.product == value), "{value}");
        }
    }

    #[test]
    fn a_route_leads_to_what_it_is_about() {
        for (route, name) in [
            ("/accounts/{account_id}/iam/user_groups/{user_group_id}/members/{member_id}", "user_group_member"),
            ("/accounts/{account_id}/iam/user_groups/{user_group_id}", "user_group"),
            ("/accounts/{account_id}/tokens/{token_id}/value", "api_token"),
            ("/accounts/{account_id}/members", "member"),
            ("/accounts/{account_id}", "account"),
            ("/accounts", "account"),
            ("/user/tokens/{token_id}", "api_token"),
            ("/user/invites/{invite_id}", "invitation"),
            ("/user", "user"),
            ("/memberships/{membership_id}", "membership"),
            ("/zones/{zone_id}", "zone"),
            ("/accounts/{account_id}/something/new", "other"),
        ] {
            assert_eq!(Kind::of_route(route).name, name, "{route}");
        }
    }
}
