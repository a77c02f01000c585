//! Owns the proof that permitting a single-part GSM message allocates nothing: a counting allocator around the judge.
//! Must never hold a second test: the allocations of a test that runs beside it would be counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stopgate::compliance::bench::Bench;
use stopgate::compliance::facts::{Evidence, Facts, SuppressionList};
use stopgate::compliance::frequency::{Cap, Counts, Mark};
use stopgate::compliance::judge::judge;
use stopgate::compliance::numbers::NumberPlan;
use stopgate::compliance::observe::Observe;
use stopgate::compliance::pack::Pack;
use stopgate::compliance::policy::{AccountPolicy, Consent, Contract, ValidityRule};
use stopgate::compliance::release::release;
use stopgate::compliance::verdict::Verdict;
use stopgate::consent::{Index, apply};
use stopgate::gateway::leaks::tap::TappedWire;
use stopgate::ledger::event::{Consent as Record, ConsentAct};
use stopgate::ledger::suppression_event::EventId;
use stopgate::message::draft::Draft;
use stopgate::message::instant::CivilInstant;
use stopgate::message::msisdn::Msisdn;
use stopgate::message::name::NameId;
use stopgate::message::submission::Submission;
use stopgate::message::tag::{NumberTag, TagKey};
use stopgate::message::text::Alphabet;
use stopgate::net::wire::Wire;

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed on to the system's allocator as it came; counting touches no memory of the caller.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Nobody;

impl SuppressionList for Nobody {
    fn is_suppressed(&self, _: &NumberTag, _: NameId, _: u64) -> bool {
        false
    }
}

/// The registry with every destination of this test opted in.
fn opt_ins(plan: &NumberPlan, tags: &TagKey) -> Index {
    let index = Index::default();
    for (number, number_of_event) in [("33639981234", 1), ("262692123456", 2)] {
        let tag = tags.tag(plan.read(number, "FR").expect("a number"));
        let given_at = CivilInstant::from_secs(1_768_000_000);
        let id = EventId { origin: 1, number: number_of_event };
        let (account, source, wording, by) = (NameId(1), NameId(4), NameId(5), NameId(6));
        apply(&index, &Record { id, act: ConsentAct::Record, tag, account, source, wording, given_at, by }, None);
    }
    index
}

fn account(pack: Arc<Pack>) -> AccountPolicy {
    AccountPolicy {
        account: NameId(1),
        system_id: "acme".into(),
        contract: Contract::Commercial,
        pack,
        pack_name: NameId(2),
        default_country: "FR".into(),
        alphabet: Alphabet::Gsm,
        senders: vec!["36111".into(), "33937123456".into(), "ACME".into()],
        stop_codes: vec![36_111],
        identity: "ACME SAS".into(),
        consent: Consent::Declared { statement: "Opt-in by web form, wording v3".into() },
        validity: ValidityRule::Closing,
        frequency: None,
        observe: Observe::default(),
        promotional_text: stopgate::compliance::policy::PromotionalText::default(),
        vendor_tlvs: Vec::new(),
        default_message_ids: Vec::new(),
    }
}

#[test]
fn permitting_and_releasing_a_single_part_message_allocates_nothing() {
    let pack = Pack::embedded("fr-strict").expect("embedded");
    let plan = NumberPlan::new(std::slice::from_ref(&pack));
    let (declaring, tags, bench) = (account(pack), TagKey::new(&[7; 32]), Bench::new());
    // The same account, proving its consents number by number, and with a cap.
    let cap = Cap { messages: 1_000, per: Duration::from_secs(7 * 24 * 3600) };
    let proving = AccountPolicy { consent: Consent::Proof, frequency: Some(cap), ..declaring.clone() };
    let (parts, counts) = (Mutex::default(), Mutex::new(Counts::default()));
    let opt_ins = opt_ins(&plan, &tags);
    {
        let mut counts = counts.lock().expect("not poisoned");
        counts.set_caps(&[(proving.account, cap)]);
        for (number, at) in [(33_639_981_234, 1_768_300_000), (33_639_981_234, 1_768_301_000)] {
            let number = tags.tag(Msisdn::from_canonical(number).expect("a number")).prefix();
            counts.add(proving.account, number, Mark::new(CivilInstant::from_secs(at), 1));
        }
    }
    let facts = Facts {
        account: &declaring,
        numbers: &plan,
        tags: &tags,
        list: &Nobody,
        opt_ins: &opt_ins,
        evidence: Evidence::Whole,
        also_now: Default::default(),
        bench: &bench,
        parts: &parts,
        counts: &counts,
    };
    // 2026-01-13T11:30:00Z, a Tuesday; texts of 40 to 160 septets, with accents and the euro sign.
    let now = CivilInstant::from_secs(1_768_303_800);
    let texts = ["-20% ce samedi, STOP 36111".to_owned(), format!("{} à 5€ l'été. STOP au 36111", "Déjà ".repeat(20))];
    let sources = ["ACME", "36111", "33937123456"];
    let destinations = ["33639981234", "+33 6 39 98 12 34", "0639981234", "33692123456"];
    let submissions: Vec<Submission<'static>> = texts
        .iter()
        .flat_map(|text| sources.iter().map(move |source| (text, source)))
        .flat_map(|(text, source)| destinations.iter().map(move |to| Draft::new(source, to, text).submission()))
        .collect();
    // A submission of the hot path borrows its octets from the lane's read buffer.
    let borrowed = || submissions.iter().map(|s| Submission { octets: (&*s.octets).into(), ..s.clone() });
    let borrowed: Vec<Submission<'_>> = borrowed().collect();
    let mut judged = 0;
    // The first round fills the bench's edges of the two territories.
    for (round, account) in [&declaring, &declaring, &proving, &proving].into_iter().enumerate() {
        let facts = Facts { account, ..facts };
        let batch = borrowed.clone();
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let mut released = 0;
        for submission in batch {
            match judge(submission, &facts, now) {
                Verdict::Permitted(permitted) => released += usize::from(release(permitted, &facts, now).is_ok()),
                Verdict::Refused(_) => {}
            }
        }
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        // Reported after the counting: printing allocates.
        assert_eq!(released, submissions.len(), "every one of them is permitted");
        if round > 0 {
            // The batch itself is freed, never allocated, in the loop.
            assert_eq!(allocations, 0, "in round {round}");
            judged += released;
        }
    }
    assert_eq!(judged, 72);
    what_the_socket_takes_is_heard_without_allocating();
}

/// A socket that takes everything.
struct Sink;

impl Wire for Sink {
    fn try_write(&self, octets: &[u8]) -> std::io::Result<usize> {
        Ok(octets.len())
    }
    fn wake(&self) {}
}

/// The self-audit's ear: part of the permit path, since every message that leaves passes it.
fn what_the_socket_takes_is_heard_without_allocating() {
    let wire = TappedWire::new(Rc::new(Sink));
    let drafts = ["33639981234", "33692123456"].map(|to| Draft::new("ACME", to, "STOP 36111").submission());
    let octets: Vec<u8> = drafts.iter().flat_map(|draft| draft.octets.to_vec()).collect();
    let mut heard = 0;
    for round in 0..3 {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        for _ in 0..100 {
            assert_eq!(wire.try_write(&octets).ok(), Some(octets.len()));
        }
        let understood = wire.each_left(|left| heard += usize::from(left.digits > 0));
        let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
        assert!(understood);
        // The first round makes the list.
        assert!(round == 0 || allocations == 0, "{allocations} in round {round}");
    }
    assert_eq!(heard, 600);
}
