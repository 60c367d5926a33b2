//! The atomics of the table: core's, or loom's in its test.

#[cfg(not(loom))]
pub(super) use core::sync::atomic::{AtomicPtr, AtomicUsize, fence};
#[cfg(not(loom))]
pub(super) use std::sync::Mutex;
#[cfg(not(loom))]
pub(super) use std::thread::yield_now;

#[cfg(loom)]
pub(super) use loom::sync::Mutex;
#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicPtr, AtomicUsize, fence};
#[cfg(loom)]
pub(super) use loom::thread::yield_now;

pub(super) use core::sync::atomic::Ordering;
