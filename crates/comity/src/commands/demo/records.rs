//! What the economies publish: a real advisory, a real feed, and incidents that never happened.

use std::collections::BTreeMap;
use std::io::BufReader;
use std::time::Duration;

use anyhow::anyhow;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_core::EconomyId;
use comity_interop::csaf;
use comity_interop::intelmq::{Options, split};
use comity_interop::{ImportedDraft, Routes};
use comity_node::api::{
    AddresseeRequest, DraftsRequest, MarkingFields, NewDraft, PartRequest, PublishRequest,
};
use comity_node::clock;
use comity_node::service::Service;

use super::report::Rows;
use super::world::World;

const ADVISORY: &[u8] = include_bytes!("../../../../../examples/data/csaf/icsa-24-261-01.json");
const SIGHTINGS: &[u8] = include_bytes!("../../../../../examples/data/sightings.intelmq.jsonl.gz");
const ROUTES: &str = include_str!("../../../../../examples/routes.toml");

/// A real advisory of CISA, imported as a draft and marked CLEAR.
pub(super) async fn advisory(kr: &Service) -> anyhow::Result<PublishRequest> {
    let imported = csaf::import(ADVISORY)?;
    let id = imported.provenance.as_ref().map_or("advisory", |from| &from.id);
    let title = format!("CISA {id}");
    let draft = Some(kept(kr, imported).await?);
    Ok(PublishRequest { draft, title, marking: tlp("CLEAR"), ..PublishRequest::default() })
}

/// A real feed, cut by country; each economy gets its own rows.
pub(super) async fn sightings(
    world: &World,
    kr: &Service,
) -> anyhow::Result<(PublishRequest, Rows)> {
    let named: BTreeMap<&str, EconomyId> = world.all().map(|one| (one.code, one.id)).into();
    let routes = Routes::parse(ROUTES, |name| named.get(name).copied())?;
    let cut = tokio::task::spawn_blocking(move || {
        let lines = BufReader::new(flate2::read::MultiGzDecoder::new(SIGHTINGS));
        split(lines, &routes, None, Options::default(), &mut |_progress| {})
    });
    let cut = cut.await??;
    let owned = cut.owned_by();
    let by_code = world.all().map(|one| (one.code, owned.get(&one.id).copied().unwrap_or(0)));
    let rows = Rows {
        by_code: by_code.into(),
        total: cut.owned() + cut.unowned + cut.bad,
        unowned: cut.unowned,
    };
    let draft = cut.into_drafts().into_iter().next().ok_or_else(|| anyhow!("the feed is empty"))?;
    let title = format!("Botnet, {} rows", crate::screen::format::count(rows.total));
    let request = PublishRequest {
        draft: Some(kept(kr, draft).await?),
        title,
        marking: tlp("AMBER"),
        to: ["JP", "FJ"].map(addressee).into(),
        ..PublishRequest::default()
    };
    Ok((request, rows))
}

/// An incident at a bank, addressed to both partners.
pub(super) fn bank() -> PublishRequest {
    PublishRequest {
        kind: Some("incident".to_owned()),
        title: "Ransomware, bank".to_owned(),
        urgency: Some("priority".to_owned()),
        marking: tlp("AMBER"),
        parts: vec![
            text(
                "summary",
                "Ransomware at a commercial bank\n\nOn the night of the 20th the file servers of a bank were \
                 encrypted. Entry was through a VPN appliance without the vendor's September update. Customers' \
                 accounts were not touched.\n",
            ),
            text(
                "mitigation",
                "Update the VPN appliances, end all sessions, renew all passwords that the appliance has seen. \
                 Look for new local administrators since the 1st.\n",
            ),
            indicators("203.0.113.7\n203.0.113.41\n198.51.100.23\nupdate-check.example.com\n"),
            PartRequest {
                section: "evidence".to_owned(),
                file_name: Some("vpn.log".to_owned()),
                ..text(
                    "evidence",
                    "2026-11-20T14:02:11Z sslvpn accepted user=svc-backup from=203.0.113.7\n",
                )
            },
            PartRequest {
                classes: vec!["sensitive".to_owned()],
                marking: tlp("RED"),
                ..text(
                    "victim",
                    "Sample Commercial Bank, head office. Contact: duty officer, by telephone only.\n",
                )
            },
        ],
        to: ["JP", "FJ"].map(addressee).into(),
        ..PublishRequest::default()
    }
}

/// An advisory that is for the community, from tomorrow on.
pub(super) fn router() -> PublishRequest {
    let at = clock::now().saturating_add(Duration::from_secs(86_400));
    PublishRequest {
        title: "Router flaw".to_owned(),
        marking: MarkingFields { release_at: Some(at.to_string()), ..tlp("GREEN") },
        parts: vec![
            text(
                "summary",
                "Flaw in a widespread home router\n\nIts web page can be reached from outside.\n",
            ),
            text(
                "mitigation",
                "Switch remote management off until the vendor's update is there.\n",
            ),
        ],
        ..PublishRequest::default()
    }
}

/// An incident in Japan: for KR whole, and for FJ a part of it through KR.
pub(super) fn port(nth: u32) -> PublishRequest {
    PublishRequest {
        kind: Some("incident".to_owned()),
        title: format!("Intrusion at a port, {nth}"),
        marking: tlp("AMBER"),
        parts: vec![
            text(
                "summary",
                &format!(
                    "Intrusion at a container port ({nth})\n\nThe yard planning system was entered.\n"
                ),
            ),
            text("mitigation", "Separate yard planning from the office network.\n"),
            text(
                "detail",
                "The operator's maintenance account was used from abroad, at night, for eleven days.\n",
            ),
            indicators("192.0.2.77\ncranes.example.net\n"),
        ],
        to: vec![
            addressee("KR"),
            AddresseeRequest {
                relays: vec!["KR".to_owned()],
                sections: ["summary", "mitigation", "detail"].map(str::to_owned).into(),
                ..addressee("FJ")
            },
        ],
        ..PublishRequest::default()
    }
}

/// A short note for everybody.
pub(super) fn note(label: &str, title: &str) -> PublishRequest {
    PublishRequest {
        kind: Some("note".to_owned()),
        title: title.to_owned(),
        marking: tlp(label),
        parts: vec![text("summary", &format!("{title}\n{}", "Nothing to be done. ".repeat(45)))],
        ..PublishRequest::default()
    }
}

/// Keeps what an import made, as `comity import` does.
async fn kept(service: &Service, draft: ImportedDraft) -> anyhow::Result<u64> {
    let provenance = draft.provenance.map(|from| format!("{} {}", from.namespace, from.id));
    let sections = draft.sections.into_iter();
    let sections = sections
        .map(|(header, content)| (STANDARD.encode(header.encode()), STANDARD.encode(content)));
    let new = NewDraft {
        title: draft.title,
        kind: draft.kind.to_string(),
        interim: draft.state == comity_core::State::Interim,
        format: draft.source.to_owned(),
        provenance: provenance.unwrap_or_default(),
        tlp: draft.marking.map(|marking| marking.tlp.to_string()),
        sections: sections.collect(),
    };
    let kept = service.keep_drafts(DraftsRequest { drafts: vec![new] }).await?;
    kept.first().map(|line| line.number).ok_or_else(|| anyhow!("the draft was not kept"))
}

fn tlp(label: &str) -> MarkingFields {
    MarkingFields { tlp: Some(label.to_owned()), ..MarkingFields::default() }
}

fn text(section: &str, text: &str) -> PartRequest {
    PartRequest {
        section: section.to_owned(),
        text: Some(text.to_owned()),
        ..PartRequest::default()
    }
}

fn indicators(lines: &str) -> PartRequest {
    PartRequest { media_type: Some("text/plain".to_owned()), ..text("indicators", lines) }
}

fn addressee(economy: &str) -> AddresseeRequest {
    AddresseeRequest { economy: economy.to_owned(), ..AddresseeRequest::default() }
}
