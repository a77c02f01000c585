//! Owns the end-to-end benches by name, and the roles that this binary plays for them: the floor, the operator.
//! Must never run a part that was not asked for: `benches/run.sh` runs them one by one, so that one that fails loses no other.

mod book;
mod figures;
#[path = "../fixture/mod.rs"]
mod fixture;
mod floor;
mod growth;
mod import;
#[path = "../fixture/list.rs"]
mod list_fixture;
mod long;
mod operator;
mod shapes;
mod side_by_side;
mod soak;
mod stage;
mod storm;

use std::net::SocketAddr;
use stopgate::sim::quick::QuickSmsc;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    match arguments.first().map(String::as_str) {
        Some("--floor") => runtime.block_on(floor::run(arguments[1].parse().expect("an address"))),
        Some("--smsc") => runtime.block_on(smsc()),
        Some("relay") => runtime.block_on(side_by_side::run()),
        Some("import") => runtime.block_on(import::run()),
        Some("storm") => runtime.block_on(storm::run()),
        Some("growth") => runtime.block_on(growth::run()),
        Some("soak") => runtime.block_on(soak::run()),
        Some("ledger") => book::run(),
        Some("long") => runtime.block_on(long::run()),
        Some("page") => figures::write_page(),
        Some(_) | None => println!("say which part: make bench PARTS=relay"),
    }
}

async fn smsc() {
    let smsc = QuickSmsc::start(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a free port");
    println!("listening on {}", smsc.address());
    std::future::pending::<()>().await;
}
