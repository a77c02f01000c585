//! Owns a house without a front: ledger, list and spool in a temporary directory, lanes on it, wires that tests hold.
//! Must never judge anything: it hands octets to the lane and collects what the lane writes.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use stopgate::clock::{Clock, Now};
use stopgate::compliance::optout::Engine;
use stopgate::compliance::parts::Table;
use stopgate::consent;
use stopgate::gateway::lane::Lane;
use stopgate::gateway::order::Introduction;
use stopgate::gateway::placement::Placement;
use stopgate::gateway::refs::EsmeRef;
use stopgate::gateway::settings::Settings;
use stopgate::gateway::shared::{Foundation, Shared};
use stopgate::journal::disk::{Disk, RealDisk, SegmentFile};
use stopgate::ledger::counted::Tally;
use stopgate::ledger::kept::{Kept, SnapshotRule};
use stopgate::ledger::{Keys, Ledger, OpenOptions};
use stopgate::message::instant::CivilInstant;
use stopgate::net::drive::Ended;
use stopgate::net::wire::Wire;
use stopgate::pdu::bind::BindKind;
use stopgate::session::smsc::SmscAction;
use stopgate::sim::wire::{BIND_RECEIVER, BIND_TRANSCEIVER, BIND_TRANSMITTER, Pdu, RESPONSE};
use stopgate::spool::{SpoolKeys, SpoolRoom};
use stopgate::suppression::follower::Follower;
use stopgate::suppression::list::List;
use stopgate::telemetry::registry::Registry;
use tokio::sync::mpsc;

/// An instant from RFC 3339.
pub fn at(text: &str) -> CivilInstant {
    text.parse::<chrono::DateTime<chrono::Utc>>().expect("RFC 3339").into()
}

/// A disk whose writes below a directory of this name fail while it is told so.
#[derive(Clone)]
pub struct NoRoomFor(pub &'static str, pub Arc<AtomicBool>);

struct Full(Arc<dyn SegmentFile>, Arc<AtomicBool>);

impl SegmentFile for Full {
    fn write_all_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        match self.1.load(Ordering::SeqCst) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => self.0.write_all_at(octets, offset),
        }
    }
    fn read_at(&self, octets: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(octets, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }
    fn octets(&self) -> io::Result<u64> {
        self.0.octets()
    }
}

impl Disk for NoRoomFor {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        RealDisk.create(path)
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        let file = RealDisk.open(path)?;
        let below = path.components().any(|part| part.as_os_str() == self.0);
        Ok(if below { Arc::new(Full(file, Arc::clone(&self.1))) } else { file })
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
}

/// The machine's disk, never asked to wait for the platter: what is written counts as durable.
#[derive(Clone, Copy)]
pub struct Fast;

struct Unsynced(Arc<dyn SegmentFile>);

impl SegmentFile for Unsynced {
    fn write_all_at(&self, octets: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(octets, offset)
    }
    fn read_at(&self, octets: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(octets, offset)
    }
    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }
    fn octets(&self) -> io::Result<u64> {
        self.0.octets()
    }
}

impl Disk for Fast {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(Unsynced(RealDisk.create(path)?)))
    }
    fn open(&self, path: &Path) -> io::Result<Arc<dyn SegmentFile>> {
        Ok(Arc::new(Unsynced(RealDisk.open(path)?)))
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }
    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }
    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(dir)
    }
}

/// What all lanes of a test stand on.
pub struct House {
    pub shared: Arc<Shared>,
    // Removed last.
    pub home: Rc<tempfile::TempDir>,
}

impl House {
    /// Opens everything in a new directory, as the daemon does. `config` is the file's text without its directories.
    pub fn open(config: &str, disk: Arc<dyn Disk>, now: CivilInstant) -> Self {
        let home = Rc::new(tempfile::tempdir().expect("a temporary directory"));
        std::fs::create_dir(home.path().join("data")).expect("a new directory");
        Self::open_again(home, config, disk, now)
    }

    /// The same over directories that another house has left.
    pub fn open_again(home: Rc<tempfile::TempDir>, config: &str, disk: Arc<dyn Disk>, now: CivilInstant) -> Self {
        let (data, keys_dir) = (home.path().join("data"), home.path().join("keys"));
        let clock = Clock::rehearsal(now, 1);
        let keys = Keys::open_or_create(&keys_dir, &data).expect("keys");
        let mut options = OpenOptions::new("test-1", true).with_segment_octets(4 << 20);
        options.disk = Arc::clone(&disk);
        let (ledger, _) = Ledger::open(&data, &keys, options, now).expect("a ledger");
        let settings = settings(config, home.path(), &ledger, now);
        let (list, _) = List::open(&ledger, SnapshotRule::default()).expect("a list");
        let packs = settings.packs();
        let placement = Placement::new(&settings, &Placement::default());
        let lanes = (0..settings.lanes).map(|_| mpsc::channel(8).0).collect();
        let verdicts = ledger.first_verdict()..ledger.verdicts_appended();
        let foundation = Foundation {
            clock,
            follower: Arc::new(Follower::start(&ledger, list.index()).expect("a follower")),
            frequency: Kept::start(&ledger, || Tally::new(&settings.caps(), now), SnapshotRule::default())
                .expect("counts")
                .0,
            opt_ins: consent::Book::start(&ledger, consent::Index::default, SnapshotRule::default())
                .expect("opt-ins")
                .0,
            ledger,
            list,
            tags: keys.tag_key(),
            spool: SpoolRoom::open(disk, &data, SpoolKeys::of(keys.seal_keys().next().expect("one")), verdicts, now)
                .expect("a spool"),
            settings: Arc::new(settings),
            engine: Engine::new(&packs),
            series: Registry::new(),
        };
        let shared = Shared::new(foundation, placement, Table::default(), lanes).expect("verdicts");
        Self { shared: Arc::new(shared), home }
    }

    /// Has the self-audit look at all that left: how many messages it has weighed, and how many leaked.
    pub fn audited(&self) -> (u64, u64) {
        while !self.shared.leaks.look(&self.shared).expect("readable events") {
            // The store, in which histories are looked up, follows the events.
            std::thread::yield_now();
        }
        let counted = |name: &str| {
            let text = self.shared.series.render();
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).expect("a metric");
            line.parse().expect("a count")
        };
        assert_eq!(counted("stopgate_leak_audit_skipped_total"), 0);
        (counted("stopgate_leak_audited_total"), counted("stopgate_leak_total"))
    }

    /// Another configuration, as a reload reads it.
    pub fn settings(&self, config: &str, now: CivilInstant) -> Settings {
        settings(config, self.home.path(), &self.shared.ledger, now)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.shared.close_list().ok();
        self.shared.ledger.close(self.shared.clock.civil()).ok();
    }
}

fn settings(config: &str, home: &Path, ledger: &Arc<Ledger>, now: CivilInstant) -> Settings {
    let (data, keys) = (home.join("data"), home.join("keys"));
    let whole = format!("data_dir = \"{}\"\nkeys_dir = \"{}\"\n{config}", data.display(), keys.display());
    let loaded = stopgate::config::parse(&whole, "lane.toml", home.to_path_buf(), &|_| None);
    let loaded = loaded.unwrap_or_else(|faults| panic!("{faults:?}"));
    loaded.resolve(|name| ledger.intern(name, now)).expect("names").settings
}

/// The far end of a connection of the lane: takes what it has room for.
pub struct Tap {
    taken: RefCell<Vec<u8>>,
    room: Cell<usize>,
}

impl Tap {
    fn new() -> Rc<Self> {
        Rc::new(Self { taken: RefCell::default(), room: Cell::new(usize::MAX) })
    }

    /// From now on takes this many octets and no more.
    pub fn set_room(&self, octets: usize) {
        self.room.set(octets);
    }

    /// Whole PDUs written since the last call.
    pub fn read(&self) -> Vec<Pdu> {
        let mut taken = self.taken.borrow_mut();
        let mut pdus = Vec::new();
        while let Some(length) = taken.first_chunk().map(|head| u32::from_be_bytes(*head) as usize) {
            assert!(length >= 16, "an impossible length left: {length}");
            if taken.len() < length {
                break;
            }
            let rest = taken.split_off(length);
            pdus.push(Pdu::from_octets(std::mem::replace(&mut *taken, rest)).expect("a header"));
        }
        pdus
    }

    /// Whether a PDU is begun and not whole.
    pub fn is_torn(&self) -> bool {
        !self.taken.borrow().is_empty()
    }
}

impl Wire for Tap {
    fn try_write(&self, octets: &[u8]) -> io::Result<usize> {
        let taken = octets.len().min(self.room.get());
        if taken == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room.set(self.room.get().saturating_sub(taken));
        self.taken.borrow_mut().extend_from_slice(&octets[..taken]);
        Ok(taken)
    }
    fn wake(&self) {}
}

/// One lane with its connections.
pub struct Stand {
    pub lane: Lane,
    pub now: Now,
    /// The wire of each link that is up, by its slot.
    pub links: Vec<Option<Rc<Tap>>>,
}

/// A sender's connection.
pub struct Client {
    pub at: EsmeRef,
    pub tap: Rc<Tap>,
}

impl Stand {
    /// Lane `number` of the house, nothing connected, at this instant.
    pub fn new(house: &House, number: usize, civil: CivilInstant) -> Self {
        let lane = Lane::new(number, Arc::clone(&house.shared));
        let links = lane.links.iter().map(|_| None).collect();
        // Ahead of the shared clock: what the lane was furnished at lies behind.
        let monotonic = house.shared.clock.monotonic().plus(Duration::from_secs(3600));
        Self { lane, now: Now { civil, monotonic }, links }
    }

    /// One turn.
    pub fn turn<R>(&mut self, act: impl FnOnce(&mut Lane, Now) -> R) -> R {
        let now = self.now;
        self.lane.begin_turn(now);
        let result = act(&mut self.lane, now);
        self.lane.settle(now);
        result
    }

    /// Both clocks run on, and the lane looks at its timers.
    pub fn pass(&mut self, by: Duration) {
        self.now = Now { civil: self.now.civil.plus(by), monotonic: self.now.monotonic.plus(by) };
        self.turn(Lane::tick);
    }

    /// Connects a link and has the operator accept its bind.
    pub fn bind_link(&mut self, slot: usize) {
        let tap = Tap::new();
        let wire = Rc::clone(&tap) as Rc<dyn Wire>;
        let connects = self.turn(|lane, now| match lane.links[slot].session.due(now.monotonic) {
            Some(SmscAction::Connect) => {
                lane.link_connected(slot, wire, now);
                true
            }
            Some(SmscAction::GiveUp) | None => false,
        });
        if !connects {
            return;
        }
        let bind = tap.read().pop().expect("a bind");
        assert!([BIND_TRANSCEIVER, BIND_TRANSMITTER, BIND_RECEIVER].contains(&bind.command()), "{bind:?}");
        self.links[slot] = Some(tap);
        self.smsc_says(slot, &Pdu::new(bind.command() | RESPONSE, 0, bind.sequence(), b"smsc\0"));
    }

    /// Octets of the operator.
    pub fn smsc_says(&mut self, slot: usize, pdu: &Pdu) {
        self.turn(|lane, now| {
            let mut remainder = std::mem::take(&mut lane.links[slot].remainder);
            remainder.feed(pdu.octets(), |octets| lane.link_octets(slot, octets, now));
            lane.links[slot].remainder = remainder;
        });
    }

    /// The connection to the operator is over.
    pub fn lose_link(&mut self, slot: usize) {
        self.links[slot] = None;
        self.turn(|lane, now| lane.link_down(slot, now));
    }

    /// A sender binds.
    pub fn client(&mut self, system_id: &str, kind: BindKind) -> Option<Client> {
        let account = self.lane.kit.shared.ledger.handle(system_id).expect("a known account");
        let who = Introduction {
            peer: ([127, 0, 0, 1], 2775).into(),
            account,
            system_id: system_id.to_owned(),
            kind,
            interface_version: 0x34,
            sequence: 1,
            rest: Vec::new(),
        };
        let tap = Tap::new();
        let wire = Rc::clone(&tap) as Rc<dyn Wire>;
        let at = self.turn(|lane, now| lane.welcome(&who, wire, now))?;
        assert_eq!(tap.read().first().map(Pdu::status), Some(0));
        Some(Client { at, tap })
    }

    /// Octets of a sender.
    pub fn client_says(&mut self, client: &Client, octets: &[u8]) {
        let slot = client.at.slot;
        self.turn(|lane, now| {
            // Gone, or a successor in its slot: a driver would have ended with it.
            if lane.esme(client.at).is_none() {
                return;
            }
            let mut remainder = std::mem::take(&mut lane.esmes[slot].remainder);
            remainder.feed(octets, |octets| lane.esme_octets(slot, octets, now));
            lane.esmes[slot].remainder = remainder;
        });
    }

    /// A sender's connection is over.
    pub fn lose_client(&mut self, client: Client) {
        self.turn(|lane, now| lane.esme_gone(client.at, Ended::PeerClosed, now));
    }
}

/// One operator and one commercial account, as the scenarios have them.
pub const ACME: &str = r#"
node = "test-1"
[smpp]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[[smsc]]
name = "operator-a"
address = "127.0.0.1:1"
system_id = "stopgate"
password = "operator"
links = 1
window = 100
[[account]]
system_id = "acme"
password = "secret"
smsc = "operator-a"
class = "commercial"
senders = ["ACME", "36111"]
stop_codes = ["36111"]
identity = "ACME SAS, 1 rue de la Paix, 75002 Paris, 01 99 00 12 34"
consent = "declared"
consent_statement = "Opt-in by web form, wording v3, signed 2026-10-01"
window = 1000
throughput = 0
binds = 64
"#;
