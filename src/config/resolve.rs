//! Owns the last step: names become the ledger's handles, drafts become the data plane's settings.
//! Must never find a fault: what does not fit was told before.

use super::Loaded;
use super::account::AccountDraft;
use super::cross;
use super::document::Document;
use crate::admin::settings::AdminSettings;
use crate::compliance::pack::Pack;
use crate::compliance::policy::AccountPolicy;
use crate::gateway::settings::{
    AccountSettings, Confirmation, DefaultAlphabet, Settings, ShortCodeSettings, SmscSettings, StartByMo, StopScope,
};
use crate::message::name::NameId;
use crate::message::text::Alphabet;
use std::sync::Arc;

/// Everything the processes' parts run on.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub settings: Settings,
    pub admin: AdminSettings,
    /// Every pack in use, once.
    pub packs: Vec<Arc<Pack>>,
}

impl Loaded {
    /// Gives every name its handle. `intern` is the ledger's, and may fail with it.
    pub fn resolve<E>(self, mut intern: impl FnMut(&str) -> Result<NameId, E>) -> Result<Resolved, E> {
        let Self { document, packs_in_use, numbers, rehearsal, .. } = self;
        let mut names = |names: &[String]| names.iter().map(|name| intern(name)).collect::<Result<Vec<_>, E>>();
        let mut smscs = Vec::new();
        for draft in &document.smscs {
            let id = names(std::slice::from_ref(&draft.settings.name))?[0];
            smscs.push(SmscSettings { id, ..draft.settings.clone() });
        }
        let mut short_codes = Vec::new();
        for code in codes(&document) {
            short_codes.push(ShortCodeSettings {
                number: code.number,
                smsc: names(&code.smsc)?,
                accounts: names(&code.accounts)?,
                identity: code.identity,
                confirmation: code.confirmation,
                start_by_mo: code.start_by_mo,
                stop_scope: code.stop_scope,
            });
        }
        let mut accounts = Vec::new();
        for draft in &document.accounts {
            let Some(pack) = document.packs.get(&draft.pack) else { continue };
            let ids = names(&[draft.system_id.clone(), pack.full_name()])?;
            let smsc = names(&draft.smsc)?;
            let first = smscs.iter().find(|settings| Some(&settings.id) == smsc.first());
            let alphabet = first.map_or(Alphabet::default(), |settings| alphabet(settings.alphabet));
            accounts.push(account(draft, pack, alphabet, [ids[0], ids[1]], smsc));
        }
        let settings = Settings {
            node: document.node,
            data_dir: document.data_dir,
            keys_dir: document.keys_dir,
            lanes: document.lanes,
            smpp: document.smpp,
            smscs,
            accounts,
            short_codes,
            numbers,
            rehearsal,
            verdicts_kept: document.verdicts_kept,
        };
        Ok(Resolved { settings, admin: document.admin, packs: packs_in_use })
    }
}

/// The same alphabet, in the words of the text reader.
const fn alphabet(written: DefaultAlphabet) -> Alphabet {
    match written {
        DefaultAlphabet::Gsm => Alphabet::Gsm,
        DefaultAlphabet::GsmPacked => Alphabet::GsmPacked,
        DefaultAlphabet::Latin1 => Alphabet::Latin1,
    }
}

/// With the handles of the account and of its pack.
fn account(
    draft: &AccountDraft,
    pack: &Arc<Pack>,
    alphabet: Alphabet,
    [id, pack_name]: [NameId; 2],
    smsc: Vec<NameId>,
) -> AccountSettings {
    let policy = AccountPolicy {
        account: id,
        system_id: draft.system_id.clone(),
        contract: draft.contract.clone(),
        pack: Arc::clone(pack),
        pack_name,
        default_country: draft.default_country.clone(),
        alphabet,
        senders: draft.senders.clone(),
        stop_codes: draft.stop_codes.clone(),
        identity: draft.identity.clone(),
        consent: draft.consent.clone(),
        validity: draft.validity,
        promotional_text: draft.promotional_text,
        frequency: draft.frequency,
        observe: draft.observe,
        vendor_tlvs: draft.vendor_tlvs.clone(),
        default_message_ids: draft.default_message_ids.clone(),
    };
    AccountSettings {
        id,
        policy: Arc::new(policy),
        password: draft.password.clone(),
        smsc,
        window: draft.window,
        throughput: draft.throughput,
        binds: draft.binds,
        allow_from: draft.allow_from.clone(),
        submit_multi: draft.submit_multi,
        stop_scope: draft.stop_scope,
        refusal_style: draft.refusal_style,
        refusal_detail: draft.refusal_detail,
        refusal_status: draft.refusal_status.clone(),
        enquire_link: draft.enquire_link,
        inactivity: draft.inactivity,
    }
}

/// A short code with its names.
struct NamedCode {
    number: u32,
    smsc: Vec<String>,
    accounts: Vec<String>,
    identity: String,
    confirmation: Confirmation,
    start_by_mo: StartByMo,
    stop_scope: StopScope,
}

/// The codes that are written, and those that stand in `stop_codes` only.
fn codes(document: &Document) -> Vec<NamedCode> {
    let names_of = |number| cross::owners(document, number).iter().map(|owner| owner.system_id.clone()).collect();
    let identity_of =
        |number| cross::owners(document, number).first().map_or_else(String::new, |owner| owner.identity.clone());
    let scope_of = |number| {
        let scopes = cross::owners(document, number).into_iter().map(|owner| owner.stop_scope);
        scopes.max().unwrap_or_default()
    };
    let written = document.short_codes.iter().map(|code| NamedCode {
        number: code.number,
        smsc: code.smsc.clone(),
        accounts: names_of(code.number),
        identity: code.identity.clone().unwrap_or_else(|| identity_of(code.number)),
        confirmation: code.confirmation,
        start_by_mo: code.start_by_mo,
        stop_scope: code.stop_scope.unwrap_or_else(|| scope_of(code.number)),
    });
    let listed = cross::only_in_stop_codes(document).into_keys().map(|number| NamedCode {
        number,
        smsc: Vec::new(),
        accounts: names_of(number),
        identity: identity_of(number),
        confirmation: Confirmation::default(),
        start_by_mo: StartByMo::default(),
        stop_scope: scope_of(number),
    });
    written.chain(listed).collect()
}
