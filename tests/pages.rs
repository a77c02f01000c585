//! Owns what the pages say about the tree: dependencies, links, limits, and the table of rules with their sources and tests.
//! Must never judge prose; only that what a table names is there, and that nothing it should name is missing.

#[path = "pages/reliability.rs"]
mod reliability;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use stopgate::compliance::rule::Rule;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// The files under `dir` whose name ends so.
fn files(dir: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut left = vec![root().join(dir)];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())) {
            let path = entry.expect("a listed entry can be read").path();
            match path.is_dir() {
                true => left.push(path),
                false if path.to_string_lossy().ends_with(ending) => found.push(path),
                false => {}
            }
        }
    }
    found
}

/// The cells of every row of the tables under a heading, header and ruler aside.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let page = text(page);
    let section = page.split(&format!("\n{heading}\n")).nth(1).unwrap_or_else(|| panic!("no section `{heading}`"));
    let level = format!("\n{} ", heading.split(' ').next().unwrap_or_default());
    let section = section.split(&level).next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    let cells = lines.map(|line| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect());
    cells.skip(1).collect()
}

/// The words between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn none(faults: Vec<String>) {
    assert!(faults.is_empty(), "{} fault(s):\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn every_dependency_stands_in_the_table_of_the_architecture_page() {
    let manifest = text("Cargo.toml");
    let mut section = "";
    let mut wanted = BTreeSet::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']);
        } else if let ("dependencies" | "dev-dependencies", Some((name, _))) = (section, line.split_once('='))
            && !line.starts_with('#')
        {
            wanted.insert(name.trim().to_owned());
        }
    }
    assert!(wanted.len() > 10, "Cargo.toml was not understood");
    let rows = rows("ARCHITECTURE.md", "## Dependencies");
    let named: BTreeSet<String> = rows.iter().map(|row| row[0].trim_matches('`').to_owned()).collect();
    assert_eq!(wanted, named, "left: Cargo.toml, right: ARCHITECTURE.md");
    none(rows.iter().filter(|row| row[1].len() < 10).map(|row| format!("{}: no reason given", row[0])).collect());
}

#[test]
fn every_link_between_the_pages_leads_somewhere() {
    let mut pages = files("docs", ".md");
    let top = fs::read_dir(root()).expect("the root can be listed");
    pages.extend(
        top.map(|entry| entry.expect("a listed entry can be read").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "md")),
    );
    let mut faults = Vec::new();
    let mut followed = 0;
    for page in &pages {
        let text = fs::read_to_string(page).expect("a page can be read");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.contains(' ') {
                continue;
            }
            followed += 1;
            if !page.parent().unwrap_or(Path::new("")).join(target).exists() {
                faults.push(format!("{}: `{link}` leads nowhere", page.display()));
            }
        }
    }
    assert!(followed >= 15, "{followed} links in {} pages", pages.len());
    none(faults);
}

#[test]
fn every_limit_names_a_constant_or_a_key_that_is_there() {
    let rows = rows("docs/limits.md", "## Bounds");
    let schema = text("src/config/schema.rs");
    let mut faults = Vec::new();
    for row in &rows {
        assert_eq!(row.len(), 4, "{row:?}");
        match quoted(&row[2])[..] {
            [file, constant] if file.starts_with("src/") => {
                let there = fs::read_to_string(root().join(file)).is_ok_and(|code| {
                    code.contains(&format!("const {constant}:")) || code.contains(&format!("fn {constant}("))
                });
                if !there {
                    faults.push(format!("{}: no `{constant}` in {file}", row[0]));
                }
            }
            [key] => {
                let name = key.rsplit('.').next().unwrap_or_default();
                if !schema.contains(&format!("\"{name}\"")) {
                    faults.push(format!("{}: no key `{key}`", row[0]));
                }
            }
            _ => faults.push(format!("{}: says not where it stands", row[0])),
        }
    }
    assert!(rows.len() >= 25, "{} limits read", rows.len());
    none(faults);
}

#[test]
fn every_event_of_the_log_stands_in_the_page_of_metrics_and_the_other_way_round() {
    let mut emitted = BTreeSet::new();
    for path in files("src", ".rs") {
        let code = fs::read_to_string(path).expect("a source file can be read");
        let code = code.split("mod tests {").next().unwrap_or_default();
        emitted.extend(code.split("event = \"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
    }
    let rows = rows("docs/metrics.md", "## Events in the log");
    let told: BTreeSet<String> = rows.iter().flat_map(|row| quoted(&row[0])).map(str::to_owned).collect();
    assert!(emitted.len() > 60, "{} events in the source", emitted.len());
    assert_eq!(emitted, told, "left: the source, right: docs/metrics.md");
}

#[test]
fn every_route_of_the_admin_api_stands_in_its_page_and_the_other_way_round() {
    let server = text("src/admin/server.rs");
    let server = server.split("mod tests {").next().unwrap_or_default();
    let routed = server.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next());
    let routed: BTreeSet<String> = routed.map(str::to_owned).collect();
    let rows = rows("docs/admin-api.md", "## Tokens");
    // `GET /v1/stops/review?limit=` and the like.
    let path = |request: &str| request.split([' ', '?']).nth(1).unwrap_or_default().to_owned();
    let told: BTreeSet<String> = rows.iter().flat_map(|row| quoted(&row[0])).map(path).collect();
    assert!(routed.len() > 15, "{routed:?}");
    assert_eq!(routed, told, "left: src/admin/server.rs, right: docs/admin-api.md");
}

#[test]
fn every_rule_has_its_source_pack_key_module_and_test() {
    let rows = rows("docs/compliance.md", "## Rules");
    let packs: String = files("config/packs", ".toml").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let tests: String = ["src", "tests"]
        .iter()
        .flat_map(|dir| files(dir, ".rs"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    let mut faults = Vec::new();
    for row in &rows {
        assert_eq!(row.len(), 6, "{row:?}");
        let (sources, keys) = (quoted(&row[2]), quoted(&row[3]));
        let missing = sources.iter().filter(|id| !packs.contains(&format!("id = \"{id}\"")));
        faults.extend(missing.map(|id| format!("{}: no pack has a source `{id}`", row[0])));
        let missing =
            keys.iter().filter(|key| !packs.contains(&format!("[{key}")) && !packs.contains(&format!("{key} =")));
        faults.extend(missing.map(|key| format!("{}: no pack has a key `{key}`", row[0])));
        let missing = quoted(&row[4]).into_iter().filter(|module| !root().join("src").join(module).exists());
        faults.extend(missing.map(|module| format!("{}: no src/{module}", row[0])));
        let named = quoted(&row[5]);
        if named.is_empty() {
            faults.push(format!("{}: no test", row[0]));
        }
        let missing = named.iter().filter(|name| !tests.contains(&format!("fn {name}(")));
        faults.extend(missing.map(|name| format!("{}: no test `{name}`", row[0])));
    }
    let named: BTreeSet<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    for rule in Rule::ALL {
        if !named.contains(rule.id()) {
            faults.push(format!("{} has no row", rule.id()));
        }
    }
    none(faults);
}
