//! Two nodes over real QUIC on loopback: paired by the ceremony, a record published, received, receipted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests assert with what libraries may not use"
)]

use std::path::Path;
use std::time::Duration;

use comity_node::api::{
    AddresseeRequest, Event, ExplainRequest, ListRequest, MarkingFields, PartRequest,
    PartnerUpdate, Preview, PublishRequest, RotateRequest,
};
use comity_node::config::FILE_NAME;
use comity_node::founding::{Founding, found};
use comity_node::keyfile::Seal;
use comity_node::service::Service;
use comity_node::{Mode, Node};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

const DEADLINE: Duration = Duration::from_secs(30);

fn free_port() -> u16 {
    std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn founded(folder: &Path, code: &str) {
    let listen = format!("127.0.0.1:{}", free_port());
    let founding = Founding {
        code: code.to_owned(),
        name: format!("Economy {code}"),
        timezone: "UTC".to_owned(),
        city: None,
        listen,
        public: Vec::new(),
        root_keys: 1,
        threshold: 1,
    };
    found(folder, &founding, Seal::Plain).unwrap();
    // What is published goes at once.
    let file = folder.join(FILE_NAME);
    let config = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{config}\n[publish]\nunsend-for = \"0 s\"\n")).unwrap();
}

/// Asks until the answer is there, on the node's own events: nothing sleeps blindly.
async fn until<T>(service: &Service, mut look: impl AsyncFnMut(&Service) -> Option<T>) -> T {
    let mut events = service.watch();
    let looked = async {
        loop {
            if let Some(found) = look(service).await {
                return found;
            }
            // An event, or a moment later: a ceremony makes no events.
            drop(tokio::time::timeout(Duration::from_millis(50), events.recv()).await);
        }
    };
    tokio::time::timeout(DEADLINE, looked).await.expect("in time")
}

async fn pair(one: &Service, one_name: &str, other: &Service, other_name: &str) {
    let invitation = one.invite(other_name).await.unwrap();
    other.join(&invitation.ticket, one_name).await.unwrap();
    let digits = async |service: &Service, name: &str| {
        let name = name.to_owned();
        until(service, async |service| service.ceremony(&name).await.ok()?.digits).await
    };
    let (ours, theirs) = (digits(one, other_name).await, digits(other, one_name).await);
    one.confirm_pairing(other_name, &theirs).await.unwrap();
    other.confirm_pairing(one_name, &ours).await.unwrap();
    for (service, name) in [(one, other_name), (other, one_name)] {
        until(service, async |service| {
            let partners = service.partners().await.unwrap();
            partners.into_iter().find(|one| one.name == name && one.connected == Some(true))
        })
        .await;
    }
}

fn advisory(tlp: &str) -> PublishRequest {
    PublishRequest {
        title: "Router flaw".to_owned(),
        marking: MarkingFields { tlp: Some(tlp.to_owned()), ..MarkingFields::default() },
        parts: vec![
            PartRequest {
                section: "summary".to_owned(),
                text: Some("Router flaw\nUpdate at once.".to_owned()),
                ..PartRequest::default()
            },
            PartRequest {
                section: "original".to_owned(),
                text: Some("x".repeat(3 << 20)),
                ..PartRequest::default()
            },
        ],
        ..PublishRequest::default()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ones_own_digits_are_no_answer_and_may_be_mended() {
    let folder = tempfile::tempdir().unwrap();
    let (kr, jp) = (folder.path().join("kr"), folder.path().join("jp"));
    founded(&kr, "KR");
    founded(&jp, "JP");
    let kr_node = Node::start(&kr, None, Mode::Running).unwrap();
    let jp_node = Node::start(&jp, None, Mode::Running).unwrap();
    let (one, other) = (kr_node.service(), jp_node.service());
    let invitation = one.invite("JP").await.unwrap();
    other.join(&invitation.ticket, "KR").await.unwrap();
    let digits = async |service: &Service, name: &str| {
        let name = name.to_owned();
        until(service, async |service| service.ceremony(&name).await.ok()?.digits).await
    };
    let (ours, theirs) = (digits(&one, "JP").await, digits(&other, "KR").await);

    let slip = one.confirm_pairing("JP", &ours).await.unwrap_err();
    assert!(slip.to_string().contains("digits of this screen"), "{slip}");
    assert_eq!(one.ceremony("JP").await.unwrap().state, "compare", "nothing was compared");
    let confirmed = one.confirm_pairing("JP", &theirs).await.unwrap();
    assert_eq!(confirmed.state, "confirmed here");
    other.confirm_pairing("KR", &ours).await.unwrap();
    until(&one, async |one| (one.ceremony("JP").await.unwrap().state == "paired").then_some(()))
        .await;
    drop((one, other));
    kr_node.stop(DEADLINE).await;
    jp_node.stop(DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_whose_digits_were_shown_opens_the_door_no_more_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (kr, jp) = (folder.path().join("kr"), folder.path().join("jp"));
    founded(&kr, "KR");
    founded(&jp, "JP");
    let kr_node = Node::start(&kr, None, Mode::Running).unwrap();
    let jp_node = Node::start(&jp, None, Mode::Running).unwrap();
    let (one, other) = (kr_node.service(), jp_node.service());
    let states = async |service: &Service| {
        let lines = service.invitations().await.unwrap();
        lines.into_iter().map(|line| (line.name, line.state)).collect::<Vec<_>>()
    };
    for name in ["JP", "FJ"] {
        one.invite(name).await.unwrap();
    }
    let invitation = one.invite("JP").await.unwrap();
    other.join(&invitation.ticket, "KR").await.unwrap();
    until(&one, async |one| one.ceremony("JP").await.ok()?.digits).await;
    let said = [("FJ", "waiting"), ("JP", "compare")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(states(&one).await, said);
    drop(one);
    // In the middle of it, as after a crash: nobody has confirmed, nobody has failed.
    kr_node.stop(DEADLINE).await;
    let kr_node = Node::start(&kr, None, Mode::Running).unwrap();
    let one = kr_node.service();
    assert_eq!(states(&one).await, said[..1]);

    // An operator ends one that is under way.
    let invitation = one.invite("JP").await.unwrap();
    other.join(&invitation.ticket, "KR again").await.unwrap();
    until(&one, async |one| one.ceremony("JP").await.ok()?.digits).await;
    assert_eq!(one.cancel_invitation("JP").await.unwrap().state, "cancelled");
    assert_eq!(states(&one).await, said[..1]);
    assert_eq!(one.ceremony("JP").await.unwrap_err().code, "no-pairing");
    drop((one, other));
    kr_node.stop(DEADLINE).await;
    jp_node.stop(DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_watches_a_node_hears_of_its_end_and_keeps_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let kr = folder.path().join("kr");
    founded(&kr, "KR");
    let ended = async |mut events: Receiver<Event>| {
        let ended = async { while !matches!(events.recv().await, Err(RecvError::Closed)) {} };
        tokio::time::timeout(DEADLINE, ended).await.expect("in time");
    };
    let node = Node::start(&kr, None, Mode::Running).unwrap();
    let events = node.service().watch();
    node.stop(DEADLINE).await;
    let again = Node::start(&kr, None, Mode::Running).expect("nobody holds the store");
    ended(events).await;
    // Whoever comes too late hears the same, at once.
    let service = again.service();
    again.stop(DEADLINE).await;
    ended(service.watch()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_shown_lends_no_list_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let (kr, jp) = (folder.path().join("kr"), folder.path().join("jp"));
    founded(&kr, "KR");
    founded(&jp, "JP");
    let kr_node = Node::start(&kr, None, Mode::Running).unwrap();
    let jp_node = Node::start(&jp, None, Mode::Running).unwrap();
    let (one, other) = (kr_node.service(), jp_node.service());
    pair(&one, "KR", &other, "JP").await;
    // For a desk there that the node is not told to be.
    let mut request = advisory("CLEAR");
    request.parts[0].file_name = Some("names-of-victims.txt".to_owned());
    request.to.push(AddresseeRequest {
        economy: "JP".to_owned(),
        desk: Some("duty".to_owned()),
        sections: vec!["summary".to_owned()],
        ..AddresseeRequest::default()
    });
    let published = one.publish(request).await.unwrap();
    let listed = until(&other, async |other| {
        let records = other.list(ListRequest::default()).await.unwrap();
        records.into_iter().find(|line| line.record == published.record)
    })
    .await;
    assert!(listed.title.starts_with("not shown: "), "{}", listed.title);
    let names = |preview: &Preview| -> Vec<_> {
        preview.parts.iter().filter_map(|part| part.file_name.clone()).collect()
    };
    let theirs = other.preview(&published.record).await.unwrap();
    assert_eq!((names(&theirs), theirs.record.title.contains("Router")), (vec![], false));
    let ours = one.preview(&published.record).await.unwrap();
    assert_eq!(names(&ours), ["names-of-victims.txt"]);
    assert_eq!(ours.record.title, "Router flaw");

    // No title is in a file that is made for others, nor what stayed, nor who got nothing.
    for tlp in ["RED", "GREEN"] {
        let kept = one.publish(advisory(tlp)).await.unwrap();
        let file = one.audit_file(&kept.record).await.unwrap().file;
        assert!(file.contains(tlp) && !file.contains("Router flaw"), "{file}");
        assert!(!file.contains("\"JP\"") && !file.contains("trust"), "{file}");
    }
    drop((one, other));
    kr_node.stop(DEADLINE).await;
    jp_node.stop(DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clear_advisory_arrives_verified_and_is_receipted() {
    let folder = tempfile::tempdir().unwrap();
    let (kr, jp) = (folder.path().join("kr"), folder.path().join("jp"));
    founded(&kr, "KR");
    founded(&jp, "JP");
    let kr_node = Node::start(&kr, None, Mode::Running).unwrap();
    let jp_node = Node::start(&jp, None, Mode::Running).unwrap();
    let (one, other) = (kr_node.service(), jp_node.service());
    pair(&one, "KR", &other, "JP").await;

    // Who gets what is worked out only for whoever asks.
    let dry = PublishRequest { dry_run: true, ..advisory("CLEAR") };
    let would = one.publish(dry).await.unwrap();
    assert!(would.reference.is_none());
    let parts = would.preview.unwrap().parts;
    assert!(parts.iter().all(|part| part.cells[0].outcome == "release"));
    let asked = PublishRequest { preview: true, dry_run: true, ..advisory("GREEN") };
    assert!(one.publish(asked).await.unwrap().preview.is_some());
    let published = one.publish(advisory("CLEAR")).await.unwrap();
    assert!(published.preview.is_none());
    let arrived = until(&other, async |other| {
        other.list(ListRequest::default()).await.unwrap().into_iter().next()
    })
    .await;
    assert_eq!(arrived.record, published.record);
    assert_eq!((arrived.standing.as_str(), arrived.origin.as_str()), ("accepted", "KR"));
    let shown = other.show(&arrived.reference, true).await.unwrap();
    assert_eq!(shown.parts.len(), 2);

    let reference = published.reference.unwrap();
    let told = until(&one, async |one| {
        let audit = one.audit_who(&reference).await.unwrap();
        audit.deliveries.into_iter().find(|one| one.signed_receipt.is_some())
    })
    .await;
    assert_eq!((told.partner.as_str(), told.state.as_str()), ("JP", "stored"));

    // GREEN needs trust and an agreement: held back, and explained.
    one.update_partner("JP", PartnerUpdate::Level { level: 4 }).await.unwrap();
    let green = one.publish(advisory("GREEN")).await.unwrap();
    let asked = ExplainRequest {
        record: green.record.clone(),
        to: Some("JP".to_owned()),
        ..ExplainRequest::default()
    };
    let explained = one.explain(asked.clone()).await.unwrap();
    assert!(!explained.partners[0].goes);
    let [way] = &explained.partners[0].parts[0].would_change[..] else { panic!("{explained:?}") };
    assert_eq!(way.len(), 1);
    assert_eq!(way[0].what, "sign an agreement of the tier mou that covers it");
    assert_eq!(way[0].command.as_deref(), Some("comity agreement propose mou.toml --to JP"));
    let later = Some("9999-01-01T00:00:00Z".to_owned());
    let refused = one.explain(ExplainRequest { at: later, ..asked }).await.unwrap_err();
    assert_eq!(refused.code, "not-yet");

    let taken_back = one.withdraw(vec![reference.clone()], false).await.unwrap();
    assert!(taken_back.reference.is_some());
    until(&other, async |other| {
        let line = other.show(&arrived.reference, false).await.unwrap().line;
        (line.lifecycle == "withdrawn").then_some(())
    })
    .await;

    // After a restart everything is as it was, and the link comes back by itself.
    drop((one, other));
    kr_node.stop(DEADLINE).await;
    let kr_node = Node::start(&kr, None, Mode::Running).unwrap();
    let one = kr_node.service();
    let other = jp_node.service();
    let mut events = other.watch();
    let again = one.publish(advisory("CLEAR")).await.unwrap();
    loop {
        let event = tokio::time::timeout(DEADLINE, events.recv()).await.expect("in time").unwrap();
        if let Event::Record { record, .. } = event
            && record.record == again.record
        {
            break;
        }
    }
    drop((one, other));
    kr_node.stop(DEADLINE).await;
    jp_node.stop(DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_rotations_at_once_one_is_refused_and_nothing_is_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let (kr, jp) = (folder.path().join("kr"), folder.path().join("jp"));
    founded(&kr, "KR");
    founded(&jp, "JP");
    let kr_node = Node::start(&kr, None, Mode::Running).unwrap();
    let jp_node = Node::start(&jp, None, Mode::Running).unwrap();
    let (one, other) = (kr_node.service(), jp_node.service());
    pair(&one, "KR", &other, "JP").await;
    let rotated = tokio::join!(
        one.rotate_link(RotateRequest::default()),
        one.rotate_link(RotateRequest::default())
    );
    let refused = match rotated {
        (Ok(()), Err(refused)) | (Err(refused), Ok(())) => refused,
        both => panic!("one of two was expected: {both:?}"),
    };
    assert_eq!(refused.code, "rotation-under-way");
    assert!(refused.next.is_some());
    assert_eq!(one.status().await.unwrap().keyring, 2);
    // One after the other is in order, and the key on the disk is the one that is granted.
    one.rotate_link(RotateRequest::default()).await.unwrap();
    drop(one);
    kr_node.stop(DEADLINE).await;
    let kr_node = Node::start(&kr, None, Mode::Running).unwrap();
    let one = kr_node.service();
    assert_eq!(one.status().await.unwrap().keyring, 3);
    until(&other, async |other| {
        let partners = other.partners().await.unwrap();
        partners.into_iter().find(|one| one.bond == "paired" && one.connected == Some(true))
    })
    .await;
    drop((one, other));
    kr_node.stop(DEADLINE).await;
    jp_node.stop(DEADLINE).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_introduced_is_paired_under_its_name_or_dismissed() {
    let folder = tempfile::tempdir().unwrap();
    let mut nodes = Vec::new();
    for code in ["KR", "JP", "FJ"] {
        founded(&folder.path().join(code), code);
        nodes.push(Node::start(&folder.path().join(code), None, Mode::Running).unwrap());
    }
    let services: Vec<_> = nodes.iter().map(Node::service).collect();
    let (kr, jp, fj) = (&services[0], &services[1], &services[2]);
    pair(kr, "KR", jp, "JP").await;
    pair(kr, "KR", fj, "FJ").await;

    assert_eq!(kr.introduce("FJ", "FJ", false).await.unwrap_err().code, "same-partner");
    kr.introduce("JP", "FJ", false).await.unwrap();
    assert_eq!(kr.introduce("JP", "FJ", false).await.unwrap_err().code, "introduced-already");
    let made = until(fj, async |fj| fj.introductions().await.unwrap().into_iter().next()).await;
    fj.confirm_introduction(&made.reference, "JP").await.unwrap();
    let bond = async |name: &str| {
        let partners = fj.partners().await.unwrap();
        partners.into_iter().find(|one| one.name == name).map(|one| one.bond)
    };
    assert_eq!(bond("JP").await.as_deref(), Some("introduced"));

    // Somebody else answers under that name: nobody is asked to compare digits.
    let invitation = fj.invite("JP").await.unwrap();
    kr.join(&invitation.ticket, "FJ again").await.unwrap();
    let failed = until(fj, async |fj| {
        fj.ceremony("JP").await.ok().filter(|ceremony| ceremony.state == "failed")
    })
    .await;
    assert!(failed.problem.unwrap().contains("another economy"));
    assert!(failed.digits.is_none());

    // One that is not believed any longer is gone, and may be introduced again.
    fj.update_partner("JP", PartnerUpdate::Remove).await.unwrap();
    assert_eq!(bond("JP").await.as_deref(), Some("removed"));
    fj.confirm_introduction(&made.reference, "JP").await.unwrap();
    assert_eq!(bond("JP").await.as_deref(), Some("introduced"));
    pair(fj, "FJ", jp, "JP").await;
    assert_eq!(bond("JP").await.as_deref(), Some("paired"));

    // What a person sets aside is asked about no more, and waits for nobody.
    jp.introduce("KR", "FJ", false).await.unwrap();
    fj.update_partner("KR", PartnerUpdate::Remove).await.unwrap();
    let made = until(fj, async |fj| {
        let open = fj.introductions().await.unwrap();
        open.into_iter().find(|one| one.by == "JP" && !one.confirmed)
    })
    .await;
    // The word of one that was removed is nobody's, though another may have its name by now.
    let by: Vec<_> = fj.introductions().await.unwrap().into_iter().map(|one| one.by).collect();
    assert_eq!(by, ["JP"]);
    fj.dismiss_introduction(&made.reference).await.unwrap();
    assert!(!fj.introductions().await.unwrap().iter().any(|one| one.by == "JP"));
    assert_eq!(fj.status().await.unwrap().waiting, 0);
    let again = fj.dismiss_introduction(&made.reference).await.unwrap_err();
    assert_eq!(again.code, "no-introduction");
    drop(services);
    for node in nodes {
        node.stop(DEADLINE).await;
    }
}
