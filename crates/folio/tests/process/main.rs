//! `folio::process` on children that were made for it. They are forked, so the harness has no thread besides the test's.

mod child;
mod figures;
mod listing;
mod pages;
mod states;

use std::process::ExitCode;

fn main() -> ExitCode {
    testfs::alone::run(testfs::tests![
        figures::are_those_of_smaps,
        figures::of_a_locked_mapping_say_so,
        figures::add_up_to_the_rollup,
        listing::is_the_same_by_query_and_from_text,
        listing::tells_every_kind_of_mapping,
        listing::gives_names_back_as_they_are,
        listing::has_room_for_as_many_mappings_as_the_kernel_allows,
        listing::tells_build_ids,
        listing::opens_the_file_that_is_mapped,
        pages::copied_on_write_are_told_from_the_files_both_ways,
        pages::of_a_long_empty_mapping_are_scanned_at_once,
        pages::shared_after_a_fork_are_in_one_frame,
        states::of_a_process_that_has_ended,
        states::of_a_thread_of_the_kernel,
        states::of_another_users_process,
        states::of_a_process_that_does_not_exist,
    ])
}
