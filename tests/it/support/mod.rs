//! Owns what every scenario needs: a configuration, the real binary as a child, a simulated operator, senders.
//! Must never reach into the gateway: scenarios see what its users see.

pub mod config;
pub mod disk;
pub mod figures;
pub mod gateway;
pub mod injected;
pub mod loop_disk;
pub mod needles;
pub mod offline;
pub mod people;
pub mod search;
pub mod skip;
pub mod stage;
pub mod status;
pub mod strace;
pub mod witness;

use std::time::Duration;
use stopgate::sim::esme::Esme;
use stopgate::sim::message::{Address, Message};
use stopgate::sim::wire::{ENQUIRE_LINK, Pdu};

/// Longer than anything that is waited for may take on a busy machine; a test that waits so long has failed.
pub const SOON: Duration = Duration::from_secs(20);

/// A Tuesday morning: every hour of every pack is open.
pub const TUESDAY_MORNING: &str = "2026-11-24T10:00:00+01:00";

/// A commercial text that may leave.
pub const PROMO: &str = "Soldes: -20% samedi. STOP 36111";

/// A number of the block reserved for fiction.
pub fn phone(number: u32) -> String {
    assert!(number < 10_000, "the block has ten thousand numbers");
    format!("3363998{number:04}")
}

/// What a sender has that nobody waited for: an answer asked for now comes behind everything that was on its way.
pub async fn left_over(esme: &Esme) -> Vec<Pdu> {
    let asked = esme.request(ENQUIRE_LINK, b"").await.expect("written");
    esme.answer(asked, SOON).await.expect("an answer");
    esme.drain()
}

/// What a receipt says became of a message: state and error.
pub const DELIVERED: (&str, &str) = ("DELIVRD", "000");
/// The error an operator uses for people who opted out there, where `optout_errors` lists it.
pub const OPTED_OUT_THERE: (&str, &str) = ("UNDELIV", "053");

/// A receipt as operators write it: of the message with this id from `sender` to `number`.
pub fn receipt_of(number: &str, sender: &str, id: &str, (stat, err): (&str, &str)) -> Message {
    let delivered = u8::from(stat == DELIVERED.0);
    let text = format!(
        "id:{id} sub:001 dlvrd:00{delivered} submit date:2611241000 done date:2611241001 stat:{stat} err:{err} text:"
    );
    let mut receipt = Message::mo(number, sender, &text);
    (receipt.destination, receipt.esm_class) = (Address::of(sender), 0x04);
    receipt
}

/// The body of a submit_multi from ACME.
pub fn multi(destinations: &[&[u8]], text: &str) -> Vec<u8> {
    let mut body = b"\0\x05\0ACME\0".to_vec();
    body.push(destinations.len() as u8);
    destinations.iter().for_each(|one| body.extend_from_slice(one));
    body.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 0, 0, text.len() as u8]);
    body.extend_from_slice(text.as_bytes());
    body
}

/// A destination of a submit_multi, by its number.
pub fn sme(number: &str) -> Vec<u8> {
    [b"\x01\x01\x01", number.as_bytes(), b"\0"].concat()
}
