//! What the store promises, tried on every backend from one list.

#![expect(clippy::unwrap_used, reason = "a failed expectation ends the test")]

// The name that the other crates give it.
extern crate portcullis_store as store;

mod append;
mod audit;
mod claims;
mod dump;
mod fold;
mod leases;
mod lifecycle;
mod postgres;
mod snapshots;
mod sqlite;
mod sqlite_failures;
mod support;
mod touches;
mod usage;

macro_rules! on_each_backend {
    ($($module:ident: $($name:ident),+;)+) => {
        mod on_memory { $($(
            #[tokio::test]
            async fn $name() {
                crate::$module::$name(store::Store::memory()).await;
            }
        )+)+ }
        mod on_sqlite { $($(
            #[tokio::test]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                crate::$module::$name(crate::support::open(folder.path())).await;
            }
        )+)+ }
        mod on_sqlite_one_by_one { $($(
            #[tokio::test]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                let options = store::SqliteOptions { batch: 1, ..store::SqliteOptions::default() };
                let store = store::Store::open_sqlite(&folder.path().join("test.db"), options).unwrap();
                crate::$module::$name(store).await;
            }
        )+)+ }
        mod on_postgres { $($(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let Some(server) = test_parts::postgres::Postgres::shared() else { return };
                crate::$module::$name(crate::support::open_postgres(&server.database()).await).await;
            }
        )+)+ }
        mod on_postgres_one_by_one { $($(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let Some(server) = test_parts::postgres::Postgres::shared() else { return };
                let options = store::PostgresOptions { batch: 1, ..store::PostgresOptions::default() };
                let store = store::Store::open_postgres(&server.database(), options).await.unwrap();
                crate::$module::$name(store).await;
            }
        )+)+ }
    };
}

on_each_backend! {
    append: what_is_appended_reads_back, an_unknown_stream_is_empty, a_taken_revision_is_a_conflict, a_gap_is_a_conflict,
        another_previous_hash_is_a_conflict, a_transaction_may_hold_several_commits_of_a_stream,
        a_transaction_of_several_streams_is_all_or_nothing, a_refused_transaction_harms_no_other,
        what_builds_on_a_refused_commit_is_refused, concurrent_writers_keep_their_order, one_of_many_racers_wins,
        streams_are_listed_by_name, heads_of_many_streams_are_read_at_once, extreme_numbers_are_refused_or_find_nothing;
    audit: what_is_seen_at_a_place_is_listed_by_time_from_either_end, a_refused_commit_appears_nowhere,
        commits_are_read_by_their_revisions, summaries_read_back_by_kind_and_place_and_are_replaced;
    claims: a_taken_claim_names_its_holder, a_refused_claim_refuses_the_commit, taking_again_is_fine,
        a_claim_passes_on_in_one_transaction, releases_come_before_takes, the_claim_of_another_is_not_released,
        a_key_is_taken_once_per_transaction, claims_are_listed_by_prefix;
    dump: has_everything_once_and_in_order, is_of_one_moment;
    fold: what_is_older_than_the_base_goes_and_the_log_goes_on, a_base_stands_at_a_commit_that_is_there_and_never_goes_back,
        a_log_is_begun_with_a_base_elsewhere;
    leases: a_lease_reads_back_and_is_replaced, a_lease_is_replaced_only_if_it_is_what_was_read, due_leases_come_in_order, expired_leases_are_purged,
        leases_follow_their_transaction, many_leases_are_purged_at_once;
    snapshots: the_newest_two_snapshots_stay, a_snapshot_is_replaced;
    touches: what_touched_a_document_is_listed_newest_first, a_refused_commit_touches_nothing,
        a_time_leads_to_the_newest_commit_that_is_not_later, a_commit_is_found_by_its_revision;
    usage: uses_read_back_by_stream_and_principal, only_a_later_use_is_news, recording_begins_once;
    lifecycle: a_closed_store_says_so, closing_drains_the_queue, a_ping_is_answered, own_writes_are_not_foreign;
}
