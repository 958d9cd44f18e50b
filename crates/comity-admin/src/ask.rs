//! What is asked, where a question has more than one word: the bodies of requests.

use comity_node::api::PartnerUpdate;
use serde::{Deserialize, Serialize};

/// Records by reference or id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Records {
    /// References, or the fronts of ids.
    pub records: Vec<String>,
    /// Only say who would be told.
    #[serde(default)]
    pub dry_run: bool,
}

/// Records that are recalled.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recall {
    /// References, or the fronts of ids.
    pub records: Vec<String>,
    /// `sent-in-error`, `agreement`, `law`, `personal-data`, `source` or `other`.
    pub reason: String,
    /// Only say who would be told.
    #[serde(default)]
    pub dry_run: bool,
}

/// A record.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// A reference, or the front of an id.
    pub record: String,
}

/// A record, and whether its text is wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Show {
    /// A reference, or the front of an id.
    pub record: String,
    /// Whether the content of text parts is wanted.
    #[serde(default)]
    pub content: bool,
}

/// A draft, and whether its text is wanted.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShowDraft {
    /// Its number.
    pub draft: u64,
    /// Whether the content of text parts is wanted.
    #[serde(default)]
    pub content: bool,
}

/// An instant.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// RFC 3339, with a zone.
    pub time: String,
}

/// A draft.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// Its number.
    pub draft: u64,
}

/// Somebody, by what this node calls it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// The name.
    pub name: String,
}

/// A partner, and what is to change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "FlatUpdate")]
pub struct Update {
    /// The partner's name or id.
    pub name: String,
    /// What changes.
    #[serde(flatten)]
    pub change: PartnerUpdate,
}

/// The same as it is read: what is flattened cannot refuse what it does not know.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlatUpdate {
    name: String,
    change: String,
    level: Option<u8>,
    addresses: Option<Vec<String>>,
    rule: Option<String>,
    kinds: Option<Vec<String>>,
}

impl TryFrom<FlatUpdate> for Update {
    type Error = String;

    fn try_from(flat: FlatUpdate) -> Result<Self, String> {
        let FlatUpdate { name, change, level, addresses, rule, kinds } = flat;
        let change = match (change.as_str(), level, addresses, rule, kinds) {
            ("level", Some(level), None, None, None) => PartnerUpdate::Level { level },
            ("addresses", None, Some(addresses), None, None) => {
                PartnerUpdate::Addresses { addresses }
            }
            ("intake", None, None, Some(rule), kinds) => {
                PartnerUpdate::Intake { rule, kinds: kinds.unwrap_or_default() }
            }
            ("suspend", None, None, None, None) => PartnerUpdate::Suspend,
            ("resume", None, None, None, None) => PartnerUpdate::Resume,
            ("remove", None, None, None, None) => PartnerUpdate::Remove,
            (change, ..) => {
                return Err(format!(
                    "`{change}` is not a change with these fields: `level` with `level`, `addresses` with `addresses`, `intake` with `rule` and perhaps `kinds`, `suspend`, `resume` or `remove`"
                ));
            }
        };
        Ok(Self { name, change })
    }
}

/// A partner that is introduced to another.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Introduce {
    /// Who is introduced: a name or an id.
    pub economy: String,
    /// Who is told: a name or an id.
    pub to: String,
    /// Only say who would be told.
    #[serde(default)]
    pub dry_run: bool,
}

/// An introduction that is believed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmIntroduction {
    /// The introduction's reference.
    pub reference: String,
    /// What this node will call the economy.
    pub name: String,
}

/// A ticket, and what this node will call whoever made it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The line that the other operator sent.
    pub ticket: String,
    /// The name.
    pub name: String,
}

/// The digits that the other operator read aloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmPairing {
    /// What this node will call the partner.
    pub name: String,
    /// Six digits.
    pub digits: String,
}

/// An agreement.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    /// Its reference, or the front of its id.
    pub reference: String,
}

/// An agreement to be proposed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Propose {
    /// The exact TOML.
    pub text: String,
    /// The other party: a name or an id.
    pub to: String,
    /// Although the same text stands between the two.
    #[serde(default)]
    pub again: bool,
}

/// A text to be proposed in the place of an agreement's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Amend {
    /// The agreement: its reference, or the front of its id.
    pub reference: String,
    /// The exact TOML.
    pub text: String,
    /// Although the same text stands between the two.
    #[serde(default)]
    pub again: bool,
    /// The references of the texts that it takes the place of, as they were shown: it takes the place of these
    /// or of none. Empty: of whichever are the last.
    #[serde(default)]
    pub shown: Vec<String>,
}

/// An agreement to be ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terminate {
    /// Its reference, or the front of its id.
    pub reference: String,
    /// When it ends; none: as soon as the notice allows that was agreed.
    #[serde(default)]
    pub effective: Option<String>,
    /// It ends now, whatever notice was agreed; `effective` must be absent then.
    #[serde(default)]
    pub immediately: bool,
    /// Only say who would be told.
    #[serde(default)]
    pub dry_run: bool,
}

/// A folder of the node's machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// An absolute path.
    pub folder: std::path::PathBuf,
}

/// A group to be founded.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoundGroup {
    /// The exact TOML of its charter.
    pub text: String,
    /// Only tell who would get it.
    #[serde(default)]
    pub dry_run: bool,
    /// Although a group of that name is here.
    #[serde(default)]
    pub again: bool,
}
