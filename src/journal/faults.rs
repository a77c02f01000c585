//! Owns x. Must never y.
use super::disk::*; pub struct X;
