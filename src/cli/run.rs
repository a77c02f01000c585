//! Owns the daemon's assembly: configuration, keys, ledger, list, spool, lanes, admin, signals, in that order.
//! Must never start on evidence it cannot trust: what does not open stops the start, with the next step.

use super::exit::{Exit, Failure, Outcome};
use super::global::Global;
use crate::admin::plane::Plane;
use crate::admin::server::{AdminParts, AdminServer};
use crate::clock::Clock;
use crate::compliance::optout::Engine;
use crate::compliance::policy::{Consent, Contract};
use crate::config::checkpoints::CheckpointSettings;
use crate::config::resolve::Resolved;
use crate::config::{self, ConfigError, Loaded};
use crate::consent;
use crate::gateway::handle::{Handle, HandleError, Reloaded, Reloader, Renewal};
use crate::gateway::run::{Running, start};
use crate::gateway::settings::{AccountSettings, Settings};
use crate::gateway::shared::Foundation;
use crate::journal::disk::RealDisk;
use crate::ledger::counted::Tally;
use crate::ledger::event::{Contract as ContractRecord, Event};
use crate::ledger::kept::{Kept, SnapshotRule};
use crate::ledger::rotation;
use crate::ledger::signer::{Signer, Surroundings};
use crate::ledger::{Keys, Ledger, LedgerError, OpenError, OpenOptions};
use crate::message::instant::CivilInstant;
use crate::message::name::NameId;
use crate::spool::{SpoolKeys, SpoolRoom};
use crate::suppression::follower::Follower;
use crate::suppression::list::List;
use crate::suppression::questions::ASKED;
use crate::telemetry::events::{ConfigReloaded, DrainBegun};
use crate::telemetry::labels::ReloadResult;
use crate::telemetry::logs;
use crate::telemetry::registry::Registry;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;

/// How often what is past its time is ended: spooled items, ids, duties.
const TIDY_EVERY: Duration = Duration::from_secs(60);
/// Every 5 minutes, or within 10 s of two million verdicts: a start reads them in seconds.
const FREQUENCY_SNAPSHOTS: SnapshotRule =
    SnapshotRule { look_every: Duration::from_secs(10), looks: 30, behind_max: 2_000_000 };

/// Run the gateway: SMPP for the senders, links to the operators, the admin API
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = "Examples:
  stopgate run --config /etc/stopgate/stopgate.toml
  stopgate run --config rehearsal.toml --clock 2026-11-24T10:00:00+01:00")]
pub struct Args {
    /// A rehearsal: civil time runs on from here (RFC 3339); operators must be on loopback, every record says so
    #[arg(long, value_name = "T")]
    pub clock: Option<String>,
    /// In a rehearsal: seconds of civil time a real second
    #[arg(long, value_name = "N", default_value_t = 1, requires = "clock")]
    pub speed: u32,
    /// In a rehearsal: MiB of each segment of the ledger; few start in a moment, 64 are what a real run has
    #[arg(long, value_name = "N", default_value_t = 4, requires = "clock", value_parser = clap::value_parser!(u64).range(1..=64))]
    pub segment_mib: u64,
}

/// How the daemon is to run.
#[derive(Clone, Debug)]
struct How {
    config: Option<PathBuf>,
    clock: Option<CivilInstant>,
    speed: u32,
    segment_mib: u64,
}

/// Runs the daemon until it is asked to end.
pub fn run(args: &Args, global: &Global) -> Outcome {
    logs::start(global.verbosity());
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    no_core_dumps();
    let clock = args.clock.as_deref().map(|at| super::instant::read(at, "--clock")).transpose()?;
    let how = How { config: global.config.clone(), clock, speed: args.speed, segment_mib: args.segment_mib };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(format!("no runtime: {error}"), "look at the limits of the process"))?;
    runtime.block_on(daemon(&how)).map(|()| Exit::Ok)
}

/// A core dump would hold numbers and keys.
fn no_core_dumps() {
    use rustix::process::{Resource, Rlimit, setrlimit};
    // Where the limit cannot be lowered the unit file does it.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).ok();
}

fn read(how: &How) -> Result<Loaded, Vec<ConfigError>> {
    let file = config::locate(how.config.as_deref()).map_err(|error| vec![error])?;
    let loaded = config::load(&file)?;
    if how.clock.is_some() { loaded.for_rehearsal(&file) } else { Ok(loaded) }
}

/// Where a listener's address stands in the configuration.
fn place(how: &How, section: &str) -> String {
    config::locate(how.config.as_deref())
        .map_or_else(|_| String::new(), |file| config::place_of(&file, section, "listen"))
}

async fn daemon(how: &How) -> Result<(), Failure> {
    let loaded = read(how)?;
    for warning in &loaded.warnings {
        tracing::warn!(event = "config.warning", "{warning}");
    }
    let clock = how.clock.map_or_else(Clock::system, |at| Clock::rehearsal(at, how.speed));
    let rehearsal = clock.is_rehearsal();
    let now = clock.civil();
    let (data_dir, keys_dir) = loaded.directories();
    let (data_dir, keys_dir) = (data_dir.to_owned(), keys_dir.to_owned());
    let keys = Keys::open_or_create(&keys_dir, &data_dir).map_err(not_opened)?;
    Keys::claim(&keys_dir, rehearsal).map_err(not_opened)?;
    let mut options = OpenOptions::new(loaded.node(), rehearsal);
    if rehearsal {
        options = options.with_segment_octets(how.segment_mib << 20);
    }
    let (ledger, recovered) = Ledger::open(&data_dir, &keys, options, now).map_err(not_opened)?;
    if let Some(at) = ledger.last_signed() {
        clock.has_reached(at);
    }
    let keys = match rotation::settle(&data_dir, &keys_dir).map_err(not_opened)? {
        // A rotation was cut off: one of the two keys is now the one.
        true => Keys::open(&keys_dir, &data_dir).map_err(not_opened)?,
        false => keys,
    };
    tracing::info!(
        event = "ledger.open",
        boot = recovered.boot,
        events = recovered.events,
        verdicts = recovered.verdicts,
        tag_key = recovered.generations[0],
        sealing_key = recovered.generations[1]
    );
    if recovered.rekeyed > 0 {
        tracing::warn!(event = "keys.replaced", recorded = recovered.rekeyed);
    }
    let [events, verdicts] = recovered.cut_octets;
    if recovered.names_rebuilt || events + verdicts > 0 {
        // A power cut tears what nobody was told is kept. A flip in the last record looks the same: hence said.
        let names_rebuilt = recovered.names_rebuilt;
        tracing::warn!(
            event = "ledger.mended",
            names_rebuilt,
            cut_events_octets = events,
            cut_verdicts_octets = verdicts
        );
    }
    let unrecorded = |error: LedgerError| {
        Failure::new(format!("the ledger takes no names: {error}"), "look at the disk of data_dir")
    };
    let outward = loaded.checkpoints().clone();
    let Resolved { settings, admin, packs } = loaded.resolve(|name| ledger.intern(name, now)).map_err(unrecorded)?;
    record_contracts(&ledger, &settings, now).map_err(unrecorded)?;
    // A lane cannot wait for a name: the one that a reply's renewal bears is made here.
    ledger.intern(ASKED, now).map_err(unrecorded)?;
    ledger.intern(consent::source::Source::Handset.word(), now).map_err(unrecorded)?;
    let (list, recovered) = List::open(&ledger, SnapshotRule::default()).map_err(not_opened)?;
    recovered.found.say("suppression.snapshot");
    tracing::info!(event = "list.open", numbers = recovered.numbers, events_read = recovered.events_read);
    let (opt_ins, found) =
        consent::Book::start(&ledger, consent::Index::default, SnapshotRule::default()).map_err(not_opened)?;
    found.say("consent.snapshot");
    tracing::info!(event = "consents.open", entries = opt_ins.index().len());
    let frequency =
        Kept::start(&ledger, || Tally::new(&settings.caps(), now), FREQUENCY_SNAPSHOTS).map_err(not_opened)?;
    frequency.1.say("frequency.snapshot");
    tracing::info!(event = "frequency.open", entries = frequency.0.index().lock().len());
    let series = Registry::new();
    let spool = open_spool(&data_dir, &keys, &ledger, now)?;
    let foundation = Foundation {
        clock,
        ledger: Arc::clone(&ledger),
        follower: Arc::new(Follower::start(&ledger, list.index()).map_err(not_opened)?),
        list,
        opt_ins,
        frequency: frequency.0,
        tags: keys.tag_key(),
        spool,
        settings: Arc::new(settings),
        engine: Engine::new(&packs),
        series,
    };
    let listen = foundation.settings.smpp.listen;
    let running = start(foundation).map_err(|error| {
        let error = format!("{}: [smpp] `listen`: {listen}: {error}", place(how, "smpp"));
        Failure {
            exit: Exit::BadConfiguration,
            error,
            next: "name a free port, or end the process that has it".to_owned(),
        }
    })?;
    let signer = sign(&running, &keys, &outward).map_err(not_opened)?;
    let handle = Arc::new(Handle::new(&running, reloader(how.clone(), Arc::clone(&ledger))));
    handle.say_closed();
    let admin = AdminServer::start(AdminParts {
        settings: admin,
        plane: Arc::clone(&handle) as Arc<dyn Plane>,
        registry: running.shared.series.clone(),
        metrics: running.shared.metrics.clone(),
        data_dir,
    })
    .map_err(|problem| Failure {
        exit: Exit::BadConfiguration,
        error: format!("{}: {}", place(how, "admin"), problem.error),
        next: problem.next,
    })?;
    println!("listening on smpp {}", running.smpp);
    println!("listening on admin {}", admin.address());
    // Senders may bind while operators are down, so this is when the service is up. Not under systemd: nobody to tell.
    sd_notify::notify(&[sd_notify::NotifyState::Ready]).ok();
    serve(&running, &handle).await;
    end(running, &ledger, signer).await;
    admin.stop();
    ledger.take_list_failure().map_or(Ok(()), |error| Err(not_opened(error)))
}

/// Where the daemon is between its start and its end: signals, watchdog, readiness.
async fn serve(running: &Running, handle: &Arc<Handle>) {
    let shared = &running.shared;
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        return tracing::error!(event = "signals.unavailable");
    };
    let mut beat = interval(Duration::from_millis(500));
    let mut tidying = interval(TIDY_EVERY);
    let mut told = false;
    let by = loop {
        tokio::select! {
            _ = terminate.recv() => break "signal",
            _ = interrupt.recv() => break "signal",
            () = shared.ask_drain.notified() => break "admin",
            _ = hangup.recv() => {
                let result = handle.reload().await;
                note_reload(handle, &result);
            }
            () = shared.room_to_erase.notified() => {
                let shared = Arc::clone(shared);
                tokio::task::spawn_blocking(move || shared.finish_erasures());
            }
            _ = tidying.tick() => {
                let shared = Arc::clone(shared);
                tokio::task::spawn_blocking(move || shared.tidy());
            }
            _ = beat.tick() => {
                if !told && shared.bound_links() > 0 && !shared.ledger.is_behind() {
                    told = true;
                    println!("ready");
                }
                sd_notify::notify(&[sd_notify::NotifyState::Watchdog]).ok();
                shared.measure();
                if let Some(why) = shared.ledger.list_failure() {
                    tracing::error!(event = "list.unreadable", why);
                    break "list";
                }
            }
        }
    };
    DrainBegun { by }.emit(&shared.metrics);
}

/// Reads the configuration again for a reload.
fn reloader(how: How, ledger: Arc<Ledger>) -> Reloader {
    Box::new(move || {
        let loaded = read(&how).map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let warnings = loaded.warnings.iter().map(ToString::to_string).collect();
        let now = ledger_now(&how);
        let unrecorded = |error: LedgerError| vec![format!("the ledger takes no names: {error}")];
        let resolved = loaded.resolve(|name| ledger.intern(name, now)).map_err(unrecorded)?;
        record_contracts(&ledger, &resolved.settings, now).map_err(unrecorded)?;
        Ok(Reloaded { settings: resolved.settings, warnings })
    })
}

/// The instant a reload is recorded at. A rehearsal's own clock is not in reach here; its start is near enough for a name.
fn ledger_now(how: &How) -> CivilInstant {
    how.clock.unwrap_or_else(|| Clock::system().civil())
}

fn note_reload(handle: &Handle, result: &Result<Renewal, HandleError>) {
    let metrics = &handle.shared.metrics;
    match result {
        Ok(_) => ConfigReloaded { result: ReloadResult::Ok, why: "" }.emit(metrics),
        Err(HandleError::Configuration(faults)) => {
            ConfigReloaded { result: ReloadResult::Invalid, why: &faults.join("; ") }.emit(metrics);
        }
        Err(error) => ConfigReloaded { result: ReloadResult::Failed, why: &error.to_string() }.emit(metrics),
    }
}

/// Drains, or stops at once at a second signal; then everything is made durable.
async fn end(running: Running, ledger: &Arc<Ledger>, signer: Signer) {
    sd_notify::notify(&[sd_notify::NotifyState::Stopping]).ok();
    let again = async {
        match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
            (Ok(mut terminate), Ok(mut interrupt)) => tokio::select! {
                told = terminate.recv() => told,
                told = interrupt.recv() => told,
            },
            (Err(_), _) | (_, Err(_)) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = running.drain() => {}
        _ = again => return tracing::warn!(event = "drain.cut_short"),
    }
    let shared = Arc::clone(&running.shared);
    running.join();
    if let Err(error) = shared.close_list() {
        tracing::error!(event = "list.not_saved", %error);
    }
    if let Err(error) = ledger.close(shared.clock.civil()) {
        tracing::error!(event = "ledger.close_failed", %error);
    }
    // The last checkpoint covers the last record.
    signer.finish();
    tracing::info!(event = "ended");
}

/// Starts the thread that signs what is durable.
fn sign(running: &Running, keys: &Keys, outward: &CheckpointSettings) -> Result<Signer, OpenError> {
    let (shared, metrics) = (Arc::clone(&running.shared), running.shared.metrics.clone());
    let gauge = metrics.gauges.ledger_last_checkpoint.clone();
    let hourly = super::outward::hand_out(outward, &metrics).map_err(OpenError::io("checkpoints"))?;
    let around = Surroundings {
        signed: Box::new(move |at| gauge.set(at.as_secs() as f64)),
        failed: Box::new(move |error| {
            metrics.ledger_errors.increment(1);
            tracing::error!(event = "checkpoint.not_signed", error);
        }),
        hourly,
        hour_turns: outward.every.as_secs(),
        ..Surroundings::silent(move || shared.clock.civil())
    };
    Signer::start(&running.shared.ledger, keys, around)
}

/// Why the evidence does not open, and what that means for the exit code.
fn not_opened(error: OpenError) -> Failure {
    if error.is_of_the_disk() {
        return disk_takes_nothing(&error.to_string());
    }
    let exit = if error.is_busy() { Exit::Unavailable } else { Exit::BadConfiguration };
    Failure {
        exit,
        error: error.to_string(),
        next: "docs/operations.md says what each refusal to start means".to_owned(),
    }
}

/// The disk is full, read-only or failing: a later start may succeed, so the unit tries again.
fn disk_takes_nothing(error: &str) -> Failure {
    let next = "the disk of data_dir takes nothing: make room on it, or mend it and mount it for writing; nothing was changed. \
                docs/operations.md, Refuses to start";
    Failure::unavailable(error, next)
}

fn open_spool(data_dir: &Path, keys: &Keys, ledger: &Ledger, now: CivilInstant) -> Result<SpoolRoom, Failure> {
    let verdicts = ledger.first_verdict()..ledger.verdicts_appended();
    let seals: Vec<&[u8; 32]> = keys.seal_keys().collect();
    let keys = SpoolKeys::new(&seals, (keys.tag_key(), keys.generations().tag_marks()));
    let room = SpoolRoom::open(Arc::new(RealDisk), data_dir, keys, verdicts, now).map_err(|error| {
        if error.is_of_the_disk() {
            return disk_takes_nothing(&error.to_string());
        }
        Failure {
            exit: Exit::BadConfiguration,
            error: error.to_string(),
            next: "restore keys_dir as it was, or move data_dir/spool aside: what waits in it is then not delivered"
                .to_owned(),
        }
    })?;
    if room.unknown_at_start > 0 {
        tracing::warn!(event = "confirmation.unknown_after_restart", count = room.unknown_at_start);
    }
    Ok(room)
}

/// Records the contracts in force: class, consent statement and pack of every account.
fn record_contracts(ledger: &Arc<Ledger>, settings: &Settings, now: CivilInstant) -> Result<(), LedgerError> {
    let mut appender = ledger.appender();
    for account in &settings.accounts {
        let statement = match &account.policy.consent {
            Consent::Declared { statement } => ledger.intern(statement, now)?,
            Consent::Proof | Consent::Off => NameId::NONE,
        };
        let class = match account.policy.contract {
            Contract::Commercial => 1,
            Contract::Transactional => 2,
            Contract::Mixed { .. } => 3,
        };
        let event = Event::Contract(ContractRecord {
            account: account.id,
            class,
            statement,
            pack: account.policy.pack_name,
            digest: digest(account),
        });
        appender.event(now, &event, None)?;
    }
    appender.commit(now)?;
    for account in &settings.accounts {
        // An hour judged by it must be judged again by whoever verifies; the embedded ones are kept too, for later versions.
        if let Err(error) = ledger.keep_pack(&account.policy.pack) {
            tracing::error!(event = "pack.not_kept", pack = account.policy.pack.id, %error);
        }
    }
    Ok(())
}

/// SHA-256 of what was agreed with an account, without its password.
fn digest(account: &AccountSettings) -> [u8; 32] {
    let policy = &account.policy;
    let agreed = format!(
        "{:?}|{:?}|{:?}|{:?}|{:?}|{:?}|{:?}|{:?}|{}",
        policy.contract,
        policy.senders,
        policy.stop_codes,
        policy.consent,
        policy.validity,
        policy.vendor_tlvs,
        policy.frequency,
        policy.observe,
        policy.identity
    );
    Sha256::digest(agreed.as_bytes()).into()
}
