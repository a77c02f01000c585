//! Owns the tests of an import: batches, bad rows, interruption and going on.
//! Must never need a daemon: what would be sent is looked at.

use super::*;
use std::cell::RefCell;

fn plan(file: &Path) -> Plan<'_> {
    Plan { file, command: "stopgate stop import".to_owned(), done: "suppressed", dry_run: false, resume: false }
}

fn import<'a>(plan: &'a Plan<'a>, done: Progress) -> Import<'a> {
    Import { plan, evidence: "e".to_owned(), done, rejected: Vec::new(), bar: ProgressBar::hidden() }
}

fn written(rows: usize) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("optouts.csv");
    let mut text = "number\n".to_owned();
    (0..rows).for_each(|row| text.push_str(&format!("0639{:06}\n", 980_000 + row)));
    std::fs::write(&path, text).expect("written");
    (directory, path)
}

#[test]
fn an_interrupted_import_goes_on_behind_the_last_batch_that_was_acknowledged() {
    let (_directory, path) = written(ROWS_MAX * 2 + 5);
    let plan = plan(&path);
    let source = Source::look_at(&path).expect("read");
    let kept = Progress::path(&path);
    let sent = RefCell::new(Vec::new());
    let send = |broken_at: usize| {
        let sent = &sent;
        move |rows: Vec<Row>, _: &str| {
            if sent.borrow().len() == broken_at {
                return Err(Failure::unavailable("gone", "start it"));
            }
            sent.borrow_mut().push((rows[0].line, rows.len()));
            Ok(StopOutcome { added: rows.len() as u64, ..StopOutcome::default() })
        }
    };
    let begun = Progress { sha256: source.sha256.clone(), ..Progress::default() };
    let failure = import(&plan, begun).work(&source, send(1), &kept).expect_err("interrupted");
    assert!(failure.next.contains("--resume") && failure.next.contains("lines up to 10001"), "{}", failure.next);
    let progress = Progress::load(&kept).expect("kept");
    assert_eq!((progress.line, progress.added), (10_001, 10_000));
    let mut second = import(&plan, progress);
    second.work(&source, send(usize::MAX), &kept).expect("goes on");
    assert_eq!(second.done.added, ROWS_MAX as u64 * 2 + 5);
    assert_eq!(*sent.borrow(), [(2, ROWS_MAX), (10_002, ROWS_MAX), (20_002, 5)]);
}

#[test]
fn bad_rows_are_told_and_the_good_ones_are_in() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("optouts.csv");
    std::fs::write(&path, "number,at\n0639980001,\n0639980002,yesterday\n12,\n0639980003,\n").expect("written");
    let plan = plan(&path);
    let source = Source::look_at(&path).expect("read");
    let send = |rows: Vec<Row>, _: &str| {
        let short = rows.iter().filter(|row| row.number.len() < 6);
        let rejected: Vec<_> = short.map(|row| RejectedRow { line: row.line, error: "no number".to_owned() }).collect();
        Ok(StopOutcome { added: (rows.len() - rejected.len()) as u64, already: 0, rejected })
    };
    let mut import = import(&plan, Progress::default());
    import.work(&source, send, &Progress::path(&path)).expect("done");
    let mut lines: Vec<_> = import.rejected.iter().map(|row| row.line).collect();
    lines.sort_unstable();
    assert_eq!((import.done.added, lines), (2, vec![3, 4]));
    assert_eq!(import.report(&Global { json: true, ..Global::default() }), Ok(Exit::Findings));
}
