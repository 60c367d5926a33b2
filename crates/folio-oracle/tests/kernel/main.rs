//! Programs of known outcome on the bare kernel, on each file system; the model has to agree.

mod bed;
mod files;
mod pages;
mod processes;

use std::process::ExitCode;

fn main() -> ExitCode {
    testfs::alone::run(testfs::tests![
        files::are_read_and_written_up_to_their_end,
        files::are_held_back_by_leases,
        files::are_sealed,
        files::are_locked_by_three_kinds_of_owners,
        files::are_told_whole_whoever_has_a_lease,
        files::that_are_there_already_are_not_taken_over,
        files::that_are_there_are_used_and_left,
        pages::fault_where_the_file_ends,
        pages::of_a_private_mapping_follow_until_they_are_stored_to,
        pages::are_lost_to_a_truncation,
        pages::that_are_protected_fault,
        pages::that_were_unmapped_are_holes,
        pages::grow_and_shrink,
        pages::are_advised_and_flushed,
        processes::inherit_and_go_their_own_ways,
        processes::leave_nothing_behind,
        processes::fork_where_a_touch_is_tried_out,
        processes::slots_that_are_empty_answer_nothing,
    ])
}
