//! Owns the figures of the benches on disk: one file a part under target/bench, so that a part that fails loses no other's.
//! Must never hold a figure that this machine did not measure.

mod criterion;
pub mod machine;
pub mod page;
pub mod rows;

use page::{Page, Section, Table};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The parts, in the order of the page.
const PARTS: [&str; 9] = ["relay", "judge", "scan", "import", "storm", "growth", "soak", "ledger", "long"];

/// What one part of the benches measured.
#[derive(Clone, Debug, Default)]
pub struct Part {
    pub name: String,
    figures: BTreeMap<String, f64>,
    section: Section,
}

/// Where the parts lie.
pub fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench")
}

impl Part {
    /// A part with no figure yet: `title` heads its tables on the page, `how` says how much was measured and how.
    pub fn new(name: &str, title: &str, how: &str) -> Self {
        let section = Section { title: title.to_owned(), how: how.to_owned(), tables: Vec::new() };
        Self { name: name.to_owned(), figures: BTreeMap::new(), section }
    }

    /// Notes a figure under `part.name`, and says it.
    pub fn figure(&mut self, name: &str, value: f64, unit: &str) {
        println!("{}: {name}: {value:.3} {unit}", self.name);
        self.note(name, value);
    }

    /// Notes a figure without saying it.
    pub fn note(&mut self, name: &str, value: f64) {
        if value.is_finite() {
            self.figures.insert(format!("{}.{name}", self.name), value);
        }
    }

    /// Adds a table to the part's section, and prints it.
    pub fn table(&mut self, table: Table) {
        println!("\n{}", table.markdown());
        self.section.tables.push(table);
    }

    /// Writes the part, whole or not at all.
    ///
    /// # Panics
    /// When the disk does not take it: the figures would be lost.
    pub fn write(&self) {
        let home = home();
        std::fs::create_dir_all(&home).expect("target/bench can be made");
        let tables = self.section.tables.iter().map(|table| json!({"head": table.head, "rows": table.rows}));
        let text = json!({
            "figures": self.figures,
            "title": self.section.title,
            "how": self.section.how,
            "tables": tables.collect::<Vec<_>>(),
        });
        let file = home.join(format!("{}.json", self.name));
        let part = file.with_extension("part");
        std::fs::write(&part, format!("{text:#}\n")).expect("target/bench can be written");
        std::fs::rename(&part, &file).expect("target/bench can be written");
        println!("{}: written", self.name);
    }

    /// Reads a part, if it was ever measured here.
    pub fn read(name: &str) -> Option<Self> {
        let text = std::fs::read_to_string(home().join(format!("{name}.json"))).ok()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        let words = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(|word| Some(word.as_str()?.to_owned())).collect()
        };
        let tables = value["tables"].as_array().into_iter().flatten().map(|table| Table {
            head: words(&table["head"]),
            rows: table["rows"].as_array().into_iter().flatten().map(words).collect(),
        });
        let section = Section {
            title: value["title"].as_str()?.to_owned(),
            how: value["how"].as_str()?.to_owned(),
            tables: tables.collect(),
        };
        let figures =
            value["figures"].as_object()?.iter().filter_map(|(id, value)| Some((id.clone(), value.as_f64()?)));
        Some(Self { name: name.to_owned(), figures: figures.collect(), section })
    }
}

/// Writes docs/performance.md from whatever was measured on this machine.
pub fn write_page() {
    criterion::write();
    let parts: Vec<Part> = PARTS.iter().filter_map(|name| Part::read(name)).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/performance.md");
    if parts.is_empty() && file.exists() {
        return println!("nothing was measured yet: the page stays as it is");
    }
    let machine = machine::described();
    // What the page says of this machine and was not measured again stays; another machine's figures go.
    let before = std::fs::read_to_string(&file).ok().and_then(|text| Page::parse(&text));
    let before = before.filter(|before| before.machine == machine).unwrap_or_default();
    let mut page = Page { machine, ..before };
    for part in parts {
        page.measured.extend(part.figures);
        match page.sections.iter_mut().find(|section| section.title == part.section.title) {
            Some(section) => *section = part.section,
            None => page.sections.push(part.section),
        }
    }
    std::fs::write(&file, page.render()).expect("the page can be written");
    println!("docs/performance.md: written");
}
