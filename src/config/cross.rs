//! Owns what two sections say together: names that must exist, codes that must belong to somebody, doors that must not stand open.
//! Must never change a value: it only tells what does not fit.

use super::account::AccountDraft;
use super::document::Document;
use super::error::Findings;
use super::value;
use crate::compliance::numbers::NumberPlan;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

/// Tells everything that does not fit together.
pub fn check(document: &Document, numbers: &NumberPlan, findings: &Findings) {
    duplicates(document, findings);
    directories(document, findings);
    listeners(document, findings);
    for account in &document.accounts {
        names_of_account(document, account, numbers, findings);
    }
    for smsc in &document.smscs {
        let name = &smsc.settings.name;
        let by_account = document.accounts.iter().any(|account| account.smsc.contains(name));
        let by_code = document.short_codes.iter().any(|code| code.smsc.contains(name));
        if !by_account && !by_code && document.whole {
            findings.warning(smsc.line, format!("[[smsc]] {name:?}: no account uses it"));
        }
    }
    short_codes(document, findings);
}

fn duplicates(document: &Document, findings: &Findings) {
    let mut first = BTreeMap::new();
    let names = document.smscs.iter().map(|smsc| ("[[smsc]] name", smsc.settings.name.clone(), smsc.line));
    let accounts =
        document.accounts.iter().map(|account| ("[[account]] system_id", account.system_id.clone(), account.line));
    let codes = document.short_codes.iter().map(|code| ("[[short_code]] number", code.number.to_string(), code.line));
    for (kind, name, line) in names.chain(accounts).chain(codes) {
        if let Some(before) = first.insert((kind, name.clone()), line) {
            findings.error(line, format!("{kind} {name:?} stands already at line {before}: give each its own"));
        }
    }
}

/// A path without `.` and `..`, as far as its text says.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => plain.push(component),
        }
    }
    plain
}

fn directories(document: &Document, findings: &Findings) {
    let (data, keys) = (plain(&document.data_dir), plain(&document.keys_dir));
    if keys.starts_with(&data) || data.starts_with(&keys) {
        findings.error(
            document.keys_dir_line,
            format!(
                "`keys_dir` ({}) and `data_dir` ({}) must not lie inside each other: a backup of the data would hold the keys; write keys_dir = \"{}-keys\"",
                keys.display(),
                data.display(),
                data.display()
            ),
        );
    }
}

fn listeners(document: &Document, findings: &Findings) {
    let (smpp, admin) = (document.smpp.listen, document.admin.listen);
    if smpp == admin && smpp.port() != 0 {
        findings
            .error(document.admin_line, format!("[admin]: `listen` {admin} is [smpp]'s address: give it its own port"));
    }
    if smpp.ip().is_loopback() {
        return;
    }
    for account in document.accounts.iter().filter(|account| account.allow_from.is_empty()) {
        findings.error(
            account.line,
            format!(
                "[[account]] {:?}: [smpp] listens on {smpp} in clear, so every account must say where it comes from: write allow_from = [\"192.0.2.0/24\"]",
                account.system_id
            ),
        );
    }
}

fn unknown<'w>(what: &str, written: &str, known: impl Iterator<Item = &'w str> + Clone) -> String {
    let all = known.clone().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    match value::nearest(written, known) {
        Some(meant) => format!("no {what} is named {written:?}: did you mean \"{meant}\"?"),
        None if all.is_empty() => format!("no {what} is named {written:?}: none is defined"),
        None => format!("no {what} is named {written:?}: there is {all}"),
    }
}

fn names_of_account(document: &Document, account: &AccountDraft, numbers: &NumberPlan, findings: &Findings) {
    let label = format!("[[account]] {:?}", account.system_id);
    let smscs = document.smsc_names.iter().map(String::as_str);
    for written in &account.smsc {
        if !smscs.clone().any(|name| name == written) {
            findings
                .error(account.smsc_line, format!("{label}: `smsc`: {}", unknown("[[smsc]]", written, smscs.clone())));
        }
    }
    let mut alphabets = document.smscs.iter().filter(|smsc| account.smsc.contains(&smsc.settings.name));
    if let Some(first) = alphabets.next()
        && let Some(other) = alphabets.find(|other| other.settings.alphabet != first.settings.alphabet)
    {
        findings.error(
            account.smsc_line,
            format!(
                "{label}: `smsc`: {:?} and {:?} have different alphabets, so one text would be judged and another read; give both the same, or use one",
                first.settings.name, other.settings.name
            ),
        );
    }
    if document.packs.get(&account.pack).is_none() {
        let message = unknown("pack", &account.pack, document.packs.ids());
        findings.error(account.pack_line, format!("{label}: `pack`: {message}"));
    } else if !numbers.knows_country(&account.default_country) {
        findings.error(
            account.line,
            format!(
                "{label}: `default_country`: no pack in use knows how numbers of {:?} are written nationally; write one of a pack in use, such as \"FR\"",
                account.default_country
            ),
        );
    }
}

fn short_codes(document: &Document, findings: &Findings) {
    let smscs = document.smsc_names.iter().map(String::as_str);
    let accounts = document.account_names.iter().map(String::as_str);
    for code in &document.short_codes {
        let label = format!("[[short_code]] \"{}\"", code.number);
        for written in code.smsc.iter().filter(|written| !smscs.clone().any(|name| name == *written)) {
            findings.error(code.smsc_line, format!("{label}: `smsc`: {}", unknown("[[smsc]]", written, smscs.clone())));
        }
        for written in code.accounts.iter().flatten().filter(|written| !accounts.clone().any(|name| name == *written)) {
            let message = unknown("[[account]]", written, accounts.clone());
            findings.error(code.accounts_line, format!("{label}: `accounts`: {message}"));
        }
        let owners = owners(document, code.number);
        if owners.is_empty() && document.whole {
            findings.error(
                code.line,
                format!(
                    "{label} belongs to nobody: write accounts = [\"…\"], or list the code in an account's stop_codes"
                ),
            );
        }
        if let Some(listed) = &code.accounts {
            for account in document.accounts.iter().filter(|account| account.stop_codes.contains(&code.number)) {
                if !listed.contains(&account.system_id) {
                    findings.error(
                        code.accounts_line,
                        format!(
                            "{label}: account {:?} lists it in stop_codes but stands not in `accounts`",
                            account.system_id
                        ),
                    );
                }
            }
        }
        if code.identity.is_none() && owners.len() > 1 {
            findings.error(
                code.line,
                format!("{label} is shared by {} accounts: write its own identity = \"…\" for CONTACT", owners.len()),
            );
        }
    }
    for (number, account) in only_in_stop_codes(document) {
        let owners = owners(document, number);
        if owners.len() > 1 && owners[0].system_id == account.system_id {
            let names = owners.iter().map(|owner| owner.system_id.as_str()).collect::<Vec<_>>().join(", ");
            findings.warning(
                account.line,
                format!("code {number} is shared by {names}: somebody to whom none of them has written is told {:?} by CONTACT; write [[short_code]] with an identity of its own", account.system_id),
            );
        }
    }
}

/// The accounts a code belongs to: those its `[[short_code]]` names, else those that list it.
pub fn owners(document: &Document, number: u32) -> Vec<&AccountDraft> {
    let explicit =
        document.short_codes.iter().find(|code| code.number == number).and_then(|code| code.accounts.as_ref());
    let owns = |account: &&AccountDraft| match explicit {
        Some(names) => names.contains(&account.system_id),
        None => account.stop_codes.contains(&number),
    };
    document.accounts.iter().filter(owns).collect()
}

/// Codes that stand in `stop_codes` and have no `[[short_code]]`, each with the first account that lists it.
pub fn only_in_stop_codes(document: &Document) -> BTreeMap<u32, &AccountDraft> {
    let mut codes = BTreeMap::new();
    for account in &document.accounts {
        for number in &account.stop_codes {
            if !document.short_codes.iter().any(|code| code.number == *number) {
                codes.entry(*number).or_insert(account);
            }
        }
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_compared_without_its_detours() {
        assert_eq!(plain(Path::new("/var/lib/./a/../stopgate/keys")), Path::new("/var/lib/stopgate/keys"));
    }
}
