//! Owns the control plane: the JSON API behind the commands, health and `/metrics`, on its own thread.
//! Must never see the data plane's insides: it asks through `plane::Plane` and holds no list, ledger or link of its own.

mod access;
mod bounded;
mod class_explained;
pub mod adapter;
pub mod answers;
pub mod consent;
pub mod control;
mod fields;
pub mod gdpr;
mod health;
pub mod lifts;
mod named;
mod observed;
pub mod pending;
pub mod plane;
pub mod problem;
pub mod report;
pub mod review;
pub mod requests;
pub mod restore;
pub mod role;
pub mod server;
pub mod settings;
pub mod stops;
mod suppressions;
pub mod tokens;
pub mod unsubscribes;
mod two_people;

#[cfg(test)]
pub(crate) mod tests;
