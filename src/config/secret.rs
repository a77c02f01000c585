//! Owns how passwords are written: a literal, the name of an environment variable, or a file.
//! Must never print one, nor say how long it is.

use super::value::Parsed;
use crate::gateway::settings::Secret;
use std::path::{Path, PathBuf};
use toml::de::DeValue;

/// What a file may refer to outside itself. Paths are relative to the file's own directory.
pub struct Surroundings<'a> {
    pub directory: PathBuf,
    pub environment: &'a dyn Fn(&str) -> Option<String>,
}

impl Surroundings<'_> {
    /// A path of the file, made whole.
    pub fn path(&self, written: &str) -> PathBuf {
        self.directory.join(Path::new(written))
    }

    /// Reads a password.
    pub fn password(&self, value: &DeValue<'_>) -> Parsed<Secret> {
        let forms = "write \"literal\", { env = \"NAME\" } or { file = \"path\" }";
        if let Some(literal) = value.as_str() {
            return usable(literal.as_bytes());
        }
        let table = value.as_table().ok_or_else(|| format!("must be a password: {forms}"))?;
        let mut entries = table.iter().map(|(key, value)| (key.get_ref().as_ref(), value.get_ref().as_str()));
        match (entries.next(), entries.next()) {
            (Some(("env", Some(name))), None) => {
                let found = (self.environment)(name);
                let literal =
                    found.ok_or_else(|| format!("environment variable {name} is not set: set it, or {forms}"))?;
                usable(literal.as_bytes())
            }
            (Some(("file", Some(written))), None) => {
                let path = self.path(written);
                let octets =
                    std::fs::read(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
                let end = octets.iter().rposition(|octet| !matches!(octet, b'\n' | b'\r')).map_or(0, |last| last + 1);
                usable(&octets[..end])
            }
            _ => Err(format!("must be a password: {forms}")),
        }
    }
}

fn usable(octets: &[u8]) -> Parsed<Secret> {
    if octets.is_empty() {
        return Err("the password is empty".to_owned());
    }
    if octets.len() > 64 || octets.contains(&0) {
        return Err("the password has more than 64 characters or a NUL: SMPP cannot carry it".to_owned());
    }
    Ok(Secret::new(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(toml: &str, directory: &Path) -> Parsed<Secret> {
        let environment = |name: &str| (name == "SET").then(|| "from-env".to_owned());
        let surroundings = Surroundings { directory: directory.to_owned(), environment: &environment };
        surroundings.password(DeValue::parse(toml).expect("TOML").get_ref())
    }

    #[test]
    fn a_password_comes_from_the_file_the_environment_or_a_literal() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("acme.secret"), "from-file\r\n").expect("written");
        let cases = [
            ("\"literal\"", "literal"),
            ("{ env = \"SET\" }", "from-env"),
            ("{ file = \"acme.secret\" }", "from-file"),
        ];
        for (toml, expected) in cases {
            assert_eq!(read(toml, directory.path()).map(|s| s.expose().to_vec()), Ok(expected.as_bytes().to_vec()));
        }
    }

    #[test]
    fn what_is_missing_or_misspelt_is_told_without_the_secret() {
        let directory = tempfile::tempdir().expect("a directory");
        let cases = [
            ("{ env = \"UNSET\" }", "UNSET is not set"),
            ("{ file = \"absent\" }", "cannot read"),
            ("{ fiel = \"x\" }", "{ file ="),
            ("7", "must be a password"),
            ("\"\"", "empty"),
        ];
        for (toml, expected) in cases {
            let error = read(toml, directory.path()).expect_err(toml);
            assert!(error.contains(expected), "{toml}: {error}");
        }
    }
}
