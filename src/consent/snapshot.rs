//! Owns how the index follows from the events: its snapshot, and the events after it.
//! Must never start with less than the events say: a snapshot that cannot be used is rebuilt from all of them.
//!
//! A file of blocks ([`dump`]), one for each shard: entries u32, (key u64, value u64)…, renewals u32, (key u64, second u32)….

use super::apply::apply;
use super::entry::Entry;
use super::index::{Index, Shard};
use crate::journal::dump::{self, Head, Unusable};
use crate::ledger::book::Ledger;
use crate::ledger::error::OpenError;
use crate::ledger::event::Event;
use crate::ledger::kept::{Derived, Kept};
use crate::ledger::leaf::{Fields, Unreadable};
use std::io;
use std::path::Path;

const MAGIC: &[u8; 8] = b"SGOPTIN\x01";

/// The registry of a running node: the index that lanes ask, and the thread that keeps its snapshot.
pub type Book = Kept<Index>;

impl Derived for Index {
    const FILE: &'static str = "consent.snapshot";
    const THREAD: &'static str = "consents";

    fn load(&self, path: &Path, ledger: &Ledger) -> Result<u64, Unusable> {
        let loaded = dump::read(path, MAGIC, &ledger.key_check(), |_, block| take_block(block, self))?;
        if loaded.blocks != self.shard_count() {
            return Err(Unusable::Damaged("it does not hold every shard"));
        }
        Ok(loaded.position)
    }

    fn write(&self, path: &Path, ledger: &Ledger, position: u64) -> io::Result<()> {
        let head = Head { magic: *MAGIC, label: ledger.key_check(), position, origin: ledger.origin() };
        dump::write(&**ledger.disk(), path, &head, |blocks| {
            self.visit_shards(|shard| blocks.put(shard.table.len() as u64, |out| put_block(out, shard)));
        })
    }

    fn catch_up(&self, ledger: &Ledger, from: u64) -> Result<u64, OpenError> {
        let mut events = ledger.read_events(from, ledger.durable_events());
        while let Some((record, _)) = events.next_consent_with_blob()? {
            if let Event::Consent(consent) = &record.event {
                apply(self, consent, Some(record.seq));
            }
        }
        Ok(events.position())
    }

    fn durable(ledger: &Ledger) -> u64 {
        ledger.durable_events()
    }
}

fn put_block(out: &mut Vec<u8>, shard: &Shard) {
    out.extend_from_slice(&(shard.table.len() as u32).to_be_bytes());
    for (key, value) in shard.table.iter() {
        out.extend_from_slice(&key.to_be_bytes());
        out.extend_from_slice(&value.to_be_bytes());
    }
    out.extend_from_slice(&(shard.renewals.len() as u32).to_be_bytes());
    for (key, seconds) in &shard.renewals {
        out.extend_from_slice(&key.to_be_bytes());
        out.extend_from_slice(&seconds.to_be_bytes());
    }
}

fn take_block(block: &[u8], index: &Index) -> Result<u64, Unreadable> {
    let mut fields = Fields::new(block);
    let entries = fields.u32()?;
    for at in 0..entries {
        let (key, value) = (fields.u64()?, fields.u64()?);
        if at == 0 {
            index.reserve(key, entries as usize);
        }
        index.merge(key, Entry(value));
    }
    for _ in 0..fields.u32()? {
        let (key, seconds) = (fields.u64()?, fields.u32()?);
        index.renew(key, seconds);
    }
    fields.end()?;
    Ok(u64::from(entries))
}

#[cfg(test)]
mod tests {
    use super::super::entry::Standing;
    use super::*;
    use crate::ledger::event::{Consent, ConsentAct};
    use crate::ledger::fixture::{NEVER, NOW, ledger};
    use crate::message::name::NameId;
    use crate::message::tag::NumberTag;
    use std::sync::Arc;
    use std::time::Duration;

    const A: NameId = NameId(1);

    fn tag(n: u8) -> NumberTag {
        NumberTag([n; 16])
    }

    fn record(ledger: &Arc<Ledger>, act: ConsentAct, n: u8, secs: u64) {
        let given_at = NOW.plus(Duration::from_secs(secs));
        let id = ledger.next_event_id();
        let consent = Consent { id, act, tag: tag(n), account: A, source: A, wording: A, given_at, by: A };
        let mut appender = ledger.appender();
        let ticket = appender.event(NOW, &Event::Consent(consent), None).expect("taken");
        let seq = appender.commit(NOW).expect("appended").seq(ticket);
        assert!(ledger.wait_durable(seq, Duration::from_secs(5)));
    }

    fn all(book: &Book) -> Vec<Option<Standing>> {
        (1..=30).map(|n| book.index().standing(&tag(n), A)).collect()
    }

    #[test]
    fn a_start_gives_what_all_events_give_with_a_snapshot_without_and_with_a_damaged_one() {
        let dir = tempfile::tempdir().expect("tempdir");
        let first = ledger(dir.path(), 16);
        let (book, found) = Book::start(&first, Index::default, NEVER).expect("opened");
        assert_eq!((book.index().len(), found.damaged), (0, None));
        for n in 1..=20 {
            record(&first, ConsentAct::Record, n, u64::from(n));
        }
        record(&first, ConsentAct::Renew, 4, 500);
        record(&first, ConsentAct::Revoke, 5, 400);
        book.save().expect("saved");
        let saved = book.snapshot_position();
        record(&first, ConsentAct::Record, 25, 3);
        record(&first, ConsentAct::Revoke, 6, 400);
        drop((book, first));

        let second = ledger(dir.path(), 16);
        let (book, found) = Book::start(&second, Index::default, NEVER).expect("opened");
        assert_eq!((book.index().len(), found.damaged), (21, None));
        assert_eq!(found.records_read, second.durable_events() - saved, "the snapshot and only the events after it");
        let from_tail = all(&book);
        assert_eq!(from_tail.iter().flatten().count(), 21);
        assert!(matches!(from_tail[4], Some(Standing::Revoked { event: Some(_), .. })));
        assert!(matches!(from_tail[3], Some(Standing::OptedIn { given, last_contact, .. }) if last_contact > given));
        drop(book);

        let path = dir.path().join("consent.snapshot");
        let mut octets = std::fs::read(&path).expect("read");
        let middle = octets.len() / 2;
        octets[middle] ^= 1;
        std::fs::write(&path, octets).expect("write");
        let (book, found) = Book::start(&second, Index::default, NEVER).expect("opened");
        assert!(found.damaged.is_some());
        assert_eq!(found.records_read, second.durable_events());
        assert_eq!(all(&book), from_tail);
    }
}
