//! Owns the thread that keeps the next segment pre-written.
//! Must never delay a writer or an fsync: it works beside them and tries again every second when the disk is full.

use super::segment;
use super::stream::Inner;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

const AGAIN: Duration = Duration::from_secs(1);

pub(super) fn spawn(inner: Arc<Inner>) -> io::Result<JoinHandle<()>> {
    Builder::new().name(format!("{}-spare", inner.options.stream)).spawn(move || keep(&inner))
}

fn keep(inner: &Inner) {
    let mut state = inner.lock();
    while !state.closing && !inner.broken.load(Ordering::Acquire) {
        if state.spare.is_some() {
            state = inner.wanted.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let index = state.highest + 1;
        drop(state);
        let made = segment::create(&*inner.disk, &inner.dir, index, inner.identity.segment_octets);
        state = inner.lock();
        match made {
            Ok(blank) => {
                state.highest = index;
                state.spare = Some(blank);
                state.trouble = None;
                inner.progress.notify_all();
            }
            Err(error) => {
                state.trouble = Some(error.to_string());
                // Full or failing: what is missing shows when the current segment ends; until then nobody waits.
                (state, _) = inner.wanted.wait_timeout(state, AGAIN).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}
