//! Owns the form of an answer that is not there yet.
//! Must never be waited for on a lane.

use super::problem::Problem;
use std::future::Future;
use std::pin::Pin;

/// An answer that takes a while: the request crosses a bounded channel, and writes wait for the disk.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send + 'a>>;
