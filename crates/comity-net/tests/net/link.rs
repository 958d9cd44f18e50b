//! The link protocol over the endpoints: what goes in at one end comes out at the other.

use comity_net::CloseCause;
use comity_proto::{Input, PartBody};

use super::engine::{Engine, run};
use super::world::{pair, patiently};

async fn linked() -> (Engine, Engine) {
    let (kr, jp) = pair();
    kr.dial(&jp).await;
    let (kr_id, jp_id) = (kr.id(), jp.id());
    let (mut kr, mut jp) = (Engine::new(kr, jp_id), Engine::new(jp, kr_id));
    run(&mut kr, &mut jp, "the link", |kr, jp| kr.up.is_some() && jp.up.is_some()).await;
    (kr, jp)
}

#[tokio::test]
async fn everything_arrives_whole_both_ways_and_nothing_is_lost_at_the_end() {
    let (mut kr, mut jp) = linked().await;
    for length in 0..120 {
        kr.send(length * 60);
        jp.send(300);
    }
    // Parts of several chunks, each on a stream of its own, beside it.
    kr.send(3 * 1024 * 1024 + 7);
    jp.send(2 * 1024 * 1024);
    run(&mut kr, &mut jp, "the answers", |kr, jp| kr.acked == 121 && jp.acked == 121).await;
    for (one, other) in [(&kr, &jp), (&jp, &kr)] {
        let mut numbers: Vec<u64> = one.incoming.iter().map(|each| each.entry.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=121).collect::<Vec<u64>>());
        for incoming in &one.incoming {
            let record = comity_core::record::parse(&incoming.signed).unwrap().verify().unwrap();
            assert_eq!(record.manifest().origin, other.node.id());
            for (digest, body) in &incoming.parts {
                let PartBody::Here(bytes) = body else { panic!("{digest:?} is elsewhere") };
                assert_eq!(record.check_part(bytes.clone()).unwrap().digest, *digest);
            }
        }
    }
    // One says goodbye with something still on its way.
    kr.send(500);
    kr.input(Input::Drain);
    run(&mut kr, &mut jp, "the end", |kr, jp| !kr.closed.is_empty() && !jp.closed.is_empty()).await;
    assert_eq!((kr.acked, jp.incoming.len()), (122, 122));
    assert!(kr.drained);
    match [&kr.closed[0], &jp.closed[0]] {
        [CloseCause::Ours { code, .. }, CloseCause::Partner { code: told, .. }]
        | [CloseCause::Partner { code: told, .. }, CloseCause::Ours { code, .. }] => {
            assert_eq!(u64::from(*code), *told);
        }
        other => panic!("one hangs up and tells the other: {other:?}"),
    }
}

#[tokio::test]
async fn after_a_break_the_chunks_that_are_missing_go_and_no_others() {
    const CHUNKS: usize = 6;
    let length = (CHUNKS - 1) * 1024 * 1024 + 7;
    let (mut kr, mut jp) = linked().await;
    kr.send(length);
    assert_eq!(kr.chunks, CHUNKS);
    run(&mut kr, &mut jp, "some of the chunks", |_, jp| jp.pieces.len() >= 2).await;
    let durable = jp.pieces.len();
    assert!(durable < CHUNKS && jp.incoming.is_empty());
    jp.break_off();
    run(&mut kr, &mut jp, "the break", |kr, jp| !kr.closed.is_empty() && !jp.closed.is_empty())
        .await;
    assert_eq!((kr.acked, jp.pieces.len()), (0, durable));

    (kr.up, kr.chunks) = (None, 0);
    kr.node.dial(&jp.node).await;
    run(&mut kr, &mut jp, "the link", |kr, jp| kr.up.is_some() && jp.up.is_some()).await;
    kr.send_again(1, length);
    run(&mut kr, &mut jp, "the answer", |kr, _| kr.acked == 1).await;
    assert_eq!(kr.chunks, CHUNKS - durable, "frames, after {durable} had come");
    let [incoming] = &jp.incoming[..] else { panic!("one delivery, once") };
    let [(digest, PartBody::Here(bytes))] = &incoming.parts[..] else { panic!("one part") };
    let record = comity_core::record::parse(&incoming.signed).unwrap().verify().unwrap();
    assert_eq!(record.check_part(bytes.clone()).unwrap().digest, *digest);
}

#[tokio::test]
async fn a_rate_cap_stops_nothing() {
    let (mut kr, mut jp) = linked().await;
    let cap = comity_net::LinkOptions { allow_x25519: false, rate_cap: Some(4_000_000) };
    kr.node.endpoint.set_links([(jp.node.id(), cap)].into());
    kr.send(2 * 1024 * 1024);
    kr.send(1);
    run(&mut kr, &mut jp, "the answers", |kr, _| kr.acked == 2).await;
}

#[tokio::test]
async fn an_endpoint_that_closes_tells_every_partner() {
    let (mut kr, mut jp) = linked().await;
    kr.node.endpoint.close_all(3, "shutting down");
    let idle = kr.node.endpoint.clone();
    let idle = tokio::spawn(async move { idle.wait_idle().await });
    run(&mut kr, &mut jp, "the end", |kr, jp| !kr.closed.is_empty() && !jp.closed.is_empty()).await;
    let text = "shutting down".to_owned();
    assert_eq!(kr.closed, [CloseCause::Ours { code: 3, text: text.clone() }]);
    assert_eq!(jp.closed, [CloseCause::Partner { code: 3, text }]);
    patiently("the endpoint to be idle", idle).await.unwrap();
    let address = jp.node.endpoint.local_addr().unwrap();
    let late = kr.node.endpoint.dial(jp.node.id(), &[address]).await;
    assert!(late.is_err(), "a closed endpoint dials nobody");
}

#[tokio::test]
async fn what_is_sent_on_a_connection_that_is_over_is_dropped() {
    let (mut kr, mut jp) = linked().await;
    let conn = jp.up.unwrap();
    jp.node.endpoint.close(conn, 0, "gone");
    jp.node.endpoint.close(conn, 1, "gone already");
    kr.send(100);
    run(&mut kr, &mut jp, "the end", |kr, jp| !kr.closed.is_empty() && !jp.closed.is_empty()).await;
    assert_eq!(jp.closed, [CloseCause::Ours { code: 0, text: "gone".into() }]);
    kr.send(100);
    assert_eq!(kr.unsent, 1, "a link that is down takes nothing");
}
