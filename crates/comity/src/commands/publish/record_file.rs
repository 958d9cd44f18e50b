//! A record to be, as a person writes it: TOML, with the parts' contents in it or in files beside it.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_admin::{Failure, FailureKind};
use comity_core::limits::PART_BYTES;
use comity_node::api::{AddresseeRequest, MarkingFields, PartRequest, PublishRequest};
use comity_node::config::Fault;
use serde::Deserialize;

/// The version of the format.
const FORMAT: u64 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RecordFile {
    #[serde(rename = "format")]
    _format: u64,
    kind: String,
    title: String,
    urgency: Option<String>,
    #[serde(default)]
    interim: bool,
    #[serde(default)]
    marking: MarkingFields,
    #[serde(default)]
    supersedes: Vec<String>,
    #[serde(default)]
    part: Vec<PartFile>,
    #[serde(default)]
    to: Vec<AddresseeFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PartFile {
    section: String,
    #[serde(default)]
    classes: Vec<String>,
    media_type: Option<String>,
    language: Option<String>,
    translates: Option<String>,
    file_name: Option<String>,
    destination: Option<String>,
    #[serde(default)]
    marking: MarkingFields,
    text: Option<String>,
    file: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AddresseeFile {
    economy: String,
    desk: Option<String>,
    #[serde(default)]
    relays: Vec<String>,
    #[serde(default)]
    sections: Vec<String>,
}

/// Reads a record file and the files that it names.
pub(super) fn read(path: &Path) -> Result<PublishRequest, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    newer_format(path, &text)?;
    let file: RecordFile = toml::from_str(&text).map_err(|error| {
        let fault = Fault::from_toml(path.to_owned(), &text, &error);
        let next = format!("mend line {} of {}", fault.line, path.display());
        Failure::new(FailureKind::Data, "record-file-invalid", fault).next(next)
    })?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let parts = file
        .part
        .into_iter()
        .enumerate()
        .map(|(index, part)| part.resolve(path, index, folder))
        .collect::<Result<Vec<_>, _>>()?;
    if parts.is_empty() {
        let message = format!("`{}` has no parts, so it says nothing", path.display());
        return Err(Failure::new(FailureKind::Data, "record-file-invalid", message)
            .next("write at least one [[part]] with a section and a text"));
    }
    Ok(PublishRequest {
        draft: None,
        kind: Some(file.kind),
        title: file.title,
        urgency: file.urgency,
        interim: file.interim,
        marking: file.marking,
        parts,
        to: file.to.into_iter().map(AddresseeFile::resolve).collect(),
        supersedes: file.supersedes,
        dry_run: false,
        preview: false,
    })
}

/// Asked before anything else: in another format other names may be right.
fn newer_format(path: &Path, text: &str) -> Result<(), Failure> {
    #[derive(Deserialize)]
    struct Only {
        format: u64,
    }
    match toml::from_str::<Only>(text) {
        Ok(Only { format }) if format != FORMAT => {
            let message = format!(
                "`{}` has format {format}, and format {FORMAT} is read: a newer comity may have written it",
                path.display()
            );
            Err(Failure::new(FailureKind::Data, "record-file-format", message)
                .next("use the newer comity, or write the file anew"))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

impl PartFile {
    fn resolve(self, record: &Path, index: usize, folder: &Path) -> Result<PartRequest, Failure> {
        let wrong = |what: &str| {
            let message =
                format!("`{}`, part {} ({}): {what}", record.display(), index + 1, self.section);
            Failure::new(FailureKind::Data, "record-file-invalid", message)
        };
        let (text, base64, named) = match (self.text, &self.file) {
            (Some(text), None) => (Some(text), None, None),
            (None, Some(file)) => {
                let content = folder.join(file);
                let bytes =
                    std::fs::read(&content).map_err(|error| unreadable(&content, &error))?;
                if bytes.len() > PART_BYTES {
                    return Err(wrong(&format!("`{file}` is larger than a part may be (64 MiB)")));
                }
                let name = content.file_name().map(|name| name.to_string_lossy().into_owned());
                (None, Some(STANDARD.encode(bytes)), name)
            }
            (Some(_), Some(_)) => return Err(wrong("`text` and `file` are both given")),
            (None, None) => {
                return Err(wrong("it needs `text`, or `file` with a path beside the record"));
            }
        };
        let media_type =
            self.media_type.or_else(|| named.as_deref().map(|name| media_type_of(name).to_owned()));
        Ok(PartRequest {
            section: self.section,
            classes: self.classes,
            media_type,
            language: self.language,
            translates: self.translates,
            file_name: self.file_name.or(named),
            destination: self.destination,
            marking: self.marking,
            text,
            base64,
        })
    }
}

impl AddresseeFile {
    fn resolve(self) -> AddresseeRequest {
        let Self { economy, desk, relays, sections } = self;
        AddresseeRequest { economy, desk, relays, sections }
    }
}

/// By the file's ending; what is not known is bytes.
fn media_type_of(name: &str) -> &'static str {
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "txt" | "log" => "text/plain",
        "md" => "text/markdown",
        "json" => "application/json",
        "jsonl" | "ndjson" => "application/x-ndjson",
        "csv" => "text/csv",
        "pdf" => "application/pdf",
        "pcap" => "application/vnd.tcpdump.pcap",
        _ => "application/octet-stream",
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let message = format!("`{}` cannot be read: {error}", path.display());
    Failure::new(FailureKind::NoInput, "no-input", message)
}
