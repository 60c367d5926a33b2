//! Auto traits: what can be sent to threads, shared among them, and kept for as long as the program runs.

use std::panic::{RefUnwindSafe, UnwindSafe};

use folio::{Frozen, Memfd, Private, RangeLock, Reader, Shared, SharedMut, Writer};

fn anywhere<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe + 'static>() {}

#[test]
fn every_kind_goes_everywhere() {
    anywhere::<Frozen>();
    anywhere::<Private>();
    anywhere::<Shared>();
    anywhere::<SharedMut>();
    anywhere::<Memfd>();
    anywhere::<Reader>();
    anywhere::<Writer>();
    anywhere::<RangeLock>();
    // As far as std's own io::Error goes.
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    error::<folio::Error>();
}
