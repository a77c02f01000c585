//! Owns the tests of a lane without sockets: octets in, octets out, time and disk in the test's hand.
//! Must never reach past what the shell itself calls: connections come and go as the drivers would bring them.

mod cutting;
mod faults;

mod leaks;
mod model;
mod multi;
mod parts;
mod recall;
mod reply_parts;
mod rig;
mod spellings;
mod stalled;
