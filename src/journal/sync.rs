//! Owns the fsync thread: group commit, the header that follows durability, and the rule for a failed fsync.
//! Must never retry an fsync: the segment is abandoned where it was last synced, and its records go to a new one.

use super::segment::{BODY, Header};
use super::stream::{Inner, Pending, State};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// Octets that a buffer of unsynced records keeps when it is empty: a disk that was slow once does not take memory for ever.
const KEPT: usize = 4 << 20;

pub(super) fn spawn(inner: Arc<Inner>) -> io::Result<JoinHandle<()>> {
    Builder::new().name(format!("{}-sync", inner.options.stream)).spawn(move || run(&inner))
}

fn run(inner: &Inner) {
    let mut held = Pending::default();
    let mut state = inner.lock();
    loop {
        if state.pending.octets.is_empty() {
            if state.closing || inner.broken.load(Ordering::Acquire) {
                return;
            }
            // Asked for by a flag: a bell that nobody waits for would be a system call for each batch.
            state.asleep = true;
            state = inner.dirty.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let within = inner.options.sync_within;
        if !within.is_zero() && !state.closing {
            let idle = |state: &mut State| !state.closing;
            (state, _) = inner.progress.wait_timeout_while(state, within, idle).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.pending, &mut held);
        state.in_flight = held.octets.len() as u64;
        // The current segment may hold no frame yet: then its header is not written by this sync, and the stream is durable
        // up to the last frame in the segment before.
        let end = held.extents.last().map_or(state.synced_end, |last| (last.index, last.start + last.octets));
        let header = state.header.filter(|header| header.index == end.0);
        let upto = state.next_seq;
        drop(state);
        let outcome = make_durable(inner, &held, header, end.0);
        state = inner.lock();
        match outcome {
            Ok(()) => settle(inner, &mut state, header, upto, end),
            Err(_) => state = rescue(inner, state, &held),
        }
        state.in_flight = 0;
        held.clear();
        held.octets.shrink_to(KEPT);
        let wakes = state.wakes.clone();
        drop(state);
        inner.progress.notify_all();
        for wake in &wakes {
            wake();
        }
        if inner.broken.load(Ordering::Acquire) {
            return;
        }
        state = inner.lock();
    }
}

/// Syncs every file the held records stand in, older first; the newest gets its header only when the older are durable.
fn make_durable(inner: &Inner, held: &Pending, header: Option<Header>, current: u64) -> io::Result<()> {
    let mut done = 0;
    for extent in &held.extents {
        let octets = &held.octets[done..done + extent.octets as usize];
        done += octets.len();
        if inner.options.read_back {
            let mut copy = vec![0; octets.len()];
            if extent.file.read_at(&mut copy, extent.start)? != octets.len() || copy != octets {
                return Err(io::Error::other("what was written does not read back"));
            }
        }
        if extent.index == current
            && let Some(header) = header
        {
            extent.file.write_all_at(&header.encode(), 0)?;
        }
        extent.file.sync_data()?;
    }
    Ok(())
}

fn settle(inner: &Inner, state: &mut State, header: Option<Header>, upto: u64, end: (u64, u64)) {
    if state.header == header {
        state.header = None;
    }
    state.synced_end = end;
    inner.synced.store(upto, Ordering::Release);
}

/// After a failed fsync: abandons what follows the last synced octet and writes every unacknowledged record, with the
/// sequence number it has, to a new segment. When that fails too, the stream is closed until restart.
fn rescue<'s>(inner: &'s Inner, mut state: MutexGuard<'s, State>, held: &Pending) -> MutexGuard<'s, State> {
    let waiting = |state: &mut State| state.spare.is_none() && !state.closing;
    inner.wanted.notify_all();
    (state, _) = inner
        .progress
        .wait_timeout_while(state, std::time::Duration::from_secs(5), waiting)
        .unwrap_or_else(PoisonError::into_inner);
    let mut octets = held.octets.clone();
    octets.extend_from_slice(&state.pending.octets);
    let synced = inner.synced.load(Ordering::Acquire);
    let (good, good_end) = state.synced_end;
    let Some(next) = state.spare.take() else {
        inner.broken.store(true, Ordering::Release);
        return state;
    };
    let header = Header {
        stream: inner.identity.stream,
        index: next.index,
        first_seq: synced,
        previous: good,
        previous_end: good_end,
        label: inner.identity.label,
    };
    let written = if BODY + octets.len() as u64 > next.octets {
        Err(io::Error::other("more is unsynced than a segment holds"))
    } else {
        next.file
            .write_all_at(&octets, BODY)
            .and_then(|()| next.file.write_all_at(&header.encode(), 0))
            .and_then(|()| next.file.sync_data())
    };
    if written.is_err() {
        inner.broken.store(true, Ordering::Release);
        return state;
    }
    let upto = state.next_seq;
    state.stretches.retain(|stretch| stretch.index <= good);
    (state.offset, state.next_seq) = (good_end, synced);
    state.begin(next, inner.identity.label);
    state.next_seq = upto;
    state.offset = BODY + octets.len() as u64;
    state.header = None;
    state.synced_end = (state.current.index, state.offset);
    state.pending.clear();
    inner.synced.store(upto, Ordering::Release);
    inner.wanted.notify_all();
    state
}
