//! One conformance suite for both stores, over the ports alone.

mod activity;
mod approvals;
mod config;
mod history;
mod messages;
mod suite;
mod tokens;

use std::sync::Arc;

use isomer::store::postgres::PgStore;
use isomer::store::sqlite::SqliteStore;
use isomer_actors::ports::Store;

use crate::support::server::fresh_database;

/// A store on nothing, and what keeps its files.
async fn sqlite() -> (Arc<dyn Store>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Arc::new(SqliteStore::open(folder.path()).await.unwrap()), folder)
}

async fn postgres() -> Arc<dyn Store> {
    Arc::new(PgStore::connect(&fresh_database().await, 10).await.unwrap())
}

macro_rules! conform {
    ($($module:ident: $($name:ident),+;)+) => {
        mod embedded {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let (store, _folder) = super::sqlite().await;
                super::$module::$name(store).await;
            })+)+
        }
        mod production {
            $($(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$module::$name(super::postgres().await).await; })+)+
        }
    };
}

conform! {
    suite: a_change_is_written_with_its_events, the_index_tells_what_agents_speak,
        a_stale_head_is_refused_alone,
        a_group_is_all_or_nothing, sequences_have_no_holes, rules_of_the_store,
        a_purge_keeps_the_chain, heartbeats_never_go_back, events_read_back_as_hashed,
        layouts_and_viewport;
    approvals: requests_read_back_and_are_decided_once, a_refused_decision_leaves_others_alone,
        what_is_due_expires_and_only_that, only_so_many_wait_and_a_purge_takes_all,
        requests_are_listed_by_status_and_page;
    config: documents_are_joined_one_after_the_other,
        documents_are_bounded_and_belong_to_somebody;
    history: events_are_counted_between_edges, a_time_has_a_sequence,
        the_outline_has_its_sequence, agents_are_listed_with_their_end;
    messages: messages_are_kept_once_and_read_back, messages_are_leased_by_urgency_and_settled_once,
        leases_end_and_messages_expire;
    activity: a_row_reads_back_as_it_was_logged,
        a_batch_may_be_repeated_and_strangers_are_left_out, rows_are_found_by_conditions,
        pages_have_no_gaps_and_no_doubles, words_and_parts_of_words_are_found,
        old_rows_are_found_by_their_words, what_is_old_goes, days_may_be_made_side_by_side,
        a_purge_takes_activity_along, no_body_is_too_much,
        last_outbound_never_goes_back;
    tokens: tokens_are_counted_found_and_revoked, organisation_tokens;
}
