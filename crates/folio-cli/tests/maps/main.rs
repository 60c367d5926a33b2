//! `folio maps` on children that were made for it, compared with what /proc says of them. They are forked, so the harness has no
//! thread besides the test's.

#[path = "../../../folio/tests/process/child.rs"]
mod child;
mod copied;
mod cost;
mod odd;
mod run;
mod shared;

use std::process::ExitCode;

fn main() -> ExitCode {
    testfs::alone::run(testfs::tests![
        copied::pages_are_listed_beside_the_files_and_counted_as_smaps_counts,
        copied::pages_are_the_same_from_text,
        copied::advice_and_locks_are_told_in_words,
        cost::totals_are_the_sums_of_smaps,
        cost::groups_and_mappings_add_up,
        cost::lines_fit_a_terminal_of_80_columns,
        cost::totals_alone_are_those_of_the_rollup,
        odd::processes_that_cannot_be_looked_at_are_errors_that_say_why,
        odd::a_thread_of_the_kernel_has_nothing_mapped,
        odd::names_break_no_line_and_command_no_terminal,
        odd::deleted_files_and_memory_without_files_have_names,
        odd::a_process_of_another_namespace_says_its_number_there,
        odd::as_many_mappings_as_the_kernel_allows,
        odd::what_nobody_may_see_is_refused_and_what_he_may_is_not,
        odd::huge_pages_are_counted,
        odd::wrong_usage_is_2,
        shared::pages_of_a_file_that_two_processes_map,
        shared::pages_of_a_file_that_each_maps_twice,
        shared::the_kernels_pages_are_those_of_every_process,
        shared::pages_after_a_fork,
        shared::pictures_are_drawn,
    ])
}
