//! Owns what may happen in a sequence: submissions of every shape, replies, answers, losses, time; drawn from a seed.
//! Must never know the law: what it draws may be lawful or not.

use stopgate::sim::message::{Address, MESSAGE_PAYLOAD, Message, Shape};
use stopgate::sim::wire::{Pdu, SUBMIT_MULTI};

/// A small generator (splitmix64): the same seed, the same sequence, on every machine.
pub struct Dice(u64);

impl Dice {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.roll() % end as u64) as usize
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, share: u64) -> bool {
        self.roll() % 100 < share
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }
}

/// Texts: with a mention, without, with what only looks like one, empty.
const TEXTS: [&str; 10] = [
    "Soldes: -20% samedi. STOP 36111",
    "Soldes: -20% samedi. Venez nombreux",
    "Soldes: -20% samedi. STOP 36222",
    "Soldes: -20% STOP au 36111 et encore",
    "Soldes: -20% samedi. NON STOP 36111",
    "Soldes: -20% samedi. ST0P 36111",
    "Soldes: -20% samedi. STOP 361113",
    "Votre code est 123456",
    "Votre code est 123456. STOP 36111",
    "",
];

/// When a sequence begins, in UTC: open days, edges of hours, a Saturday, a Sunday, a holiday, an edge of Reunion's day.
pub const BEGINNINGS: [&str; 10] = [
    "2026-11-24T09:00:00Z",
    "2026-11-24T09:00:00Z",
    "2026-11-24T09:00:00Z",
    "2026-11-24T18:59:45Z",
    "2026-11-24T06:59:50Z",
    "2026-11-28T08:59:50Z",
    "2026-11-28T17:59:50Z",
    "2026-11-29T10:00:00Z",
    "2026-11-11T10:00:00Z",
    "2026-11-24T15:59:45Z",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Udh8,
    Udh16,
    Sar,
    /// Two that contradict each other.
    Both,
}

/// A part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    pub way: Way,
    pub reference: u8,
    pub total: u8,
    pub at: u8,
    /// Octets by which the cuts are off: in the middle of a word, of a letter.
    pub skew: usize,
}

/// What else is wrong or odd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    Nothing,
    VendorTlv,
    Ports,
    EsmClass(u8),
    ProtocolId(u8),
    DefaultMessage(u8),
    Decoy,
    TwoPayloads,
    Slack,
    Replacing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    Submit,
    Data,
    Multi,
}

/// A submission.
#[derive(Clone, Copy, Debug)]
pub struct Shot {
    pub client: usize,
    pub carrier: Carrier,
    /// Whose source it names.
    pub source: usize,
    pub number: usize,
    pub spelling: usize,
    pub text: usize,
    pub coding: u8,
    pub payload: bool,
    pub one_time: bool,
    pub cut: Option<Cut>,
    pub schedule: usize,
    pub odd: Odd,
}

/// How a frame is damaged.
#[derive(Clone, Copy, Debug)]
pub enum Damage {
    Flip { at: usize, by: u8 },
    Shorter(usize),
    Longer(usize),
    Command(u32),
    Length(i32),
}

#[derive(Clone, Copy, Debug)]
pub enum Answering {
    Ok,
    Error(u32),
    Nack,
    Twice,
    Unasked,
}

#[derive(Clone, Copy, Debug)]
pub enum Step {
    Submit(Shot),
    Damaged(Shot, Damage),
    /// replace_sm with a new text, a deliver_sm with STOP or START, a broadcast, a wildcard cancel_sm.
    Foreign {
        client: usize,
        command: u32,
        number: usize,
    },
    Reply {
        link: usize,
        number: usize,
        word: &'static str,
        code: &'static str,
    },
    /// A part of a STOP that only both parts make.
    Torn {
        link: usize,
        number: usize,
        at: u8,
    },
    Pass {
        millis: u64,
    },
    Answer {
        link: usize,
        how: Answering,
    },
    Lose {
        link: usize,
    },
    Bind {
        link: usize,
    },
    Room {
        link: usize,
        octets: usize,
    },
    Reload,
    Rebind {
        client: usize,
    },
}

/// A sequence from a seed.
pub fn draw(seed: u64) -> (usize, Vec<Step>) {
    let mut dice = Dice::new(seed);
    let beginning = dice.below(BEGINNINGS.len());
    let length = 4 + dice.below(9);
    let theme = shot(&mut dice);
    (beginning, (0..length).map(|_| step(&mut dice, theme)).collect())
}

fn step(dice: &mut Dice, theme: Shot) -> Step {
    let link = dice.below(2);
    let number = dice.pick(&[0, 0, 0, 1, 2]);
    match dice.below(100) {
        0..52 => Step::Submit(near(dice, theme)),
        52..58 => {
            let damage = match dice.below(6) {
                0..2 => Damage::Flip { at: dice.below(120), by: 1 << dice.below(8) },
                2 => Damage::Shorter(1 + dice.below(20)),
                3 => Damage::Longer(1 + dice.below(20)),
                4 => Damage::Command(dice.pick(&[0x04, 0x05, 0x07, 0x21, 0x103, 0x111, 0x0001_0200])),
                _ => Damage::Length(dice.pick(&[-3, -1, 1, 2, 40])),
            };
            Step::Damaged(near(dice, theme), damage)
        }
        58..61 => {
            let command = dice.pick(&[0x07, 0x05, 0x111, 0x08]);
            Step::Foreign { client: dice.below(4), command, number }
        }
        61..71 => {
            let word = dice.pick(&["STOP", "STOP", "stop svp", "START"]);
            Step::Reply { link, number, word, code: dice.pick(&["36111", "36111", "36222"]) }
        }
        71..73 => Step::Torn { link, number, at: dice.pick(&[1, 2]) },
        73..80 => {
            let millis = dice.pick(&[900, 4_000, 6_000, 11_000, 16_000, 31_000, 601_000, 3_600_000]);
            Step::Pass { millis }
        }
        80..89 => {
            let how = match dice.below(8) {
                0..4 => Answering::Ok,
                4 => Answering::Error(dice.pick(&[0x58, 0x08, 0x14, 0x45])),
                5 => Answering::Nack,
                6 => Answering::Twice,
                _ => Answering::Unasked,
            };
            Step::Answer { link, how }
        }
        89..91 => Step::Lose { link },
        91..93 => Step::Bind { link },
        93..97 => Step::Room { link, octets: dice.pick(&[0, 0, 7, 60, 200, usize::MAX, usize::MAX]) },
        97..99 => Step::Reload,
        _ => Step::Rebind { client: dice.below(4) },
    }
}

/// Mostly the theme again with something else about it: parts of one message, the same text by another road.
fn near(dice: &mut Dice, theme: Shot) -> Shot {
    let fresh = shot(dice);
    let mut shot = if dice.percent(15) { fresh } else { theme };
    if let Some(cut) = &mut shot.cut {
        cut.at = 1 + dice.below(usize::from(cut.total)) as u8;
    }
    match dice.below(20) {
        0 => shot.client = fresh.client,
        1 => shot.number = fresh.number,
        2 | 3 => shot.spelling = fresh.spelling,
        4 => shot.text = fresh.text,
        5 => shot.coding = fresh.coding,
        6 => shot.payload = fresh.payload,
        7 => shot.cut = fresh.cut,
        8 => shot.one_time = fresh.one_time,
        9 => shot.schedule = fresh.schedule,
        10 => shot.odd = fresh.odd,
        11 => shot.carrier = fresh.carrier,
        _ => {}
    }
    shot
}

fn shot(dice: &mut Dice) -> Shot {
    let client = dice.pick(&[0, 0, 0, 1, 1, 2, 3]);
    let cut = dice.percent(40).then(|| {
        let total = dice.pick(&[2, 2, 2, 3]);
        let way = match dice.below(30) {
            0 => Way::Both,
            1..14 => Way::Udh8,
            14..18 => Way::Udh16,
            _ => Way::Sar,
        };
        let at = 1 + dice.below(usize::from(total)) as u8;
        Cut { way, reference: dice.pick(&[7, 7, 8]), total, at, skew: dice.pick(&[0, 0, 1, 2, 5]) }
    });
    let odd = match dice.below(90) {
        0 => Odd::VendorTlv,
        1 => Odd::Ports,
        2 => Odd::EsmClass(dice.pick(&[0x03, 0x04, 0x08, 0x20, 0x24])),
        3 => Odd::ProtocolId(dice.pick(&[0x40, 0x41, 0x47, 0x3f])),
        4 => Odd::DefaultMessage(dice.pick(&[1, 7])),
        5 => Odd::Decoy,
        6 => Odd::TwoPayloads,
        7 => Odd::Slack,
        8 => Odd::Replacing,
        _ => Odd::Nothing,
    };
    let carrier = match dice.below(10) {
        0 | 1 => Carrier::Data,
        2..6 if client == 1 => Carrier::Multi,
        2 => Carrier::Multi,
        _ => Carrier::Submit,
    };
    Shot {
        client,
        carrier,
        source: if dice.percent(97) { client } else { dice.below(4) },
        number: dice.pick(&[0, 0, 0, 1, 2]),
        spelling: dice.below(8),
        text: match client {
            1 => dice.pick(&[2, 2, 2, 2, 2, 1, 4, 5, 7]),
            _ => dice.pick(&[0, 0, 0, 0, 0, 3, 3, 1, 2, 4, 5, 6, 7, 7, 8, 9]),
        },
        coding: dice.pick(&[0, 0, 0, 0, 0, 1, 3, 8, 8, 4]),
        payload: dice.percent(15),
        one_time: dice.percent(30),
        cut: cut.filter(|_| carrier != Carrier::Multi),
        schedule: if dice.percent(12) { 1 + dice.below(SCHEDULES.len() - 1) } else { 0 },
        odd,
    }
}

/// schedule_delivery_time: none, soon, tonight, in a quarter of an hour, beyond a day, in nine hours, tomorrow at noon.
const SCHEDULES: [&str; 7] = [
    "",
    "000000010000000R",
    "261124220000004+",
    "000000001500000R",
    "000002020000000R",
    "000000090000000R",
    "261125120000004+",
];

/// A number as somebody may write it: TON and text.
fn spelled(number: &str, spelling: usize) -> (u8, String) {
    // Metropolitan numbers and those of Reunion alike: the national number behind the country's code.
    let (code, national) = if number.starts_with("262") { number.split_at(3) } else { number.split_at(2) };
    match spelling {
        0 | 1 => (1, number.to_owned()),
        2 => (1, format!("+{number}")),
        3 => (0, format!("00{number}")),
        4 => (2, format!("0{national}")),
        5 => (1, format!("+{code}(0){national}")),
        // Reunion written as if it were in metropolitan France.
        6 => (1, format!("33{national}")),
        _ => (1, format!("{code} {} {}", &national[..3], &national[3..])),
    }
}

impl Shot {
    /// The octets of the whole text under its coding.
    fn octets(&self) -> Vec<u8> {
        let text = TEXTS[self.text];
        match self.coding {
            8 => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            _ => text.as_bytes().to_vec(),
        }
    }

    /// The octets this PDU carries: all, or its part.
    fn piece(&self) -> Vec<u8> {
        let whole = self.octets();
        let Some(cut) = self.cut else { return whole };
        let edge = |at: u8| match at {
            0 => 0,
            at if at == cut.total => whole.len(),
            at => (whole.len() * usize::from(at) / usize::from(cut.total) + cut.skew).min(whole.len()),
        };
        whole[edge(cut.at - 1)..edge(cut.at)].to_vec()
    }

    /// The PDU, with the number `reference` by which the law knows who sent it.
    pub fn pdu(&self, sources: &[&str], numbers: &[String; 3], sequence: u32, reference: u16) -> Pdu {
        let (ton, text) = spelled(&numbers[self.number], self.spelling);
        let destination = Address { ton, npi: 1, text: text.into_bytes() };
        let mut message = match self.carrier {
            Carrier::Submit | Carrier::Multi => Message::submit(sources[self.source], "33639980000", ""),
            Carrier::Data => Message::data(sources[self.source], "33639980000", ""),
        };
        message.tlvs.clear();
        message.short_message.clear();
        message.destination = destination;
        message.data_coding = self.coding;
        message.schedule = SCHEDULES[self.schedule].into();
        if self.one_time {
            message.service_type = b"OTP".to_vec();
        }
        let mut octets = self.piece();
        if let Some(cut) = self.cut {
            let header: &[u8] = match cut.way {
                Way::Udh8 | Way::Both => &[5, 0, 3, cut.reference, cut.total, cut.at],
                Way::Udh16 => &[6, 8, 4, 0, cut.reference, cut.total, cut.at],
                Way::Sar => &[],
            };
            if !header.is_empty() {
                message.esm_class |= 0x40;
                octets.splice(0..0, header.iter().copied());
            }
            if matches!(cut.way, Way::Sar | Way::Both) {
                message = message.with_tlv(0x020c, [0, cut.reference]).with_tlv(0x020e, [cut.total]);
                message = message.with_tlv(0x020f, [cut.at]);
            }
        }
        message = message.with_tlv(0x0204, reference.to_be_bytes());
        match self.odd {
            Odd::VendorTlv => message = message.with_tlv(0x1400, *b"BUY"),
            Odd::Ports if self.cut.is_none() => {
                message.esm_class |= 0x40;
                octets.splice(0..0, [6, 5, 4, 0x0b, 0x84, 0x23, 0xf0]);
            }
            Odd::Ports => message = message.with_tlv(0x020b, [0x0b, 0x84]),
            Odd::EsmClass(bits) => message.esm_class |= bits,
            Odd::ProtocolId(id) => message.protocol_id = id,
            Odd::DefaultMessage(id) => message.default_message_id = id,
            Odd::Replacing => message.replace_if_present = 1,
            Odd::Decoy | Odd::TwoPayloads | Odd::Slack | Odd::Nothing => {}
        }
        if self.payload || self.carrier == Carrier::Data {
            if self.odd == Odd::Decoy && message.shape == Shape::Submit {
                message.short_message = TEXTS[0].into();
            }
            if self.odd == Odd::TwoPayloads {
                message = message.with_tlv(MESSAGE_PAYLOAD, TEXTS[0]);
            }
            message = message.with_tlv(MESSAGE_PAYLOAD, octets);
        } else {
            message.short_message = octets;
        }
        let pdu = match self.carrier {
            Carrier::Submit | Carrier::Data => message.pdu(sequence),
            Carrier::Multi => several(&message, &numbers[(self.number + 1) % 3], sequence),
        };
        match self.odd {
            Odd::Slack => Pdu::new(pdu.command(), 0, sequence, &[pdu.body(), b"BUY"].concat()),
            _ => pdu,
        }
    }
}

/// The same message as a submit_multi to its number and another.
fn several(message: &Message, other: &str, sequence: u32) -> Pdu {
    let single = message.pdu(sequence);
    let body = single.body();
    let source = message.service_type.len() + 1 + 2 + message.source.text.len() + 1;
    let behind = source + 2 + message.destination.text.len() + 1;
    let other = [&[1, 1, 1], other.as_bytes(), &[0]].concat();
    let all = [&body[..source], &[2, 1], &body[source..behind], &other, &body[behind..]].concat();
    Pdu::new(SUBMIT_MULTI, 0, sequence, &all)
}

impl Damage {
    /// The octets of the frame, damaged.
    pub fn of(self, pdu: &Pdu) -> Vec<u8> {
        let mut octets = pdu.octets().to_vec();
        let mut fit = true;
        match self {
            Self::Flip { at, by } => {
                let body = octets.len() - 16;
                octets[16 + at % body] ^= by;
            }
            Self::Shorter(by) => octets.truncate(octets.len().saturating_sub(by).max(16)),
            Self::Longer(by) => octets.extend((0..by).map(|at| at as u8)),
            Self::Command(command) => octets[4..8].copy_from_slice(&command.to_be_bytes()),
            Self::Length(by) => {
                fit = false;
                let length = (octets.len() as i32 + by) as u32;
                octets[..4].copy_from_slice(&length.to_be_bytes());
            }
        }
        if fit {
            let length = octets.len() as u32;
            octets[..4].copy_from_slice(&length.to_be_bytes());
        }
        octets
    }
}
