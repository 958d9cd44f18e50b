//! A record to be, as a person writes it: TOML, with the parts' contents in it or in files beside it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Component, Path};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use comity_admin::{Failure, FailureKind};
use comity_core::limits::PART_BYTES;
use comity_core::{Class, Kind, Marking, Section, Tlp, Urgency};
use comity_node::api::{AddresseeRequest, PartRequest, PublishRequest};
use comity_node::shell_word::word;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::Deserialize;
use toml::Spanned;

use super::values::{At, MarkingFile, Source};
use crate::folder::unreadable;

/// The version of the format.
const FORMAT: u64 = 1;
const URGENCIES: [Urgency; 3] = [Urgency::Routine, Urgency::Priority, Urgency::Urgent];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RecordFile {
    #[serde(rename = "format")]
    _format: u64,
    kind: At,
    title: String,
    urgency: Option<At>,
    #[serde(default)]
    interim: bool,
    #[serde(default)]
    marking: MarkingFile,
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
    section: At,
    #[serde(default)]
    classes: Vec<At>,
    media_type: Option<String>,
    language: Option<String>,
    translates: Option<At>,
    file_name: Option<String>,
    destination: Option<String>,
    #[serde(default)]
    marking: MarkingFile,
    text: Option<String>,
    file: Option<At>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct AddresseeFile {
    #[serde(default)]
    economy: String,
    group: Option<String>,
    desk: Option<String>,
    #[serde(default)]
    relays: Vec<String>,
    #[serde(default)]
    sections: Vec<At>,
}

/// Reads a record file and the files that it names. `tlp`: the label that was asked for instead of the
/// record's own.
pub(super) fn read(path: &Path, tlp: Option<Tlp>) -> Result<PublishRequest, Failure> {
    let bytes = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    foreign(path, &bytes)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| unreadable(path, &io::Error::new(io::ErrorKind::InvalidData, error)))?;
    newer_format(path, &text)?;
    let source = Source { path, text: &text };
    let file: RecordFile = toml::from_str(&text).map_err(|error| source.unread(&error))?;
    source.understood(&file, tlp)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let parts = file
        .part
        .into_iter()
        .enumerate()
        .map(|(index, part)| part.resolve(&source, index, folder))
        .collect::<Result<Vec<_>, _>>()?;
    if parts.is_empty() {
        let message = format!("`{}` has no parts, so it says nothing", path.display());
        return Err(Failure::new(FailureKind::Data, "record-file-invalid", message)
            .next("write at least one [[part]] with a section and a text"));
    }
    Ok(PublishRequest {
        draft: None,
        kind: Some(file.kind.into_inner()),
        title: file.title,
        urgency: file.urgency.map(Spanned::into_inner),
        interim: file.interim,
        marking: file.marking.fields(),
        parts,
        to: file.to.into_iter().map(AddresseeFile::resolve).collect(),
        supersedes: file.supersedes,
        dry_run: false,
        preview: false,
    })
}

impl Source<'_> {
    /// Every value that has a closed set of names, and what a part may not be.
    fn understood(&self, file: &RecordFile, tlp: Option<Tlp>) -> Result<(), Failure> {
        let written = |kind: &Kind| !kind.is_control();
        let kinds = || Kind::ALL.iter().copied().filter(written);
        let kind = |name: &str| Kind::from_name(name).filter(written);
        self.name(&file.kind, "a kind of record that people write", kind, kinds())?;
        if let Some(urgency) = &file.urgency {
            self.name(urgency, "an urgency", Urgency::from_name, URGENCIES)?;
        }
        let asked = tlp.map(Marking::new);
        let marking = self.marking(&file.marking, asked.as_ref())?;
        if let (Some(written), Some(tlp)) = (&marking, tlp)
            && tlp < written.tlp
        {
            let message = format!(
                "`{}` is marked {}, and `--tlp {tlp}` is weaker",
                self.path.display(),
                written.tlp
            );
            return Err(Failure::new(FailureKind::Usage, "weaker-marking", message)
                .next("only stricter than the file: change the marking in the file itself"));
        }
        let marking = match (marking, tlp) {
            (Some(marking), Some(tlp)) => Some(Marking { tlp, ..marking }),
            (marking, _) => marking,
        };
        let sections = || Section::ALL.iter().copied();
        for part in &file.part {
            self.name(&part.section, "a section", Section::from_name, sections())?;
            if let Some(translates) = &part.translates {
                self.name(translates, "a section", Section::from_name, sections())?;
            }
            for class in &part.classes {
                self.name(class, "a class", Class::from_name, Class::ALL.iter().copied())?;
            }
            match &marking {
                Some(marking) => self.stricter(&part.marking, marking)?,
                None => drop(self.marking(&part.marking, None)?),
            }
        }
        for named in file.to.iter().flat_map(|to| &to.sections) {
            self.name(named, "a section", Section::from_name, sections())?;
        }
        Ok(())
    }
}

/// What people have at hand is an advisory of somebody else, which TOML could only misunderstand.
fn foreign(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let what = if bytes.starts_with(&[0x1f, 0x8b]) {
        "compressed"
    } else if text.starts_with(b"{") {
        "JSON"
    } else {
        return Ok(());
    };
    let shown = path.display();
    let message = format!("`{shown}` is {what}, and no record file, which is TOML");
    let typed = shown.to_string();
    let typed = word(&typed);
    Err(Failure::new(FailureKind::Data, "no-record-file", message).next(format!(
        "make a draft of it: comity import csaf {typed} (of sightings: comity import intelmq {typed})"
    )))
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
    fn resolve(
        self,
        source: &Source<'_>,
        index: usize,
        folder: &Path,
    ) -> Result<PartRequest, Failure> {
        let section = self.section.into_inner();
        let wrong = |what: &str| {
            let record = source.path.display();
            let message = format!("`{record}`, part {} ({section}): {what}", index + 1);
            Failure::new(FailureKind::Data, "record-file-invalid", message)
                .next(format!("mend part {} of {record}", index + 1))
        };
        let (text, base64, named) = match (self.text, &self.file) {
            (Some(text), None) => (Some(text), None, None),
            (None, Some(file)) => {
                let bytes = beside(source, file, folder)?;
                let name = Path::new(file.get_ref())
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned());
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
            section,
            classes: self.classes.into_iter().map(Spanned::into_inner).collect(),
            media_type,
            language: self.language,
            translates: self.translates.map(Spanned::into_inner),
            file_name: self.file_name.or(named),
            destination: self.destination,
            marking: self.marking.fields(),
            text,
            base64,
        })
    }
}

/// The content of a file in the record's folder or below it: a record that somebody sent must not take
/// along what else lies on this machine, neither by its path nor by a link that came with it.
fn beside(source: &Source<'_>, file: &At, folder: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |what: &str| source.wrong(file.span(), what, Vec::new());
    let path = Path::new(file.get_ref());
    let below = |step: Component<'_>| matches!(step, Component::Normal(_) | Component::CurDir);
    if !path.components().all(below) {
        return Err(wrong("leads out of the record's folder: put the file beside the record"));
    }
    let failed = |error: std::io::Error| unreadable(&folder.join(path), &error);
    let opened = open_below(folder, path).map_err(|errno| match errno {
        Errno::LOOP | Errno::NOTDIR => {
            wrong("is a link or lies behind one: put the file itself beside the record")
        }
        errno => failed(errno.into()),
    })?;
    let found = opened.metadata().map_err(failed)?;
    if !found.is_file() {
        return Err(wrong("is no file"));
    }
    let mut bytes = Vec::new();
    if found.len() <= PART_BYTES as u64 {
        // It may grow meanwhile.
        opened.take(PART_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    }
    if found.len() > PART_BYTES as u64 || bytes.len() > PART_BYTES {
        return Err(wrong("larger than a part may be (64 MiB)"));
    }
    Ok(bytes)
}

/// Opens step by step, so that no link is followed, whatever is put there meanwhile. Does not wait for
/// whoever writes to a pipe.
fn open_below(folder: &Path, path: &Path) -> Result<File, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    // The folder itself is where the person said, over links or not.
    let mut at = rustix::fs::open(folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut steps = path.components().peekable();
    while let Some(step) = steps.next() {
        let folders = if steps.peek().is_some() { OFlags::DIRECTORY } else { OFlags::empty() };
        at = rustix::fs::openat(&at, step.as_os_str(), flags | folders, Mode::empty())?;
    }
    Ok(at.into())
}

impl AddresseeFile {
    fn resolve(self) -> AddresseeRequest {
        let Self { economy, group, desk, relays, sections } = self;
        let sections = sections.into_iter().map(Spanned::into_inner).collect();
        AddresseeRequest { economy, group, desk, relays, sections }
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
