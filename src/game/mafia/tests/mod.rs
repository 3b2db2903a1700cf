//! The rules of Mafia, read back: one file a theme, and properties that hold in every game.

mod absentees;
mod access;
mod bots;
mod deaths;
mod facts;
mod kit;
mod knowledge;
mod night;
mod oracle;
mod phases;
mod properties;
mod random;
mod settings;
mod votes;
