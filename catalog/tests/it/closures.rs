use std::collections::BTreeSet;
use std::sync::LazyLock;

use portcullis_catalog::{Access, Catalog, PermissionIndex, PermissionSet};
use proptest::prelude::*;

use crate::{account, names, zone};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

fn indices() -> impl Strategy<Value = BTreeSet<u16>> {
    proptest::collection::btree_set(0..CATALOG.permissions().len() as u16, 0..40)
}

fn set(indices: &BTreeSet<u16>) -> PermissionSet {
    indices.iter().map(|index| PermissionIndex(*index)).collect()
}

fn plain(set: PermissionSet) -> BTreeSet<u16> {
    set.iter().map(|index| index.0).collect()
}

/// D6 in the most naive words: for each pair of permissions of one scope and family.
fn naive(set: &BTreeSet<u16>, from: Access, to: Access) -> BTreeSet<u16> {
    let mut closed = set.clone();
    for index in set {
        let held = CATALOG.permission_at(PermissionIndex(*index));
        for other in CATALOG.permissions() {
            if (held.access, other.access) == (from, to) && (held.scope, &held.family) == (other.scope, &other.family) {
                closed.insert(other.index.0);
            }
        }
    }
    closed
}

proptest! {
    #[test]
    fn sets_are_sets(left in indices(), right in indices(), probe in 0u16..2000) {
        let (a, b) = (set(&left), set(&right));
        prop_assert_eq!(plain(a | b), &left | &right);
        prop_assert_eq!(plain(a & b), &left & &right);
        prop_assert_eq!(plain(a - b), &left - &right);
        prop_assert_eq!(a.len(), left.len());
        prop_assert_eq!(a.is_empty(), left.is_empty());
        prop_assert_eq!(a.intersects(&b), !left.is_disjoint(&right));
        prop_assert_eq!(a.is_subset(&b), left.is_subset(&right));
        prop_assert_eq!(a.contains(PermissionIndex(probe)), left.contains(&probe));
        let mut c = a;
        c |= b;
        c -= b;
        c &= a;
        prop_assert_eq!(c, a - b);
    }

    #[test]
    fn an_allow_of_writing_brings_the_reading_and_nothing_else(held in indices()) {
        let closed = CATALOG.allow_closure(set(&held));
        prop_assert_eq!(plain(closed), naive(&held, Access::Write, Access::Read));
        prop_assert_eq!(CATALOG.allow_closure(closed), closed);
    }

    #[test]
    fn a_deny_of_reading_takes_the_writing_and_nothing_else(held in indices()) {
        let closed = CATALOG.deny_closure(set(&held));
        prop_assert_eq!(plain(closed), naive(&held, Access::Read, Access::Write));
        prop_assert_eq!(CATALOG.deny_closure(closed), closed);
    }

    #[test]
    fn a_larger_set_never_closes_to_less(left in indices(), right in indices()) {
        let (a, b) = (set(&left), set(&right));
        prop_assert!(CATALOG.allow_closure(a).is_subset(&CATALOG.allow_closure(a | b)));
        prop_assert!(CATALOG.deny_closure(a).is_subset(&CATALOG.deny_closure(a | b)));
    }
}

#[test]
fn the_limits_of_a_set_are_within_it() {
    let all: PermissionSet = (0..1024).map(PermissionIndex).collect();
    assert_eq!(all.len(), PermissionSet::CAPACITY);
    assert!(all.contains(PermissionIndex(1023)));
    assert!(!all.contains(PermissionIndex(1024)));
    assert_eq!(PermissionSet::EMPTY.iter().count(), 0);
}

#[test]
fn reading_and_writing_of_two_scopes_are_apart() {
    let write = zone(&CATALOG, "Logs Write");
    assert_eq!(CATALOG.allow_closure(write) - write, zone(&CATALOG, "Logs Read"));
}

#[test]
fn to_run_something_is_not_to_read_it() {
    let run = account(&CATALOG, "AI Gateway Run");
    assert_eq!(CATALOG.allow_closure(run), run);
    let read = account(&CATALOG, "AI Gateway Read");
    assert_eq!(names(&CATALOG, CATALOG.deny_closure(read)), ["AI Gateway Read", "AI Gateway Write"]);
}

#[test]
fn names_without_a_word_for_it_have_their_access_from_the_data() {
    for (write, read) in [
        ("Account API Gateway", "Account API Gateway Read"),
        ("Page Shield", "Page Shield Read"),
        ("Cloudflare DEX", "Cloudflare DEX Read"),
        ("Realtime Admin", "Realtime Read"),
        ("Magic Network Monitoring Admin", "Magic Network Monitoring Config Read"),
        ("Magic Firewall Packet Captures - Write PCAPs API", "Magic Firewall Packet Captures - Read PCAPs API"),
    ] {
        let write = account(&CATALOG, write);
        assert_eq!(CATALOG.allow_closure(write) - write, account(&CATALOG, read));
    }
    for (write, read) in [
        ("Domain API Gateway", "Domain API Gateway Read"),
        ("Domain Page Shield", "Domain Page Shield Read"),
        ("Page Shield Write", "Domain Page Shield Read"),
        ("Zaraz Admin", "Zaraz Read"),
    ] {
        let write = zone(&CATALOG, write);
        assert_eq!(CATALOG.allow_closure(write) - write, zone(&CATALOG, read));
    }
}

/// Reading this list tells whether a new name was classified as it should be.
#[test]
fn only_these_permissions_neither_read_nor_write() {
    let other = CATALOG.permissions().iter().filter(|one| one.access == Access::Other);
    let names: Vec<&str> = other.map(|one| &*one.name).collect();
    assert_eq!(
        names,
        [
            "Access: Apps and Policies Revoke",
            "Access: Apps and Policies Revoke",
            "Access: Apps Revoke",
            "Access: Organizations Revoke",
            "Access: Organizations, Identity Providers, and Groups Revoke",
            "Agents Gateway Run",
            "AI Gateway Run",
            "AI Search Index Engine",
            "AI Search Run",
            "Auto Rag Write Run Engine",
            "Cache Purge",
            "Cloudflare One Connector Monitoring: cloudflared",
            "Connectivity Directory Bind",
            "Flagship App Bind",
            "Flagship App Evaluate",
            "Flagship Evaluate",
            "Pipelines Send",
            "SCIM Provisioning",
            "Websearch Run",
            "Workers Editor",
            "Workers Scripts Bind",
            "Zero Trust Report",
            "Account API Tokens Provisioning",
        ]
    );
}
