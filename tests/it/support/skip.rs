//! Owns how a test says that it was not run for want of a tool or a right.
//! Must never pass in silence, nor at all where nothing may be skipped (`STRICT=1`).

/// Says on standard error, past the capture of the test runner, that this test is not run; `tests/setup/run.sh` counts the line.
pub fn skip(why: &str) {
    use std::io::Write;
    let here = std::thread::current().name().unwrap_or("a test").to_owned();
    // A closed standard error has nobody to be told.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {here}: {why}");
    assert!(std::env::var_os("STRICT").is_none_or(|strict| strict != "1"), "{why}, and nothing may be skipped");
}
