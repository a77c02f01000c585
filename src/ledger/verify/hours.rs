//! Owns I6 read again from the records: the local time of every commercial message that left, by its own pack.
//! Must never call hours checked whose pack is not to be had.

use super::super::names::Names;
use super::super::packs;
use super::super::verdict::VerdictRecord;
use super::report::rfc3339;
use crate::compliance::hours::Opening;
use crate::compliance::pack::Pack;
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Parts follow the hours of the part their message began with: it left at most so long before (10 s between parts, 10 s of waiting).
const PARTS_SPAN: Duration = Duration::from_secs(20);

/// The packs that were asked for, and the last stretch of open hours in each territory.
#[derive(Debug)]
pub struct Hours {
    room: PathBuf,
    packs: BTreeMap<NameId, Result<Arc<Pack>, String>>,
    open: BTreeMap<(NameId, u16), (CivilInstant, CivilInstant)>,
    /// Verdicts whose pack is not to be had, by pack.
    pub unchecked: BTreeMap<NameId, u64>,
}

impl Hours {
    /// With the packs kept in `data_dir`.
    pub fn new(data_dir: &Path) -> Self {
        let room = data_dir.join(packs::ROOM);
        Self { room, packs: BTreeMap::new(), open: BTreeMap::new(), unchecked: BTreeMap::new() }
    }

    /// Why the pack of this handle could not be used.
    pub fn missing(&self, pack: NameId) -> &str {
        match self.packs.get(&pack) {
            Some(Err(why)) => why,
            Some(Ok(_)) | None => "",
        }
    }

    /// Whether this commercial message, which left, may have left at its hour. `Ok(false)`: nobody can say, its pack is gone.
    pub fn weigh(&mut self, record: &VerdictRecord, names: &Names) -> Result<bool, String> {
        let place = (record.pack, record.territory);
        if let Some((from, until)) = self.open.get(&place)
            && (*from..*until).contains(&record.judged_at)
        {
            return Ok(true);
        }
        let found = self.packs.entry(record.pack).or_insert_with(|| {
            let name = names.name(record.pack).ok_or_else(|| "the verdict names no pack".to_owned())?;
            packs::find(&self.room, &name)
        });
        let Ok(pack) = found else {
            *self.unchecked.entry(record.pack).or_default() += 1;
            return Ok(false);
        };
        if let Opening::Open { until, .. } = pack.opening(record.territory, record.judged_at) {
            self.open.insert(place, (record.judged_at, until));
            return Ok(true);
        }
        let began = record.judged_at.minus(PARTS_SPAN);
        if record.segment.is_some() && pack.opening(record.territory, began).is_open() {
            return Ok(true);
        }
        let place = pack.territories().get(usize::from(record.territory));
        let zone = place.and_then(|place| place.zones.first());
        let local = zone.map(|zone| record.judged_at.to_utc().with_timezone(zone).format("%a %F %H:%M %Z").to_string());
        Err(format!(
            "a commercial message left outside the sending hours of {}: {} there ({})",
            pack.full_name().split('#').next().unwrap_or_default(),
            local.unwrap_or_else(|| "no such territory".into()),
            rfc3339(record.judged_at)
        ))
    }
}
