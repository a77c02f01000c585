//! Owns the tests of reading packs: every fault is named with file, line and key, all at once, and layers add up.
//! Must never test what a rule means: those tests stand beside the rule.

use super::*;

const HEAD: &str = "id = \"own\"\nversion = \"1\"\nextends = \"fr-strict\"\neffective_from = \"2026-01-01\"\n";

fn faults(text: &str) -> Vec<(usize, String, String)> {
    let errors = Pack::parse(text, "own.toml").expect_err("a faulty pack");
    errors
        .into_iter()
        .map(|e| {
            assert_eq!(e.file, "own.toml");
            (e.line, e.key, e.message)
        })
        .collect()
}

#[test]
fn a_pack_may_extend_another_and_replace_one_section() {
    let text = format!(
        "{HEAD}effective_to = \"2027-01-01\"\n[hours]\nmonday = [\"09:00-12:00\", \"14:00-18:00\"]\ntuesday = \"closed\"\nwednesday = \"closed\"\n\
         thursday = \"closed\"\nfriday = \"closed\"\nsaturday = \"closed\"\nsunday = \"closed\"\nholiday = \"as-weekday\"\n"
    );
    let pack = Pack::parse(&text, "own.toml").unwrap();
    let base = Pack::embedded("fr-strict").unwrap();
    assert_eq!((pack.id.as_str(), pack.hours.weekdays[0].windows.len(), &pack.hours.holiday), ("own", 2, &None));
    assert_eq!((&pack.numbers, &pack.senders, &pack.texts), (&base.numbers, &base.senders, &base.texts));
    assert!(pack.effective_to.is_some_and(|end| end > pack.effective_from));
    assert_ne!(pack.sha256, base.sha256);
    assert!(pack.full_name().starts_with("own@1#"));
}

#[test]
fn the_hash_covers_what_is_extended() {
    let changed =
        include_str!("../../../../config/packs/fr-base.toml").replace("edited", "").replace("\"05-08\", ", "");
    let bases = |id: &str| (id == "fr-base").then(|| (changed.clone(), "fr-base.toml".to_owned()));
    let strict = include_str!("../../../../config/packs/fr-strict.toml");
    let pack = Pack::parse_with(strict, "fr-strict.toml", &bases).unwrap();
    let embedded = Pack::embedded("fr-strict").unwrap();
    assert_ne!(pack.sha256, embedded.sha256);
    assert_ne!(pack.holidays, embedded.holidays);
    assert_eq!(Pack::parse(strict, "elsewhere.toml").unwrap().sha256, embedded.sha256);
}

#[test]
fn every_fault_is_named_at_once_with_its_line_and_key() {
    let text = "id = \"own pack\"\nversion = \"1\"\nextends = \"fr-base\"\neffective_from = \"1 January\"\n\
        [parameters]\nalsace-moselle = \"maybe\"\nbrittany = \"all\"\n\
        [hours]\nsources = [\"nobody\"]\nmonday = \"8-20\"\ntuesday = \"20:00-08:00\"\nwednesday = \"08:00-20:00\"\nthursday = [\"10:00-12:00\", \"11:00-13:00\"]\n\
        friday = \"closed\"\nsaturday = \"closed\"\nsunday = \"closed\"\nholiday = \"closed\"\ntolerated = [\"someday\"]\n";
    let found: Vec<(usize, String)> = faults(text).into_iter().map(|(line, key, _)| (line, key)).collect();
    let mut found: Vec<(usize, &str)> = found.iter().map(|(line, key)| (*line, key.as_str())).collect();
    found.sort_unstable();
    assert_eq!(
        found,
        [
            (1, "id"),
            (4, "effective_from"),
            (6, "parameters.alsace-moselle"),
            (7, "parameters.brittany"),
            (9, "hours.sources"),
            (10, "hours.monday"),
            (11, "hours.tuesday"),
            (13, "hours.thursday"),
            (18, "hours.tolerated"),
        ]
    );
}

#[test]
fn a_fault_of_structure_is_named_with_its_line() {
    for (text, line, word) in [
        (format!("{HEAD}colour = \"red\"\n"), 5, "colour"),
        (format!("{HEAD}[hours]\nmonday = 8\n"), 6, "08:00-20:00"),
        (format!("{HEAD}\n= 3\n"), 6, ""),
        ("id = \"own\"\nversion = \"1\"\n".to_owned(), 1, "effective_from"),
        (format!("{HEAD}[texts]\nstop_confirmation = \"a\"\nstart_answer = \"b\"\nhello = \"c\"\n"), 8, "hello"),
    ] {
        let found = faults(&text);
        assert_eq!(found.len(), 1, "{found:?}");
        let (at, key, message) = &found[0];
        assert!(*at == line && (message.contains(word) || key.contains(word)), "{at} {key} {message} for {text}");
    }
}

#[test]
fn a_pack_cannot_extend_what_is_not_there_nor_itself() {
    assert_eq!(faults(&HEAD.replace("fr-strict", "fr-lax"))[0].1, "extends");
    let circle = |_: &str| Some((HEAD.to_owned(), "own.toml".to_owned()));
    let errors = Pack::parse_with(HEAD, "own.toml", &circle).unwrap_err();
    assert_eq!((errors[0].line, errors[0].key.as_str()), (3, "extends"));
}

#[test]
fn without_a_base_every_missing_section_is_named() {
    let found = faults("id = \"own\"\nversion = \"1\"\neffective_from = \"2026-01-01\"\n");
    let keys: Vec<&str> = found.iter().map(|(_, key, _)| key.as_str()).collect();
    for section in ["numbers", "hours", "holidays", "senders", "texts"] {
        assert!(keys.contains(&section), "{section} in {keys:?}");
    }
}

#[test]
fn faults_of_numbers_senders_and_texts_are_named() {
    let base = include_str!("../../../../config/packs/fr-base.toml");
    for (from, to, key) in [
        ("code = 687", "code = 6870", "numbers.country.code"),
        ("iso = [\"NC\"]", "iso = [\"nc\"]", "numbers.country.iso"),
        ("national_as = \"FR\"", "national_as = \"XX\"", "numbers.country.national_as"),
        ("lengths = [6, 8]", "lengths = [6, 80]", "numbers.country.lengths"),
        ("zones = [\"Pacific/Tahiti\"]", "zones = [\"Pacific/Papeete\"]", "numbers.territory.zones"),
        ("zones = [\"Pacific/Tahiti\"]", "zones = []", "numbers.territory.zones"),
        ("id = \"PF\"", "id = \"NC\"", "numbers.territory.id"),
        ("calendar = \"polynesie\"", "calendar = \"polynesia\"", "numbers.territory.calendar"),
        ("prefixes = [\"687\"]", "prefixes = [\"+687\"]", "numbers.territory.prefixes"),
        ("26270920-26270923", "26270923-26270920", "numbers.territory.prefixes"),
        ("prefixes = [\"694\", ", "prefixes = [\"06 94\", ", "numbers.country.moved.prefixes"),
        ("fixed = [\"09-24\"]", "fixed = [\"24-09\"]", "holidays.calendar.fixed"),
        ("easter = [1, 39, 50]", "easter = [1, 39, 500]", "holidays.calendar.easter"),
        (
            "extends = \"metropole\"\nfixed = [\"04-27\"]",
            "extends = \"mars\"\nfixed = [\"04-27\"]",
            "holidays.calendar.extends",
        ),
        ("alphanumeric_lengths = [3, 11]", "alphanumeric_lengths = [11, 3]", "senders.alphanumeric_lengths"),
        ("\"36xxx\"", "\"3x6xx\"", "senders.family.patterns"),
        ("contact_answer = \"Service édité par {identity}\"", "contact_answer = \"Service\"", "texts.contact_answer"),
        ("SMS de {identity}", "SMS de {name}", "texts.start_answer"),
    ] {
        assert!(base.contains(from), "the base has no {from}");
        let changed = base.replace(from, to);
        let bases = |id: &str| (id == "fr-base").then(|| (changed.clone(), "fr-base.toml".to_owned()));
        let errors =
            Pack::parse_with(include_str!("../../../../config/packs/fr-strict.toml"), "fr-strict.toml", &bases);
        let errors = errors.expect_err(to);
        let line = changed.lines().nth(errors[0].line - 1).unwrap_or_default();
        assert!(errors.iter().any(|e| e.key == key && e.file == "fr-base.toml"), "{to}: {errors:?}");
        assert!(!line.trim().is_empty(), "{to}: the line named is empty");
    }
}
