//! Owns the checks of what measures: the comparison of instruction counts.
//! Must never measure anything itself: figures come from benches, on a machine that is quiet.

#[path = "../benches/guard/compare.rs"]
mod compare;

use compare::{Counted, RISE_MAX, by_function, instructions, moved, table, without_hashing};

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
    assert!(lines[3].contains("+20.0 %") && lines[3].ends_with(&format!("more than {:.0} %: FAILS", RISE_MAX * 100.0)));
}
