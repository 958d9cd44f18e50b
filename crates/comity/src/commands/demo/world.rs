//! Three economies on this machine: founded, paired by the ceremony, under agreements, introduced.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use comity_core::{EconomyId, Timestamp};
use comity_node::api::{IntroductionLine, PartnerUpdate};
use comity_node::config::FILE_NAME;
use comity_node::founding::{Founding, NODE_KEYS, found};
use comity_node::keyfile::{self, Seal};
use comity_node::service::Service;
use comity_node::{Mode, Node, clock};
use jiff::tz::TimeZone;

use crate::screen::times::Place;

/// How long anything that is waited for may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(20);

const NDA: &str = include_str!("../../../../../examples/agreements/nda.toml");
const MOU: &str = include_str!("../../../../../examples/agreements/mou.toml");

/// One economy of the demonstration.
pub(super) struct Economy {
    pub(super) code: &'static str,
    pub(super) id: EconomyId,
    pub(super) folder: PathBuf,
    node: Option<Node>,
}

/// The three.
pub(super) struct World {
    pub(super) kr: Economy,
    pub(super) jp: Economy,
    pub(super) fj: Economy,
    /// What KR calls its agreement with FJ.
    pub(super) mou: String,
}

/// Who takes part: code, name, time zone, and what people there call the zone where its name does not say.
const ECONOMIES: [(&str, &str, &str, Option<&str>); 3] = [
    ("KR", "Republic of Korea", "Asia/Seoul", None),
    ("JP", "Japan", "Asia/Tokyo", None),
    ("FJ", "Fiji", "Pacific/Fiji", Some("Suva")),
];

/// Where the economy of a code is.
pub(super) fn place(code: &str) -> Place {
    let found = ECONOMIES.iter().find(|(known, ..)| *known == code);
    let zone = found.and_then(|(_, _, zone, _)| TimeZone::get(zone).ok());
    let city = found.and_then(|(.., city)| city.map(str::to_owned));
    Place::new(zone.unwrap_or(TimeZone::UTC), city)
}

impl Economy {
    fn found(base: &Path, code: &'static str) -> anyhow::Result<Self> {
        let known = ECONOMIES.iter().find(|(known, ..)| *known == code);
        let (_, name, zone, city) =
            known.ok_or_else(|| anyhow!("`{code}` is none of the three"))?;
        let folder = base.join(code.to_lowercase());
        let founding = Founding {
            code: code.to_owned(),
            name: (*name).to_owned(),
            timezone: (*zone).to_owned(),
            city: city.map(str::to_owned),
            listen: format!("127.0.0.1:{}", free_port()?),
            public: Vec::new(),
            root_keys: 1,
            threshold: 1,
        };
        let founded = found(&folder, &founding, Seal::Plain)?;
        at_once(&folder)?;
        let mut economy = Self { code, id: founded.economy, folder, node: None };
        economy.start()?;
        Ok(economy)
    }

    /// Starts the node in this process.
    pub(super) fn start(&mut self) -> anyhow::Result<()> {
        let node = Node::start(&self.folder, None, Mode::Running);
        self.node = Some(node.with_context(|| format!("{} does not start", self.code))?);
        Ok(())
    }

    /// Ends the node: what is under way is delivered, or sent again later.
    pub(super) async fn stop(&mut self) {
        if let Some(node) = self.node.take() {
            node.stop(Duration::from_secs(5)).await;
        }
    }

    /// What can be asked of it.
    pub(super) fn service(&self) -> anyhow::Result<Service> {
        self.node.as_ref().map(Node::service).ok_or_else(|| anyhow!("{} is not running", self.code))
    }

    /// One of the node's own keys.
    pub(super) fn key(&self, name: &str) -> anyhow::Result<comity_core::sign::SecretKey> {
        let mut keys = keyfile::open(&self.folder.join(NODE_KEYS), None)?;
        keys.remove(name).ok_or_else(|| anyhow!("{} has no key `{name}`", self.code))
    }
}

/// What is published goes at once: nobody who watches has a minute to wait.
fn at_once(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(FILE_NAME);
    let mut text = std::fs::read_to_string(&path)?;
    text.push_str("\n[publish]\nunsend-for = \"0 s\"\n");
    std::fs::write(&path, text).context("the configuration cannot be written")
}

impl World {
    /// Makes the three nodes and everything that binds them.
    pub(super) async fn make(base: &Path) -> anyhow::Result<Self> {
        let kr = Economy::found(base, "KR")?;
        let jp = Economy::found(base, "JP")?;
        let fj = Economy::found(base, "FJ")?;
        let mut world = Self { kr, jp, fj, mou: String::new() };
        world.bind().await.context("the three nodes could not be paired and bound")?;
        Ok(world)
    }

    async fn bind(&mut self) -> anyhow::Result<()> {
        let (kr, jp, fj) = (self.kr.service()?, self.jp.service()?, self.fj.service()?);
        pair(&kr, "KR", &jp, "JP").await?;
        pair(&kr, "KR", &fj, "FJ").await?;
        level(&kr, "JP", 4).await?;
        level(&kr, "FJ", 3).await?;
        level(&jp, "KR", 4).await?;
        level(&fj, "KR", 3).await?;
        agree(&kr, &jp, "JP", NDA).await?;
        self.mou = agree(&kr, &fj, "FJ", MOU).await?;
        introduce(&kr, "JP", &fj, "FJ").await?;
        introduce(&kr, "FJ", &jp, "JP").await
    }

    /// The MoU again, after it was ended: for those who play with the folders.
    pub(super) async fn renew(&mut self) -> anyhow::Result<()> {
        let (kr, fj) = (self.kr.service()?, self.fj.service()?);
        self.mou = agree(&kr, &fj, "FJ", MOU).await?;
        Ok(())
    }

    /// Every economy.
    pub(super) fn all(&self) -> [&Economy; 3] {
        [&self.kr, &self.jp, &self.fj]
    }

    /// The economy of a code.
    pub(super) fn by_code(&self, code: &str) -> anyhow::Result<&Economy> {
        let found = self.all().into_iter().find(|one| one.code == code);
        found.ok_or_else(|| anyhow!("`{code}` is none of the three"))
    }

    /// Ends all three.
    pub(super) async fn stop(&mut self) {
        self.kr.stop().await;
        self.jp.stop().await;
        self.fj.stop().await;
    }
}

/// Asks until the answer is there. A node's events wake it; a ceremony makes none.
pub(super) async fn until<T>(
    what: &str,
    service: &Service,
    mut look: impl AsyncFnMut(&Service) -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let mut events = service.watch();
    let looked = async {
        loop {
            if let Some(found) = look(service).await? {
                return Ok(found);
            }
            drop(tokio::time::timeout(Duration::from_millis(20), events.recv()).await);
        }
    };
    match tokio::time::timeout(DEADLINE, looked).await {
        Ok(found) => found,
        Err(_late) => bail!("{what}: nothing within {} s", DEADLINE.as_secs()),
    }
}

async fn pair(
    one: &Service,
    one_name: &str,
    other: &Service,
    other_name: &str,
) -> anyhow::Result<()> {
    let invitation = one.invite(other_name).await?;
    other.join(&invitation.ticket, one_name).await?;
    let digits = async |service: &Service, name: &str| {
        until("the digits", service, async |service| Ok(service.ceremony(name).await?.digits)).await
    };
    // Each operator types what the other one reads aloud.
    let (ours, theirs) = (digits(one, other_name).await?, digits(other, one_name).await?);
    one.confirm_pairing(other_name, &theirs).await?;
    other.confirm_pairing(one_name, &ours).await?;
    linked(one, other_name).await?;
    linked(other, one_name).await
}

/// Waits for the link.
pub(super) async fn linked(service: &Service, partner: &str) -> anyhow::Result<()> {
    until("the link", service, async |service| {
        let partners = service.partners().await?;
        Ok(partners.into_iter().find(|one| one.name == partner && one.connected == Some(true)))
    })
    .await
    .map(drop)
}

async fn level(service: &Service, partner: &str, level: u8) -> anyhow::Result<()> {
    service.update_partner(partner, PartnerUpdate::Level { level }).await?;
    Ok(())
}

/// Proposes, accepts, and waits until it is in force on both sides; our reference of it.
async fn agree(ours: &Service, theirs: &Service, to: &str, text: &str) -> anyhow::Result<String> {
    let proposed = ours.propose(&in_force(text, clock::now()), to, false).await?;
    let waiting = until("the proposal", theirs, async |service| {
        let agreements = service.agreements().await?;
        Ok(agreements.into_iter().find(|one| one.agreement == proposed.record))
    });
    let waiting = waiting.await?;
    theirs.accept(&waiting.reference).await?;
    for service in [ours, theirs] {
        until("the acceptance", service, async |service| {
            let agreements = service.agreements().await?;
            let found = agreements.into_iter().find(|one| one.agreement == proposed.record);
            Ok(found.filter(|one| one.state == "in force"))
        })
        .await?;
    }
    proposed.reference.ok_or_else(|| anyhow!("the proposal has no reference"))
}

/// `by` introduces `economy` to `to`, whose operator confirms.
async fn introduce(by: &Service, economy: &str, to: &Service, to_name: &str) -> anyhow::Result<()> {
    by.introduce(economy, to_name, false).await?;
    let made: IntroductionLine = until("the introduction", to, async |service| {
        Ok(service.introductions().await?.into_iter().find(|one| one.name == economy))
    })
    .await?;
    to.confirm_introduction(&made.reference, economy).await?;
    Ok(())
}

/// A sample agreement, with days that are in force at `now`.
fn in_force(text: &str, now: Timestamp) -> String {
    let day = |days: u64| {
        let at = now.saturating_add(Duration::from_secs(days * 86_400)).to_string();
        at.chars().take(10).collect::<String>()
    };
    let yesterday = now.saturating_sub(Duration::from_secs(86_400)).to_string();
    let yesterday: String = yesterday.chars().take(10).collect();
    let line = |line: &str| {
        let key = line.split_once(" = 20").map_or("", |(key, _)| key);
        match key {
            "starts" => format!("starts = {yesterday}\n"),
            "review" => format!("review = {}\n", day(365)),
            "ends" => format!("ends = {}\n", day(730)),
            _ => format!("{line}\n"),
        }
    };
    text.lines().map(line).collect()
}

/// A port of loopback that was free a moment ago.
fn free_port() -> anyhow::Result<u16> {
    Ok(std::net::UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use comity_core::agreement::Terms;

    use super::*;

    #[test]
    fn the_samples_are_in_force_whenever_the_demonstration_runs() {
        for (now, review) in
            [("2026-11-21T00:00:00Z", "2027-11-21"), ("2039-02-28T23:59:59Z", "2040-02-28")]
        {
            for text in [NDA, MOU] {
                let text = in_force(text, now.parse().unwrap());
                assert!(Terms::parse(&text).is_ok(), "{text}");
                assert!(text.contains(&format!("\nreview = {review}")), "{text}");
            }
        }
    }
}
