//! Owns the state of our link to an operator: connecting, binding, bound, being unbound, down until the next attempt.
//! Must never read a body, open a socket or decide where a message goes.

use super::backoff::Backoff;
use super::bind_kind::BindKind;
use super::esme::{Answer, WrongState};
use crate::message::instant::MonotonicInstant;
use rusmpp::CommandId;
use std::time::Duration;

/// A bind that has lasted this long starts the back-off anew; one that breaks sooner is a flapping operator.
const STEADY: Duration = Duration::from_secs(10);

/// Who ends a bound link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmscUnbindBy {
    /// The operator; its unbind is answered (with this sequence number) when our submits are, or the drain times out.
    Peer { sequence: u32 },
    /// We did; its unbind_resp is awaited.
    Us,
}

/// The state of the link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmscState {
    /// No connection; the next attempt is due at this instant.
    Down { retry_at: MonotonicInstant },
    /// The connection is being made.
    Connecting { since: MonotonicInstant },
    /// Our bind is written, its answer not read. Messages from the operator count as if bound: a STOP must not be lost.
    Binding { since: MonotonicInstant },
    /// Messages flow.
    Bound { since: MonotonicInstant },
    /// Nothing new is sent; answers and messages from the operator still count.
    Unbinding { since: MonotonicInstant, by: SmscUnbindBy },
    /// Not to be connected again.
    Stopped,
}

/// What the link is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmscAction {
    /// Make a connection.
    Connect,
    /// No answer to our connect, bind or unbind within the response time: drop the connection and call `lost`.
    GiveUp,
}

/// What a bind response means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BindOutcome {
    Bound,
    /// Close; the next attempt is due at this instant.
    Refused {
        status: u32,
        retry_at: MonotonicInstant,
    },
    /// It answers nothing we asked: ignore and count.
    Unexpected,
}

/// A request of the operator that is taken in and handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmscRequest {
    DeliverSm,
    DataSm,
    AlertNotification,
    EnquireLink,
    Unbind,
}

/// What becomes of a command that arrived from the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmscAdmission {
    Take(SmscRequest),
    /// A response or generic_nack: matched against what we asked; counted if nothing matches.
    Response,
    /// The link stays.
    Refuse(Answer),
    /// Ignored: outbind, and everything once the link is down.
    Drop,
}

/// One of our links to an operator.
#[derive(Clone, Debug)]
pub struct SmscSession {
    kind: BindKind,
    state: SmscState,
    backoff: Backoff,
    response_timeout: Duration,
}

impl SmscSession {
    /// A link that will bind as `kind`; the first attempt is due at once.
    pub fn new(kind: BindKind, backoff: Backoff, response_timeout: Duration, now: MonotonicInstant) -> Self {
        Self { kind, state: SmscState::Down { retry_at: now }, backoff, response_timeout }
    }

    /// How the link binds.
    pub fn kind(&self) -> BindKind {
        self.kind
    }

    /// Where it stands.
    pub fn state(&self) -> SmscState {
        self.state
    }

    /// Whether messages may be written to it now.
    pub fn submits(&self) -> bool {
        matches!(self.state, SmscState::Bound { .. }) && self.kind.submits()
    }

    /// Whether it is bound.
    pub fn is_bound(&self) -> bool {
        matches!(self.state, SmscState::Bound { .. })
    }

    /// When `due` is to be asked next; `None`: nothing is awaited.
    pub fn next_deadline(&self) -> Option<MonotonicInstant> {
        match self.state {
            SmscState::Down { retry_at } => Some(retry_at),
            SmscState::Connecting { since } | SmscState::Binding { since } | SmscState::Unbinding { since, .. } => {
                Some(since.plus(self.response_timeout))
            }
            SmscState::Bound { .. } | SmscState::Stopped => None,
        }
    }

    /// What is to be done now. `Connect` moves the link to `Connecting`.
    pub fn due(&mut self, now: MonotonicInstant) -> Option<SmscAction> {
        if now < self.next_deadline()? {
            return None;
        }
        match self.state {
            SmscState::Down { .. } => {
                self.state = SmscState::Connecting { since: now };
                Some(SmscAction::Connect)
            }
            SmscState::Connecting { .. } | SmscState::Binding { .. } | SmscState::Unbinding { .. } => {
                Some(SmscAction::GiveUp)
            }
            SmscState::Bound { .. } | SmscState::Stopped => None,
        }
    }

    /// The connection stands and our bind is written.
    pub fn bind_sent(&mut self, now: MonotonicInstant) -> Result<(), WrongState> {
        match self.state {
            SmscState::Connecting { .. } => {
                self.state = SmscState::Binding { since: now };
                Ok(())
            }
            SmscState::Down { .. }
            | SmscState::Binding { .. }
            | SmscState::Bound { .. }
            | SmscState::Unbinding { .. }
            | SmscState::Stopped => Err(WrongState),
        }
    }

    /// The bind response (or a generic_nack to our bind) was read with this command_status.
    pub fn bind_answered(&mut self, status: u32, now: MonotonicInstant) -> BindOutcome {
        match self.state {
            SmscState::Binding { .. } if status == 0 => {
                self.state = SmscState::Bound { since: now };
                BindOutcome::Bound
            }
            SmscState::Binding { .. } => BindOutcome::Refused { status, retry_at: self.lost(now) },
            SmscState::Down { .. }
            | SmscState::Connecting { .. }
            | SmscState::Bound { .. }
            | SmscState::Unbinding { .. }
            | SmscState::Stopped => BindOutcome::Unexpected,
        }
    }

    /// The connection failed or ended, whoever ended it: gives the instant of the next attempt.
    /// The caller drains the window: what was in flight has an unknown fate.
    pub fn lost(&mut self, now: MonotonicInstant) -> MonotonicInstant {
        let steady = match self.state {
            SmscState::Bound { since } => now.since(since) >= STEADY,
            SmscState::Unbinding { .. } => true,
            SmscState::Stopped => return now,
            SmscState::Down { retry_at } => return retry_at,
            SmscState::Connecting { .. } | SmscState::Binding { .. } => false,
        };
        if steady {
            self.backoff.succeed();
        }
        let retry_at = now.plus(self.backoff.fail());
        self.state = SmscState::Down { retry_at };
        retry_at
    }

    /// The operator's unbind was read: nothing new is sent from now on.
    pub fn unbind_received(&mut self, sequence: u32, now: MonotonicInstant) -> Result<(), WrongState> {
        match self.state {
            SmscState::Binding { .. } | SmscState::Bound { .. } | SmscState::Unbinding { .. } => {
                self.state = SmscState::Unbinding { since: now, by: SmscUnbindBy::Peer { sequence } };
                Ok(())
            }
            SmscState::Down { .. } | SmscState::Connecting { .. } | SmscState::Stopped => Err(WrongState),
        }
    }

    /// Our unbind is written.
    pub fn unbind_sent(&mut self, now: MonotonicInstant) -> Result<(), WrongState> {
        match self.state {
            SmscState::Bound { .. } => {
                self.state = SmscState::Unbinding { since: now, by: SmscUnbindBy::Us };
                Ok(())
            }
            SmscState::Down { .. }
            | SmscState::Connecting { .. }
            | SmscState::Binding { .. }
            | SmscState::Unbinding { .. }
            | SmscState::Stopped => Err(WrongState),
        }
    }

    /// Whether we asked the operator to unbind: its unbind_resp then ends the link.
    pub fn awaits_unbind_resp(&self) -> bool {
        matches!(self.state, SmscState::Unbinding { by: SmscUnbindBy::Us, .. })
    }

    /// The sequence number of the operator's unbind that is still to be answered.
    pub fn owes_unbind_resp(&self) -> Option<u32> {
        match self.state {
            SmscState::Unbinding { by: SmscUnbindBy::Peer { sequence }, .. } => Some(sequence),
            SmscState::Unbinding { by: SmscUnbindBy::Us, .. }
            | SmscState::Down { .. }
            | SmscState::Connecting { .. }
            | SmscState::Binding { .. }
            | SmscState::Bound { .. }
            | SmscState::Stopped => None,
        }
    }

    /// The gateway ends: no further attempt.
    pub fn stop(&mut self) {
        self.state = SmscState::Stopped;
    }

    /// What becomes of a command with this id.
    pub fn admit(&self, command: u32) -> SmscAdmission {
        match self.state {
            SmscState::Down { .. } | SmscState::Connecting { .. } | SmscState::Stopped => return SmscAdmission::Drop,
            SmscState::Binding { .. } | SmscState::Bound { .. } | SmscState::Unbinding { .. } => {}
        }
        let command = CommandId::from(command);
        if command.is_response() {
            return SmscAdmission::Response;
        }
        match command {
            // Taken on every kind of bind and also while binding or unbinding: an operator that sends a STOP where
            // the matrix does not expect it has still sent a STOP.
            CommandId::DeliverSm => SmscAdmission::Take(SmscRequest::DeliverSm),
            CommandId::DataSm => SmscAdmission::Take(SmscRequest::DataSm),
            CommandId::AlertNotification => SmscAdmission::Take(SmscRequest::AlertNotification),
            CommandId::EnquireLink => SmscAdmission::Take(SmscRequest::EnquireLink),
            CommandId::Unbind => SmscAdmission::Take(SmscRequest::Unbind),
            CommandId::Outbind => SmscAdmission::Drop,
            CommandId::BroadcastSm
            | CommandId::QueryBroadcastSm
            | CommandId::CancelBroadcastSm
            | CommandId::Other(_) => SmscAdmission::Refuse(Answer::Nack(0x03)),
            _ => SmscAdmission::Refuse(Answer::Own(0x04)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: Duration = Duration::from_secs(30);

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_nanos(seconds * 1_000_000_000)
    }

    fn link() -> SmscSession {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 1);
        SmscSession::new(BindKind::Transceiver, backoff, RESPONSE, at(0))
    }

    fn binding() -> SmscSession {
        let mut link = link();
        assert_eq!(link.due(at(0)), Some(SmscAction::Connect));
        assert_eq!(link.due(at(1)), None);
        link.bind_sent(at(1)).unwrap();
        link
    }

    fn bound() -> SmscSession {
        let mut link = binding();
        assert_eq!(link.bind_answered(0, at(2)), BindOutcome::Bound);
        link
    }

    #[test]
    fn a_message_before_the_bind_response_is_taken_as_if_bound() {
        let link = binding();
        assert!(!link.submits());
        assert_eq!(link.admit(0x05), SmscAdmission::Take(SmscRequest::DeliverSm));
        assert_eq!(link.admit(0x8000_0009), SmscAdmission::Response);
    }

    #[test]
    fn commands_are_taken_refused_or_ignored_as_the_side_demands() {
        let link = bound();
        let cases = [
            (0x05, SmscAdmission::Take(SmscRequest::DeliverSm)),
            (0x103, SmscAdmission::Take(SmscRequest::DataSm)),
            (0x102, SmscAdmission::Take(SmscRequest::AlertNotification)),
            (0x15, SmscAdmission::Take(SmscRequest::EnquireLink)),
            (0x06, SmscAdmission::Take(SmscRequest::Unbind)),
            (0x0b, SmscAdmission::Drop),
            (0x04, SmscAdmission::Refuse(Answer::Own(0x04))),
            (0x09, SmscAdmission::Refuse(Answer::Own(0x04))),
            (0x111, SmscAdmission::Refuse(Answer::Nack(0x03))),
            (0x0a, SmscAdmission::Refuse(Answer::Nack(0x03))),
            (0x8000_0000, SmscAdmission::Response),
            (0x8000_0004, SmscAdmission::Response),
        ];
        for (command, expected) in cases {
            assert_eq!(link.admit(command), expected, "{command:#x}");
        }
    }

    #[test]
    fn a_refused_bind_backs_off_and_a_silent_one_is_given_up() {
        let mut link = binding();
        assert_eq!(link.due(at(30)), None);
        assert_eq!(link.due(at(31)), Some(SmscAction::GiveUp));
        let BindOutcome::Refused { status: 0x0e, retry_at } = link.bind_answered(0x0e, at(31)) else {
            panic!("a status that is not zero refuses")
        };
        assert!(retry_at >= at(32) && retry_at <= at(33));
        assert_eq!(link.due(at(31)), None);
        assert_eq!(link.due(retry_at), Some(SmscAction::Connect));
        assert_eq!(link.bind_answered(0, retry_at), BindOutcome::Unexpected);
    }

    #[test]
    fn a_flapping_operator_is_tried_ever_more_slowly_and_a_steady_one_at_once() {
        let mut link = link();
        let mut now = at(0);
        let mut waits = Vec::new();
        for lasted in [0, 1, 1, 1, 1, 10] {
            assert_eq!(link.due(now), Some(SmscAction::Connect));
            link.bind_sent(now).unwrap();
            link.bind_answered(0, now);
            now = now.plus(Duration::from_secs(lasted));
            let retry_at = link.lost(now);
            assert_eq!(link.lost(now), retry_at, "a loss told twice is one loss");
            waits.push(retry_at.since(now).as_secs());
            now = retry_at;
        }
        assert!(waits[4] >= 16 && waits[5] <= 2, "{waits:?}");
    }

    #[test]
    fn an_unbind_of_the_operator_stops_what_is_new_and_is_answered_later() {
        let mut link = bound();
        link.unbind_received(77, at(40)).unwrap();
        assert!(!link.submits());
        assert_eq!(link.owes_unbind_resp(), Some(77));
        assert_eq!(link.admit(0x05), SmscAdmission::Take(SmscRequest::DeliverSm));
        assert_eq!(link.due(at(70)), Some(SmscAction::GiveUp));
        link.lost(at(70));
        assert_eq!(link.admit(0x05), SmscAdmission::Drop);
    }

    #[test]
    fn a_stopped_link_never_connects_again() {
        let mut link = bound();
        link.unbind_sent(at(5)).unwrap();
        link.stop();
        link.lost(at(6));
        assert_eq!((link.next_deadline(), link.due(at(1_000))), (None, None));
    }
}
