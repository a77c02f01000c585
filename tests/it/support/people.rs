//! Owns the people of a scenario: tokens of their own, with their roles.
//! Must never give anybody the token of the daemon's own user.

use super::gateway::Gateway;
use sha2::{Digest, Sha256};

/// Gives alice, bob (compliance) and olga (operator) tokens of their own: each in a file of that name beside the directories.
pub fn people(gateway: &Gateway) {
    let home = gateway.home.path();
    let mut lines = String::new();
    for (name, role) in [("alice", "compliance"), ("bob", "compliance,auditor"), ("olga", "operator")] {
        let token = format!("token-of-{name}");
        let hash: String = Sha256::digest(token.as_bytes()).iter().map(|octet| format!("{octet:02x}")).collect();
        lines.push_str(&format!("{name} {role} {hash}\n"));
        std::fs::write(home.join(name), token).expect("written");
    }
    let file = home.join("data").join("admin.tokens");
    let known = std::fs::read_to_string(&file).expect("the first start made it");
    std::fs::write(&file, known + &lines).expect("written");
}
