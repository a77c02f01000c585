//! Owns the checks of what measures: the comparison of instruction counts, the page of figures.
//! Must never measure anything itself: figures come from benches, on a machine that is quiet.

#[path = "../benches/guard/compare.rs"]
mod compare;
#[path = "../benches/relay/figures/page.rs"]
mod page;
#[path = "../benches/relay/figures/rows.rs"]
mod rows;

use compare::{Counted, RISE_PERCENT_MAX, by_function, instructions, moved, table, without_hashing};
use page::{Page, Section, Table};

/// What callgrind writes, shortened: a call's cost stands at its caller's line and at the callee's own.
const CALLGRIND: &str = "# callgrind format
version: 1
events: Ir
fl=(1) judge.rs
fn=(1) stopgate::judge
16 400
+3 100
cfn=(2) stopgate::mention
calls=10 20
* 900
fn=(2)
20 600
-2 300
fn=(3) memcpy
0 50
fn=(4) sha2::sha256::compress
fi=(2)
7 6000
summary: 7450
";

#[test]
fn a_file_of_callgrind_gives_its_sum_and_what_each_function_spends_by_itself() {
    assert_eq!(instructions(CALLGRIND), Some(7450));
    assert_eq!(instructions("events: Ir\nsummary: 0\n"), None, "nothing collected is not a count");
    assert_eq!(instructions("events: Ir\n"), None);
    let functions = by_function(CALLGRIND);
    let costs: Vec<(&str, u64)> = functions.iter().map(|(name, cost)| (name.as_str(), *cost)).collect();
    assert_eq!(
        costs,
        [("memcpy", 50), ("sha2::sha256::compress", 6000), ("stopgate::judge", 500), ("stopgate::mention", 900)]
    );
    assert_eq!(without_hashing(&functions), 1450);
    let dearer = by_function(&CALLGRIND.replace("-2 300", "-2 700"));
    assert_eq!(moved(&functions, &dearer, 10, 5), "      90 ->      130  stopgate::mention\n");
}

#[test]
fn a_rise_of_more_than_a_tenth_fails_and_is_said_and_a_missing_count_fails_too() {
    let all = |base, here| Counted { piece: "judge", base, here };
    assert!(!all(1000, 1100).fails() && all(1000, 1101).fails() && !all(1000, 400).fails());
    assert!(all(0, 10).fails() && all(10, 0).fails());
    let shown = table(&[all(1000, 900), all(1000, 1200)]);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[2].contains("-10.0 %") && !lines[2].contains("FAILS"), "{shown}");
    assert!(lines[3].contains("+20.0 %") && lines[3].ends_with(&format!("more than {RISE_PERCENT_MAX} %: FAILS")));
}

/// The rows of the page's table of targets, heading and rule apart.
fn targets(page: &str) -> Vec<&str> {
    let table = page.split("\n## Targets\n").nth(1).expect("the page has targets");
    let table = table.split("\n## ").next().expect("there is a part before");
    table.lines().filter(|line| line.starts_with('|')).skip(2).collect()
}

#[test]
fn the_page_is_as_the_benches_write_it() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md")).expect("the page");
    let read = Page::parse(&page).expect("the page can be read back");
    assert_eq!(read.render(), page, "docs/performance.md was edited by hand: run `make bench`");
    for (what, value) in &read.machine {
        assert!(!value.contains('/') && !value.is_empty(), "{what}: {value:?} looks like a path");
    }
}

#[test]
fn every_row_of_the_targets_stands_in_the_page_with_its_figures() {
    let all = rows::all();
    assert_eq!(all.len(), 13, "rows");
    assert_eq!(all.iter().map(|row| row.figures.len()).sum::<usize>(), 29, "figures");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/performance.md")).expect("the page");
    let lines = targets(&page);
    assert_eq!(lines.len(), 13 + 29);
    for row in &all {
        let stands =
            lines.iter().any(|line| line.contains(&row.what) && line.contains(&row.must) && line.contains(&row.target));
        assert!(stands, "{}", row.what);
        for figure in &row.figures {
            match (&figure.id, &figure.test) {
                (Some(_), None) => assert!(figure.at.is_some() && (figure.must.is_some() || figure.target.is_some())),
                (None, Some(test)) => assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(test).exists()),
                (Some(_), Some(_)) | (None, None) => panic!("{}: measured by a bench or held by a test", figure.name),
            }
        }
    }
}

#[test]
fn a_page_reads_back_and_says_what_is_met_as_it_is_written() {
    let mut page = Page { machine: vec![("cores".into(), "2".into())], ..Page::default() };
    page.measured.insert("relay.1c w1.rate to floor".into(), 0.899_6);
    page.measured.insert("relay.1c w10.rate to floor".into(), 0.55);
    page.measured.insert("relay.1c w100.rate to floor".into(), 0.099);
    page.measured.insert("growth.octets a number at 10 M".into(), 24.04);
    let mut table = Table::new(&["load", "floor"]);
    table.row(&["1c w1".into(), "33,000/s".into()]);
    table.row(&["1c w10".into(), "331,000/s".into()]);
    let section =
        |title: &str| Section { title: title.into(), how: "5 rounds.".into(), tables: vec![table.clone(); 2] };
    page.sections = vec![section("Relay"), Section { tables: Vec::new(), ..section("Storm") }];
    let text = page.render();
    let met: Vec<&str> = targets(&text).iter().filter_map(|line| line.rsplit(" | ").next()).collect();
    assert_eq!(met[1..6], ["target |", "must |", "no |", "no |", " |"], "{text}");
    assert_eq!(
        text.matches("not measured").count(),
        29 - 4 - 1 + 1,
        "one is held by a test, and the word is explained"
    );
    assert!(text.contains("| a number at 10 M |  | <= 24 octets | 24.0 octets | target |"), "{text}");
    let read = Page::parse(&text).expect("it reads back");
    assert_eq!((&read.sections, &read.machine), (&page.sections, &page.machine));
    assert_eq!(read.render(), text);
    let praised = text.replacen("| no |", "| target |", 1);
    assert_ne!(Page::parse(&praised).expect("readable").render(), praised, "a word that was changed is seen");
}
