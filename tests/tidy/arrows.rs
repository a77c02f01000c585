//! Owns the table of arrows: what each room may name of ours, and that ARCHITECTURE.md says the same.
//! Must never hold an arrow that the page does not show.

/// Room -> what it may name of ours. `room::part` allows that part only; `*` allows every room.
pub const ARROWS: &[(&str, &[&str])] = &[
    ("message", &[]),
    ("compliance", &["message"]),
    ("pdu", &["message", "compliance"]),
    ("session", &["message", "pdu"]),
    ("clock", &["message"]),
    ("shutdown", &["message"]),
    ("net", &["message", "pdu", "session", "clock", "shutdown"]),
    ("journal", &["message::instant"]),
    ("ledger", &["message", "compliance", "journal"]),
    ("suppression", &["message", "compliance", "journal", "ledger"]),
    ("consent", &["message", "compliance", "journal", "ledger", "suppression::table"]),
    ("spool", &["message", "journal"]),
    ("telemetry", &["message", "compliance"]),
    (
        "gateway",
        &[
            "message",
            "compliance",
            "pdu",
            "session",
            "net",
            "journal",
            "ledger",
            "suppression",
            "consent",
            "spool",
            "telemetry",
            "clock",
            "shutdown",
        ],
    ),
    (
        "admin",
        &[
            "message",
            "compliance",
            "suppression",
            "consent",
            "ledger",
            "telemetry",
            "gateway::handle",
            "gateway::opt_ins",
            "gateway::settings",
            "clock",
            "shutdown",
        ],
    ),
    ("sim", &["message", "pdu", "session", "net", "clock", "shutdown"]),
    ("config", &["message", "compliance", "gateway::settings", "admin::settings"]),
    ("cli", &["*"]),
    ("main", &["*"]),
    ("lib", &["*"]),
];
/// Rooms that take facts and `now`, and return values.
pub const PURE: &[&str] = &["message", "compliance", "pdu", "session"];

/// Not rooms: what belongs to the shell.
const SHELL: &[&str] = &["clock", "shutdown", "main", "lib"];

#[test]
fn the_table_of_the_architecture_page_has_these_arrows() {
    let page = include_str!("../../ARCHITECTURE.md");
    let rows = page.lines().skip_while(|line| *line != "| room | owns | may name |").skip(2);
    let mut rooms: Vec<&str> = Vec::new();
    for row in rows.take_while(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches(['|', ' ']).split(" | ").collect();
        let [room, _, names] = cells[..] else { panic!("{row}") };
        let quoted: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
        let name = room.split('`').nth(1).expect("a room in backticks");
        let (_, allowed) = ARROWS.iter().find(|(room, _)| *room == name).expect("a room of the table");
        // From `net` down the shell's own files go without saying.
        let allowed: Vec<&str> = allowed.iter().copied().filter(|one| !SHELL.contains(one)).collect();
        let said = match names {
            "everything" => vec!["*"],
            "all of the above" => rooms.clone(),
            _ => quoted,
        };
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        assert_eq!(sorted(allowed), sorted(said), "{name}: left: this table, right: the page");
        assert_eq!(room.contains("(pure)"), PURE.contains(&name), "{name}");
        rooms.push(name);
    }
    assert_eq!(rooms.len() + SHELL.len(), ARROWS.len(), "{rooms:?}");
}
