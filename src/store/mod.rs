//! contract (see prompt)
