//! The twelve coarse flags that a legacy role shows, derived from what its group allows (D1).

use serde::Deserialize;

use crate::PermissionSet;

/// The keys of the flags, in the order of the wire.
pub const LEGACY_KEYS: [&str; 12] = [
    "analytics",
    "billing",
    "cache_purge",
    "dns",
    "dns_records",
    "lb",
    "logs",
    "organization",
    "ssl",
    "waf",
    "zone_settings",
    "zones",
];

/// All twelve flags, in the order of [`LEGACY_KEYS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegacyPermissions(pub [LegacyGrant; 12]);

/// One flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LegacyGrant {
    /// Which one.
    pub key: &'static str,
    /// May see.
    pub read: bool,
    /// May change.
    pub write: bool,
}

/// Which permissions decide one flag, as `data/legacy_permissions.json` says it: any one of them suffices.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LegacyDefinition {
    pub key: Box<str>,
    pub scope: Box<str>,
    /// Every accepted member has it anyhow (D14).
    #[serde(default)]
    pub always_read: bool,
    pub read: Vec<Box<str>>,
    pub write: Vec<Box<str>>,
    /// Why these: for the reader of the data, and to make whoever adds a line think of one.
    #[serde(rename = "reason")]
    pub _reason: Box<str>,
}

/// Which permissions decide one flag.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LegacyRule {
    pub always_read: bool,
    pub read: PermissionSet,
    pub write: PermissionSet,
}

/// The flags of whoever holds `allows`.
pub(crate) fn derive(rules: &[LegacyRule; 12], allows: &PermissionSet) -> LegacyPermissions {
    LegacyPermissions(std::array::from_fn(|at| LegacyGrant {
        key: LEGACY_KEYS[at],
        read: rules[at].always_read || rules[at].read.intersects(allows),
        write: rules[at].write.intersects(allows),
    }))
}
