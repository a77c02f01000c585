//! Owns the writing of pages as one CSV: to stdout, or whole or not at all to a file of its owner.
//! Must never leave a half-written file under the final name, nor one that others can read.

use super::exit::{Exit, Failure, Outcome, counted};
use super::print;
use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Entries asked for at once.
pub const PAGE: usize = 5_000;

/// Writes every page that `fetch` gives, from the cursor of the one before, under these columns.
pub fn run(columns: &[&str], fetch: impl Fn(Option<&str>) -> Result<Value, Failure>, output: Option<&Path>) -> Outcome {
    match output {
        None => {
            // A reader that has seen enough (`| head`) is no failure of ours.
            let written = pages(columns, fetch, std::io::stdout().lock());
            written
                .map(drop)
                .or_else(|failure| if failure.error.contains("Broken pipe") { Ok(()) } else { Err(failure) })?;
        }
        Some(path) => {
            let count = to_file(columns, fetch, path)?;
            print::line(format!(
                "{} written to {}",
                counted(count, "entry").replace("entrys", "entries"),
                path.display()
            ));
        }
    }
    Ok(Exit::Ok)
}

fn to_file(
    columns: &[&str],
    fetch: impl Fn(Option<&str>) -> Result<Value, Failure>,
    path: &Path,
) -> Result<usize, Failure> {
    let unwritable = |error: std::io::Error| {
        Failure::new(format!("cannot write {}: {error}", path.display()), "name a file one may write")
    };
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&part)
        .map_err(unwritable)?;
    let count = pages(columns, fetch, std::io::BufWriter::new(file))?;
    std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(unwritable)?;
    std::fs::rename(&part, path).map_err(unwritable)?;
    Ok(count)
}

/// Every page, until there is no next one.
fn pages(
    columns: &[&str],
    fetch: impl Fn(Option<&str>) -> Result<Value, Failure>,
    out: impl Write,
) -> Result<usize, Failure> {
    let failed = |error: csv::Error| Failure::new(format!("cannot write: {error}"), "see the room left on the disk");
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(columns).map_err(failed)?;
    let (mut count, mut after) = (0, None);
    loop {
        let page = fetch(after.as_deref())?;
        for entry in page["entries"].as_array().into_iter().flatten() {
            let cell = |column: &&str| match &entry[*column] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            csv.write_record(columns.iter().map(cell)).map_err(failed)?;
            count += 1;
        }
        let next = page["next"].as_str().map(str::to_owned);
        if next.is_none() || next == after {
            break;
        }
        after = next;
    }
    csv.flush().map_err(|error| failed(error.into()))?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COLUMNS: [&str; 9] = ["number", "tag", "since", "source", "scope", "by", "short_code", "evidence", "event"];

    fn two_pages(after: Option<&str>) -> Result<Value, Failure> {
        Ok(match after {
            None => {
                json!({ "entries": [{ "number": "+33639980001", "event": 1, "evidence": "said \"no\", twice" }], "next": "1" })
            }
            Some(_) => json!({ "entries": [{ "number": null, "event": 2 }], "next": null }),
        })
    }

    #[test]
    fn all_pages_end_up_in_one_file_for_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("stops.csv");
        assert_eq!(to_file(&COLUMNS, two_pages, &path), Ok(2));
        let text = std::fs::read_to_string(&path).expect("written");
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("+33639980001,,,,,,,\"said \"\"no\"\", twice\",1"), "{text}");
        assert_eq!(std::fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_page_that_fails_leaves_no_file_under_the_final_name() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("stops.csv");
        let failing = |after: Option<&str>| match after {
            None => two_pages(None),
            Some(_) => Err(Failure::unavailable("gone", "later")),
        };
        assert_eq!(to_file(&COLUMNS, failing, &path).expect_err("fails").exit, Exit::Unavailable);
        assert!(!path.exists());
    }
}
