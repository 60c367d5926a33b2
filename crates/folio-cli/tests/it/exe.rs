//! `folio maps --exe` predicts what /proc/PID/maps of a process shows, and what the kernel refuses to run.

mod programs;
mod refusals;
mod running;
