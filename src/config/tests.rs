//! Owns the tests of a whole file: bad ones with every message, good ones with what they become.
//! Must never pass because a folder was empty: counts are asserted.

use super::*;
use crate::compliance::policy::{Consent, Contract};
use crate::gateway::settings::{Confirmation, DestinationFormat, SmscBind};
use crate::message::name::NameId;
use std::collections::BTreeMap;

fn here(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)
}

/// Every password of the examples is set.
fn environment(name: &str) -> Option<String> {
    name.ends_with("_PASSWORD").then(|| "secret08".to_owned())
}

fn load_example(path: &Path) -> Result<Loaded, Vec<ConfigError>> {
    let text = std::fs::read_to_string(path).expect("an example");
    let file = path.file_name().expect("a name").to_string_lossy().into_owned();
    parse(&text, &file, path.parent().expect("a folder").to_owned(), &environment)
}

/// Handles in the order of first use, as the ledger would give them.
fn resolve(loaded: Loaded) -> (resolve::Resolved, BTreeMap<String, NameId>) {
    let mut names = BTreeMap::new();
    let resolved = loaded.resolve(|name: &str| {
        let next = NameId(names.len() as u32 + 1);
        Ok::<_, std::convert::Infallible>(*names.entry(name.to_owned()).or_insert(next))
    });
    (resolved.unwrap_or_else(|never| match never {}), names)
}

/// `#! LINE: beginning of the message`, or `#! FILE: ` for an error of another file.
fn expectations(text: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let (place, message) = line.split_once(": ").expect("`#! place: message`");
        (place.to_owned(), message.to_owned())
    };
    text.lines().filter_map(|text| text.strip_prefix("#! ")).map(line).collect()
}

#[test]
fn every_bad_file_is_told_whole_with_lines() {
    let (mut files, mut messages) = (0, 0);
    for entry in std::fs::read_dir(here("tests/config")).expect("the folder") {
        let path = entry.expect("an entry").path();
        let expected = expectations(&std::fs::read_to_string(&path).expect("a file"));
        if expected.is_empty() {
            continue;
        }
        files += 1;
        messages += expected.len();
        let errors = load_example(&path).expect_err("a bad file");
        let own = path.file_name().expect("a name").to_string_lossy().into_owned();
        for (place, message) in &expected {
            let meant = |error: &&ConfigError| {
                let foreign = place.ends_with(".toml") && error.file == *place;
                foreign || (error.file == own && error.line.to_string() == *place && error.message.starts_with(message))
            };
            assert!(errors.iter().any(|error| meant(&error)), "{own}: {place}: {message}\ntold: {errors:#?}");
        }
        // What TOML itself or a pack says may be more than one fault.
        let exact =
            expected.iter().all(|(place, text)| !place.ends_with(".toml") && !text.starts_with("this is no TOML"));
        assert!(!exact || errors.len() == expected.len(), "{own}: {} expected, told: {errors:#?}", expected.len());
    }
    assert_eq!((files, messages), (11, 88), "files and messages read");
}

#[test]
fn every_example_and_the_default_file_are_good() {
    let examples = std::fs::read_dir(here("config/examples")).expect("the folder");
    let mut paths: Vec<_> = examples.map(|entry| entry.expect("an entry").path()).collect();
    paths.push(here("config/stopgate.toml"));
    assert_eq!(paths.len(), 4, "{paths:?}");
    for path in paths {
        let loaded = load_example(&path).unwrap_or_else(|errors| panic!("{}: {errors:#?}", path.display()));
        assert_eq!(loaded.warnings, [], "{}", path.display());
    }
}

#[test]
fn the_default_file_becomes_these_settings() {
    let (resolved, names) = resolve(load_example(&here("config/stopgate.toml")).expect("good"));
    let settings = resolved.settings;
    assert_eq!(settings.data_dir, Path::new("/var/lib/stopgate"));
    assert_eq!(settings.keys_dir, Path::new("/var/lib/stopgate-keys"));
    assert_eq!(resolved.admin.tokens, Path::new("/var/lib/stopgate/admin.tokens"));
    let smsc = &settings.smscs[0];
    assert_eq!((smsc.name.as_str(), smsc.links, smsc.window, smsc.bind), ("operator-a", 2, 100, SmscBind::Transceiver));
    assert_eq!((smsc.deliver_temporary, smsc.deliver_final, smsc.interface_version), (0x08, 0x65, 0x34));
    assert_eq!(smsc.id, names["operator-a"]);
    let acme = &settings.accounts[0];
    assert_eq!((acme.id, acme.smsc.as_slice()), (names["acme"], [smsc.id].as_slice()));
    assert_eq!(acme.policy.contract, Contract::Commercial);
    assert_eq!(names[&acme.policy.pack.full_name()], acme.policy.pack_name);
    assert!(matches!(&acme.policy.consent, Consent::Declared { statement } if statement.contains("2026-10-01")));
    assert_eq!(settings.accounts[1].policy.consent, Consent::Off);
    let code = &settings.short_codes[0];
    assert_eq!((code.number, code.accounts.as_slice(), code.smsc.len()), (36111, [acme.id].as_slice(), 0));
    assert!(code.identity.starts_with("ACME SAS"));
    assert_eq!(format!("{:?}", smsc.password), "***");
    assert_eq!(resolved.packs.len(), 1);
}

#[test]
fn a_shared_code_takes_its_own_operator_and_identity() {
    let (resolved, names) = resolve(load_example(&here("config/examples/shared-code.toml")).expect("good"));
    let code = &resolved.settings.short_codes[0];
    assert_eq!(code.smsc, [names["replies"]]);
    assert_eq!(code.accounts, [names["acme"], names["bolero"]]);
    assert_eq!(code.confirmation, Confirmation::Operator);
    assert!(code.identity.starts_with("Plateforme"));
}

#[test]
fn a_mixed_account_keeps_what_its_contract_names_and_its_order_of_operators() {
    let (resolved, _) = resolve(load_example(&here("config/examples/failover.toml")).expect("good"));
    let settings = resolved.settings;
    assert_eq!(settings.smscs[1].destination_format, DestinationFormat::Plus);
    assert_eq!(settings.smscs[1].status_map.get(&0x66), Some(&0x45));
    let shop = &settings.accounts[0];
    assert_eq!(shop.smsc, [settings.smscs[0].id, settings.smscs[1].id]);
    assert_eq!(shop.refusal_status.len(), 1);
    assert!(matches!(&shop.policy.contract, Contract::Mixed { sources, .. } if sources == &["SHOPOTP"]));
}

#[test]
fn a_rehearsal_must_not_reach_a_real_operator() {
    let path = here("config/examples/failover.toml");
    let errors = load_example(&path).expect("good").for_rehearsal(&path).expect_err("far operators");
    assert_eq!(errors.iter().map(|error| error.line).collect::<Vec<_>>(), [11, 22]);
    let path = here("config/stopgate.toml");
    let (resolved, _) =
        resolve(load_example(&path).expect("good").for_rehearsal(&path).expect("operators on loopback"));
    assert!(resolved.settings.rehearsal);
}

#[test]
fn a_missing_file_says_how_to_name_another() {
    let errors = load(&here("config/absent.toml")).expect_err("absent");
    assert_eq!(errors.len(), 1);
    assert!(errors[0].message.contains("--config"), "{}", errors[0]);
}

#[test]
fn a_command_finds_the_daemon_without_its_passwords() {
    let door = door(&here("config/examples/one-sender.toml")).expect("a door, though no password is set");
    assert_eq!(door.admin.local_token, Path::new("/var/lib/stopgate/admin.token"));
    assert_eq!(door.admin.listen.port(), 9464);
    let errors = super::door(&here("tests/config/doors.toml")).map(drop);
    assert!(errors.is_ok(), "faults elsewhere do not matter: {errors:?}");
    let errors = super::door(&here("tests/config/empty.toml")).expect_err("no data_dir, so no token");
    assert!(errors.iter().any(|error| error.message.contains("`data_dir` is missing")), "{errors:?}");
}

/// The tables of docs/configuration.md, as the schema says them.
fn documented() -> String {
    let mut out = String::new();
    for section in schema::sections() {
        let heading = match (section.name, section.many) {
            ("", _) => "Top of the file".to_owned(),
            (name, true) => format!("`[[{name}]]`"),
            (name, false) => format!("`[{name}]`"),
        };
        out.push_str(&format!("## {heading}\n\n{}\n\n| key | default | meaning |\n|---|---|---|\n", section.help));
        for key in section.keys {
            let default = match key.fallback {
                schema::Fallback::Required => format!("required, such as `{}`", key.example),
                schema::Fallback::Is(default) => format!("`{default}`"),
                schema::Fallback::Derived(from) => from.to_owned(),
            };
            out.push_str(&format!("| `{}` | {default} | {} |\n", key.name, key.help));
        }
        out.push('\n');
    }
    out
}

#[test]
fn the_documentation_lists_every_key_with_its_default() {
    let page = include_str!("../../docs/configuration.md");
    let expected = documented();
    let begin = page.find("## Top of the file").unwrap_or(page.len());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let whole = page[..begin].to_owned() + expected.trim_end() + "\n";
        return std::fs::write(here("docs/configuration.md"), whole).expect("the page is written");
    }
    assert_eq!(
        &page[begin..],
        expected.trim_end().to_owned() + "\n",
        "docs/configuration.md must end with:\n{expected}"
    );
}
