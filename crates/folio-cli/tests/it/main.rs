//! The command, run as a user runs it and compared with cat(1), wc(1) and hexdump(1).

mod bench;
mod cat;
mod count;
mod docs;
mod doctor;
mod doctor_memory;
mod exe;
mod failures;
mod harness;
mod pages;
mod pages_steer;
mod terminal;
mod truncation;
mod view;
mod watch;
