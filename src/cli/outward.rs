//! Owns how checkpoints leave the house: appended to a file, sent to an address, tried again until it works.
//! Must never hold up the signing: a slow receiver costs only this thread.

use crate::config::checkpoints::CheckpointSettings;
use crate::ledger::signed::Notes;
use crate::ledger::signer::HandOut;
use crate::telemetry::labels::OutResult;
use crate::telemetry::metrics::GatewayMetrics;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// When what failed is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// What the signer hands each checkpoint to. The thread ends with it.
pub fn hand_out(settings: &CheckpointSettings, metrics: &GatewayMetrics) -> std::io::Result<HandOut> {
    if settings.file.is_none() && settings.post.is_none() {
        return Ok(Box::new(|_| {}));
    }
    let (sender, receiver): (SyncSender<Notes>, _) = sync_channel(1);
    let (settings, metrics) = (settings.clone(), metrics.clone());
    std::thread::Builder::new().name("checkpoint-out".into()).spawn(move || run(&settings, &metrics, &receiver))?;
    Ok(Box::new(move |notes| match sender.try_send(notes.clone()) {
        Ok(()) => {}
        // The one before is still on its way; the next covers what this one does.
        Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
            tracing::warn!(event = "checkpoint.not_handed_out", error = "the one before is still on its way");
        }
    }))
}

fn run(settings: &CheckpointSettings, metrics: &GatewayMetrics, receiver: &Receiver<Notes>) {
    let [file, post] = &metrics.checkpoints_out;
    let agent: ureq::Agent =
        ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(true).build().into();
    let (mut to_file, mut to_post) = (None, None);
    loop {
        let waits = to_file.is_some() || to_post.is_some();
        match receiver.recv_timeout(if waits { AGAIN } else { Duration::MAX }) {
            Ok(notes) => {
                to_file = settings.file.is_some().then(|| notes.clone());
                to_post = settings.post.is_some().then_some(notes);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if let (Some(path), Some(notes)) = (&settings.file, to_file.take()) {
            match append(path, &notes.events) {
                Ok(()) => file.one(OutResult::Taken),
                Err(error) => {
                    tracing::warn!(event = "checkpoint.not_handed_out", to = %path.display(), %error);
                    file.one(OutResult::Failed);
                    to_file = Some(notes);
                }
            }
        }
        if let (Some(url), Some(notes)) = (&settings.post, to_post.take()) {
            match agent.post(url).content_type("text/plain; charset=utf-8").send(&notes.events) {
                Ok(_) => post.one(OutResult::Taken),
                Err(error) => {
                    tracing::warn!(event = "checkpoint.not_handed_out", to = url, %error);
                    post.one(OutResult::Failed);
                    to_post = Some(notes);
                }
            }
        }
    }
}

/// Appends a note; durable when it returns.
fn append(path: &Path, note: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    file.write_all(note.as_bytes())?;
    file.sync_data()
}
