//! Owns the protection of logins: how often an address, or anyone unknown, may try, and what guessing costs.
//! Must never let somebody elsewhere lock a sender out, nor tell an unknown system_id from a wrong password.

use super::ways::Ways;
use crate::message::instant::MonotonicInstant;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::time::Duration;

/// Every wrong login is answered this long after its bind was read, whatever was wrong with it.
pub const WRONG_LOGIN_DELAY: Duration = Duration::from_millis(250);
/// Wrong logins an address may make at once; then it is closed without an answer.
const ADDRESS_TOKENS: f64 = 5.0;
/// Logins of addresses that never bound as this system_id, which are checked without delay.
const UNKNOWN_TOKENS: f64 = 20.0;
/// A token comes back after this long; doubled by each attempt made while there is none, up to the cap.
const REFILL: Duration = Duration::from_secs(10);
const REFILL_MAX: Duration = Duration::from_secs(60);
/// The longest time an attempt is held before its answer or its end. Below session_init, so that held sockets do not pile up.
const HOLD_MAX: Duration = Duration::from_secs(4);
/// How long an address that has bound as a system_id is known to be its own.
const KNOWN_SPAN: Duration = Duration::from_secs(7 * 24 * 3600);
/// Entries of each table.
const TABLE: usize = 4096;

/// What becomes of a bind that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Check the password; a right one is answered after `hold`, a wrong one after `hold` and `WRONG_LOGIN_DELAY`.
    Check { hold: Duration },
    /// Close after `hold`, without an answer, whatever the password.
    CloseSilently { hold: Duration },
}

/// A bucket that refills more slowly the more it is beaten upon while empty.
struct Attempts {
    tokens: f64,
    beaten: u32,
    last: MonotonicInstant,
}

impl Attempts {
    fn full(tokens: f64, now: MonotonicInstant) -> Self {
        Self { tokens, beaten: 0, last: now }
    }

    /// Takes a token, or says for how long the attempt is to be held instead.
    fn take(&mut self, most: f64, now: MonotonicInstant) -> Result<(), Duration> {
        let refill = REFILL.saturating_mul(1 << self.beaten.min(8)).min(REFILL_MAX);
        let earned = now.since(self.last).as_secs_f64() / refill.as_secs_f64();
        self.tokens = (self.tokens + earned).min(most);
        self.last = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            self.beaten = if self.tokens >= most - 1.0 { 0 } else { self.beaten };
            return Ok(());
        }
        self.beaten = self.beaten.saturating_add(1);
        Err(Duration::from_millis(250).saturating_mul(1 << self.beaten.min(8)).min(HOLD_MAX))
    }

    fn give_back(&mut self, most: f64) {
        self.tokens = (self.tokens + 1.0).min(most);
    }
}

/// What the protection knows. Every table is bounded; an entry that is pushed out starts with a full bucket.
pub struct BindGuard {
    /// Wrong logins by address (IPv6: by /64).
    addresses: Ways<IpAddr, Attempts, RandomState>,
    /// Logins by system_id, from addresses that have never bound as it.
    system_ids: Ways<u64, Attempts, RandomState>,
    /// Addresses that have bound as a system_id.
    known: Ways<(u64, IpAddr), MonotonicInstant, RandomState>,
    /// System ids are kept as keyed hashes: the tables hold what strangers typed.
    names: RandomState,
}

impl Default for BindGuard {
    fn default() -> Self {
        Self {
            addresses: Ways::new(TABLE, RandomState::new()),
            system_ids: Ways::new(TABLE, RandomState::new()),
            known: Ways::new(TABLE, RandomState::new()),
            names: RandomState::new(),
        }
    }
}

impl BindGuard {
    /// A bind was read: takes a token of its address and, if the address has never bound as this system_id, one of the system_id.
    /// The second only ever delays: whoever wears it out from elsewhere slows strangers down and locks nobody out.
    pub fn gate(&mut self, address: IpAddr, system_id: &[u8], now: MonotonicInstant) -> Gate {
        let network = network(address);
        let by_address = self.addresses.entry(network, now, || Attempts::full(ADDRESS_TOKENS, now));
        if let Err(hold) = by_address.take(ADDRESS_TOKENS, now) {
            return Gate::CloseSilently { hold };
        }
        let name = self.names.hash_one(system_id);
        if self.is_known(name, network, now) {
            return Gate::Check { hold: Duration::ZERO };
        }
        let by_name = self.system_ids.entry(name, now, || Attempts::full(UNKNOWN_TOKENS, now));
        match by_name.take(UNKNOWN_TOKENS, now) {
            Ok(()) => Gate::Check { hold: Duration::ZERO },
            Err(hold) => Gate::Check { hold },
        }
    }

    /// The login was right: the tokens come back, and the address is known from now on.
    pub fn admitted(&mut self, address: IpAddr, system_id: &[u8], now: MonotonicInstant) {
        let network = network(address);
        let name = self.names.hash_one(system_id);
        self.addresses.entry(network, now, || Attempts::full(ADDRESS_TOKENS, now)).give_back(ADDRESS_TOKENS);
        if !self.is_known(name, network, now) {
            self.system_ids.entry(name, now, || Attempts::full(UNKNOWN_TOKENS, now)).give_back(UNKNOWN_TOKENS);
        }
        *self.known.entry((name, network), now, || now) = now;
    }

    fn is_known(&self, name: u64, network: IpAddr, now: MonotonicInstant) -> bool {
        self.known.get(&(name, network)).is_some_and(|last| now.since(*last) < KNOWN_SPAN)
    }
}

/// What is counted as one address: an IPv4 address, or the /64 of an IPv6 one, which one host can fill at will.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const CHECK: Gate = Gate::Check { hold: Duration::ZERO };

    fn at(ms: u64) -> MonotonicInstant {
        MonotonicInstant::from_nanos((1_000_000 + ms) * 1_000_000)
    }

    fn peer(n: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n))
    }

    #[test]
    fn five_wrong_logins_are_answered_and_the_next_ones_held_and_closed() {
        let mut guard = BindGuard::default();
        let gates: Vec<_> = (0..20).map(|n| guard.gate(peer(1), b"acme", at(n * 50))).collect();
        assert!(gates[..5].iter().all(|gate| *gate == CHECK));
        let mut last = Duration::ZERO;
        for gate in &gates[5..] {
            let Gate::CloseSilently { hold } = gate else { panic!("{gates:?}") };
            assert!(*hold >= last && *hold > Duration::ZERO && *hold <= HOLD_MAX);
            last = *hold;
        }
        assert_eq!(guard.gate(peer(2), b"acme", at(1_000)), CHECK, "another address is another matter");
    }

    #[test]
    fn the_penalty_of_an_address_is_capped() {
        let mut guard = BindGuard::default();
        for n in 0..10_000 {
            guard.gate(peer(1), b"acme", at(n));
        }
        assert_eq!(guard.gate(peer(1), b"acme", at(10_000 + 61_000)), CHECK);
    }

    #[test]
    fn right_logins_cost_nothing_however_many() {
        let mut guard = BindGuard::default();
        for n in 0..1_000 {
            assert_eq!(guard.gate(peer(1), b"acme", at(n)), CHECK);
            guard.admitted(peer(1), b"acme", at(n));
        }
    }

    #[test]
    fn nobody_elsewhere_locks_a_sender_out() {
        let mut guard = BindGuard::default();
        guard.admitted(peer(1), b"acme", at(0));
        for n in 0..5_000 {
            guard.gate(peer(100 + n), b"acme", at(u64::from(n)));
        }
        assert_eq!(guard.gate(peer(1), b"acme", at(5_000)), CHECK, "its own address is not even delayed");
        let Gate::Check { hold } = guard.gate(peer(2), b"acme", at(5_001)) else {
            panic!("a new address may always try")
        };
        assert!(hold > Duration::ZERO && hold <= HOLD_MAX, "and is only held");
    }

    #[test]
    fn an_ipv6_host_has_one_bucket_for_its_network() {
        let mut guard = BindGuard::default();
        let gates =
            (0..6u16).map(|n| IpAddr::from([0x2001, 0xdb8, 0, 1, n, n, n, n])).map(|ip| guard.gate(ip, b"acme", at(0)));
        assert!(matches!(gates.last(), Some(Gate::CloseSilently { .. })));
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(network(mapped), peer(1));
    }
}
