//! Owns the entry: arguments to the command line, exit codes.
//! Must never hold logic.
fn main() {}
