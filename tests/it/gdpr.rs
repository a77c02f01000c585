//! Owns a person's rights through the real binary: everything that was held is gone from every file, and the stop stands.
//! Must never ask the gateway whether something is gone: its files are searched octet by octet.

use super::support::config::account;
use super::support::gateway::stopgate;
use super::support::offline::{second_verifier, utf8};
use super::support::search::{holding, sealed};
use super::support::stage::Stage;
use super::support::status::{MISSING_MENTION, OPTED_OUT};
use super::support::{PROMO, SOON, phone};
use serde_json::Value;
use std::path::{Path, PathBuf};
use stopgate::ledger::verify::{self, Asked};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::switches::Switches;

/// This afternoon: it is ten in the morning.
const LATER: &str = "261124150000004+";
/// What a person wrote, and what was noted of it: words that stand nowhere else.
const WORDS: &str = "STOP Hippolyte Quatrepattes";
const NOTED: [&str; 3] = ["Hippolyte", "Quatrepattes", "Zanzibar"];

/// The number in every form in which it may be written, and the words.
fn clear(number: u32) -> Vec<Vec<u8>> {
    let e164 = phone(number);
    let value: u64 = e164.parse().expect("digits");
    let mut all = vec![e164.clone().into_bytes(), format!("0{}", &e164[2..]).into_bytes(), e164[2..].into()];
    all.push(value.to_be_bytes().to_vec());
    all.push(value.to_le_bytes().to_vec());
    for words in NOTED {
        all.push(words.into());
        all.push(words.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    all
}

/// Everything that can be held of a number: a stop with its words, an opt-in with evidence, a proposed lift, a message that
/// waits for its sender, a part of a reply, a promotion for later, a reply for an officer, an answer that is owed.
async fn everything(stage: &Stage, number: u32, expected: &str) {
    let to = phone(number);
    let command = async |arguments: &[&str]| {
        let (out, error, code) = stage.gateway.command(arguments).await;
        assert_eq!(code, 0, "{arguments:?}: {out}{error}");
    };
    let written = format!("+{to}");
    let form = ["--source", "web", "--wording", "v3", "--evidence", "form of Zanzibar"];
    command(&[&["consent", "record", &written, "--account", "optin"][..], &form].concat()).await;
    let acme = stage.acme().await;
    let later = Message { schedule: LATER.into(), ..Message::submit("ACME", &to, PROMO) };
    assert_eq!(acme.submit_and_wait(&later).await.expect("an answer").status(), 0);
    assert_eq!(acme.submit_and_wait(&Message::submit("ACME", &to, PROMO)).await.expect("an answer").status(), 0);
    acme.unbind(SOON).await.expect("unbound");
    for text in ["Bonjour, ici Hippolyte", "C'est quoi STOP au 36111 ? Hippolyte"] {
        assert_eq!(stage.mo(&to, "36111", text).await, 0);
    }
    let part = Message::mo(&to, "36111", "Quatrepattes, suite").as_part(9, 2, 1);
    assert_eq!(stage.smsc.deliver(part, SOON).await.expect("an answer").status, 0);
    assert_eq!(stage.mo(&to, "36111", WORDS).await, 0);
    let lift = ["--account", "acme", "--evidence", "letter from Zanzibar", "--reason", "Hippolyte asks"];
    command(&[&["stop", "lift", &written][..], &lift].concat()).await;
    let (out, _, _) = stage.gateway.command(&["why", &written]).await;
    assert!(out.contains(expected), "{out}");
}

async fn start() -> Stage {
    Stage::with(Switches::default(), |config| {
        let mut optin = account("optin", "pass", "operator-a");
        optin.text("consent", "proof").unset("consent_statement");
        config.accounts.push(optin);
    })
    .await
}

fn verified(home: &Path, since: Option<PathBuf>) {
    let since = since.map(|path| ("kept".to_owned(), std::fs::read(path).expect("kept")));
    let report = verify::ledger(&home.join("data"), &Asked { since, ..Asked::default() });
    assert_eq!(report.findings, []);
    if let Some((words, exit)) = second_verifier(&[utf8(&home.join("data"))]) {
        assert_eq!(exit, 0, "{words}");
    }
}

#[tokio::test(flavor = "current_thread")]
async fn after_an_erasure_nothing_of_a_person_stands_in_any_file_and_the_stop_still_holds() {
    let mut stage = start().await;
    let home = stage.gateway.home.path().to_owned();
    let data = home.join("data");
    everything(&stage, 940, "Quatrepattes").await;
    assert_eq!(stage.mo(&phone(941), "36111", "STOP Dagobert").await, 0);
    let proof = home.join("941.proof");
    let number = format!("+{}", phone(941));
    let made = stage.gateway.command(&["proof", &number, "-o", proof.to_str().expect("UTF-8")]).await;
    assert_eq!(made.2, 0, "{made:?}");
    std::fs::copy(data.join("checkpoints/newest"), home.join("kept")).expect("kept");
    let ((gone, counts), (others, _)) = (sealed(&home, 940), sealed(&home, 941));
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}: nothing is tested where nothing was");
    assert!(counts[0] >= 3 && !others.is_empty(), "{counts:?}");
    assert!(!holding(&data, &gone).is_empty(), "what is searched for is found before");

    let person = format!("+{}", phone(940));
    let answer = home.join("answer.txt");
    let path = answer.to_str().expect("UTF-8");
    let order = ["--json", "gdpr", "erase", &person, "--reason", "letter of 2026-11-20", "-o", path];
    let (out, error, code) = stage.gateway.command(&order).await;
    assert_eq!(code, 0, "{out}{error}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["suppressed"], true, "{told}");
    assert_eq!(told["ended_opt_ins"], serde_json::json!(["optin"]), "{told}");
    for kind in ["records", "waiting", "reply_parts", "scheduled", "review"] {
        assert!(told["erased"][kind].as_u64().is_some_and(|count| count > 0), "{kind}: {told}");
    }
    let words = std::fs::read_to_string(&answer).expect("written");
    for part in [&person, "What stays, and why", "keyed code", "35 days", "stays blocked"] {
        assert!(words.contains(part), "{part}: {words}");
    }
    let all = [gone, clear(940)].concat();
    assert_eq!(holding(&data, &all), [""; 0]);
    assert!(!holding(&data, &others).is_empty(), "somebody else's data stay");

    // Blocked: now, after a restart, and when the list is made again from the events alone.
    assert_eq!(stage.promo(940).await, OPTED_OUT);
    let (out, _, _) = stage.gateway.command(&["why", &person]).await;
    assert!(out.contains("suppressed (global)") && !NOTED.iter().any(|noted| out.contains(noted)), "{out}");
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    assert_eq!(holding(&data, &all), [""; 0], "at the end nothing is written again");
    verified(&home, Some(home.join("kept")));
    let checked = stopgate().arg("verify").arg(&proof).output().expect("the binary starts");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    std::fs::remove_file(data.join("suppression.snapshot")).expect("removed");
    std::fs::remove_dir_all(data.join("store")).expect("removed");
    stage.restart().await;
    assert_eq!(stage.promo(940).await, OPTED_OUT);
    assert_eq!(stage.promo(942).await, 0);

    // Twice does no harm, and what the person writes afterwards is recorded anew.
    let again = ["--json", "gdpr", "erase", &person, "--reason", "the same letter"];
    let (out, error, code) = stage.gateway.command(&again).await;
    assert_eq!(code, 0, "{out}{error}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&told["erased"]["records"], &told["suppressed"]), (&0.into(), &true.into()), "{told}");
    assert!(told["answer"].as_str().is_some_and(|answer| answer.contains("Nothing was held")), "{told}");
    assert_eq!(stage.mo(&phone(940), "36111", WORDS).await, 0);
    let (out, _, _) = stage.gateway.command(&["why", &person]).await;
    assert!(out.contains("Quatrepattes"), "{out}");
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    verified(&home, None);
}

#[tokio::test(flavor = "current_thread")]
async fn a_person_is_told_everything_that_is_held_and_the_reading_is_recorded() {
    let mut stage = start().await;
    let (to, person) = (phone(945), format!("+{}", phone(945)));
    let form = ["--source", "web", "--wording", "v3", "--evidence", "form of Zanzibar"];
    let record = [&["consent", "record", &person, "--account", "optin"][..], &form].concat();
    assert_eq!(stage.gateway.command(&record).await.2, 0);
    let acme = stage.acme().await;
    let later = Message { schedule: LATER.into(), ..Message::submit("ACME", &to, PROMO) };
    assert_eq!(acme.submit_and_wait(&later).await.expect("an answer").status(), 0);
    assert_eq!(acme.submit_and_wait(&Message::submit("36111", &to, PROMO)).await.expect("an answer").status(), 0);
    let mute = Message::submit("ACME", &to, "Soldes samedi");
    assert_eq!(acme.submit_and_wait(&mute).await.expect("an answer").status(), MISSING_MENTION);
    acme.unbind(SOON).await.expect("unbound");
    for text in ["Bonjour, ici Hippolyte", "C'est quoi STOP au 36111 ?"] {
        assert_eq!(stage.mo(&to, "36111", text).await, 0);
    }
    let part = Message::mo(&to, "36111", "Quatrepattes, suite").as_part(9, 2, 1);
    assert_eq!(stage.smsc.deliver(part, SOON).await.expect("an answer").status, 0);

    let held = async |stage: &Stage, number: &str| -> Value {
        let (out, error, code) = stage.gateway.command(&["--json", "gdpr", "access", number]).await;
        assert_eq!(code, 0, "{out}{error}");
        serde_json::from_str(&out).expect("JSON")
    };
    let told = held(&stage, &person).await;
    assert_eq!((&told["number"], &told["suppressed"]), (&person.as_str().into(), &false.into()));
    assert_eq!(told["consents"][0]["evidence"], "form of Zanzibar");
    let events = told["events"].as_array().expect("a list");
    assert!(events.iter().any(|one| one["kind"] == "consent" && one["number"] == person.as_str()), "{told}");
    let texts: Vec<&str> =
        told["waiting"].as_array().expect("a list").iter().filter_map(|one| one["text"].as_str()).collect();
    assert!(texts.contains(&"Bonjour, ici Hippolyte"), "{texts:?}");
    assert_eq!(
        (&told["reply_parts"][0]["text"], &told["reply_parts"][0]["to"]),
        (&"Quatrepattes, suite".into(), &"36111".into())
    );
    assert_eq!(
        (&told["scheduled"][0]["account"], &told["scheduled"][0]["operator"]),
        (&"acme".into(), &"operator-a".into())
    );
    assert_eq!(told["review"][0]["text"], "C'est quoi STOP au ••••• ?");
    assert_eq!((&told["writers"][0]["account"], &told["writers"][0]["address"]), (&"acme".into(), &"36111".into()));
    let tally = &told["verdicts"]["by_account"][0];
    assert_eq!(
        (&tally["account"], &tally["left"], &tally["refused"]),
        (&"acme".into(), &2.into(), &1.into()),
        "{told}"
    );
    assert_eq!(
        (&told["verdicts"]["complete"], told["verdicts"]["newest"].as_array().map(Vec::len)),
        (&true.into(), Some(3))
    );

    // In words, into a file that is there once; a STOP and who has looked stand in the next answer.
    assert_eq!(stage.mo(&to, "36111", WORDS).await, 0);
    let file = stage.gateway.home.path().join("held.txt");
    let asked = ["gdpr", "access", &person, "-o", file.to_str().expect("UTF-8")];
    let (out, error, code) = stage.gateway.command(&asked).await;
    assert_eq!(code, 0, "{out}{error}");
    let words = std::fs::read_to_string(&file).expect("written");
    for part in [
        person.as_str(),
        "You are on the list",
        "form of Zanzibar",
        WORDS,
        "Bonjour, ici Hippolyte",
        "acme: 2 sent on, 1 refused",
        "refused SG121",
        "looked up or acted on: gdpr.access, by local",
        "the CNIL",
    ] {
        assert!(words.contains(part), "{part}: {words}");
    }
    assert_eq!(stage.gateway.command(&asked).await.2, 2, "a file is never written over");
    // Of somebody else nothing is known, and somebody else's data are nowhere in it.
    let told = held(&stage, "+33639980946").await;
    assert_eq!(
        (&told["suppressed"], told["events"].as_array().map(Vec::len)),
        (&false.into(), Some(1)),
        "its own reading"
    );
    assert!(!told.to_string().contains("Hippolyte"), "{told}");
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
}

#[tokio::test(flavor = "current_thread")]
async fn an_erasure_that_a_kill_cut_off_is_finished_by_the_next_start_while_stops_go_on() {
    let mut stage = start().await;
    let home = stage.gateway.home.path().to_owned();
    let data = home.join("data");
    for number in 950..970 {
        assert_eq!(stage.mo(&phone(number), "36111", "STOP Hippolyte").await, 0);
    }
    let gone: Vec<Vec<Vec<u8>>> = (950..970).map(|number| sealed(&home, number).0).collect();
    // Erasures run while others say STOP; the process is killed while some of them are under way.
    let person = format!("+{}", phone(950));
    let first = ["gdpr", "erase", &person, "--reason", "letter"];
    let (_, erased) = tokio::join!(
        async {
            for number in 970..990 {
                assert_eq!(stage.mo(&phone(number), "36111", "STOP").await, 0);
            }
        },
        stage.gateway.command(&first)
    );
    assert_eq!(erased.2, 0, "{erased:?}");
    assert_eq!(holding(&data, &gone[0]), [""; 0]);
    let orders: Vec<[String; 5]> = (951..970)
        .map(|number| {
            let to = format!("+{}", phone(number));
            ["gdpr".into(), "erase".into(), to, "--reason".into(), format!("letter {number}")]
        })
        .collect();
    let mut answered = Vec::new();
    for (at, order) in orders.iter().enumerate() {
        let arguments: Vec<&str> = order.iter().map(String::as_str).collect();
        let running = stage.gateway.command(&arguments);
        if at == 10 {
            // Whatever it has done by the time it is noted: it is, or it was never begun, or it is over.
            let before = std::fs::read(data.join("erase.pending")).expect("pre-written");
            let noted = || std::fs::read(data.join("erase.pending")).expect("pre-written") != before;
            tokio::select! {
                done = running => answered.push(done.2 == 0),
                () = async {
                    while !noted() {
                        tokio::task::yield_now().await;
                    }
                } => answered.push(true),
            }
            break;
        }
        assert_eq!(running.await.2, 0);
        answered.push(true);
    }
    stage.gateway.kill();
    stage.restart().await;
    stage.gateway.metric_becomes("stopgate_erasures_waiting", &[], |waiting| waiting == 0.0).await;
    for blobs in &gone[..answered.len() + 1] {
        assert_eq!(holding(&data, blobs), [""; 0]);
    }
    for blobs in &gone[answered.len() + 1..] {
        assert!(!holding(&data, blobs).is_empty(), "nobody asked for these");
    }
    for number in [950, 961, 969, 989] {
        assert_eq!(stage.promo(number).await, OPTED_OUT);
    }
    assert!(stage.gateway.terminate().await.success(), "{}", stage.gateway.log());
    verified(&home, None);
}
