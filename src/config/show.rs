//! Owns how the effective configuration is shown: every key, written or by default, secrets as `***`.
//! Must never show a secret, not even its length.

use super::schema::{Fallback, Key, ROOT, Section};
use toml::de::{DeTable, DeValue};

/// One key as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub key: &'static str,
    /// In TOML; `None` = worked out from elsewhere, as `note` says.
    pub value: Option<String>,
    /// Where it comes from when the file does not write it.
    pub note: Option<&'static str>,
}

/// One table as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownTable {
    /// Without brackets; empty for the root.
    pub name: &'static str,
    pub many: bool,
    pub keys: Vec<Shown>,
    pub tables: Vec<ShownTable>,
}

/// The whole file as it holds. The text was loaded before, so what cannot be read is left out.
pub fn effective(text: &str) -> ShownTable {
    let (root, _) = DeTable::parse_recoverable(text);
    shown(&ROOT, Some(root.get_ref()))
}

fn shown(section: &'static Section, table: Option<&DeTable<'_>>) -> ShownTable {
    let keys = section.keys.iter().map(|key| shown_key(key, table)).collect();
    let mut tables = Vec::new();
    for inner in section.tables {
        let name = inner.name.rsplit('.').next().unwrap_or_default();
        let written = table.and_then(|table| table.get(name)).map(toml::Spanned::get_ref);
        if inner.many {
            let elements = written.and_then(DeValue::as_array).into_iter().flat_map(|array| array.iter());
            tables.extend(elements.map(|element| shown(inner, element.get_ref().as_table())));
        } else {
            tables.push(shown(inner, written.and_then(DeValue::as_table)));
        }
    }
    ShownTable { name: section.name, many: section.many, keys, tables }
}

fn shown_key(key: &'static Key, table: Option<&DeTable<'_>>) -> Shown {
    let written = table.and_then(|table| table.get(key.name));
    let (value, note) = match (written, key.fallback) {
        (Some(_), _) if key.name == "password" => (Some("\"***\"".to_owned()), None),
        (Some(value), _) => (Some(written_value(value.get_ref())), None),
        (None, Fallback::Is(default)) => (Some(default.to_owned()), Some("default")),
        (None, Fallback::Derived(from)) => (None, Some(from)),
        (None, Fallback::Required) => (None, Some("not written")),
    };
    Shown { key: key.name, value, note }
}

fn written_value(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => quoted(text),
        DeValue::Integer(integer) => match integer.radix() {
            16 => format!("0x{}", integer.as_str()),
            8 => format!("0o{}", integer.as_str()),
            2 => format!("0b{}", integer.as_str()),
            _ => integer.as_str().to_owned(),
        },
        DeValue::Float(float) => float.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Datetime(at) => at.to_string(),
        DeValue::Array(array) => {
            let elements = array.iter().map(|element| written_value(element.get_ref()));
            format!("[{}]", elements.collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(table) => {
            let pairs = table
                .iter()
                .map(|(key, value)| format!("{} = {}", quoted(key.get_ref()), written_value(value.get_ref())));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl ShownTable {
    /// As a file that may be read again (but for the secrets).
    pub fn to_toml(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        match (self.name, self.many) {
            ("", _) => {}
            (name, true) => out.push_str(&format!("\n[[{name}]]\n")),
            (name, false) => out.push_str(&format!("\n[{name}]\n")),
        }
        for shown in &self.keys {
            let line = match (&shown.value, shown.note) {
                (Some(value), None) => format!("{} = {value}\n", shown.key),
                (Some(value), Some(note)) => format!("{} = {value}  # {note}\n", shown.key),
                (None, note) => format!("# {}: {}\n", shown.key, note.unwrap_or_default()),
            };
            out.push_str(&line);
        }
        self.tables.iter().for_each(|table| table.write(out));
    }

    /// As JSON: tables as objects, `[[…]]` as lists, what is worked out elsewhere as null.
    pub fn to_json(&self) -> serde_json::Value {
        let mut object = serde_json::Map::new();
        for shown in &self.keys {
            object.insert(shown.key.to_owned(), shown.value.as_deref().map_or(serde_json::Value::Null, json));
        }
        for table in &self.tables {
            let name = table.name.rsplit('.').next().unwrap_or_default().to_owned();
            if table.many {
                let list = object.entry(name).or_insert_with(|| serde_json::Value::Array(Vec::new()));
                if let Some(list) = list.as_array_mut() {
                    list.push(table.to_json());
                }
            } else {
                object.insert(name, table.to_json());
            }
        }
        serde_json::Value::Object(object)
    }
}

fn json(value: &str) -> serde_json::Value {
    let table: Result<toml::Table, _> = toml::from_str(&format!("value = {value}"));
    let value = table.ok().and_then(|mut table| table.remove("value"));
    value.and_then(|value| serde_json::to_value(value).ok()).unwrap_or(serde_json::Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "node = \"gw-1\"\n[[smsc]]\nname = \"a\"\npassword = { env = \"P\" }\nstatus_map = { 0x66 = 0x45 }\nwindow = 0x10\n[[account]]\nsystem_id = \"acme\"\npassword = \"hunter2\"\n[account.refusal]\nstyle = \"receipt\"\n";

    #[test]
    fn what_is_written_and_what_is_default_both_show_and_secrets_do_not() {
        let toml = effective(TEXT).to_toml();
        for line in [
            "node = \"gw-1\"\n",
            "lanes = 1  # default\n",
            "# keys_dir: `data_dir` + `-keys`\n",
            "password = \"***\"\n",
            "window = 0x10\n",
            "style = \"receipt\"\n",
            "session_init = \"5s\"  # default\n",
            "status_map = { \"0x66\" = 0x45 }\n",
        ] {
            assert!(toml.contains(line), "{line}\n{toml}");
        }
        assert!(!toml.contains("hunter2") && !toml.contains("env"), "{toml}");
    }

    #[test]
    fn what_shows_can_be_read_again_as_toml_and_as_json() {
        let shown = effective(TEXT);
        let table: toml::Table = toml::from_str(&shown.to_toml()).expect("TOML");
        assert_eq!(table["smsc"][0]["window"].as_integer(), Some(16));
        let json = shown.to_json();
        assert_eq!(json["smsc"][0]["window"], 16);
        assert_eq!(json["account"][0]["refusal"]["style"], "receipt");
        assert!(json["keys_dir"].is_null());
    }
}
