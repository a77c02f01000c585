//! Owns the list of scenarios: the real binary between simulated senders and a simulated operator.
//! Must never hold a scenario itself: file = scenario.

mod attribution;
mod bad_pdus;
mod closed_hours;
mod consent;
mod demo;
mod failover;
mod frequency;
mod kill9;
mod late_answers;
mod lift;
mod links_and_windows;
mod observe;
mod otp_at_night;
mod parts;
mod promo;
mod promotional_text;
mod queries;
mod receipts;
mod recall;
mod refusal_styles;
mod refusals;
mod refused_start;
mod reload;
mod report;
mod scopes;
mod short_codes;
mod spool;
mod stop;
mod stop_race;
mod store_down;
mod submit_multi;
mod support;
mod verify;
mod waiting_at_closing;
mod ways_round;
