//! Owns `stopgate key export`, `import`, `rotate` and `public`: the keys as text for escrow and back, and the one that anybody may have; offline.
//! Must never make a key, nor write one where others can read it.

use super::exit::{Exit, Failure, Outcome};
use super::global::Global;
use super::print;
use crate::clock::Clock;
use crate::journal::offline::Offline;
use crate::ledger::Keys;
use crate::ledger::escrow::ImportError;
use crate::ledger::generations::Secrets;
use crate::ledger::note::NoteKey;
use crate::ledger::rekey::{self, RekeyError};
use crate::ledger::{OpenOptions, home, rotation};
use std::io::{IsTerminal, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The keys: out for escrow and back, the public one for whoever verifies, and a new one that signs.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, clap::Subcommand)]
enum Command {
    /// Write the keys of tags, checkpoints and sealing as text: whoever holds it can read personal data
    #[command(
        after_help = "Examples:\n  stopgate key export -o /media/safe/stopgate.keys\n  stopgate key export | age -r RECIPIENT > stopgate.keys.age"
    )]
    Export {
        /// Where to write it, mode 0600; must not exist [default: stdout, which must not be a terminal]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Put the text of `key export` back into keys_dir; never over another key
    #[command(
        after_help = "Examples:\n  stopgate key import /media/safe/stopgate.keys\n  age -d stopgate.keys.age | stopgate key import -"
    )]
    Import {
        /// The text; `-` = stdin
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Replace a key; the daemon must be stopped for the moment it takes
    #[command(
        after_help = "Examples:\n  systemctl stop stopgate && stopgate key rotate --signing && systemctl start stopgate\n  systemctl stop stopgate && stopgate key rotate --tags && systemctl start stopgate\n\n--signing: the old and the new key sign the replacement, which is recorded; give the new public key to whoever verifies.\n--tags, --sealing: the new key stands beside the old ones, which stay in use for what they wrote: no opt-out is lost.\nExport the keys again afterwards: an export from before does not open what is written from now on.",
        group = clap::ArgGroup::new("which").required(true)
    )]
    Rotate {
        /// The key that signs checkpoints
        #[arg(long, group = "which")]
        signing: bool,
        /// The key that makes the tags of numbers
        #[arg(long, group = "which")]
        tags: bool,
        /// The key that seals personal data
        #[arg(long, group = "which")]
        sealing: bool,
    },
    /// Print the public key of the checkpoints: give it to whoever is to verify (`stopgate verify --key`)
    #[command(after_help = "Examples:\n  stopgate key public > gw-1.pub")]
    Public,
}

/// Runs it.
pub fn run(args: &Args, global: &Global) -> Outcome {
    let door = global.door()?;
    let output = match &args.command {
        Command::Export { output } => output,
        Command::Import { file } => return import(file, &door.keys_dir, &door.data_dir, global),
        Command::Rotate { tags: true, .. } => return rotate(Rotated::Beside(Secrets::Tags), global),
        Command::Rotate { sealing: true, .. } => return rotate(Rotated::Beside(Secrets::Sealing), global),
        Command::Rotate { .. } => return rotate(Rotated::Signing, global),
        Command::Public => return public(&door.data_dir, global),
    };
    let none = std::fs::read_dir(&door.keys_dir).map_or(true, |mut entries| entries.next().is_none());
    if none {
        return Err(Failure::unavailable(
            format!("no keys in {}", door.keys_dir.display()),
            "the daemon makes them at its first start; run as its user, or name its configuration with --config FILE",
        ));
    }
    let keys = Keys::open_or_create(&door.keys_dir, &door.data_dir)
        .map_err(|error| Failure::new(error.to_string(), "run as the daemon's user"))?;
    let text = keys.export();
    match output {
        Some(path) => {
            let written = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
            written.map_err(|error| {
                Failure::new(format!("cannot write {}: {error}", path.display()), "name a file that does not exist")
            })?;
            print::line(format!("written to {}; keep it apart from the data and its backups", path.display()));
        }
        None if std::io::stdout().is_terminal() => {
            return Err(Failure::usage(
                "keys do not belong on a terminal",
                "write -o FILE, or pipe them into what keeps them safe",
            ));
        }
        None => print::line(text.trim_end()),
    }
    Ok(Exit::Ok)
}

/// Puts the keys back from escrow.
fn import(file: &Path, keys_dir: &Path, data_dir: &Path, global: &Global) -> Outcome {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let mut text = Zeroizing::new(String::new());
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().read_to_string(&mut text),
        false => std::fs::File::open(file).and_then(|mut file| file.read_to_string(&mut text)),
    };
    read.map_err(|error| Failure::usage(format!("{}: {error}", file.display()), "name the file of the export"))?;
    let keys = Keys::import(&text, keys_dir).map_err(|error| {
        let next = match &error {
            ImportError::Text(_) => "take the whole text as `stopgate key export` wrote it",
            ImportError::Other(_) => {
                "move the keys that are there aside first, if they are not those of this node's data"
            }
            ImportError::Open(_) => "run as the daemon's user",
        };
        Failure { exit: Exit::Failure, error: error.to_string(), next: next.to_owned() }
    })?;
    let fits = match Offline::open(&data_dir.join("events"), "events") {
        Ok(events) if events.labels().all(|mark| keys.generations().knows(&mark)) => {
            "they are those that the data_dir was written with"
        }
        Ok(_) => "but they are NOT those that the data_dir was written with: the daemon will not start with them",
        Err(_) => "there is no data_dir yet to hold them against",
    };
    match global.json {
        true => print::json(&serde_json::json!({ "keys_dir": keys_dir.display().to_string(), "said": fits })),
        false => print::line(format!("put back into {}; {fits}", keys_dir.display())),
    }
    Ok(if fits.contains("NOT") { Exit::Findings } else { Exit::Ok })
}

/// Which key is replaced.
enum Rotated {
    /// The one that signs, which the new one takes the place of.
    Signing,
    /// One whose earlier generations stay.
    Beside(Secrets),
}

/// Replaces a key.
fn rotate(which: Rotated, global: &Global) -> Outcome {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let (_, loaded) = global.load()?;
    let (data_dir, keys_dir) = loaded.directories();
    let held = home::is_held(data_dir).map_err(|error| {
        Failure::unavailable(
            format!("{} is no data_dir that can be read: {error}", data_dir.display()),
            "the daemon makes it at its first start; run as its user, or name its configuration with --config FILE",
        )
    })?;
    if held {
        return Err(Failure::unavailable(
            format!("{} is in use by a running stopgate", data_dir.display()),
            "stop the daemon for the moment this takes: `systemctl stop stopgate`",
        ));
    }
    let rehearsal = std::fs::read_to_string(data_dir.join("format")).is_ok_and(|text| text.ends_with("rehearsal\n"));
    let options = OpenOptions::new(loaded.node(), rehearsal);
    let options = if rehearsal { options.with_segment_octets(4 << 20) } else { options };
    if let Rotated::Beside(secret) = which {
        let by = format!("stopgate key rotate, run by uid {}", rustix::process::getuid().as_raw());
        return replace(secret, (data_dir, keys_dir), OpenOptions { by, ..options }, global);
    }
    let new = rotation::rotate(data_dir, keys_dir, options, Clock::system().civil()).map_err(|error| {
        let next = "mend that and start the daemon: it says which key is whole, and this can be asked again";
        Failure { exit: Exit::Failure, error: error.to_string(), next: next.to_owned() }
    })?;
    match global.json {
        true => print::json(&serde_json::json!({ "key": new.text() })),
        false => {
            print::line(format!("checkpoints are signed by a new key from now on: {}", new.text()));
            print::line("give it to whoever verifies, and export the keys again: `stopgate key export`");
        }
    }
    Ok(Exit::Ok)
}

/// Puts a new tag key or sealing key beside the earlier ones.
fn replace(secret: Secrets, (data_dir, keys_dir): (&Path, &Path), options: OpenOptions, global: &Global) -> Outcome {
    let done = rekey::replace(secret, data_dir, keys_dir, options, Clock::system().civil()).map_err(|error| {
        let next = match &error {
            RekeyError::Open(_) | RekeyError::NotClosed(_) => "mend that first; the keys are as they were",
            RekeyError::Full(_) => "nothing was changed; docs/operations.md, A suspected tag or sealing key",
            RekeyError::NotRecorded { .. } => "keep the new file: the next start of the daemon makes the record",
        };
        Failure { exit: Exit::Failure, error: error.to_string(), next: next.to_owned() }
    })?;
    let path = done.path.display();
    match global.json {
        true => print::json(&serde_json::json!({
            "replaced": secret.words(), "generation": done.generation, "file": path.to_string(),
        })),
        false => {
            print::line(format!("the {} was replaced: generation {} is in {path}", secret.words(), done.generation));
            print::line("the earlier ones stay in use for what they wrote: keep every file of keys_dir");
            print::line(
                "export the keys again: `stopgate key export`; what was written before stays readable with the old key",
            );
        }
    }
    Ok(Exit::Ok)
}

/// The key that checkpoints are signed with, as other tools read it.
fn public(data_dir: &Path, global: &Global) -> Outcome {
    let path = data_dir.join("checkpoints/key");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let next =
            "the daemon writes it at its first start; run as its user, or name its configuration with --config FILE";
        Failure::unavailable(format!("{}: {error}", path.display()), next)
    })?;
    let Some(key) = NoteKey::read(&text) else {
        return Err(Failure::new(
            format!("{} holds no public key", path.display()),
            "`stopgate verify` says what is wrong",
        ));
    };
    match global.json {
        true => print::json(&serde_json::json!({ "key": key.text() })),
        false => print::line(key.text()),
    }
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_once_for_their_owner_only_and_never_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let config = directory.path().join("stopgate.toml");
        std::fs::write(&config, "node = \"n\"\ndata_dir = \"data\"\n").expect("written");
        let global = Global { config: Some(config), ..Global::default() };
        let output = directory.path().join("escrow");
        let args = Args { command: Command::Export { output: Some(output.clone()) } };
        let failure = run(&args, &global).expect_err("no keys yet");
        assert_eq!(failure.exit, Exit::Unavailable);
        assert!(!directory.path().join("data-keys").exists(), "an export makes no keys");
        Keys::open_or_create(&directory.path().join("data-keys"), &directory.path().join("data")).expect("made");
        assert_eq!(run(&args, &global), Ok(Exit::Ok));
        assert!(std::fs::read_to_string(&output).expect("text").contains("tag.key"));
        assert_eq!(run(&args, &global).expect_err("it exists").exit, Exit::Failure);
        std::fs::remove_dir_all(directory.path().join("data-keys")).expect("lost");
        let import = Args { command: Command::Import { file: output.clone() } };
        assert_eq!(run(&import, &global), Ok(Exit::Ok));
        let text = std::fs::read_to_string(&output).expect("text");
        let back = Keys::open(&directory.path().join("data-keys"), &directory.path().join("data")).expect("opened");
        assert_eq!(back.export().trim(), text.trim());
        std::fs::write(&output, text.replace("check ", "cheque ")).expect("written");
        assert_eq!(run(&import, &global).expect_err("changed").exit, Exit::Failure);
        let args = Args { command: Command::Public };
        assert_eq!(run(&args, &global).expect_err("nothing was signed yet").exit, Exit::Unavailable);
    }
}
