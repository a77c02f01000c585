//! Owns the control plane: the JSON API behind the commands, health and `/metrics`, on its own thread.
//! Must never see the data plane's insides: it asks through `plane::Plane` and holds no list, ledger or link of its own.

pub mod answers;
pub mod plane;
pub mod problem;
pub mod requests;
pub mod settings;
