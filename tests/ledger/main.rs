//! Owns the second opinions on the ledger: other people's implementations of logs and notes, and a verifier in another language.
//! Must never compare our code with itself.

mod house;
mod oracles;
mod second;
#[path = "../it/support/skip.rs"]
mod skip;
