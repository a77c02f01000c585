//! Owns the tests of the index over restarts, merges, damage and its bounds.
//! Must never reach into a file but to damage it.

use super::*;
use crate::journal::disk::RealDisk;
use crate::message::tag::NumberTag;
use crate::spool::SpoolKeys;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

const KEY: [u8; 32] = [5; 32];
const CODE: u64 = 0x1234_5678_9abc_def0;
const START_S: u32 = 1_800_000_000;

fn at(day: u32) -> CivilInstant {
    CivilInstant::from_secs((START_S + day * 86_400).into())
}

fn tag(n: u64) -> NumberTag {
    let mut tag = [0; 16];
    tag[..8].copy_from_slice(&(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    NumberTag(tag)
}

fn left(n: u64, account: u32, verdict: u64, day: u32) -> Told {
    let fact = Written {
        key: key(&tag(n), CODE),
        account: NameId(account),
        sender: 2,
        campaign: verdict ^ 7,
        verdict,
        at_s: START_S + day * 86_400,
    };
    Told::Left { fact, message_ref: verdict }
}

fn open(dir: &Path, limits: Limits, appended: u64) -> Attribution {
    let keeping = Keeping {
        disk: Arc::new(RealDisk),
        keys: SpoolKeys::of(&KEY),
        segment_octets: 1 << 20,
        patience: Duration::from_secs(20),
    };
    Attribution::open(&keeping, dir, limits, 0..appended).unwrap()
}

fn accounts(index: &Attribution, n: u64, day: u32) -> Vec<(u32, u64)> {
    let found = index.find(key(&tag(n), CODE), at(day)).unwrap();
    found.iter().map(|fact| (fact.account.0, fact.verdict)).collect()
}

const SMALL: Limits = Limits { recent: 100, facts: 10_000, verdicts: 100_000 };

#[test]
fn what_was_written_is_found_in_memory_in_files_and_after_a_restart_for_ninety_days() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), SMALL, 0);
    assert_eq!(accounts(&index, 1, 0), []);
    for verdict in 0..5_000_u64 {
        let day = (verdict / 100) as u32;
        assert!(index.take(&[left(verdict % 700, 1 + (verdict % 3) as u32, verdict, day)], verdict + 1));
        if verdict % 150 == 0 {
            index.settle(&|| verdict + 1, at(day)).unwrap();
        }
    }
    let expected: Vec<_> = [4_901, 4_201, 3_501].map(|verdict| (1 + (verdict % 3) as u32, verdict)).into();
    assert_eq!(accounts(&index, 1, 50), expected);
    let (memory, disk, files) = index.totals();
    assert!(memory <= 200 && disk > 0 && files <= 21, "{memory} {disk} {files}");
    let next = index.next();
    assert_eq!(next, 5_000);
    drop(index);
    let index = open(dir.path(), SMALL, 5_000);
    let covered = index.next();
    assert!((4_000..5_000).contains(&covered), "{covered}");
    for verdict in covered..5_000 {
        index.take(&[left(verdict % 700, 1 + (verdict % 3) as u32, verdict, (verdict / 100) as u32)], verdict + 1);
    }
    assert_eq!(accounts(&index, 1, 50), expected);
    assert_eq!(accounts(&index, 1, 49 + 90), expected[..1]);
    assert_eq!(accounts(&index, 1, 50 + 90), []);
}

#[test]
fn a_file_waits_for_its_verdicts_and_does_not_outlive_them() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), SMALL, 0);
    for verdict in 0..100 {
        index.take(&[left(verdict, 1, verdict, 0)], verdict + 1);
    }
    index.settle(&|| 99, at(0)).unwrap();
    assert_eq!(index.totals(), (100, 0, 0), "the last verdict is not durable");
    index.take(&[left(500, 2, 100, 0)], 101);
    index.settle(&|| 101, at(0)).unwrap();
    assert_eq!((index.totals(), index.next()), ((1, 100, 1), 101));
    drop(index);
    let index = open(dir.path(), SMALL, 60);
    assert_eq!((index.totals(), index.next()), ((0, 0, 0), 0), "the verdicts 60..100 are lost: they are read again");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_is_scheduled_for_later_comes_behind_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), SMALL, 0);
    index.take(&[left(1, 1, 0, 0), left(1, 2, 1, 2)], 2);
    assert_eq!(accounts(&index, 1, 1), [(1, 0), (2, 1)]);
    assert_eq!(accounts(&index, 1, 2), [(2, 1), (1, 0)]);
}

#[test]
fn a_withdrawn_message_is_no_one_s() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), SMALL, 0);
    index.take(&[left(1, 1, 0, 0), left(1, 2, 1, 0)], 2);
    let withdrawn = Told::Withdrawn { key: key(&tag(1), CODE), account: NameId(2), message_ref: 1 };
    index.take(&[withdrawn], 3);
    assert_eq!(accounts(&index, 1, 0), [(1, 0)]);
}

#[test]
fn memory_is_bounded_while_the_disk_takes_nothing_and_nothing_is_lost_when_it_does_again() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("attribution");
    let index = open(&home, SMALL, 0);
    std::fs::remove_dir_all(&home).unwrap();
    let mut taken = 0;
    while index.take(&[left(taken, 1, taken, 0)], taken + 1) {
        taken += 1;
        assert!(index.settle(&|| taken, at(0)).is_err() || taken < 100);
    }
    assert_eq!((taken, index.next()), (300, 300));
    std::fs::create_dir(&home).unwrap();
    index.settle(&|| 300, at(0)).unwrap();
    assert!(index.take(&[left(taken, 1, taken, 0)], taken + 1));
    assert!((0..=300).all(|n| accounts(&index, n, 0) == [(1, n)]));
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), SMALL, 0);
    for verdict in 0..30_000 {
        index.take(&[left(verdict, 1, verdict, 0)], verdict + 1);
        if verdict % 100 == 99 {
            index.settle(&|| verdict + 1, at(0)).unwrap();
        }
    }
    let (_, disk, files) = index.totals();
    assert!((6_000..=10_000).contains(&disk) && files <= 21, "{disk} {files}");
    let known: Vec<bool> = (0..30_000).map(|n| !accounts(&index, n, 0).is_empty()).collect();
    let first = known.iter().position(|known| *known).unwrap();
    assert!(first >= 20_000 && known[first..].iter().all(|known| *known), "{first}");
}

#[test]
fn a_damaged_file_tells_nothing_and_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), SMALL, 0);
    for verdict in 0..100 {
        index.take(&[left(verdict, 1, verdict, 0)], verdict + 1);
    }
    index.settle(&|| 100, at(0)).unwrap();
    let file = dir.path().join(run::name(0, 100));
    let whole = std::fs::read(&file).unwrap();
    for place in
        (0..whole.len()).step_by(61).filter(|place| !(60..4096).contains(place) && !(8188..8192).contains(place))
    {
        let mut copy = whole.clone();
        copy[place] ^= 0x10;
        std::fs::write(&file, &copy).unwrap();
        let again = open(dir.path(), SMALL, 100);
        let answers = (0..100).map(|n| again.find(key(&tag(n), CODE), at(0)));
        let wrong = answers.enumerate().filter(|(n, answer)| {
            let right = |facts: &Vec<Written>| facts.iter().map(|fact| fact.verdict).eq([*n as u64]);
            again.next() == 100 && answer.as_ref().is_ok_and(|facts| !right(facts))
        });
        assert_eq!(wrong.count(), 0, "octet {place}");
        std::fs::write(&file, &whole).unwrap();
    }
    let other = Keeping {
        disk: Arc::new(RealDisk),
        keys: SpoolKeys::of(&[6; 32]),
        segment_octets: 0,
        patience: Duration::ZERO,
    };
    let other = Attribution::open(&other, dir.path(), SMALL, 0..100).unwrap();
    assert_eq!((other.next(), accounts(&other, 1, 0)), (0, vec![]), "under another key its tags mean nothing");
}

#[test]
fn a_block_that_is_found_damaged_while_it_runs_is_told_again_with_all_that_is_newer() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), SMALL, 0);
    let tell = |from: u64, upto: u64| {
        for verdict in from..upto {
            assert!(index.take(&[left(verdict, 1, verdict, 0)], verdict + 1));
            if verdict % 50 == 0 {
                index.settle(&|| verdict + 1, at(0)).unwrap();
            }
        }
        index.settle(&|| upto, at(0)).unwrap();
    };
    tell(0, 350);
    assert_eq!(index.drop_damaged(0), None, "nothing was found damaged");
    let mut names: Vec<String> = RealDisk.list(dir.path()).unwrap();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    let (from, upto) = run::range(&names[1]).unwrap();
    let file = dir.path().join(&names[1]);
    // The facts of its first block: its head and first keys hold.
    let mut octets = std::fs::read(&file).unwrap();
    octets[4096 + 100] ^= 4;
    std::fs::write(&file, octets).unwrap();
    let unknown = (from..upto).filter(|n| index.find(key(&tag(*n), CODE), at(0)).is_err()).count();
    assert!(unknown > 90, "{unknown} of the facts of the damaged block");
    assert_eq!(accounts(&index, 0, 0), [(1, 0)], "what older files say is known");
    assert_eq!(index.drop_damaged(from + 7).as_deref(), Some(&*file), "verdicts before {from} + 7 are given up");
    assert_eq!((index.next(), index.drop_damaged(0)), (from + 7, None));
    tell(index.next(), 350);
    let known = |n: u64| accounts(&index, n, 0) == [(1, n)];
    assert!((0..from).chain(from + 7..350).all(known) && !known(from + 3));
    drop(index);
    let again = open(dir.path(), SMALL, 350);
    assert!((0..from).all(|n| accounts(&again, n, 0) == [(1, n)]) && again.next() >= from);
}

#[test]
fn a_damaged_block_that_stands_in_the_way_of_fewer_files_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(dir.path(), SMALL, 0);
    let mut damaged = None;
    let mut verdict = 0;
    while damaged.is_none() {
        index.take(&[left(verdict, 1, verdict, 0)], verdict + 1);
        verdict += 1;
        if verdict.is_multiple_of(100) {
            let outcome = index.settle(&|| verdict, at(0));
            if verdict == 300 {
                let mut names = RealDisk.list(dir.path()).unwrap();
                names.sort();
                let file = dir.path().join(&names[1]);
                let mut octets = std::fs::read(&file).unwrap();
                octets[4096 + 100] ^= 4;
                std::fs::write(&file, octets).unwrap();
            }
            if outcome.is_err() {
                damaged = index.drop_damaged(0);
            }
        }
        assert!(verdict < 10_000, "files that are never joined");
    }
    assert_eq!(index.next(), 100, "from where the damaged file began");
    for n in 100..verdict {
        index.take(&[left(n, 1, n, 0)], n + 1);
        if n % 100 == 0 {
            index.settle(&|| verdict, at(0)).unwrap();
        }
    }
    assert!((0..verdict).all(|n| accounts(&index, n, 0) == [(1, n)]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn it_says_what_a_plain_table_says(steps in prop::collection::vec((0u64..40, 1u32..5, 0u8..12), 1..800)) {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits { recent: 20, facts: 100_000, verdicts: 64 };
        let mut index = open(dir.path(), limits, 0);
        let mut plain: BTreeMap<u64, BTreeMap<u32, u64>> = BTreeMap::new();
        let told: Vec<Told> = steps.iter().enumerate().map(|(verdict, (n, account, _))| left(*n, *account, verdict as u64, 0)).collect();
        for (verdict, (n, account, chance)) in steps.iter().enumerate() {
            let verdict = verdict as u64;
            prop_assert!(index.take(&[told[verdict as usize]], verdict + 1));
            plain.entry(*n).or_default().insert(*account, verdict);
            match chance {
                0 => {
                    drop(index);
                    index = open(dir.path(), limits, verdict + 1);
                    for again in index.next()..=verdict {
                        index.take(&[told[again as usize]], again + 1);
                    }
                }
                _ => index.settle(&|| verdict + 1, at(0)).unwrap(),
            }
        }
        for n in 0..40 {
            let mut expected: Vec<_> = plain.get(&n).into_iter().flatten().map(|(account, verdict)| (*account, *verdict)).collect();
            expected.sort_by_key(|(_, verdict)| u64::MAX - verdict);
            prop_assert_eq!(accounts(&index, n, 0), expected);
        }
    }
}
