//! Owns the replacement of the tag key and of the sealing key through the real binary: everything from before is found after it.
//! Must never ask only the gateway: what it wrote is held against the keys, and both verifiers read it.

use super::support::config::{Config, account};
use super::support::gateway::Home;
use super::support::offline::{offline, second_verifier, utf8};
use super::support::search::{holding, sealed};
use super::support::stage::Stage;
use super::support::{PROMO, SOON, phone};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use stopgate::journal::offline::Offline;
use stopgate::ledger::event_code::EventRecord;
use stopgate::ledger::sealed::Sealer;
use stopgate::ledger::{Event, Keys};
use stopgate::sim::esme::{Bind, Esme};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;
use stopgate::sim::wire::CANCEL_SM;

const OPTED_OUT: u32 = 0x66;
const NO_CONSENT: u32 = 0x45;
const CAP_REACHED: u32 = 0x55;
/// This afternoon: it is ten in the morning.
const LATER: &str = "261124150000004+";

/// acme declares its consents and may write twice a day; optin proves its own, so that ids are told apart by the map.
fn two_accounts(config: &mut Config) {
    config.acme().set("frequency", "{ messages = 2, per = \"1d\" }");
    let mut optin = account("optin", "pass", "operator-a");
    optin.text("consent", "proof").unset("consent_statement").set("senders", "[\"OPTIN\"]");
    config.accounts.push(optin);
}

async fn status(esme: &Esme, sender: &str, number: u32) -> u32 {
    esme.submit_and_wait(&Message::submit(sender, &phone(number), PROMO)).await.expect("an answer").status()
}

async fn command(stage: &Stage, arguments: &[&str]) -> String {
    let (out, error, code) = stage.gateway.command(arguments).await;
    assert_eq!(code, 0, "{arguments:?}: {out}{error}");
    out
}

async fn end(stage: &mut Stage) {
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
}

/// Replaces a key of a gateway that has ended.
fn replace(home: &Path, which: &str) {
    let (words, exit) = offline(home, &["key", "rotate", which]);
    assert!(exit == 0 && words.contains("was replaced: generation"), "{words}");
}

/// Both verifiers, without the tag key and with it.
fn verified(home: &Path, replacements: usize) {
    let (data, tag_key) = (home.join("data"), home.join("keys/tag.key"));
    let (words, exit) = offline(home, &["verify", utf8(&data)]);
    assert!(exit == 0 && words.matches("was replaced at").count() == replacements, "{words}");
    let (words, exit) = offline(home, &["verify", utf8(&data), "--tag-key", utf8(&tag_key)]);
    assert!(exit == 0 && words.contains("tags checked") && !words.contains("do not open"), "{words}");
    if let Some((words, exit)) = second_verifier(&[utf8(&data)]) {
        assert_eq!(exit, 0, "{words}");
        let (words, exit) = second_verifier(&["--tag-key", utf8(&tag_key), utf8(&data)]).expect("it was there");
        assert_eq!(exit, 0, "{words}");
    }
}

fn write_key(path: &Path, text: &str) {
    std::fs::write(path, text).expect("written");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).expect("mode");
}

/// A receipt for a message that the operator knows by this id.
fn receipt(number: u32, id: &str) -> Message {
    let text =
        format!("id:{id} sub:001 dlvrd:001 submit date:2611241000 done date:2611241001 stat:DELIVRD err:000 text:");
    Message { esm_class: 0x04, ..Message::mo(&phone(number), "ACME", &text) }
}

#[tokio::test(flavor = "current_thread")]
async fn after_the_tag_key_was_replaced_everybody_is_still_who_they_were() {
    let mut stage = Stage::with(Switches::default(), two_accounts).await;
    let home: Home = stage.gateway.home.clone();
    let data = home.path().join("data");
    // Stopped by their own word, by a list, and erased; opted in; at the cap.
    assert_eq!(stage.mo(&phone(820), "36111", "STOP Hippolyte").await, 0);
    let list = home.path().join("list.csv");
    std::fs::write(&list, format!("number,evidence\n+{},a list\n", phone(821))).expect("written");
    command(&stage, &["stop", "import", utf8(&list)]).await;
    assert_eq!(stage.mo(&phone(822), "36111", "STOP").await, 0);
    command(&stage, &["gdpr", "erase", &format!("+{}", phone(822)), "--reason", "letter"]).await;
    let opted_in = format!("+{}", phone(823));
    let form = ["--source", "web", "--wording", "v3", "--evidence", "form"];
    command(&stage, &[&["consent", "record", &opted_in, "--account", "optin"][..], &form].concat()).await;
    let acme = stage.acme().await;
    assert_eq!([status(&acme, "ACME", 824).await, status(&acme, "ACME", 824).await], [0, 0]);
    // What waits: a receipt and a message for acme, a receipt that comes later, a promotion at the operator, half a STOP.
    let mut ids = Vec::new();
    for number in [825, 826] {
        let promo = Message::submit("ACME", &phone(number), PROMO).with_receipt();
        let answer = acme.submit_and_wait(&promo).await.expect("an answer");
        ids.push(String::from_utf8(answer.first_string().to_vec()).expect("an id"));
    }
    let scheduled = Message { schedule: LATER.into(), ..Message::submit("ACME", &phone(827), PROMO) };
    assert_eq!(acme.submit_and_wait(&scheduled).await.expect("an answer").status(), 0);
    acme.unbind(SOON).await.expect("unbound");
    assert_eq!(stage.smsc.deliver(receipt(825, &ids[0]), SOON).await.expect("an answer").status, 0);
    assert_eq!(stage.mo(&phone(828), "36111", "Bonjour de 828").await, 0);
    let part = |at: u8| Message::mo(&phone(829), "36111", ["ST", "OP"][usize::from(at) - 1]).as_part(7, 2, at);
    assert_eq!(stage.smsc.deliver(part(1), SOON).await.expect("an answer").status, 0);
    let proof = home.path().join("before.proof");
    let stopped = format!("+{}", phone(820));
    command(&stage, &["proof", &stopped, "-o", utf8(&proof)]).await;
    let (gone, counts) = sealed(home.path(), 820);
    assert!(counts[0] > 0 && !holding(&data, &gone).is_empty());

    let (words, exit) = offline(home.path(), &["key", "rotate", "--tags"]);
    assert!(exit == 69 && words.contains("in use by a running stopgate"), "{words}");
    end(&mut stage).await;
    for words in [&["key", "rotate"][..], &["key", "rotate", "--tags", "--sealing"]] {
        assert_eq!(offline(home.path(), words).1, 2, "one of them: {words:?}");
    }
    replace(home.path(), "--tags");
    let (words, _) = offline(home.path(), &["key", "export", "-o", utf8(&home.path().join("escrow"))]);
    assert!(words.contains("written to"), "{words}");
    verified(home.path(), 1);
    stage.restart().await;
    let log = stage.gateway.log();
    assert!(log.contains("\"tag_key\":2") || log.contains("tag_key=2"), "{log}");
    stage.gateway.metric_becomes("stopgate_suppression_store_usable", &[], |usable| usable == 1.0).await;
    assert_eq!(
        stage.gateway.metric("stopgate_suppression_store_quarantined_total", &[]).await,
        0.0,
        "nothing is wrong"
    );

    // What waited is delivered, each once: its journals are under the new key now.
    let acme = stage.acme().await;
    let mut told = BTreeSet::new();
    for _ in 0..3 {
        told.insert(
            Message::parse(&acme.next_delivery(SOON).await.expect("it waited")).expect("readable").source.as_text(),
        );
    }
    assert_eq!(told, [825, 828, 829].map(phone).into());
    assert_eq!(stage.smsc.deliver(receipt(826, &ids[1]), SOON).await.expect("an answer").status, 0);
    let late = Message::parse(&acme.next_delivery(SOON).await.expect("a receipt")).expect("readable");
    assert_eq!((late.source.as_text(), late.esm_class & 0x3c), (phone(826), 0x04), "told by the number's earlier tag");
    // Nobody is un-stopped, opted out, or let beyond a cap.
    for number in [820, 821, 822] {
        assert_eq!(status(&acme, "ACME", number).await, OPTED_OUT, "{number}");
    }
    assert_eq!(status(&acme, "ACME", 824).await, CAP_REACHED);
    assert_eq!(status(&acme, "ACME", 830).await, 0);
    let optin = stage.bound(&Bind::transceiver("optin", "pass")).await;
    assert_eq!([status(&optin, "OPTIN", 823).await, status(&optin, "OPTIN", 830).await], [0, NO_CONSENT]);
    // A STOP calls back what was scheduled before; half a STOP finds its other half.
    assert_eq!(stage.mo(&phone(827), "36111", "STOP").await, 0);
    let recalled = |records: &stopgate::sim::smsc::records::Records| {
        records.other.iter().any(|(_, pdu)| pdu.command() == CANCEL_SM).then_some(())
    };
    assert!(stage.smsc.wait_for(SOON, recalled).await.is_some(), "{}", stage.gateway.log());
    assert_eq!(stage.smsc.deliver(part(2), SOON).await.expect("an answer").status, 0);
    assert_eq!(status(&acme, "ACME", 829).await, OPTED_OUT);
    // Both sides of a number's story.
    let (_, both) = (acme.unbind(SOON).await, format!("+{}", phone(825)));
    assert_eq!(stage.mo(&phone(825), "36111", "STOP Dagobert").await, 0);
    let why = command(&stage, &["why", &stopped]).await;
    assert!(why.contains("suppressed (global)") && why.contains("Hippolyte"), "{why}");
    let access = command(&stage, &["gdpr", "access", &both]).await;
    assert!(access.contains("acme: 1 sent on") && access.contains("Dagobert"), "{access}");
    let after = home.path().join("after.proof");
    let words = command(&stage, &["proof", &both, "-o", utf8(&after)]).await;
    // The message that left before; what has come since as far as it was signed.
    assert!(words.contains(" verdict") && !words.contains(" 0 verdicts"), "{words}");
    for proof in [&proof, &after] {
        let keys = home.path().join("keys/tag.key");
        for key in [&[][..], &["--tag-key", utf8(&keys)]] {
            let (words, exit) = offline(home.path(), &[&["verify", utf8(proof)][..], key].concat());
            assert_eq!(exit, 0, "{words}");
            if let Some((words, exit)) = second_verifier(&[key, &[utf8(proof)]].concat()) {
                assert_eq!(exit, 0, "{words}");
            }
        }
    }
    // An erasure reaches what was sealed before.
    command(&stage, &["gdpr", "erase", &stopped, "--reason", "letter"]).await;
    assert_eq!(holding(&data, &gone), [""; 0]);
    assert_eq!(stage.promo(820).await, OPTED_OUT);
    end(&mut stage).await;
    verified(home.path(), 1);

    // Twice in a row, the second time killed as soon as the key is in its place; and the list made from the events alone.
    replace(home.path(), "--tags");
    write_key(&home.path().join("keys/tag.key.4"), &("4b".repeat(32) + "\n"));
    for derived in ["suppression.snapshot", "names", "consent.snapshot"] {
        std::fs::remove_file(data.join(derived)).ok();
    }
    stage.restart().await;
    assert!(stage.gateway.log().contains("keys.replaced"), "{}", stage.gateway.log());
    for number in [820, 821, 822, 825, 827, 829] {
        assert_eq!(stage.promo(number).await, OPTED_OUT, "{number}");
    }
    assert_eq!(stage.promo(831).await, 0);
    stage.gateway.kill();
    stage.restart().await;
    assert_eq!(stage.promo(820).await, OPTED_OUT);
    end(&mut stage).await;
    verified(home.path(), 3);
}

#[tokio::test(flavor = "current_thread")]
async fn after_the_sealing_key_was_replaced_old_data_open_and_new_ones_only_under_the_new_key() {
    let mut stage = Stage::with(Switches::default(), two_accounts).await;
    let home: Home = stage.gateway.home.clone();
    let (data, keys) = (home.path().join("data"), home.path().join("keys"));
    let old = Sealer::new(&Keys::open(&keys, &data).expect("the keys"));
    assert_eq!(stage.mo(&phone(840), "36111", "STOP Hippolyte").await, 0);
    assert_eq!(stage.mo(&phone(841), "36111", "Bonjour de 841").await, 0);
    end(&mut stage).await;
    replace(home.path(), "--sealing");
    stage.restart().await;
    let why = command(&stage, &["why", &format!("+{}", phone(840))]).await;
    assert!(why.contains("Hippolyte"), "{why}");
    assert_eq!(stage.mo(&phone(842), "36111", "STOP Dagobert").await, 0);
    // The copies for acme, a STOP before and after, and a message.
    let acme = stage.acme().await;
    let mut told = BTreeSet::new();
    for _ in 0..3 {
        told.insert(Message::parse(&acme.next_delivery(SOON).await.expect("it waited")).expect("readable").text());
    }
    assert_eq!(told, ["Bonjour de 841", "STOP Dagobert", "STOP Hippolyte"].map(str::to_owned).into());
    end(&mut stage).await;
    verified(home.path(), 1);
    // Of the two STOPs the old key opens the first one alone.
    let both = Sealer::new(&Keys::open(&keys, &data).expect("the keys"));
    let (files, mut opened) = (Offline::open(&data.join("events"), "events").expect("readable"), Vec::new());
    let mut walk = files.walk();
    while let Some(placed) = walk.next_record().expect("readable") {
        let record = EventRecord::read(placed.frame.leaf).expect("readable");
        if let (Event::Suppression(_), Some(binding)) = (&record.event, record.binding) {
            let by = [&old, &both].map(|sealer| sealer.open(placed.frame.blob, &binding).is_some());
            opened.push(by);
        }
    }
    assert_eq!(opened, [[true, true], [false, true]]);
    // Without the new key the start is refused, says which file is missing, and takes it back from escrow.
    let escrow = home.path().join("escrow");
    assert_eq!(offline(home.path(), &["key", "export", "-o", utf8(&escrow)]).1, 0);
    std::fs::remove_file(keys.join("seal.key.2")).expect("removed");
    let (words, exit) = offline(home.path(), &["run", "--clock", "2026-11-24T10:00:00Z"]);
    assert!(exit == 78 && words.contains("seal.key.2 is missing") && words.contains("key import"), "{words}");
    let (words, exit) = offline(home.path(), &["key", "rotate", "--tags"]);
    assert!(exit == 1 && words.contains("seal.key.2 is missing"), "{words}");
    assert!(!keys.join("tag.key.2").exists());
    let (words, exit) = offline(home.path(), &["key", "import", utf8(&escrow)]);
    assert!(exit == 0 && words.contains("those that the data_dir was written with"), "{words}");
    // And the other key too: the halves of the mark are replaced each by itself.
    replace(home.path(), "--tags");
    stage.restart().await;
    for number in [840, 842] {
        assert_eq!(stage.promo(number).await, OPTED_OUT, "{number}");
    }
    end(&mut stage).await;
    verified(home.path(), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_stale_backup_is_restored_under_keys_that_were_replaced_since() {
    let room = tempfile::tempdir().expect("a directory");
    let mut stage = Stage::with(Switches::default(), two_accounts).await;
    let home: Home = stage.gateway.home.clone();
    assert_eq!(stage.mo(&phone(850), "36111", "STOP").await, 0);
    assert_eq!(stage.mo(&phone(851), "36111", "Bonjour de 851").await, 0);
    end(&mut stage).await;
    let backup = room.path().join("backup");
    let (words, exit) = offline(home.path(), &["backup", utf8(&backup)]);
    assert_eq!(exit, 0, "{words}");
    replace(home.path(), "--sealing");
    replace(home.path(), "--tags");
    stage.restart().await;
    assert_eq!(stage.promo(850).await, OPTED_OUT);
    end(&mut stage).await;
    std::fs::rename(home.path().join("data"), home.path().join("lost")).expect("the disk is gone");
    let (words, exit) = offline(home.path(), &["restore", utf8(&backup)]);
    assert!(exit == 3 && words.contains("as epoch 1"), "{words}");
    stage.restart().await;
    let why = command(&stage, &["why", &format!("+{}", phone(850))]).await;
    assert!(why.contains("suppressed (global)"), "{why}");
    let acme = stage.acme().await;
    let mut told = BTreeSet::new();
    for _ in 0..2 {
        told.insert(Message::parse(&acme.next_delivery(SOON).await.expect("it waited")).expect("readable").text());
    }
    assert_eq!(told, ["Bonjour de 851", "STOP"].map(str::to_owned).into());
    end(&mut stage).await;
    verified(home.path(), 2);
}
