//! Owns every key of the configuration with its default and its meaning: the reader, docs/configuration.md and `config show` all take it from here.
//! Must never say what a value may be: the section's own file reads and checks it.

use Fallback::{Derived, Is, Required};

/// What holds when a key is not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fallback {
    /// It must be written.
    Required,
    /// This TOML value.
    Is(&'static str),
    /// Worked out from something else, as the words say.
    Derived(&'static str),
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    pub name: &'static str,
    /// A value one may write, in TOML.
    pub example: &'static str,
    pub fallback: Fallback,
    pub help: &'static str,
}

/// A table of keys.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// As it is written in the file, without brackets; empty for the root.
    pub name: &'static str,
    /// Whether it is written `[[name]]`, once for each.
    pub many: bool,
    pub keys: &'static [Key],
    /// Tables inside it.
    pub tables: &'static [Section],
    /// What it is, for the documentation.
    pub help: &'static str,
}

const fn key(name: &'static str, example: &'static str, fallback: Fallback, help: &'static str) -> Key {
    Key { name, example, fallback, help }
}

/// The whole file.
pub const ROOT: Section = Section {
    name: "",
    many: false,
    help: "At the top of the file, before any table.",
    keys: &[
        key("node", "\"gw-1\"", Required, "Name of this node; stands in every ledger's beginning and in `status`."),
        key(
            "data_dir",
            "\"/var/lib/stopgate\"",
            Required,
            "Ledger, list and spool. Made at the first start, mode 0700.",
        ),
        key(
            "keys_dir",
            "\"/var/lib/stopgate-keys\"",
            Derived("`data_dir` + `-keys`"),
            "Keys of tags, checkpoints and sealing. Never inside `data_dir`: a backup of one must not hold the other.",
        ),
        key(
            "lanes",
            "1",
            Is("1"),
            "Threads that move traffic, 1 to 64; an account lives on one. A change needs a restart.",
        ),
    ],
    tables: &[SMPP, ADMIN, PACKS, CHECKPOINTS, RETENTION, LIMITS, SMSC, ACCOUNT, SHORT_CODE],
};

const SMPP: Section = Section {
    name: "smpp",
    many: false,
    help: "The senders' side: where they bind.",
    keys: &[
        key(
            "listen",
            "\"0.0.0.0:2775\"",
            Is("\"127.0.0.1:2775\""),
            "Address and port. Off loopback every account needs `allow_from`: SMPP carries passwords in clear. A change needs a restart.",
        ),
        key("system_id", "\"stopgate\"", Is("\"stopgate\""), "What our bind responses say, at most 15 characters."),
        key("session_init", "\"5s\"", Is("\"5s\""), "How long a connection may stay without a bind."),
        key("pdu_read", "\"10s\"", Is("\"10s\""), "How long a PDU may take once its first octet has come."),
    ],
    tables: &[],
};

const ADMIN: Section = Section {
    name: "admin",
    many: false,
    help: "The admin API, `/metrics`, `/livez` and `/readyz`.",
    keys: &[
        key(
            "listen",
            "\"127.0.0.1:9464\"",
            Is("\"127.0.0.1:9464\""),
            "Address and port, on loopback: put a proxy with TLS before it to reach it from elsewhere. A change needs a restart.",
        ),
        key(
            "tokens",
            "\"/etc/stopgate/admin.tokens\"",
            Derived("`admin.tokens` in `data_dir`"),
            "Lines `name role hash`: roles `sender`, `operator`, `compliance`, `auditor` (several with commas), hash = SHA-256 of the token in hexadecimal. Made at the first start.",
        ),
        key(
            "default_country",
            "\"FR\"",
            Is("\"FR\""),
            "Country of numbers that commands and imports write nationally.",
        ),
        key("connections", "64", Is("64"), "Connections served at once, 1 to 1024."),
    ],
    tables: &[],
};

const PACKS: Section = Section {
    name: "packs",
    many: false,
    help: "Rule packs of your own.",
    keys: &[key(
        "files",
        "[\"packs/house-rules.toml\"]",
        Is("[]"),
        "Files to load beside the embedded packs; one with the id of an embedded pack takes its place.",
    )],
    tables: &[],
};

const CHECKPOINTS: Section = Section {
    name: "checkpoints",
    many: false,
    help: "Where signed checkpoints of the ledger leave the house: whoever keeps one can tell later that nothing before it was rewritten. A change needs a restart.",
    keys: &[
        key(
            "file",
            "\"/mnt/witness/gw-1.checkpoints\"",
            Derived("none: only `data_dir` holds them"),
            "A file to append them to, best on another machine.",
        ),
        key(
            "post",
            "\"http://127.0.0.1:8080/checkpoints\"",
            Derived("none: nobody is told"),
            "An address that gets each by HTTP POST as text; tried again every minute until it answers 2xx. For https put a proxy beside the daemon.",
        ),
        key("every", "\"1h\"", Is("\"1h\""), "How often, 1s to 24h."),
    ],
    tables: &[],
};

const RETENTION: Section = Section {
    name: "retention",
    many: false,
    help: "For how long evidence is kept. Events (stops, opt-ins, acts of persons) are never given up: they are the list.",
    keys: &[key(
        "verdicts",
        "\"1826d\"",
        Is("\"1826d\""),
        "What was decided about each message, under the number's keyed tag: whole segments go once all of it is older; hashes stay, so every proof and checkpoint stays valid. Five years: personal and movable actions are prescribed then (art. 2224 Code civil). At least `1096d`, three years: for so long the proof that an opt-out was honoured is kept (CNIL, délibération 2021-131).",
    )],
    tables: &[],
};

const LIMITS: Section = Section {
    name: "limits",
    many: false,
    help: "What is full when it is full.",
    keys: &[
        key("connections", "4096", Is("4096"), "Senders' connections at once; more are closed at once."),
        key("prebind_sockets", "256", Is("256"), "Of these, how many may be without a bind."),
    ],
    tables: &[],
};

const SMSC: Section = Section {
    name: "smsc",
    many: true,
    help: "An operator we bind to. One used by one account only is mirrored: receipts and messages route by link. Several accounts share its links.",
    keys: &[
        key(
            "name",
            "\"operator-a\"",
            Required,
            "Its name in accounts, metrics and logs; never reuse one for another operator.",
        ),
        key("address", "\"127.0.0.1:2776\"", Required, "`host:port`, resolved at each connection."),
        key("system_id", "\"stopgate\"", Required, "Our login there, at most 15 characters."),
        key(
            "password",
            "{ env = \"OPERATOR_A_PASSWORD\" }",
            Required,
            "Literal, `{ env = \"NAME\" }` or `{ file = \"path\" }` (a line end behind it is cut). Over 8 characters is more than SMPP allows; some operators do.",
        ),
        key("system_type", "\"SMPP\"", Is("\"\""), "As the operator asks for, at most 12 characters."),
        key("interface_version", "\"3.4\"", Is("\"3.4\""), "`3.3`, `3.4` or `5.0`."),
        key("bind", "\"transceiver\"", Is("\"transceiver\""), "`transceiver` or `transmitter+receiver`."),
        key("links", "2", Is("1"), "Connections, 1 to 64."),
        key("window", "100", Is("10"), "Messages in flight on each link, 1 to 10000."),
        key("throughput", "100", Is("0"), "Messages a second on each link in the contract; 0 = none."),
        key("alphabet", "\"gsm\"", Is("\"gsm\""), "What data_coding 0 means there: `gsm`, `gsm-packed` or `latin1`."),
        key(
            "destination_format",
            "\"e164\"",
            Is("\"e164\""),
            "How destinations are written: `e164`, `plus`, `00` or `national`; always from the canonical number.",
        ),
        key(
            "message_id_match",
            "\"exact\"",
            Is("\"exact\""),
            "How a receipt's id is found: `exact`, `hex_to_dec` (response hexadecimal, receipt decimal) or `dec_to_hex`.",
        ),
        key("deliver_temporary", "\"0x08\"", Is("\"0x08\""), "Our answer to a deliver_sm that must come again."),
        key("deliver_final", "\"0x65\"", Is("\"0x65\""), "Our answer to a deliver_sm that must not come again."),
        key(
            "status_map",
            "{ 0x66 = 0x45 }",
            Is("{}"),
            "Statuses of the operator that would be mistaken for ours, and what the sender sees instead.",
        ),
        key(
            "optout_errors",
            "[\"53\"]",
            Is("[]"),
            "`err:` values of receipts that mean the recipient opted out at the operator; they suppress the number.",
        ),
        key("grace", "\"5s\"", Is("\"5s\""), "How long messages wait for an operator that blinks, before SG151."),
        key("enquire_link", "\"30s\"", Is("\"30s\""), "How often an idle link is asked whether it lives."),
        key("response_timeout", "\"30s\"", Is("\"30s\""), "How long an answer may take, before SG154."),
        key("reconnect_min", "\"1s\"", Is("\"1s\""), "First wait before connecting again."),
        key("reconnect_max", "\"60s\"", Is("\"60s\""), "Longest wait before connecting again."),
    ],
    tables: &[],
};

const ACCOUNT: Section = Section {
    name: "account",
    many: true,
    help: "A sender that binds to us.",
    keys: &[
        key(
            "system_id",
            "\"acme\"",
            Required,
            "Its login, at most 15 characters; also its name in metrics, logs and the ledger.",
        ),
        key(
            "password",
            "{ file = \"acme.secret\" }",
            Required,
            "As for an operator. Over 8 characters most clients cannot send.",
        ),
        key("smsc", "\"operator-a\"", Required, "The operator its messages leave by, or an ordered list for failover."),
        key(
            "class",
            "\"commercial\"",
            Required,
            "Its contract: `commercial`, `transactional` or `mixed` (what `[account.transactional]` names is transactional, all else commercial).",
        ),
        key("pack", "\"fr-strict\"", Is("\"fr-strict\""), "The rule pack it is judged by."),
        key("default_country", "\"FR\"", Is("\"FR\""), "Country of the numbers it writes nationally."),
        key("senders", "[\"ACME\", \"36111\"]", Required, "Source addresses it may use."),
        key(
            "stop_codes",
            "[\"36111\"]",
            Is("[]"),
            "Short codes its STOP mention may name; messages to them are its own. A commercial or mixed account needs one.",
        ),
        key(
            "identity",
            "\"ACME SAS, 1 rue de la Paix, 75002 Paris, 01 99 00 12 34\"",
            Is("\"\""),
            "The answer to CONTACT. A commercial or mixed account needs it.",
        ),
        key(
            "consent",
            "\"declared\"",
            Derived("`declared`; `off` for a transactional account without a statement"),
            "`declared` (by `consent_statement`), `proof` (each number needs a live opt-in, entered by `stopgate consent record` or `import`; else SG102) or `off` (transactional only).",
        ),
        key(
            "consent_statement",
            "\"Opt-in by web form, wording v3, signed 2026-10-01\"",
            Is("\"\""),
            "What the account declared, with its date; stands in the ledger.",
        ),
        key("window", "100", Is("100"), "Messages in flight on each bind, 1 to 10000."),
        key("throughput", "100", Is("0"), "Messages a second over all binds; 0 = none. Beyond it: SG141."),
        key("binds", "4", Is("4"), "Binds at once, of any type, 1 to 1000."),
        key(
            "allow_from",
            "[\"127.0.0.0/8\"]",
            Is("[]"),
            "Networks it may bind from; empty = any, on a loopback listener only.",
        ),
        key(
            "submit_multi",
            "\"refuse\"",
            Is("\"refuse\""),
            "`refuse`: answered 0x45 as a whole. `filter`: each destination is judged, those permitted leave in one submit_multi, the others stand in unsuccess_sme; one part of a long message is answered 0x45 (message_payload has room for it whole).",
        ),
        key(
            "validity",
            "\"keep\"",
            Is("\"keep\""),
            "`keep`, or `closing`: the operator is told not to deliver commercial messages after closing.",
        ),
        key(
            "stop_scope",
            "\"global\"",
            Is("\"global\""),
            "How far a STOP to it reaches: `global` (every account of this gateway), `account`, or `sender` (the source addresses it may answer; where they are unknown, the account). Law and charters ask that a STOP ends what the person means by it: leave `global` unless the accounts are different advertisers and counsel agrees.",
        ),
        key(
            "promotional_text",
            "\"reclassify\"",
            Is("\"reclassify\""),
            "What becomes of a message that the contract calls transactional and whose text looks like advertising: `reclassify` (judged as commercial), `log` (it leaves; counted and logged) or `refuse` (SG102). A STOP mention or a promotional source makes it commercial in any case.",
        ),
        key("vendor_tlvs", "[0x1400]", Is("[]"), "Vendor TLVs (0x1400 to 0x3FFF) that are kept; all others are cut."),
        key(
            "default_message_ids",
            "[1]",
            Is("[]"),
            "Values of sm_default_msg_id it may use; any other but 0 is refused.",
        ),
        key("enquire_link", "\"30s\"", Is("\"30s\""), "How often an idle bind is asked whether it lives."),
        key("inactivity", "\"0s\"", Is("\"0s\""), "Unbind after this long without a message; 0s = never."),
    ],
    tables: &[
        Section {
            name: "account.transactional",
            many: false,
            help: "For `class = \"mixed\"`: what is transactional. At least one list must name something.",
            keys: &[
                key("service_types", "[\"OTP\"]", Is("[]"), "Values of service_type."),
                key("sources", "[\"ACMEOTP\"]", Is("[]"), "Source addresses."),
                key("tlvs", "[0x1500]", Is("[]"), "TLVs whose presence says so."),
            ],
            tables: &[],
        },
        Section {
            name: "account.refusal",
            many: false,
            help: "How refusals reach the sender.",
            keys: &[
                key(
                    "style",
                    "\"status\"",
                    Is("\"status\""),
                    "`status`: the command_status of docs/refusals.md. `receipt`: a final refusal of a message that asks for a receipt is accepted with an id `stopgate-…`, and a receipt `stat:REJECTD` follows; without registered_delivery, and for what may be tried again, the status.",
                ),
                key(
                    "detail",
                    "\"none\"",
                    Is("\"none\""),
                    "`none`: no TLV in a refusal; most clients fail on one. `tlv`: the code and the next opening in additional_status_info_text (0x001D).",
                ),
                key("status", "{ SG101 = 0x45 }", Is("{}"), "Other statuses than docs/refusals.md's, by code or slug."),
            ],
            tables: &[],
        },
        Section {
            name: "account.frequency",
            many: false,
            help: "A cap on the commercial messages of the account to one number, off by default: `frequency = { messages = 4, per = \"7d\" }`. Beyond it: SG133.",
            keys: &[
                key(
                    "messages",
                    "4",
                    Derived("no cap"),
                    "At most so many in any span of `per`, 1 to 1000. A message in several parts counts once; one that the operator did not take does not count; one whose fate is unknown does.",
                ),
                key("per", "\"7d\"", Derived("no cap"), "The span, one hour to 92 days; it moves with time."),
            ],
            tables: &[],
        },
        Section {
            name: "account.observe",
            many: false,
            help: "While a sender is moved over: rules that do not refuse yet. What they would have refused is forwarded, recorded as such and counted in `stopgate_observed_refusals_total`.",
            keys: &[
                key(
                    "rules",
                    "[\"R-MENTION\"]",
                    Is("[]"),
                    "`R-TEXT`, `R-SENDER`, `R-CONSENT`, `R-MENTION`, `R-FREQ`. Never `R-SUPPRESS`, `R-HOURS`, `R-FAILCLOSED`, nor `R-DEST`: what has no number of the pack has no hours either.",
                ),
                key(
                    "until",
                    "\"2026-12-31\"",
                    Derived("no default: it must be written where `rules` names any"),
                    "The last day, in UTC: from the next midnight on the rules refuse, without a reload.",
                ),
            ],
            tables: &[],
        },
    ],
};

const SHORT_CODE: Section = Section {
    name: "short_code",
    many: true,
    help: "A shared short code, or one whose messages come over another operator. A code listed only in `stop_codes` belongs to the accounts that list it and uses their operators.",
    keys: &[
        key("number", "\"36111\"", Required, "3 to 8 digits."),
        key(
            "smsc",
            "\"operator-a\"",
            Derived("the operators of its accounts"),
            "Where its messages arrive and its confirmations leave; one or a list.",
        ),
        key("accounts", "[\"acme\"]", Derived("the accounts that list it in `stop_codes`"), "Whose code it is."),
        key(
            "identity",
            "\"ACME SAS …\"",
            Derived("the identity of its only account"),
            "The answer to CONTACT where no account has written to the person in 90 days; a shared code needs its own.",
        ),
        key("confirmation", "\"send\"", Is("\"send\""), "`send`: we confirm a STOP; `operator`: the operator does."),
        key(
            "stop_scope",
            "\"global\"",
            Derived("the widest of its accounts"),
            "How far a STOP sent to it reaches: `global`, `account` (those that wrote to the person by it in 90 days, else all accounts of the code) or `sender`; see `[[account]]`.",
        ),
        key(
            "start_by_mo",
            "\"on\"",
            Is("\"on\""),
            "What a START from the handset does: `on` lifts; `confirm` asks first, and lifts when the person answers START within 24 hours; `off` only passes it on.",
        ),
    ],
    tables: &[],
};

/// Keys that users will look for and that this version does not have: path, and what to do instead.
pub const NOT_YET: &[(&str, &str, &str)] = &[
    ("smpp", "tls", "TLS comes later: listen on loopback behind a TLS proxy such as stunnel"),
    ("smsc", "tls", "TLS comes later: connect to a local TLS proxy such as stunnel"),
];

/// Every section, outer before inner.
pub fn sections() -> Vec<&'static Section> {
    fn walk(section: &'static Section, into: &mut Vec<&'static Section>) {
        into.push(section);
        section.tables.iter().for_each(|inner| walk(inner, into));
    }
    let mut all = Vec::new();
    walk(&ROOT, &mut all);
    all
}
