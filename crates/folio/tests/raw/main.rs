//! `folio::raw` on the kernel that is here. Each test may fork: the harness has no thread besides the test's.

mod children;
mod control;
mod disk;
mod mapping;
mod namespaces;
mod pages;
mod process;
mod scratch;

use std::process::ExitCode;

fn main() -> ExitCode {
    testfs::alone::run(testfs::tests![
        children::inherit_nothing_that_is_kept_from_them_and_put_nothing_in_its_place,
        children::are_forked_beside_a_file_of_any_name,
        children::of_children_are_forked_as_well,
        control::a_lease_and_a_writer_exclude_each_other,
        control::locks_of_both_owners_hold_others_back,
        control::a_blocked_signal_kills_where_a_handler_would_have_helped,
        control::an_ignored_signal_of_a_lease_lets_the_holder_live,
        disk::extents_tell_where_a_file_lies,
        disk::an_empty_range_writes_nothing_out,
        mapping::shows_the_file_and_zeros_up_to_the_end_of_the_page,
        mapping::hands_unaligned_positions_to_the_kernel,
        mapping::synchronous_it_is_only_on_persistent_memory,
        mapping::refuses_what_lies_outside,
        mapping::is_divided_by_unmapping_its_middle,
        mapping::is_given_back_when_it_cannot_be_unmapped,
        mapping::grows_and_shrinks_with_its_content,
        mapping::of_a_device_is_refused,
        mapping::private_stores_are_forgotten_by_dontneed,
        mapping::remove_makes_a_hole_in_the_file,
        mapping::of_huge_pages_needs_the_pool,
        namespaces::a_mount_of_ones_own_is_seen_by_nobody_else,
        pages::copied_pages_are_told_from_the_files,
        pages::stores_are_noted_by_a_userfaultfd,
        pages::residency_is_told_for_each_page,
        process::is_forked_while_it_has_one_thread,
        process::is_not_forked_while_it_has_more,
        process::is_observed_to_return_panic_and_die,
        process::counts_its_faults,
        process::touches_end_where_the_file_does,
        process::touches_end_where_the_protection_does,
        process::touches_end_at_a_guard,
    ])
}
