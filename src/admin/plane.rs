//! Owns the door between the control plane and the data plane: exactly what may be asked of it.
//! Must never grow a method that a command does not need.

use super::answers::{
    CheckAnswer, LiftOutcome, LiftWaiting, ReadyCheck, ReloadReport, ReviewEntry, StatusAnswer, StopEntry, StopOutcome,
    StopPage, WhyAnswer,
};
use super::consent::{ConsentAnswer, ConsentBatch, ConsentEntry};
use super::gdpr::GdprPlane;
use super::pending::Pending;
use super::requests::{
    AdminRead, CheckRequest, LiftDecision, LiftRequest, PageRequest, ReportRequest, StopBatch, WrittenNumber,
};
use super::restore::RestorePlane;
use super::unsubscribes::UnsubscribeReport;

/// The registry of opt-ins as the control plane sees it.
pub trait ConsentPlane: Send + Sync + 'static {
    /// Records or revokes opt-ins: durable and in force when it answers. Bad rows come back by line, the good ones are in;
    /// an unknown account is `NotFound`.
    fn enter_consents(&self, batch: ConsentBatch) -> Pending<'_, StopOutcome>;

    /// What is recorded of a number, one entry an account.
    fn consents_of(&self, number: WrittenNumber) -> Pending<'_, Vec<ConsentEntry>>;

    /// A page of the opt-ins that are not revoked, of one account or of all, in a stable order. It may be empty and not the last.
    fn consents(&self, account: Option<String>, page: PageRequest) -> Pending<'_, ConsentAnswer>;
}

/// The data plane as the control plane sees it. `gateway::handle::Handle` implements it; tests have their own.
pub trait Plane: ConsentPlane + GdprPlane + RestorePlane {
    /// The gateway at a glance.
    fn status(&self) -> Pending<'_, StatusAnswer>;

    /// The checks of `/readyz`, from memory: never waits, so that a stuck lane cannot hang a probe.
    fn ready(&self) -> Vec<ReadyCheck>;

    /// Reads the configuration again. An invalid one changes nothing: `ProblemKind::Invalid` with every error in `error`.
    fn reload(&self, by: &str) -> Pending<'_, ReloadReport>;

    /// Begins to drain; answers at once.
    fn drain(&self, by: &str) -> Pending<'_, ()>;

    /// Judges without sending, counting or recording. An unknown account is `NotFound`.
    fn check(&self, request: CheckRequest) -> Pending<'_, CheckAnswer>;

    /// All that is known about a number. One that cannot be made canonical is `Invalid`.
    fn why(&self, number: WrittenNumber) -> Pending<'_, WhyAnswer>;

    /// Suppresses numbers: blocked in RAM and durable when it answers. Bad rows come back by line, the good ones are in;
    /// when the ledger fails none of the batch may be called added: `Unavailable`.
    fn suppress(&self, batch: StopBatch) -> Pending<'_, StopOutcome>;

    /// What suppresses a number: empty when nothing does.
    fn stops_of(&self, number: WrittenNumber) -> Pending<'_, Vec<StopEntry>>;

    /// A page of the list, in a stable order.
    fn stops(&self, page: PageRequest) -> Pending<'_, StopPage>;

    /// The replies that nothing followed from and that an officer should see, the newest first.
    fn doubtful(&self, limit: usize) -> Pending<'_, Vec<ReviewEntry>>;

    /// STOPs and messages by account, sender and campaign. May take a minute; never two at once.
    fn unsubscribes(&self, asked: ReportRequest) -> Pending<'_, UnsubscribeReport>;

    /// Proposes a lift: nothing is lifted yet. One that waits already, or that lifts nothing, is `Conflict`.
    fn propose_lift(&self, request: LiftRequest) -> Pending<'_, LiftWaiting>;

    /// Approves or refuses a proposed lift. The same person twice is `Conflict`, one that does not wait `NotFound`.
    fn decide_lift(&self, decision: LiftDecision) -> Pending<'_, LiftOutcome>;

    /// The lifts that wait.
    fn waiting_lifts(&self) -> Pending<'_, Vec<LiftWaiting>>;

    /// Records that personal data was read; durable when it answers.
    fn record_read(&self, read: AdminRead) -> Pending<'_, ()>;
}
