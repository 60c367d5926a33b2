//! stable.
