//! Owns one `[[account]]`: a sender as it is written, read whole.
//! Must never look at another account, at an operator or at a short code: `cross` does.

use super::frequency;
use super::observe;
use super::refusal;
use super::secret::Surroundings;
use super::section::Table;
use super::value;
use crate::compliance::code::RefusalCode;
use crate::compliance::frequency::Cap;
use crate::compliance::observe::Observe;
use crate::compliance::policy::{Consent, Contract, PromotionalText, ValidityRule};
use crate::gateway::settings::{Network, RefusalDetail, RefusalStyle, Secret, StopScope, SubmitMulti};
use std::collections::BTreeMap;
use std::time::Duration;

const CLASSES: &[(&str, Class)] =
    &[("commercial", Class::Commercial), ("transactional", Class::Transactional), ("mixed", Class::Mixed)];
const CONSENTS: &[(&str, ConsentKind)] =
    &[("declared", ConsentKind::Declared), ("proof", ConsentKind::Proof), ("off", ConsentKind::Off)];
const MULTI: &[(&str, SubmitMulti)] = &[("refuse", SubmitMulti::Refuse), ("filter", SubmitMulti::Filter)];
pub(super) const STOP_SCOPES: &[(&str, StopScope)] =
    &[("global", StopScope::Global), ("account", StopScope::Account), ("sender", StopScope::Sender)];
const VALIDITY: &[(&str, ValidityRule)] = &[("keep", ValidityRule::Keep), ("closing", ValidityRule::Closing)];
const PROMOTIONAL: &[(&str, PromotionalText)] =
    &[("reclassify", PromotionalText::Reclassify), ("log", PromotionalText::Log), ("refuse", PromotionalText::Refuse)];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Commercial,
    Transactional,
    Mixed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ConsentKind {
    Declared,
    Proof,
    Off,
}

/// A sender, its names not yet resolved.
pub struct AccountDraft {
    pub system_id: String,
    pub password: Secret,
    pub smsc: Vec<String>,
    pub contract: Contract,
    pub pack: String,
    pub default_country: String,
    pub senders: Vec<String>,
    pub stop_codes: Vec<u32>,
    pub identity: String,
    pub consent: Consent,
    pub validity: ValidityRule,
    pub promotional_text: PromotionalText,
    pub frequency: Option<Cap>,
    pub observe: Observe,
    pub vendor_tlvs: Vec<u16>,
    pub default_message_ids: Vec<u8>,
    pub window: usize,
    pub throughput: u32,
    pub binds: usize,
    pub allow_from: Vec<Network>,
    pub submit_multi: SubmitMulti,
    pub stop_scope: StopScope,
    pub refusal_style: RefusalStyle,
    pub refusal_detail: RefusalDetail,
    pub refusal_status: BTreeMap<RefusalCode, u32>,
    pub enquire_link: Duration,
    pub inactivity: Duration,
    pub line: usize,
    pub smsc_line: usize,
    pub pack_line: usize,
}

/// Reads one account; every error in it is told.
pub fn read(table: &Table<'_>, surroundings: &Surroundings<'_>) -> Option<AccountDraft> {
    let second = Duration::from_secs(1);
    let system_id = table.get("system_id", value::ascii(15));
    let password = table.get("password", |value| surroundings.password(value));
    let smsc = table.get("smsc", value::one_or_more(value::text));
    let contract = contract(table);
    let pack = table.get("pack", value::text);
    let default_country = table.get("default_country", value::country);
    let senders = table.get("senders", value::list(value::ascii(20)));
    let stop_codes = table.get("stop_codes", value::list(value::short_code));
    let identity = table.get("identity", value::text_or_empty);
    let consent = consent(table, contract.as_ref());
    let validity = table.get("validity", value::choice(VALIDITY));
    let promotional_text = promotional_text(table, contract.as_ref());
    let vendor_tlvs = table.get("vendor_tlvs", value::list(value::integer(0x1400, 0x3FFF)));
    let default_message_ids = table.get("default_message_ids", value::list(value::integer(1, 254)));
    let window = table.get("window", value::integer(1, 10_000));
    let throughput = table.get("throughput", value::integer(0, 1_000_000));
    let binds = table.get("binds", value::integer(1, 1_000));
    let allow_from = table.get("allow_from", value::list(value::network));
    let submit_multi = table.get("submit_multi", value::choice(MULTI));
    let stop_scope = table.get("stop_scope", value::choice(STOP_SCOPES));
    narrow_scope(table, stop_scope);
    let refusal = table.table("refusal").map(|table| refusal::read(&table));
    let frequency = table.table("frequency").and_then(|table| frequency::read(&table));
    let observe = table.table("observe").and_then(|table| observe::read(&table));
    let enquire_link = table.get("enquire_link", value::duration(second, 3600 * second));
    let inactivity = table.get("inactivity", value::duration(Duration::ZERO, 24 * 3600 * second));
    if password.as_ref().is_some_and(|password| password.expose().len() > 8) {
        let line = table.line_of("password");
        table.warning(line, "the password has more than 8 characters: many SMPP clients cannot send more than 8");
    }
    commercial_duties(table, contract.as_ref(), stop_codes.as_deref(), identity.as_deref(), senders.as_deref());
    let refusal = refusal.flatten();
    Some(AccountDraft {
        system_id: system_id?,
        password: password?,
        smsc: smsc?,
        contract: contract?,
        pack: pack?,
        default_country: default_country?,
        senders: senders?,
        stop_codes: stop_codes?,
        identity: identity?,
        consent: consent?,
        validity: validity?,
        promotional_text: promotional_text?,
        frequency: frequency?,
        observe: observe?,
        vendor_tlvs: vendor_tlvs?.into_iter().map(|tag| tag as u16).collect(),
        default_message_ids: default_message_ids?.into_iter().map(|id| id as u8).collect(),
        window: window? as usize,
        throughput: throughput? as u32,
        binds: binds? as usize,
        allow_from: allow_from?,
        submit_multi: submit_multi?,
        stop_scope: stop_scope?,
        refusal_style: refusal.as_ref()?.style,
        refusal_detail: refusal.as_ref()?.detail,
        refusal_status: refusal?.status,
        enquire_link: enquire_link?,
        inactivity: inactivity?,
        line: table.line,
        smsc_line: table.line_of("smsc"),
        pack_line: table.line_of("pack"),
    })
}

fn contract(table: &Table<'_>) -> Option<Contract> {
    let class = table.get("class", value::choice(CLASSES));
    let named = table.table("transactional").map(|named| {
        let service_types = named.get("service_types", value::list(value::ascii(5)));
        let sources = named.get("sources", value::list(value::ascii(20)));
        let tlvs = named.get("tlvs", value::list(value::integer(1, 0xFFFF)));
        Some((service_types?, sources?, tlvs?.into_iter().map(|tag| tag as u16).collect::<Vec<u16>>()))
    });
    let (class, (service_types, sources, tlvs)) = (class?, named??);
    let names_something = !(service_types.is_empty() && sources.is_empty() && tlvs.is_empty());
    match class {
        Class::Mixed if !names_something => {
            table.error(
                table.line_of("class"),
                "class = \"mixed\" must say what is transactional: write [account.transactional] with service_types, sources or tlvs (or class = \"commercial\")",
            );
            None
        }
        Class::Mixed => Some(Contract::Mixed { service_types, sources, tlvs }),
        Class::Commercial | Class::Transactional if table.is_written("transactional") => {
            table.error(
                table.line_of("transactional"),
                "[account.transactional] is for class = \"mixed\" only: change the class, or remove the table",
            );
            None
        }
        Class::Commercial => Some(Contract::Commercial),
        Class::Transactional => Some(Contract::Transactional),
    }
}

fn consent(table: &Table<'_>, contract: Option<&Contract>) -> Option<Consent> {
    let written = table.maybe("consent", value::choice(CONSENTS))?;
    let statement = table.get("consent_statement", value::text_or_empty)?;
    // What could not be read is told already, and nothing more follows from it.
    let transactional = matches!(contract, Some(Contract::Transactional) | None);
    match written.unwrap_or(ConsentKind::Declared) {
        ConsentKind::Off if !transactional => {
            table.error(
                table.line_of("consent"),
                "consent = \"off\" is for class = \"transactional\" only: write \"declared\" with a consent_statement, or \"proof\"",
            );
            None
        }
        ConsentKind::Off => Some(Consent::Off),
        ConsentKind::Proof => Some(Consent::Proof),
        ConsentKind::Declared if statement.trim().is_empty() && !transactional => {
            table.error(
                table.line_of("consent"),
                "consent = \"declared\" needs the statement: write consent_statement = \"Opt-in by web form, wording v3, signed 2026-10-01\"",
            );
            None
        }
        // A transactional account that says nothing needs no consent.
        ConsentKind::Declared if statement.trim().is_empty() && written.is_none() => Some(Consent::Off),
        ConsentKind::Declared => Some(Consent::Declared { statement }),
    }
}

/// A STOP that does not reach everybody is worth a second look.
pub(super) fn narrow_scope(table: &Table<'_>, scope: Option<StopScope>) {
    if let Some(scope @ (StopScope::Account | StopScope::Sender)) = scope {
        table.warning(
            table.line_of("stop_scope"),
            format!(
                "stop_scope = \"{}\": who says STOP goes on hearing from the others; \"global\" is what satisfies every reading of the law",
                scope.word()
            ),
        );
    }
}

/// What becomes of transactional messages whose text looks promotional: a commercial account has none.
fn promotional_text(table: &Table<'_>, contract: Option<&Contract>) -> Option<PromotionalText> {
    if table.is_written("promotional_text") && matches!(contract, Some(Contract::Commercial)) {
        table.error(
            table.line_of("promotional_text"),
            "`promotional_text` is for class = \"transactional\" or \"mixed\": everything of a commercial account is commercial; remove it",
        );
        return None;
    }
    table.get("promotional_text", value::choice(PROMOTIONAL))
}

/// What only commercial traffic needs.
fn commercial_duties(
    table: &Table<'_>,
    contract: Option<&Contract>,
    stop_codes: Option<&[u32]>,
    identity: Option<&str>,
    senders: Option<&[String]>,
) {
    if senders.is_some_and(<[String]>::is_empty) {
        table.error(table.line_of("senders"), "`senders` is empty: name the source addresses it may use");
    }
    if !matches!(contract, Some(Contract::Commercial | Contract::Mixed { .. })) {
        return;
    }
    if stop_codes.is_some_and(<[u32]>::is_empty) {
        table.error(
            table.line_of("stop_codes"),
            "commercial messages need a code to send STOP to: write stop_codes = [\"36111\"]",
        );
    }
    if identity.is_some_and(|identity| identity.trim().is_empty()) {
        table.error(
            table.line_of("identity"),
            "commercial messages need somebody to answer CONTACT: write identity = \"ACME SAS, address, telephone\"",
        );
    }
}
