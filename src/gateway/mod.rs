//! Owns the data plane: two doors (`esme`, `smsc`), two paths (`submit`, `deliver`), and the lanes they live on.
//! Must never decide what is lawful: it asks the judge, and carries out what it says.

pub mod account;
pub mod answers;
pub mod arrival;
pub mod build;
pub mod clients;
pub mod deliver;
pub mod door;
pub mod drain;
pub mod duties;
pub mod esme;
pub mod handle;
pub mod kit;
pub mod lane;
pub mod link;
pub mod link_outbox;
pub mod multi;
pub mod opted_out;
mod optout;
pub mod order;
pub mod outbox;
pub mod placement;
pub mod query;
pub mod refs;
pub mod refusal;
pub mod route;
pub mod run;
pub mod sets;
pub mod settings;
pub mod setup;
pub mod shared;
pub mod skew;
pub mod smsc;
pub mod submit;
pub mod tally;
pub mod tick;
pub mod wiring;
