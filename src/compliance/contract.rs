//! Owns what the account's contract says about the class of a message: what it names as transactional is, the rest is not.
//! Must never read the text: what a text tightens is `traffic`'s work, asked here.

use super::class::TrafficClass;
use super::numbers::NumberPlan;
use super::pack::Pack;
use super::policy::{AccountPolicy, Contract};
use super::sender_rules::Source;
use super::traffic::{self, Classified};
use crate::message::submission::Submission;

/// The class by contract.
pub fn class(
    submission: &Submission<'_>,
    source: Source<'_>,
    account: &AccountPolicy,
    plan: &NumberPlan,
) -> TrafficClass {
    match &account.contract {
        Contract::Commercial => TrafficClass::Commercial,
        Contract::Transactional => TrafficClass::Transactional,
        Contract::Mixed { service_types, sources, tlvs } => {
            let service_type =
                submission.slice(submission.service_type).split(|octet| *octet == 0).next().unwrap_or(&[]);
            let named = service_types.iter().any(|named| !named.is_empty() && named.as_bytes() == service_type)
                || source.is_one_of(sources, plan, &account.default_country)
                || tags(submission.slice(submission.tlvs)).any(|tag| tlvs.contains(&tag));
            if named { TrafficClass::Transactional } else { TrafficClass::Commercial }
        }
    }
}

/// The class: the contract's, which what the message shows can only tighten. Also the contract's alone.
pub fn classified(
    submission: &Submission<'_>,
    source: Source<'_>,
    text: Option<&str>,
    pack: &Pack,
    account: &AccountPolicy,
    plan: &NumberPlan,
) -> (TrafficClass, Classified) {
    let promotional = source.number().is_some_and(|number| pack.senders.is_promotional(number))
        && !names_source(source, account, plan);
    let contract = class(submission, source, account, plan);
    (contract, traffic::classify(contract, promotional, text, pack, account.promotional_text))
}

/// Whether the contract names the source as transactional.
pub fn names_source(source: Source<'_>, account: &AccountPolicy, plan: &NumberPlan) -> bool {
    match &account.contract {
        Contract::Commercial | Contract::Transactional => false,
        Contract::Mixed { sources, .. } => source.is_one_of(sources, plan, &account.default_country),
    }
}

/// The tags of a TLV stream (SMPP 3.4 §5.3), as far as it is well formed.
fn tags(mut stream: &[u8]) -> impl Iterator<Item = u16> + '_ {
    std::iter::from_fn(move || {
        let (head, rest) = stream.split_at_checked(4)?;
        let len = usize::from(u16::from_be_bytes([head[2], head[3]]));
        stream = rest.get(len..)?;
        Some(u16::from_be_bytes([head[0], head[1]]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_until_the_stream_is_no_longer_one() {
        let stream = [0x14, 0x01, 0, 2, 9, 9, 0x02, 0x10, 0, 0, 0x14, 0x02, 0, 9, 1];
        assert_eq!(tags(&stream).collect::<Vec<_>>(), [0x1401, 0x0210]);
    }
}
