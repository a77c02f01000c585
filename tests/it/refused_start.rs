//! Owns the starts that must not happen: somebody else's data, lost keys, a taken port, a faulty file.
//! Must never accept a silence: each says where, what, and what to do next.

use super::support::config::Config;
use super::support::gateway::{Gateway, Home, stopgate};
use super::support::stage::Stage;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

/// Starts with this configuration text in `home`, to the end: exit code and standard error.
fn refused(home: &Path, text: &str) -> (i32, String) {
    let file = home.join("refused.toml");
    std::fs::write(&file, text).expect("the configuration is written");
    let output = stopgate()
        .args([
            "--config".as_ref(),
            file.as_os_str(),
            "run".as_ref(),
            "--clock".as_ref(),
            "2026-11-24T10:00:00Z".as_ref(),
        ])
        .output()
        .expect("the binary starts");
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stderr).into_owned())
}

fn nowhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 9))
}

#[tokio::test(flavor = "current_thread")]
async fn a_second_process_on_the_same_data_is_turned_away() {
    let stage = Stage::start().await;
    let home = stage.gateway.home.path().to_owned();
    let text = Config::new(nowhere()).write(&home);
    let (code, error) = refused(&home, &text);
    assert_eq!(code, 69, "{error}");
    assert!(error.contains("in use by another stopgate process"), "{error}");
}

#[tokio::test(flavor = "current_thread")]
async fn lost_keys_refuse_the_start_and_say_how_to_get_them_back() {
    let home = Home::new();
    let config = Config::new(nowhere());
    Gateway::start_in(home.clone(), &config).await.kill();
    let text = config.write(home.path());
    let keys = std::fs::read_dir(home.path()).expect("a directory").filter_map(Result::ok);
    let keys = keys.map(|entry| entry.path()).find(|path| path.join("tag.key").exists()).expect("a keys_dir");
    let (key, aside) = (keys.join("tag.key"), keys.join("aside"));
    std::fs::rename(&key, &aside).expect("moved aside");
    let (code, error) = refused(home.path(), &text);
    assert_eq!(code, 78, "{error}");
    assert!(error.contains("stopgate key export") && error.contains("un-stop"), "{error}");
    // Another key is as bad as none.
    std::fs::write(&key, format!("{}\n", "5a".repeat(32))).expect("another key is written");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("its mode is set");
    assert_eq!(refused(home.path(), &text).0, 78);
    std::fs::rename(&aside, &key).expect("moved back");
    Gateway::start_in(home, &config).await.kill();
}

#[test]
fn a_taken_port_is_named_by_file_and_line() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let home = Home::new();
    let text = Config::new(nowhere()).write(home.path());
    let address = taken.local_addr().expect("an address").to_string();
    for section in ["smpp", "admin"] {
        let head = format!("[{section}]\nlisten = \"127.0.0.1:0\"");
        assert!(text.contains(&head), "{text}");
        let text = text.replace(&head, &format!("[{section}]\nlisten = \"{address}\""));
        let line = text.lines().position(|line| line.contains(&address)).expect("the line") + 1;
        let (code, error) = refused(home.path(), &text);
        assert_eq!(code, 78, "{error}");
        assert!(error.contains(&format!("refused.toml:{line}: ")) && error.contains(&address), "{error}");
    }
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let home = Home::new();
    let text = Config::new(nowhere()).write(home.path());
    let text = text.replace("system_id = \"acme\"", "sytem_id = \"acme\"").replace("[smpp]", "[smpp]\nlanes = 2");
    let (code, error) = refused(home.path(), &text);
    assert_eq!(code, 78, "{error}");
    assert!(error.contains("did you mean `system_id`?") && error.contains("unknown key `lanes`"), "{error}");
    assert!(error.lines().filter(|line| line.contains("refused.toml:")).count() >= 2, "{error}");
}
