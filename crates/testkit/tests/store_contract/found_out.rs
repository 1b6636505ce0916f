//! Each bug makes promises fail: those that are named beside it.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use oidc_session_testkit::store_contract::{attempts, damage, feed, leases, list, outage, races, records, sweep};

use crate::backend::Laboratory;
use crate::bug::Bug;

macro_rules! found_out {
    ($($test:ident: $bug:ident breaks $($topic:ident::$promise:ident),+;)+) => {
        $(
            #[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                $(
                    let laboratory = Laboratory::with(Bug::$bug);
                    let promise = AssertUnwindSafe($topic::$promise(&laboratory)).catch_unwind().await;
                    assert!(promise.is_err(), "`{}` holds with {:?}", stringify!($promise), Bug::$bug);
                )+
            }
        )+
    };
}

found_out! {
    a_commit_that_compares_nothing: CommitsWithoutComparing breaks
        records::a_commit_that_expects_no_record_conflicts_with_one, records::the_second_writer_conflicts,
        races::one_of_many_creates_the_record, races::each_version_is_won_once_in_a_thousand_commits;
    a_commit_that_looks_first_and_writes_then: ComparesInTwoSteps breaks
        races::one_of_many_creates_the_record, races::each_version_is_won_once_in_a_thousand_commits,
        races::one_of_many_commits_and_removes_wins, races::two_handles_commit_on_many_keys;
    a_remove_that_compares_nothing: RemovesWithoutComparing breaks
        records::a_remove_at_another_version_conflicts, records::an_old_version_matches_no_new_record,
        races::one_of_many_commits_and_removes_wins;
    versions_of_its_own: MakesUpVersions breaks records::a_commit_stores_the_version_it_was_given;
    versions_of_53_bits: KeepsVersionsAsFloats breaks
        records::a_commit_stores_the_version_it_was_given, records::a_store_only_compares_versions;
    versions_that_must_grow: WantsVersionsToGrow breaks records::a_store_only_compares_versions;
    no_version_zero: TakesVersionZeroForNone breaks records::a_store_only_compares_versions;
    records_without_blanks_at_the_end: TrimsRecords breaks records::a_record_may_begin_and_end_with_any_byte;
    records_of_64_kib: CutsRecords breaks
        records::a_record_has_any_size_up_to_the_largest, records::the_largest_record_fits;
    no_empty_records: TakesEmptyForNone breaks
        records::an_empty_record_is_a_record, records::a_record_has_any_size_up_to_the_largest;
    large_records_cut_off: CutsLargeRecordsBeforeItFails breaks
        records::a_record_that_is_too_large_is_stored_whole_or_not_at_all;
    keys_of_31_bytes: CutsKeys breaks records::keys_are_any_bytes;
    keys_as_text: IgnoresTheCaseOfKeys breaks records::keys_are_any_bytes;
    a_hundred_keys_only: ForgetsTheOldestKey breaks records::many_keys_have_a_record_each;
    an_end_of_time_in_the_past: TakesTheEndOfTimeForThePast breaks
        records::keep_until_does_not_hide_a_record, records::keep_until_is_any_instant,
        sweep::a_sweep_knows_the_ends_of_time;
    a_load_that_waits: LoadsAfterTheLease breaks records::a_load_waits_for_no_lease;
    half_a_commit: WritesInHalves breaks races::a_dropped_commit_happens_whole_or_not_at_all;
    half_a_remove: RemovesInHalves breaks races::a_dropped_remove_happens_whole_or_not_at_all;
    a_cache_that_nobody_empties: CachesRecords breaks
        records::handles_see_each_others_commits, records::load_returns_the_last_commit;
    records_in_debug_output: ShowsRecords breaks records::debug_shows_no_record_bytes;

    a_lease_that_outlives_its_version: KeepsTheLeaseAfterACommit breaks
        leases::a_commit_by_the_holder_ends_the_lease, leases::a_commit_by_another_ends_the_lease,
        leases::a_holder_that_wakes_up_late_commits_by_the_version_alone,
        races::a_lease_granted_amid_commits_is_for_the_version_it_came_with;
    a_release_by_anybody: ReleasesForAnybody breaks
        leases::only_the_holder_can_release, leases::a_holder_that_wakes_up_late_commits_by_the_version_alone,
        leases::a_holder_that_wakes_up_after_a_commit_conflicts, attempts::a_release_after_a_takeover_changes_nothing;
    a_renewal_by_anybody: RenewsForAnybody breaks
        leases::a_renewal_is_lost_after_a_takeover, leases::a_holder_that_wakes_up_after_a_commit_conflicts;
    holders_of_64_bits: CutsHolders breaks leases::holders_that_differ_in_one_bit_are_two;
    times_of_31_bits: CountsTimeIn31Bits breaks leases::a_lease_may_last_for_ages;
    no_time_is_for_ever: TakesNoTimeForEver breaks leases::a_lease_of_no_time_is_soon_over;
    the_time_of_whoever_asks: TellsTheAskersTime breaks
        leases::what_remains_never_exceeds_the_time_of_the_lease, leases::a_held_lease_is_refused;
    a_grant_of_what_was_read_before: GrantsWhatWasThereBefore breaks
        races::a_lease_granted_amid_commits_is_for_the_version_it_came_with;
    no_journal: ForgetsAttempts breaks
        attempts::an_abandoned_lease_is_unsettled, attempts::every_abandoned_lease_counts,
        outage::the_count_outlasts_an_outage;
    no_word_of_the_holder: ForgetsWhatTheHolderDidNotLearn breaks
        attempts::a_release_may_leave_its_attempt_unsettled;
    no_pauses: ForgetsPauses breaks
        attempts::a_pause_holds_everybody_off_and_then_ends, attempts::a_pause_may_last_for_ages;
    pauses_of_31_bits: CountsPausesIn31Bits breaks attempts::a_pause_may_last_for_ages;

    pages_with_a_gap: SkipsTheLastOfAPage breaks
        list::a_list_comes_in_pages, list::a_list_goes_on_while_records_come_and_go,
        list::a_list_finds_what_stays_while_others_write;
    pages_without_an_end: ListsForEver breaks list::a_list_comes_in_pages;
    pages_by_place: TakesAPlaceForACursor breaks list::a_list_goes_on_while_records_come_and_go;
    a_panic_over_a_cursor: PanicsOnForeignCursors breaks list::a_foreign_cursor_breaks_nothing;
    a_sweep_under_a_lease: SweepsWhatIsLeased breaks sweep::a_sweep_leaves_what_is_being_refreshed;
    a_sweep_of_everything: SweepsWithoutALimit breaks
        sweep::a_sweep_drops_no_more_than_it_may, sweep::a_sweep_knows_the_ends_of_time;
    a_conflict_that_moves_the_end: LetsConflictsSayHowLongToKeep breaks sweep::a_conflict_leaves_how_long_to_keep;

    a_message_lost: DropsAMessage breaks
        feed::changes_of_a_key_are_told_in_their_order, feed::changes_made_at_once_are_all_told;
    messages_swapped: SwapsMessages breaks feed::changes_of_a_key_are_told_in_their_order;
    news_that_is_none: TellsConflicts breaks feed::what_changes_no_record_is_not_told;
    old_news: TellsWhatWas breaks feed::nothing_from_before_is_told;
    news_of_itself: TellsOnlyItsOwn breaks
        feed::every_commit_and_remove_is_told, feed::every_subscriber_hears_everything;
    news_for_one: TellsOneSubscriberOnly breaks feed::every_subscriber_hears_everything;
    no_obituaries: TellsNoRemoves breaks feed::every_commit_and_remove_is_told;
    news_of_53_bits: TellsVersionsAsFloats breaks feed::a_change_tells_any_version;
    a_wait_that_takes_the_news_along: LosesWhatADroppedWaitHad breaks feed::a_dropped_wait_loses_no_change;
    a_subscription_that_is_not_there_yet: ListensLate breaks feed::a_subscription_counts_from_its_first_moment;

    an_outage_that_hangs: HangsInAnOutage breaks outage::every_call_in_an_outage_fails_in_time;
    an_outage_that_panics: PanicsInAnOutage breaks outage::every_call_in_an_outage_fails_in_time;
    an_outage_taken_for_an_empty_store: KnowsNothingInAnOutage breaks outage::every_call_in_an_outage_fails_in_time;
    an_outage_taken_for_damage: SaysCorruptInAnOutage breaks
        outage::every_call_in_an_outage_fails_in_time,
        outage::a_commit_that_an_outage_interrupts_happens_whole_or_not_at_all;
    a_handle_that_does_not_recover: IsDeadAfterAnOutage breaks outage::the_same_handle_works_after_an_outage;
    leases_lost_in_an_outage: ForgetsLeasesInAnOutage breaks
        outage::a_lease_outlasts_an_outage_or_is_unsettled, outage::the_count_outlasts_an_outage;
    a_commit_lost_in_an_outage: ForgetsTheLastCommitInAnOutage breaks
        outage::a_commit_that_an_outage_interrupts_happens_whole_or_not_at_all;
    half_a_commit_in_an_outage: LeavesHalfACommitInAnOutage breaks
        outage::a_commit_that_an_outage_interrupts_happens_whole_or_not_at_all;
    a_feed_that_is_silent_for_ever: KeepsSilentAfterAnOutage breaks outage::a_feed_is_not_silent_after_an_outage;

    damage_taken_for_nothing: TakesDamageForNothing breaks
        damage::damage_is_told_and_destroys_nothing, damage::damage_is_told_to_whoever_comes_later;
    damage_taken_for_a_record: ReadsDamagedData breaks
        damage::damage_is_told_and_destroys_nothing, damage::damage_is_told_to_whoever_comes_later;
    damage_cleared_away: DestroysDamagedData breaks damage::damage_is_told_and_destroys_nothing;
    damage_written_over: OverwritesDamagedData breaks damage::damage_is_told_and_destroys_nothing;
    damage_that_is_leased: LeasesDamagedData breaks damage::damage_is_told_and_destroys_nothing;
    damage_to_everybody: SpreadsDamage breaks damage::damage_to_one_key_is_nothing_to_others;
    damage_in_a_message: QuotesDamagedData breaks damage::an_error_about_damage_tells_no_bytes;
    damage_that_hides_others: StopsAtDamage breaks
        damage::a_damaged_record_does_not_hide_the_others_from_a_list;
    damage_that_nobody_lists: PassesDamageOver breaks
        damage::a_damaged_record_does_not_hide_the_others_from_a_list;
}
