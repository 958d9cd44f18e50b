//! Secret keys at rest.
//!
//! A key file is one line of text and a body:
//!
//! ```text
//! comity-keys/1 age scrypt=18 check=<64 hexadecimal digits>
//! <an age file, as of age-encryption.org/v1>
//! ```
//!
//! or, without a passphrase, `comity-keys/1 plain check=...` and the keys themselves, one to a line:
//! name, space, seed in hexadecimal. The check is a digest of the body, so that a damaged file is not
//! taken for a wrong passphrase. Without its first line the body of the first form opens with `age -d`.
//!
//! The scrypt work factor is fixed, not measured: a file made on a fast machine must open on a slow one
//! in known time. It stands in the first line and in the age header.

use std::fmt::{self, Write as _};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;
use comity_core::Digest;
use comity_core::digest::{domains, read_hex};
use zeroize::Zeroizing;

use crate::private_file::{self, NotRead};

mod error;
mod keys;
#[cfg(test)]
mod tests;

pub use error::KeyFileError;
pub use keys::KeySet;

/// Bytes of a key file at most.
const FILE_BYTES: u64 = 64 * 1024;
/// What the first line begins with.
const FORMAT: &str = "comity-keys/1";
/// What the first line of every version begins with.
const FORMATS: &str = "comity-keys/";

/// What a person types to open a key file. Erased from memory when dropped; never printed.
#[derive(Clone)]
pub struct Passphrase(SecretString);

impl Passphrase {
    /// `text` as typed, without the line's end; `None` when it is empty.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        let text = Zeroizing::new(text);
        (!text.is_empty()).then(|| Self(SecretString::from(text.as_str())))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase")
    }
}

/// The base-2 logarithm of scrypt's cost: each step doubles the time and the memory to open a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkFactor(u8);

impl WorkFactor {
    /// For use: about a second and 256 MiB.
    pub const STANDARD: Self = Self(18);
    /// For tests: no time, and no protection.
    pub const LOWEST: Self = Self(1);
    /// The most that is opened: about 16 seconds and 4 GiB.
    pub const HIGHEST: Self = Self(22);

    /// This factor, within [`WorkFactor::LOWEST`] and [`WorkFactor::HIGHEST`].
    #[must_use]
    pub fn new(log_n: u8) -> Option<Self> {
        (Self::LOWEST.0..=Self::HIGHEST.0).contains(&log_n).then_some(Self(log_n))
    }

    /// The logarithm.
    #[must_use]
    pub fn log_n(self) -> u8 {
        self.0
    }
}

/// How a key file keeps its keys.
#[derive(Clone, Copy, Debug)]
pub enum Seal<'a> {
    /// As they are: whoever reads the file has them.
    Plain,
    /// Encrypted with a passphrase.
    Passphrase(&'a Passphrase, WorkFactor),
}

/// What the first line of a key file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Opens without a passphrase.
    Plain,
    /// Opens with one, at this cost.
    Encrypted(WorkFactor),
}

/// Reads the keys of a file that only its owner may read.
pub fn open(path: &Path, passphrase: Option<&Passphrase>) -> Result<KeySet, KeyFileError> {
    opened(path, &Contents::read(path)?, passphrase)
}

/// The bytes of a whole key file that only its owner may read, sealed as it is: for whoever may open it
/// and cannot reach it.
pub fn sealed(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    Contents::read(path).map(|file| file.bytes)
}

/// As [`inspect`], of bytes that [`sealed`] gave. `name` is what they are called in an error.
pub fn inspect_sealed(name: &Path, bytes: &[u8]) -> Result<Form, KeyFileError> {
    Contents::parse(name, Zeroizing::new(bytes.to_vec())).map(|file| file.form)
}

/// As [`open`], of bytes that [`sealed`] gave. `name` is what they are called in an error.
pub fn open_sealed(
    name: &Path,
    bytes: &[u8],
    passphrase: Option<&Passphrase>,
) -> Result<KeySet, KeyFileError> {
    opened(name, &Contents::parse(name, Zeroizing::new(bytes.to_vec()))?, passphrase)
}

fn opened(
    path: &Path,
    file: &Contents,
    passphrase: Option<&Passphrase>,
) -> Result<KeySet, KeyFileError> {
    let keys = match file.form {
        Form::Plain => KeySet::decode(file.body()),
        Form::Encrypted(work) => {
            let passphrase =
                passphrase.ok_or_else(|| KeyFileError::PassphraseNeeded(path.to_owned()))?;
            KeySet::decode(&decrypt(path, file.body(), passphrase, work)?)
        }
    };
    keys.ok_or_else(|| damaged(path, "its keys cannot be read"))
}

/// Checks a file's permissions and whether it is whole, without opening it.
pub fn inspect(path: &Path) -> Result<Form, KeyFileError> {
    Contents::read(path).map(|file| file.form)
}

/// Writes a new key file with mode 0600; one that exists is left alone.
///
/// When this returns, the file is on disk, whole; after a crash before, there is none.
pub fn create(path: &Path, keys: &KeySet, seal: Seal<'_>) -> Result<(), KeyFileError> {
    write(path, keys, seal, |staged| {
        // A hard link, unlike a rename, fails where there is a file already.
        match fs::hard_link(staged, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(KeyFileError::Exists(path.to_owned()))
            }
            linked => linked.map_err(failed(path, "created")),
        }
    })
}

/// Writes a key file in the place of the one at `path`, if there is one.
///
/// When this returns, the new file is on disk, whole; after a crash before, it is the old or the new.
pub fn replace(path: &Path, keys: &KeySet, seal: Seal<'_>) -> Result<(), KeyFileError> {
    write(path, keys, seal, |staged| fs::rename(staged, path).map_err(failed(path, "replaced")))
}

/// A file as read, with its first line understood and its check compared.
struct Contents {
    bytes: Zeroizing<Vec<u8>>,
    form: Form,
    start: usize,
}

impl Contents {
    fn read(path: &Path) -> Result<Self, KeyFileError> {
        Self::parse(path, read_private(path)?)
    }

    fn parse(path: &Path, bytes: Zeroizing<Vec<u8>>) -> Result<Self, KeyFileError> {
        if bytes.len() as u64 > FILE_BYTES {
            return Err(damaged(path, "it is far too large"));
        }
        let start = bytes
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or_else(|| damaged(path, "it has no first line"))?
            .saturating_add(1);
        let (line, body) = bytes.split_at_checked(start).unwrap_or_default();
        let line = std::str::from_utf8(line).unwrap_or_default().trim_end_matches('\n');
        let (form, check) = first_line(path, line)?;
        if Digest::of_all(domains::KEY_FILE, &[form_text(form).as_bytes(), &[0], body]) != check {
            return Err(damaged(path, "its check does not match"));
        }
        Ok(Self { bytes, form, start })
    }

    fn body(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

fn first_line(path: &Path, line: &str) -> Result<(Form, Digest), KeyFileError> {
    let unknown = || damaged(path, "its first line is not a key file's");
    let Some(rest) = line.strip_prefix(FORMAT).and_then(|rest| rest.strip_prefix(' ')) else {
        let known = line.starts_with(FORMATS);
        return Err(if known { KeyFileError::OtherVersion(path.to_owned()) } else { unknown() });
    };
    let (form, check) = rest.split_once(" check=").ok_or_else(unknown)?;
    let check = read_hex(check).map(Digest).ok_or_else(unknown)?;
    if form == "plain" {
        return Ok((Form::Plain, check));
    }
    let log_n: u8 = form
        .strip_prefix("age scrypt=")
        .and_then(|log_n| log_n.parse().ok())
        .ok_or_else(unknown)?;
    let work = WorkFactor::new(log_n)
        .ok_or_else(|| KeyFileError::TooMuchWork { path: path.to_owned(), log_n })?;
    Ok((Form::Encrypted(work), check))
}

fn form_text(form: Form) -> String {
    match form {
        Form::Plain => "plain".to_owned(),
        Form::Encrypted(WorkFactor(log_n)) => format!("age scrypt={log_n}"),
    }
}

fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    private_file::read(path, FILE_BYTES).map_err(|why| {
        let path = path.to_owned();
        match why {
            NotRead::Missing => KeyFileError::Missing(path),
            NotRead::NotAFile => KeyFileError::NotAFile(path),
            NotRead::OpenToOthers(mode) => KeyFileError::OpenToOthers { path, mode },
            NotRead::TooLarge => damaged(&path, "it is far too large"),
            NotRead::Io(source) => KeyFileError::Io { path, action: "read", source },
        }
    })
}

fn decrypt(
    path: &Path,
    body: &[u8],
    passphrase: &Passphrase,
    work: WorkFactor,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    use age::DecryptError as Age;
    let mut identity = age::scrypt::Identity::new(passphrase.0.clone());
    identity.set_max_work_factor(work.0);
    age::decrypt(&identity, body).map(Zeroizing::new).map_err(|error| match error {
        // The check has matched, so that the file is as it was written: what fails is the passphrase.
        Age::DecryptionFailed | Age::KeyDecryptionFailed | Age::NoMatchingKeys => {
            KeyFileError::WrongPassphrase(path.to_owned())
        }
        Age::ExcessiveWork { required, .. } => {
            KeyFileError::TooMuchWork { path: path.to_owned(), log_n: required }
        }
        Age::Io(source) => failed(path, "decrypted")(source),
        // The last for what later versions of age may add.
        Age::InvalidHeader | Age::InvalidMac | Age::UnknownFormat | _ => {
            damaged(path, "its body is not an age file")
        }
    })
}

/// Writes beside `path`, syncs, lets `publish` give the file its name, and syncs the folder.
fn write(
    path: &Path,
    keys: &KeySet,
    seal: Seal<'_>,
    publish: impl FnOnce(&Path) -> Result<(), KeyFileError>,
) -> Result<(), KeyFileError> {
    let contents = seal_keys(keys, seal)?;
    let staged = staging_path(path)?;
    let written =
        stage(&staged, &contents).map_err(failed(path, "written")).and_then(|()| publish(&staged));
    // After a rename the staged name is gone already.
    let removed = match fs::remove_file(&staged) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    written?;
    removed.map_err(failed(path, "written"))?;
    sync_folder(path).map_err(failed(path, "synced"))
}

fn seal_keys(keys: &KeySet, seal: Seal<'_>) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let text = keys.encode();
    let (form, sealed);
    let body = match seal {
        Seal::Plain => {
            form = Form::Plain;
            text.as_bytes()
        }
        Seal::Passphrase(passphrase, work) => {
            form = Form::Encrypted(work);
            let mut recipient = age::scrypt::Recipient::new(passphrase.0.clone());
            recipient.set_work_factor(work.0);
            sealed = age::encrypt(&recipient, text.as_bytes())?;
            &sealed
        }
    };
    let form = form_text(form);
    let check = Digest::of_all(domains::KEY_FILE, &[form.as_bytes(), &[0], body]);
    let line = format!("{FORMAT} {form} check={check}\n");
    let mut contents = Zeroizing::new(Vec::with_capacity(line.len() + body.len()));
    contents.extend_from_slice(line.as_bytes());
    contents.extend_from_slice(body);
    Ok(contents)
}

fn stage(staged: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(staged)?;
    file.write_all(contents)?;
    file.sync_all()
}

/// A name of its own in the same folder: two writers do not meet, and what a crash left is in nobody's way.
fn staging_path(path: &Path) -> Result<PathBuf, KeyFileError> {
    let mut random = [0; 8];
    getrandom::fill(&mut random)
        .map_err(|error| failed(path, "written")(io::Error::other(error.to_string())))?;
    let name = path.file_name().ok_or_else(|| KeyFileError::NotAFile(path.to_owned()))?;
    let mut staged = String::from(".");
    staged.push_str(&name.to_string_lossy());
    staged.push_str(".new-");
    for byte in random {
        // Writing to a string does not fail.
        staged.write_fmt(format_args!("{byte:02x}")).ok();
    }
    Ok(path.with_file_name(staged))
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

fn damaged(path: &Path, what: &'static str) -> KeyFileError {
    KeyFileError::Damaged { path: path.to_owned(), what }
}

fn failed(path: &Path, action: &'static str) -> impl Fn(io::Error) -> KeyFileError {
    move |source| KeyFileError::Io { path: path.to_owned(), action, source }
}
