//! Owns the canaries: numbers, texts and passwords that go every way there is for an hour, and are found nowhere in clear.
//! Must never pass because nothing was said: each way is answered, and the search finds what is planted.

use super::support::config::{self, Config, account};
use super::support::figures::Figures;
use super::support::gateway::{Gateway, Home, stopgate};
use super::support::needles::Needles;
use super::support::people::people;
use super::support::stage::operator;
use super::support::{PROMO, SOON, multi, phone, sme};
use std::time::Duration;
use stopgate::sim::esme::{Bind, Esme, EsmeError};
use stopgate::sim::message::Message;
use stopgate::sim::smsc::Smsc;
use stopgate::sim::smsc::switches::{Receipts, Switches};
use stopgate::sim::wire::{BIND_TRANSMITTER, CANCEL_SM, Pdu, QUERY_SM, REPLACE_SM};

/// Civil seconds a real second: an hour in a quarter of a minute.
const SPEED: u32 = 240;
/// Numbers that are written to, that write, that are named in commands; and one that poses as a sender.
const NUMBERS: std::ops::Range<u32> = 7100..7160;
/// A word for each way a text can take.
const WORDS: [&str; 14] = [
    "Zygomatique",
    "Quincaillerie",
    "Xylophoniste",
    "Hippocampique",
    "Wagonnetage",
    "Kaleidoscopie",
    "Jacquemartois",
    "Ytterbiumnote",
    "Bringuebaler",
    "Ornithorynque",
    "Vexillologue",
    "Uhlanesque",
    "Frangipanier",
    "83625194",
];
/// Right and wrong passwords, tokens, and what was written into the wrong place of a configuration.
const SECRETS: [&str; 9] = [
    "pW5canar",
    "pW6bank7",
    "oPer8tor",
    "wR0ngpwd",
    "tooLongForSmpp9",
    "bearer-of-nobody",
    "misplacedSecret4",
    "token-of-alice",
    "token-of-bob",
];

struct Town {
    smsc: Smsc,
    config: Config,
    gateway: Gateway,
    /// What every process printed, and what was asked of /metrics and /readyz.
    printed: Vec<String>,
    /// Answers and exit codes that were waited for.
    ways: u64,
}

fn needles() -> Needles {
    let mut needles = Needles::new();
    NUMBERS.for_each(|number| needles.number(&phone(number)));
    WORDS.iter().for_each(|word| needles.text(&format!("text {word}"), word));
    SECRETS.iter().for_each(|secret| needles.text(&format!("password {secret}"), secret));
    needles
}

#[tokio::test(flavor = "current_thread")]
async fn no_number_text_or_password_is_found_in_logs_metrics_or_data() {
    let needles = needles();
    let planted = tempfile::tempdir().expect("a temporary directory");
    needles.plant(planted.path());
    let control = needles.found_under(planted.path()).0.len();
    assert!(
        control >= needles.len() && needles.len() > 1_000,
        "{control} of {} planted forms are found",
        needles.len()
    );

    let mut town = Town::open().await;
    let mut rounds = 0;
    let began = town.civil().await;
    while town.civil().await < began + 3600 {
        town.traffic(rounds).await;
        rounds += 1;
        if rounds == 1 {
            town.commands().await;
            town.faulty_configurations().await;
            town.crash().await;
        }
    }
    town.look().await;
    let data = town.gateway.home.path().join("data");
    let (while_running, _) = needles.found_under(&data);
    assert!(while_running.is_empty(), "while it runs: {while_running:#?}");
    assert!(town.gateway.terminate().await.success(), "{}", town.gateway.log());
    town.printed.push(town.gateway.log());
    let printed = town.printed.join("\n");
    for said in ["optout.received", "verdict", "esme.bind_refused", "config.reload", "stopgate_submit_total"] {
        assert!(printed.contains(said), "nothing says {said}: the search has nothing to search");
    }
    let told = needles.found_in(printed.as_bytes());
    let lines: Vec<&str> =
        printed.lines().filter(|line| !needles.found_in(line.as_bytes()).is_empty()).take(10).collect();
    assert!(told.is_empty(), "printed: {told:#?}\n{lines:#?}");
    let (kept, octets) = needles.found_under(&data);
    assert!(kept.is_empty(), "on the disk: {kept:#?}");
    Figures::of("canary", rounds, 0)
        .counted("answers to messages and commands", town.ways)
        .counted("octets printed", printed.len() as u64)
        .counted("octets of data_dir", octets)
        .counted("forms searched for", needles.len() as u64)
        .lost("numbers, texts and passwords found", (told.len() + kept.len()) as u64)
        .report(Some(("the same search over planted needles", control as u64)));
}

impl Town {
    async fn open() -> Self {
        let switches = Switches {
            receipts: Some(Receipts::default()),
            credentials: Some(("stopgate".to_owned(), "oPer8tor".to_owned())),
            redeliver: None,
            ..Switches::default()
        };
        let smsc = operator(switches).await;
        let mut config = Config::new(smsc.address());
        config.speed = SPEED;
        config.verbosity = "-vv";
        config.operator().text("password", "oPer8tor").set("optout_errors", "[\"053\"]");
        config.acme().text("password", "pW5canar").set("frequency", "{ messages = 40, per = \"1d\" }");
        let mut bank = config::bank();
        bank.text("password", "pW6bank7").text("promotional_text", "reclassify");
        let mut optin = account("optin", "pW5canar", "operator-a");
        optin.text("consent", "proof").unset("consent_statement").set("senders", "[\"OPTIN\"]");
        optin.text("submit_multi", "filter");
        config.accounts.extend([bank, optin]);
        let mut gateway = Gateway::start_in(Home::new(), &config).await;
        gateway.ready().await;
        people(&gateway);
        Self { smsc, config, gateway, printed: Vec::new(), ways: 0 }
    }

    async fn civil(&mut self) -> i64 {
        let (out, error, code) = self.gateway.command(&["--json", "status"]).await;
        assert_eq!(code, 0, "{out}{error}");
        self.printed.push(out.clone());
        let status: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        chrono::DateTime::parse_from_rfc3339(status["now"].as_str().expect("an instant")).expect("one").timestamp()
    }

    async fn bind(&self, name: &str, password: &str) -> Esme {
        Esme::bind(self.gateway.smpp, &Bind::transceiver(name, password)).await.expect("bound")
    }

    async fn says(&mut self, number: u32, text: &str) {
        self.delivers(Message::mo(&phone(number), "36111", text)).await;
    }

    async fn delivers(&mut self, message: Message) {
        self.smsc.deliver(message, SOON).await.expect("answered");
        self.ways += 1;
    }

    /// Every kind of message, both ways.
    async fn traffic(&mut self, round: u32) {
        let (acme, bank) = (self.bind("acme", "pW5canar").await, self.bind("bank", "pW6bank7").await);
        let optin = self.bind("optin", "pW5canar").await;
        let to = |place: u32| phone(NUMBERS.start + (round + place) % 20);
        let [gsm, ucs2, latin, payload, part, otp, advert, bare, reply, stop, doubt, free, receipt, code] = WORDS;
        let latin_text = format!("Soldes {latin} samedi. STOP 36111");
        let long = format!("Soldes: {payload} {} STOP 36111", "samedi ".repeat(40));
        let torn = format!("Soldes {part} ");
        let mut submits = vec![
            Message::submit("ACME", &to(0), &format!("Soldes {gsm}. STOP 36111")),
            Message::submit("ACME", &to(1), &format!("Soldes {ucs2} 🎉 été. STOP 36111")).with_receipt(),
            Message::submit("ACME", &to(2), "").with_octets(3, latin_text.as_bytes()),
            Message::submit("ACME", &to(3), &long),
            Message::data("ACME", &to(3), &format!("Soldes {payload}. STOP 36111")),
            Message::submit("ACME", &to(4), &torn).as_part(round as u8, 2, 1),
            Message::submit("ACME", &to(4), "samedi. STOP 36111").as_part(round as u8, 2, 2),
            Message::submit("ACME", &to(4), &torn).as_part(round as u8 ^ 0x80, 3, 1),
            // Refused: no mention, a stranger as sender, a number as sender, no number, a coding nobody has, other fields.
            Message::submit("ACME", &to(5), &format!("Soldes {bare} samedi")),
            Message::submit(bare, &to(5), PROMO),
            Message::submit(&phone(NUMBERS.end - 1), &to(5), PROMO),
            Message::submit("ACME", &format!("{}99999999", to(5)), &format!("{bare} STOP 36111")),
            Message::submit("ACME", &to(6), "").with_octets(8, *b"Zygomatique"),
            Message::submit("ACME", &to(6), "").with_octets(0xf5, bare.as_bytes()),
            Message::submit("ACME", &to(6), PROMO).with_tlv(0x1400, bare.as_bytes()),
            Message::submit("ACME", &to(6), PROMO).with_tlv(0x0204, b"1".to_vec()),
        ];
        let mut late = Message::submit("ACME", &to(6), PROMO);
        late.schedule = b"991231235959000+".to_vec();
        submits.push(late);
        for message in &submits {
            acme.submit_and_wait(message).await.expect("answered");
        }
        for message in [
            Message::submit("BANK", &to(7), &format!("Votre code {otp} est {code}")).with_receipt(),
            Message::submit("BANK", &to(8), &format!("Profitez de -30% {advert} sur tout le magasin, offre promo")),
        ] {
            bank.submit_and_wait(&message).await.expect("answered");
        }
        optin.submit_and_wait(&Message::submit("OPTIN", &to(9), PROMO)).await.expect("answered");
        let both = multi(&[&sme(&to(9)), &sme(&to(10))], &format!("Soldes {gsm}. STOP 36111"));
        let sequence = optin.request(stopgate::sim::wire::SUBMIT_MULTI, &both).await.expect("written");
        optin.answer(sequence, SOON).await.expect("answered");
        self.ways += submits.len() as u64 + 4;
        self.queries(&acme, &to(0)).await;
        self.garbage(&to(11), bare).await;
        if round == 0 {
            // Whoever goes on guessing is kept waiting, and we come from the same address.
            self.binds(&to(12)).await;
        }

        // People write while their senders are there, and while they are not.
        let from = NUMBERS.start + 20 + round % 20;
        self.says(from, &format!("Stop svp {stop}")).await;
        acme.submit_and_wait(&Message::submit("ACME", &phone(from), PROMO)).await.expect("answered");
        self.says(from, "START").await;
        self.says(from, "CONTACT").await;
        self.says(from, &format!("arretez {doubt} je crois")).await;
        acme.unbind(SOON).await.expect("unbound");
        optin.unbind(SOON).await.expect("unbound");
        self.says(from, &format!("Bonjour {free}, à quelle heure ouvrez-vous ?")).await;
        self.says(from, &format!("é{free}ç")).await;
        let torn = |at: u8, text: &str| Message::mo(&phone(from), "36111", text).as_part(round as u8, 2, at);
        self.delivers(torn(1, &format!("{reply} ne plus m'en"))).await;
        self.delivers(torn(2, "voyer de messages")).await;
        self.delivers(Message::mo(&phone(from), "36111", &format!("{reply} je")).as_part(round as u8 ^ 1, 2, 1)).await;
        self.delivers(Message::mo(&phone(from), "39999", &format!("STOP {stop}"))).await;
        for (id, err) in [("268435457", "000"), ("nobody", "000"), ("268435458", "053")] {
            let text = format!(
                "id:{id} sub:001 dlvrd:001 submit date:2611241000 done date:2611241001 stat:UNDELIV err:{err} text:{receipt}"
            );
            let mut message = Message::mo(&to(13), "36111", &text);
            message.esm_class = 0x04;
            // One that nobody knows is answered late: it may be ahead of its id.
            self.smsc.post(message, Duration::ZERO);
        }
    }

    async fn queries(&mut self, acme: &Esme, number: &str) {
        let address = [b"\x01\x01", number.as_bytes(), b"\0"].concat();
        let mut replace = [b"268435457\0\x01\x01", number.as_bytes(), b"\0\0\0\0\0\x0b"].concat();
        replace.extend_from_slice(WORDS[0].as_bytes());
        let query = [b"268435457\0", &address[..]].concat();
        let cancel = [b"\0", &query[..], &address[..]].concat();
        for (command, body) in [(QUERY_SM, query), (CANCEL_SM, cancel), (REPLACE_SM, replace)] {
            let sequence = acme.request(command, &body).await.expect("written");
            acme.answer(sequence, SOON).await.expect("answered");
            self.ways += 1;
        }
    }

    /// Frames that are none, before and after a bind: what stands in them is told nobody.
    async fn garbage(&mut self, number: &str, word: &str) {
        let whole = Message::submit("ACME", number, &format!("{word} STOP 36111")).pdu(7);
        let body = &whole.octets()[16..];
        let mut unknown = whole.octets().to_vec();
        unknown[4..8].copy_from_slice(&[0, 0, 0x77, 0x77]);
        let cut = Pdu::new(4, 0, 8, &body[..body.len() - 3]);
        let oversized = [&[0x7f, 0, 0, 0], &whole.octets()[4..]].concat();
        let words = format!("GET /{word} HTTP/1.1\r\nHost: {number}\r\n\r\n").into_bytes();
        for octets in [unknown, cut.octets().to_vec(), oversized, words] {
            let bound = self.bind("acme", "pW5canar").await;
            let stranger = Esme::connect(self.gateway.smpp).await.expect("connected");
            for esme in [bound, stranger] {
                esme.send(&octets).await.expect("written");
                let told = esme.next_answer(SOON).await;
                assert!(matches!(told, Ok(_) | Err(EsmeError::Closed)), "neither answered nor hung up on: {told:?}");
                self.ways += 1;
            }
        }
        for octets in [whole.octets(), b"\0\0\0\x10\x80\0\0\x04\0\0\0\x45\0\0\0\x63"] {
            // To the operator's side, which answers or is left.
            self.smsc.write_raw(None, octets);
        }
        assert!(self.smsc.wait_bound(1, SOON).await);
    }

    async fn binds(&mut self, number: &str) {
        for (name, password) in
            [("acme", "wR0ngpwd"), ("nobody", "wR0ngpwd"), ("acme", "tooLongForSmpp9"), (number, "x")]
        {
            for kind in [Bind::transceiver(name, password), Bind::transceiver(name, password).of_kind(BIND_TRANSMITTER)]
            {
                assert!(Esme::bind(self.gateway.smpp, &kind).await.is_err(), "{name}");
                self.ways += 1;
            }
        }
    }

    /// Runs a command; what it prints is for who asked, who knows the number. Its exit code must be one of these.
    async fn command(&mut self, arguments: &[&str], codes: &[i32]) -> String {
        let (out, error, code) = self.gateway.command(arguments).await;
        assert!(codes.contains(&code), "{arguments:?}: {code}: {out}{error}");
        self.ways += 1;
        out
    }

    async fn commands(&mut self) {
        let home = self.gateway.home.path().to_owned();
        let of = |name: &str| home.join(name).to_str().expect("UTF-8").to_owned();
        let [one, two, three] = [40, 41, 42].map(|place| format!("+{}", phone(NUMBERS.start + place)));
        let evidence = format!("letter, {}", WORDS[9]);
        self.command(&["stop", "add", &one, "--evidence", &evidence, "--text", WORDS[9]], &[0]).await;
        std::fs::write(
            of("list.csv"),
            format!("number,evidence,text\n{two},{evidence},{}\nnot a number {three},x,y\n", WORDS[10]),
        )
        .expect("written");
        self.command(&["stop", "import", &of("list.csv"), "--evidence", "list"], &[0, 3]).await;
        std::fs::write(of("optins.csv"), format!("number,at,evidence\n{three},2026-11-01T09:00:00Z,{}\n", WORDS[11]))
            .expect("written");
        let import = of("optins.csv");
        self.command(&["consent", "import", &import, "--account", "optin", "--source", "web", "--wording", "v3"], &[0])
            .await;
        let record = ["consent", "record", &two, "--account", "optin", "--source", "web", "--wording", "v3"];
        self.command(&[&record[..], &["--evidence", &evidence]].concat(), &[0]).await;
        self.command(&["consent", "revoke", &two, "--account", "optin", "--evidence", &evidence], &[0]).await;
        for asked in [&["why", &one][..], &["stop", "show", &one], &["consent", "show", &two], &["stop", "list"]] {
            self.command(asked, &[0, 3]).await;
        }
        let text = format!("Soldes {}. STOP 36111", WORDS[0]);
        self.command(&["check", "--account", "acme", "--to", &three, "--text", &text, "--explain"], &[0, 3]).await;
        self.command(&["stop", "review"], &[0]).await;
        self.command(&["report", "unsubscribes"], &[0]).await;
        self.command(&["proof", &one, "-o", &of("proof")], &[0]).await;
        let alice = of("alice");
        let lift = ["--token-file", &alice, "stop", "lift", &one, "--account", "acme", "--evidence", &evidence];
        let said = self.command(&[&lift[..], &["--reason", WORDS[10]]].concat(), &[0]).await;
        let id = said.strip_prefix("proposal ").and_then(|rest| rest.split(':').next()).expect("its number").to_owned();
        self.command(&["--token-file", &of("bob"), "stop", "lift", "--approve", &id], &[0]).await;
        std::fs::write(of("nobody"), "bearer-of-nobody").expect("written");
        self.command(&["--token-file", &of("nobody"), "why", &one], &[1, 69]).await;
        // Requests that are none.
        let (admin, bad) = (self.gateway.admin, format!("{{\"number\": \"{one}\", \"text\": {}", WORDS[9]));
        let path = format!("/v1/nothing/{one}?text={}", WORDS[9]);
        let asking = tokio::task::spawn_blocking(move || {
            let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
            let bearer = "Bearer bearer-of-nobody";
            let get = agent.get(format!("http://{admin}{path}")).header("Authorization", bearer).call();
            let post = agent.post(format!("http://{admin}/v1/stops")).header("Authorization", bearer).send(&bad);
            [get.expect("answered").status().as_u16(), post.expect("answered").status().as_u16()]
        });
        let refused = asking.await.expect("asked");
        assert!(refused.iter().all(|status| (400..500).contains(status)), "{refused:?}");
        self.ways += 2;
    }

    /// Secrets in the wrong places: what is wrong is said without them, by the reload and by a start.
    async fn faulty_configurations(&mut self) {
        let file = self.gateway.home.path().join("stopgate.toml");
        let sound = std::fs::read_to_string(&file).expect("the configuration");
        let faults = [
            (
                "password = \"pW5canar\"",
                "password = \"tooLongForSmpp9 tooLongForSmpp9 tooLongForSmpp9 tooLongForSmpp9 tooLongForSmpp9\"",
            ),
            ("password = \"pW5canar\"", "pasword = \"misplacedSecret4\""),
            ("password = \"pW5canar\"", "password = { value = \"misplacedSecret4\" }"),
            ("password = \"pW5canar\"", "password = \"misplacedSecret4"),
        ];
        for (from, to) in faults {
            std::fs::write(&file, sound.replacen(from, to, 1)).expect("written");
            let (out, error, code) = self.gateway.command(&["reload"]).await;
            assert_ne!(code, 0, "{to}: {out}{error}");
            let check = stopgate().arg("--config").arg(&file).args(["config", "check"]).output().expect("run");
            assert_eq!(check.status.code(), Some(78), "{to}");
            self.printed.extend([out, error]);
            self.printed
                .extend([check.stdout, check.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned()));
            self.ways += 2;
        }
        std::fs::write(&file, &sound).expect("written");
        self.command(&["reload"], &[0]).await;
        let shown = self.command(&["config", "show"], &[0]).await;
        self.printed.push(shown);
    }

    /// kill -9 in the middle, another process on the same directories, and a start behind it.
    async fn crash(&mut self) {
        let home = self.gateway.home.clone();
        let second = Gateway::try_start_in(home.clone(), &self.config).await.map(|_| ()).expect_err("one at a time");
        self.printed.push(second);
        self.look().await;
        self.gateway.kill();
        self.printed.push(self.gateway.log());
        self.gateway = Gateway::start_in(home, &self.config).await;
        self.gateway.ready().await;
    }

    /// What anybody may ask.
    async fn look(&mut self) {
        for path in ["/metrics", "/readyz?verbose", "/livez"] {
            let (_, body) = self.gateway.get(path).await;
            self.printed.push(body);
        }
    }
}
