//! Owns keyed places for live sessions: a key dies with its session and never opens the door of its successor.
//! Must never hand out a key twice.

/// Where a session lives: a place, and which of its successive tenants is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    place: u32,
    generation: u32,
}

/// Sessions (or anything that comes and goes), each under a key of its own.
pub struct Arena<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    used: usize,
}

struct Place<T> {
    generation: u32,
    tenant: Option<T>,
}

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self { places: Vec::new(), free: Vec::new(), used: 0 }
    }
}

impl<T> Arena<T> {
    /// How many live in it.
    pub fn len(&self) -> usize {
        self.used
    }

    /// Whether none lives in it.
    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Gives `tenant` a place and its key.
    pub fn insert(&mut self, tenant: T) -> Key {
        self.used += 1;
        match self.free.pop() {
            Some(place) => {
                let slot = &mut self.places[place as usize];
                slot.tenant = Some(tenant);
                Key { place, generation: slot.generation }
            }
            None => {
                let place = u32::try_from(self.places.len()).expect("fewer than 2^32 sessions fit in memory");
                self.places.push(Place { generation: 0, tenant: Some(tenant) });
                Key { place, generation: 0 }
            }
        }
    }

    /// The tenant of this key, unless it is gone.
    pub fn get(&self, key: Key) -> Option<&T> {
        let place = self.places.get(key.place as usize)?;
        place.tenant.as_ref().filter(|_| place.generation == key.generation)
    }

    /// The tenant of this key, to be changed.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.place as usize)?;
        place.tenant.as_mut().filter(|_| place.generation == key.generation)
    }

    /// Takes the tenant out; its key is dead from now on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.place as usize)?;
        if place.generation != key.generation {
            return None;
        }
        let tenant = place.tenant.take()?;
        self.used -= 1;
        // A place whose generations are used up is given up: a key is never handed out twice.
        if let Some(next) = place.generation.checked_add(1) {
            place.generation = next;
            self.free.push(key.place);
        }
        Some(tenant)
    }

    /// Every tenant with its key.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.places.iter().enumerate().filter_map(|(index, place)| {
            let key = Key { place: index as u32, generation: place.generation };
            place.tenant.as_ref().map(|tenant| (key, tenant))
        })
    }

    /// Every tenant with its key, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        self.places.iter_mut().enumerate().filter_map(|(index, place)| {
            let key = Key { place: index as u32, generation: place.generation };
            place.tenant.as_mut().map(|tenant| (key, tenant))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_a_dead_session_never_opens_its_successor() {
        let mut arena = Arena::default();
        let first = arena.insert("first");
        assert_eq!(arena.remove(first), Some("first"));
        let second = arena.insert("second");
        assert_eq!(first.place, second.place, "the place is used again");
        assert_eq!((arena.get(first), arena.get(second)), (None, Some(&"second")));
        assert_eq!(arena.remove(first), None);
        assert_eq!(arena.get_mut(first), None);
        assert_eq!((arena.len(), arena.iter().count()), (1, 1));
    }

    #[test]
    fn a_place_whose_generations_are_used_up_is_given_up() {
        let mut arena = Arena::default();
        let key = arena.insert(0);
        arena.places[0].generation = u32::MAX;
        assert_eq!(arena.remove(Key { generation: u32::MAX, ..key }), Some(0));
        assert_eq!(arena.insert(1).place, 1);
    }
}
