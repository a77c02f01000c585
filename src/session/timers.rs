//! Owns the clocks of one link: session_init, enquire_link, inactivity, and a PDU that does not end.
//! Must never read a clock, nor time our requests: the in-flight table does that.

use crate::message::instant::MonotonicInstant;
use std::time::Duration;

/// How long each thing may take. Zero switches a timer off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerSettings {
    /// From the connection to the bind (5 s).
    pub session_init: Duration,
    /// From the last PDU of the peer to our enquire_link (30 s).
    pub enquire_link: Duration,
    /// Without a message in either direction (off).
    pub inactivity: Duration,
    /// From the first octet of a PDU to its last (10 s).
    pub pdu_read: Duration,
}

impl Default for TimerSettings {
    fn default() -> Self {
        Self {
            session_init: Duration::from_secs(5),
            enquire_link: Duration::from_secs(30),
            inactivity: Duration::ZERO,
            pdu_read: Duration::from_secs(10),
        }
    }
}

/// How many enquire_links may stay without any sign of life.
const MISSED_MAX: u32 = 2;

/// What a timer says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerEvent {
    /// Nobody bound in time: close without a word.
    SessionInit,
    /// A PDU was begun and not ended: close.
    PduStalled,
    /// Write an enquire_link.
    EnquireLink,
    /// Two enquire_links and no sign of life: the peer is dead, close.
    PeerDead,
    /// No message for the configured time: unbind.
    Inactive,
}

/// The clocks of one link.
#[derive(Clone, Debug)]
pub struct LinkTimers {
    settings: TimerSettings,
    bound: bool,
    opened: MonotonicInstant,
    /// The last whole PDU of the peer, whatever it was: traffic is a sign of life.
    heard: MonotonicInstant,
    /// The last message in either direction (no enquire_link).
    message: MonotonicInstant,
    pdu_begun: Option<MonotonicInstant>,
    /// The last enquire_link since `heard`, and how many there were.
    enquired: MonotonicInstant,
    unanswered: u32,
}

impl LinkTimers {
    /// The clocks of a connection just made, not bound.
    pub fn new(settings: TimerSettings, now: MonotonicInstant) -> Self {
        Self {
            settings,
            bound: false,
            opened: now,
            heard: now,
            message: now,
            pdu_begun: None,
            enquired: now,
            unanswered: 0,
        }
    }

    /// New settings of a reload.
    pub fn set(&mut self, settings: TimerSettings) {
        self.settings = settings;
    }

    /// The link is bound: session_init is over, the others begin.
    pub fn bound(&mut self, now: MonotonicInstant) {
        self.bound = true;
        self.message = now;
        self.heard(now);
    }

    /// Whole PDUs of the peer were read.
    pub fn heard(&mut self, now: MonotonicInstant) {
        self.heard = now;
        self.unanswered = 0;
    }

    /// A message (no enquire_link) was read or written.
    pub fn message(&mut self, now: MonotonicInstant) {
        self.message = now;
    }

    /// What is left in the buffer behind the last whole PDU: nothing, or a PDU that has begun. More octets of the same PDU do not
    /// prolong its time; `whole` says that PDUs were completed by this read, so that what is left is a new one.
    pub fn left_over(&mut self, octets: usize, whole: bool, now: MonotonicInstant) {
        self.pdu_begun = match (octets, self.pdu_begun) {
            (0, _) => None,
            (_, Some(begun)) if !whole => Some(begun),
            (_, _) => Some(now),
        };
    }

    /// The earliest instant at which `due` may have something to say.
    pub fn next_deadline(&self) -> Option<MonotonicInstant> {
        self.deadlines().into_iter().flatten().map(|(at, _)| at).min()
    }

    /// What is due at `now`; asked again until it is silent. An enquire_link counts as written once it is said.
    pub fn due(&mut self, now: MonotonicInstant) -> Option<TimerEvent> {
        let (_, event) =
            self.deadlines().into_iter().flatten().filter(|(at, _)| *at <= now).min_by_key(|(at, _)| *at)?;
        match event {
            TimerEvent::EnquireLink => {
                self.enquired = now;
                self.unanswered += 1;
            }
            TimerEvent::Inactive => self.message = now,
            TimerEvent::SessionInit | TimerEvent::PduStalled | TimerEvent::PeerDead => {}
        }
        Some(event)
    }

    fn deadlines(&self) -> [Option<(MonotonicInstant, TimerEvent)>; 4] {
        let after = |wanted: bool, from: MonotonicInstant, span: Duration, event| {
            (wanted && span > Duration::ZERO).then(|| (from.plus(span), event))
        };
        let settings = &self.settings;
        let (enquire_from, enquire_event) = match self.unanswered {
            0 => (self.heard, TimerEvent::EnquireLink),
            MISSED_MAX.. => (self.enquired, TimerEvent::PeerDead),
            _ => (self.enquired, TimerEvent::EnquireLink),
        };
        let begun = self.pdu_begun.unwrap_or_default();
        [
            after(!self.bound, self.opened, settings.session_init, TimerEvent::SessionInit),
            after(self.pdu_begun.is_some(), begun, settings.pdu_read, TimerEvent::PduStalled),
            after(self.bound, enquire_from, settings.enquire_link, enquire_event),
            after(self.bound, self.message, settings.inactivity, TimerEvent::Inactive),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> MonotonicInstant {
        MonotonicInstant::from_nanos(seconds * 1_000_000_000)
    }

    fn bound() -> LinkTimers {
        let mut timers = LinkTimers::new(TimerSettings::default(), at(0));
        timers.bound(at(1));
        timers
    }

    #[test]
    fn a_silent_connection_and_a_chatty_unbound_one_both_end_after_five_seconds() {
        for chatty in [false, true] {
            let mut timers = LinkTimers::new(TimerSettings::default(), at(0));
            for second in 1..5 {
                if chatty {
                    timers.heard(at(second));
                }
                assert_eq!(timers.due(at(second)), None);
            }
            assert_eq!(timers.next_deadline(), Some(at(5)));
            assert_eq!(timers.due(at(5)), Some(TimerEvent::SessionInit), "an enquire_link does not re-arm it");
        }
    }

    #[test]
    fn two_missed_enquire_links_are_a_death() {
        let mut timers = bound();
        let mut said = Vec::new();
        for second in 1..=91 {
            while let Some(event) = timers.due(at(second)) {
                said.push((second, event));
                if event == TimerEvent::PeerDead {
                    break;
                }
            }
        }
        assert_eq!(said, [(31, TimerEvent::EnquireLink), (61, TimerEvent::EnquireLink), (91, TimerEvent::PeerDead)]);
    }

    #[test]
    fn any_traffic_is_a_sign_of_life() {
        let mut timers = bound();
        assert_eq!(timers.due(at(31)), Some(TimerEvent::EnquireLink));
        assert_eq!(timers.due(at(61)), Some(TimerEvent::EnquireLink));
        timers.heard(at(80));
        assert_eq!(timers.next_deadline(), Some(at(110)));
        assert_eq!(timers.due(at(110)), Some(TimerEvent::EnquireLink), "the count starts anew");
        assert_eq!(timers.next_deadline(), Some(at(140)));
    }

    #[test]
    fn a_trickled_pdu_is_not_prolonged_by_its_octets() {
        let mut timers = bound();
        timers.left_over(3, false, at(10));
        timers.left_over(9, false, at(15));
        assert_eq!(timers.next_deadline(), Some(at(20)));
        timers.left_over(2, true, at(19));
        assert_eq!(timers.due(at(20)), None, "that PDU ended, another began");
        assert_eq!(timers.due(at(29)), Some(TimerEvent::PduStalled));
        timers.left_over(0, true, at(29));
        assert_eq!(timers.due(at(29)), None);
    }

    #[test]
    fn inactivity_counts_messages_only_and_is_off_by_default() {
        let settings = TimerSettings { inactivity: Duration::from_secs(60), ..TimerSettings::default() };
        let mut timers = LinkTimers::new(settings, at(0));
        timers.bound(at(0));
        for second in (10..60).step_by(10) {
            timers.heard(at(second));
        }
        timers.message(at(30));
        timers.heard(at(85));
        assert_eq!(timers.due(at(89)), None);
        assert_eq!(timers.due(at(90)), Some(TimerEvent::Inactive));
        assert_eq!(timers.due(at(90)), None, "said once");
    }
}
