//! Owns the connections that have not bound yet: how many there may be, and which one makes room.
//! Must never let silent sockets keep a sender out.

use std::collections::BTreeMap;

/// The place of one connection that has not bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PrebindPlace(u64);

/// Connections that have not bound, oldest first. When full, the oldest makes room: a sender binds within its first
/// round trip, so the oldest is the one that is least likely to be one.
pub struct PrebindSockets<K> {
    places: BTreeMap<u64, K>,
    next: u64,
    limit: usize,
}

impl<K: Copy> PrebindSockets<K> {
    /// At most `limit` connections (at least one).
    pub fn new(limit: usize) -> Self {
        Self { places: BTreeMap::new(), next: 0, limit: limit.max(1) }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// A connection arrived: its place, and the connection to be closed for it, if any.
    pub fn enter(&mut self, connection: K) -> (PrebindPlace, Option<K>) {
        let evicted = (self.places.len() >= self.limit).then(|| self.places.pop_first()).flatten();
        let place = self.next;
        self.next += 1;
        self.places.insert(place, connection);
        (PrebindPlace(place), evicted.map(|(_, connection)| connection))
    }

    /// The connection bound or is closed. Leaving twice, or after an eviction, does nothing.
    pub fn leave(&mut self, place: PrebindPlace) {
        self.places.remove(&place.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_silent_socket_makes_room() {
        let mut sockets = PrebindSockets::new(2);
        let (first, none) = sockets.enter('a');
        assert_eq!(none, None);
        let (second, _) = sockets.enter('b');
        assert_eq!(sockets.enter('c').1, Some('a'));
        sockets.leave(first);
        assert_eq!(sockets.len(), 2, "the evicted one has left already");
        sockets.leave(second);
        assert_eq!(sockets.enter('d').1, None);
    }
}
