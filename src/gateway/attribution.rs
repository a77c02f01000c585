//! Owns who wrote to whom: follows the verdicts into the index, and says who has written to a number from an address.
//! Must never cost a lane anything while messages leave, nor name an account whose message did not leave.

use super::settings::Settings;
use super::shared::Shared;
use crate::compliance::fingerprint;
use crate::compliance::numbers::NumberPlan;
use crate::compliance::sender_rules::Source;
use crate::ledger::read::Verdicts;
use crate::ledger::verdict::Way;
use crate::ledger::{Ledger, OpenError, VerdictRecord};
use crate::message::address::{Npi, Ton};
use crate::message::instant::CivilInstant;
use crate::message::tag::NumberTag;
use crate::spool::attribution::{Attribution, Told, Written, key};
use crate::telemetry::labels::ReplyAttribution;
use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::{Builder, sleep};
use std::time::Duration;

/// How often the verdicts are followed while few come: a lane follows the last ones itself when a reply asks for them.
const FOLLOW: Duration = Duration::from_millis(100);
/// How often they are while many come.
const FOLLOW_MANY: Duration = Duration::from_millis(20);
/// From so many at a look on, that is.
const MANY: u64 = 2_048;
/// Verdicts that are followed while a lane may wait for it.
const AT_ONCE: u64 = 4_096;
/// Verdicts that a lane itself follows when a reply comes; more are left to the follower, and the reply is attributed to nobody.
const BY_LANE: u64 = 65_536;
/// Verdicts followed before the lanes start: what memory held at the end of the last run.
const BEFORE_START: u64 = 4 << 20;
/// How long the follower rests after the disk has failed it.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// The index, and how far the verdicts are known to it. Shared by all lanes.
pub struct Attributions {
    index: Attribution,
    trail: Mutex<Trail>,
}

struct Trail {
    verdicts: Verdicts,
    told: Vec<Told>,
    addresses: HashSet<u64>,
}

/// Fingerprints of the addresses to which people can write back: short codes, and accounts' senders that are numbers.
fn addresses(settings: &Settings) -> HashSet<u64> {
    let codes = settings.short_codes.iter().map(|code| fingerprint::numeric_sender(code.number.into()));
    let senders = settings.accounts.iter().flat_map(|account| {
        let policy = &account.policy;
        policy.senders.iter().filter_map(|sender| {
            address(sender.trim().as_bytes(), Ton::Unknown, &settings.numbers, &policy.default_country)
        })
    });
    codes.chain(senders).collect()
}

/// The fingerprint of an address that has a number.
pub(super) fn address(text: &[u8], ton: Ton, numbers: &NumberPlan, country: &str) -> Option<u64> {
    let source = Source::read(ton, Npi(1), text, numbers, country);
    source.number().map(|_| source.fingerprint())
}

impl Attributions {
    /// The index over this ledger. Follows what was not in its files when the last run ended.
    ///
    /// # Errors
    /// The verdicts cannot be read.
    pub fn start(index: Attribution, ledger: &Ledger, settings: &Settings) -> Result<Self, OpenError> {
        let verdicts = ledger.read_verdicts(index.next(), u64::MAX);
        let trail = Trail { verdicts, told: Vec::new(), addresses: addresses(settings) };
        let started = Self { index, trail: Mutex::new(trail) };
        started.follow(BEFORE_START)?;
        Ok(started)
    }

    /// The verdict that is to be followed next.
    pub fn followed(&self) -> u64 {
        self.index.next()
    }

    /// New settings: other addresses can be written back to from now on.
    pub fn renew(&self, settings: &Settings) {
        let addresses = addresses(settings);
        self.trail.lock().unwrap_or_else(PoisonError::into_inner).addresses = addresses;
    }

    /// Facts in memory, facts on disk, files.
    pub fn totals(&self) -> (usize, u64, usize) {
        self.index.totals()
    }

    /// Takes in at most `limit` verdicts; whether that were all.
    fn follow(&self, limit: u64) -> Result<bool, OpenError> {
        let mut trail = self.trail.lock().unwrap_or_else(PoisonError::into_inner);
        let Trail { verdicts, told, addresses } = &mut *trail;
        if !told.is_empty() || verdicts.position() > self.index.next() {
            // The index had no room for them.
            if !self.index.take(told, verdicts.position()) {
                return Ok(false);
            }
            told.clear();
        }
        let from = verdicts.position();
        verdicts.go_on(u64::MAX);
        let behind = verdicts.ends_at() - from;
        if behind > limit {
            verdicts.go_on(from + limit);
        }
        while let Some(record) = verdicts.next_leaving()? {
            tell(&record, addresses, told);
        }
        let room = self.index.take(told, verdicts.position());
        if room {
            told.clear();
        }
        Ok(room && behind <= limit)
    }

    /// Gives up a file that was found damaged, so that the verdicts tell it again; its path. Not on a lane.
    fn repair(&self) -> Option<PathBuf> {
        // Nobody follows meanwhile: what is followed next begins where the file did.
        let mut trail = self.trail.lock().unwrap_or_else(PoisonError::into_inner);
        let first = trail.verdicts.again_from(0).position();
        let dropped = self.index.drop_damaged(first)?;
        trail.verdicts = trail.verdicts.again_from(self.index.next());
        trail.told.clear();
        Some(dropped)
    }

    /// Who has written to this number from this address, or named it, in the last 90 days: newest first, each account once.
    /// Nobody, too, when that cannot be said for certain.
    pub(super) fn writers(&self, tag: &NumberTag, address: u64, now: CivilInstant) -> (Vec<Written>, ReplyAttribution) {
        let unavailable = |error: &dyn std::fmt::Display| {
            tracing::error!(event = "attribution.unavailable", %error);
            (Vec::new(), ReplyAttribution::Unavailable)
        };
        match self.follow(BY_LANE) {
            Ok(true) => {}
            Ok(false) => return unavailable(&"the verdicts are not followed to their end"),
            Err(error) => return unavailable(&error),
        }
        match self.index.find(key(tag, address), now) {
            Ok(found) if found.is_empty() => (found, ReplyAttribution::Unknown),
            Ok(found) => (found, ReplyAttribution::Known),
            Err(error) => unavailable(&error),
        }
    }
}

/// What a verdict says to the index: nothing, unless its recipient can write back. A message counts from when it left, whatever
/// the operator answered: one of unknown fate may have arrived, and what was refused is answered by nobody.
fn tell(record: &VerdictRecord, addresses: &HashSet<u64>, told: &mut Vec<Told>) {
    let Some(tag) = record.tag else { return };
    let named = record.stop_code.map(|code| fingerprint::numeric_sender(code.into()));
    let from = Some(record.sender).filter(|sender| Some(*sender) != named && addresses.contains(sender));
    for address in named.into_iter().chain(from) {
        let (key, account, message_ref) = (key(&tag, address), record.account, record.message_ref);
        told.push(match record.kind.way() {
            Some(Way::Released) => {
                let at_s = u32::try_from(record.judged_at.as_secs()).unwrap_or(0);
                let (sender, campaign, verdict) = (record.sender, record.campaign, record.seq);
                Told::Left { fact: Written { key, account, sender, campaign, verdict, at_s }, message_ref }
            }
            Some(Way::TakenBack) => Told::Withdrawn { key, account, message_ref },
            None => return,
        });
    }
}

/// Starts the thread that follows the verdicts and keeps the index's files. It ends with the data plane.
///
/// # Errors
/// No thread can be made.
pub fn keep(shared: &Arc<Shared>) -> io::Result<()> {
    let shared = Arc::downgrade(shared);
    Builder::new().name("attribution".to_owned()).spawn(move || follow_on(&shared)).map(drop)
}

fn follow_on(shared: &Weak<Shared>) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        let outcome = step(&shared);
        drop(shared);
        match outcome {
            Ok(Some(rest)) => sleep(rest),
            Ok(None) => {}
            Err(error) => {
                tracing::error!(event = "attribution.behind", %error);
                sleep(AFTER_FAILURE);
            }
        }
    }
}

/// Follows some verdicts; how long it may rest.
fn step(shared: &Shared) -> Result<Option<Duration>, Box<dyn std::error::Error>> {
    let attributions = &shared.attributions;
    if let Some(path) = attributions.repair() {
        shared.metrics.attribution_dropped.increment(1);
        tracing::warn!(event = "attribution.dropped", path = %path.display(), error = "a block's checksum does not hold");
    }
    let before = attributions.index.next();
    let whole = attributions.follow(AT_ONCE)?;
    let many = attributions.index.next() - before >= MANY;
    attributions.index.settle(&|| shared.ledger.durable_verdicts(), shared.clock.civil())?;
    // With memory full of what is not durable yet there is nothing to do but wait.
    let rests = whole || attributions.is_full();
    Ok(rests.then_some(if many { FOLLOW_MANY } else { FOLLOW }))
}

impl Attributions {
    fn is_full(&self) -> bool {
        !self.trail.lock().unwrap_or_else(PoisonError::into_inner).told.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compliance::class::TrafficClass;
    use crate::compliance::code::RefusalCode;
    use crate::compliance::rule::RuleSet;
    use crate::compliance::verdict::Ruling;
    use crate::journal::disk::RealDisk;
    use crate::ledger::{Keys, OpenOptions, VerdictEntry, VerdictKind};
    use crate::message::name::NameId;
    use crate::spool::Keeping;
    use crate::spool::attribution::Limits;

    fn record(kind: VerdictKind, sender: u64, stop_code: Option<u32>) -> VerdictRecord {
        let at = CivilInstant::from_secs(1_800_000_000);
        VerdictRecord {
            seq: 7,
            at,
            boot: 1,
            rehearsal: false,
            kind,
            account: NameId(3),
            tag: Some(NumberTag([1; 16])),
            class: TrafficClass::Commercial,
            would_refuse: RuleSet::default(),
            pack: NameId(4),
            sender,
            campaign: 5,
            segment: None,
            territory: 0,
            message_ref: 6,
            judged_at: at,
            events: 0,
            smsc: NameId(8),
            stop_code,
        }
    }

    #[test]
    fn what_left_is_told_under_every_address_that_can_be_written_back_to() {
        let (code, name) = (fingerprint::numeric_sender(36_111), fingerprint::alphanumeric_sender("ACME"));
        let addresses = HashSet::from([code]);
        let told = |kind, sender, stop_code| {
            let mut told = Vec::new();
            tell(&record(kind, sender, stop_code), &addresses, &mut told);
            told.len()
        };
        assert_eq!(told(VerdictKind::Permitted, name, Some(36_111)), 1, "named");
        assert_eq!(told(VerdictKind::Permitted, code, None), 1, "written from it");
        assert_eq!(told(VerdictKind::Permitted, code, Some(36_111)), 1, "both, once");
        assert_eq!(told(VerdictKind::Permitted, code, Some(36_222)), 2);
        assert_eq!(told(VerdictKind::Permitted, name, None), 0, "nobody can answer a name");
        let code_of_refusal = RefusalCode::OptedOut;
        assert_eq!(told(VerdictKind::Observed(code_of_refusal), code, None), 1);
        assert_eq!(told(VerdictKind::Withdrawn(code_of_refusal), code, Some(36_222)), 2, "taken back under both");
        for kind in [VerdictKind::Refused(code_of_refusal), VerdictKind::Composed, VerdictKind::Unresolved] {
            assert_eq!(told(kind, code, Some(36_111)), 0, "{kind:?}");
        }
    }

    /// Messages to a hundred numbers, each naming the code.
    fn ledger_of(dir: &std::path::Path) -> Arc<Ledger> {
        let keys = Keys::from_octets([1; 32], [2; 32], [3; 32]);
        let at = CivilInstant::from_secs(1_800_000_000);
        let (ledger, _) = Ledger::open(dir, &keys, OpenOptions::new("gw-1", false), at).expect("opened");
        let account = ledger.intern("acme", at).expect("interned");
        let mut appender = ledger.appender();
        for n in 0..100 {
            let ruling = Ruling {
                class: TrafficClass::Commercial,
                destination: None,
                tag: Some(NumberTag([n; 16])),
                territory: 0,
                pack: NameId::NONE,
                account,
                campaign: 5,
                sender: 6,
                segment: None,
                set: None,
                promotional: None,
                stop_code: Some(36_111),
                counted: false,
                would_refuse: RuleSet::default(),
                observed: RuleSet::default(),
                judged_at: at,
            };
            let kind = VerdictKind::Permitted;
            appender.verdict(&VerdictEntry { kind, ruling: &ruling, message_ref: n.into(), smsc: NameId::NONE, at });
        }
        appender.commit(at).expect("appended");
        while ledger.durable_verdicts() < 100 {
            std::thread::yield_now();
        }
        ledger
    }

    #[test]
    fn who_wrote_is_known_again_once_a_damaged_file_was_made_again_from_the_verdicts() {
        let room = tempfile::tempdir().expect("tempdir");
        let ledger = ledger_of(&room.path().join("data"));
        let dir = room.path().join("index");
        let keeping = Keeping {
            disk: Arc::new(RealDisk),
            keys: crate::spool::SpoolKeys::of(&[5; 32]),
            segment_octets: 1 << 20,
            patience: Duration::from_secs(20),
        };
        let limits = Limits { recent: 50, ..Limits::default() };
        let index = Attribution::open(&keeping, &dir, limits, 0..0).expect("opened");
        let code = fingerprint::numeric_sender(36_111);
        let trail =
            Trail { verdicts: ledger.read_verdicts(0, u64::MAX), told: Vec::new(), addresses: HashSet::from([code]) };
        let attributions = Attributions { index, trail: Mutex::new(trail) };
        let now = CivilInstant::from_secs(1_800_000_000);
        let settled = || attributions.index.settle(&|| ledger.durable_verdicts(), now).expect("filed");
        assert!(attributions.follow(60).is_ok_and(|all| !all));
        settled();
        assert!(attributions.follow(AT_ONCE).expect("followed"));
        settled();
        let writers = |n: u8| attributions.writers(&NumberTag([n; 16]), code, now);
        assert!((0..100).all(|n| writers(n).1 == ReplyAttribution::Known));
        assert_eq!(attributions.repair(), None);
        let file =
            std::fs::read_dir(&dir).expect("listed").map(|file| file.expect("listed").path()).min().expect("filed");
        let mut octets = std::fs::read(&file).expect("read");
        octets[4096 + 50] ^= 1;
        std::fs::write(&file, octets).expect("written");
        assert!((0..60).any(|n| writers(n).1 == ReplyAttribution::Unavailable));
        assert_eq!(attributions.repair(), Some(file));
        assert_eq!(attributions.followed(), 0);
        // A reply that comes meanwhile follows the verdicts itself.
        let (written, result) = writers(59);
        assert_eq!((written.len(), result), (1, ReplyAttribution::Known));
        settled();
        assert!((0..100).all(|n| writers(n).1 == ReplyAttribution::Known) && attributions.followed() == 100);
    }
}
