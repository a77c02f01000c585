//! Owns texts as people write them, made comparable: folded letters, words, and patterns of words.
//! Must never know what a pattern is for: meanings stand in `optout` and `traffic`, the patterns in the packs.

pub mod choice;
pub mod fold;
pub mod pattern;
pub mod patterns;
pub mod words;
