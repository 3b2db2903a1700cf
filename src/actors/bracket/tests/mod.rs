//! The bracket: its state by properties over random ends of matches, and its actor among real duels on virtual time.

mod entity;
mod faults;
mod kit;
mod rounds;
