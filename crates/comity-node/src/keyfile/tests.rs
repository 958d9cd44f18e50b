//! What opens a key file, and each way not to.

use std::os::unix::fs::PermissionsExt as _;

use comity_core::sign::SecretKey;

use super::*;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn keys() -> KeySet {
    let mut keys = KeySet::new();
    keys.insert("link", SecretKey::from_seed(&[1; 32])).unwrap();
    keys.insert("author", SecretKey::from_seed(&[2; 32])).unwrap();
    keys
}

fn same(one: &KeySet, other: &KeySet) -> bool {
    one.iter()
        .map(|(name, key)| (name, key.id()))
        .eq(other.iter().map(|(name, key)| (name, key.id())))
}

/// A folder with one key file, of either form.
fn world(seal: Seal<'_>) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.keys");
    create(&path, &keys(), seal).unwrap();
    (folder, path)
}

fn sealed(text: &Passphrase) -> Seal<'_> {
    Seal::Passphrase(text, WorkFactor::LOWEST)
}

#[test]
fn keys_come_back_with_the_passphrase_only() {
    let right = passphrase("correct horse");
    let (_folder, path) = world(sealed(&right));
    assert!(same(&open(&path, Some(&right)).unwrap(), &keys()));
    assert!(matches!(
        open(&path, Some(&passphrase("correct hors"))),
        Err(KeyFileError::WrongPassphrase(_))
    ));
    assert!(matches!(open(&path, None), Err(KeyFileError::PassphraseNeeded(_))));
    assert_eq!(inspect(&path).unwrap(), Form::Encrypted(WorkFactor::LOWEST));
    let text = fs::read(&path).unwrap();
    assert!(text.starts_with(b"comity-keys/1 age scrypt=1 check="));
    assert!(!String::from_utf8_lossy(&text).contains(&"01".repeat(32)));
}

#[test]
fn a_plain_file_needs_no_passphrase_and_is_private() {
    let (folder, path) = world(Seal::Plain);
    assert!(same(&open(&path, None).unwrap(), &keys()));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_file_open_to_others_is_refused_with_the_remedy() {
    let (_folder, path) = world(Seal::Plain);
    for mode in [0o640, 0o604, 0o620, 0o602, 0o601, 0o644, 0o777] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = open(&path, None).unwrap_err();
        assert!(matches!(error, KeyFileError::OpenToOthers { .. }), "{mode:o}");
        let advice = format!("chmod 600 {}", path.display());
        assert!(error.to_string().contains(&advice), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(open(&path, None).is_ok());
}

#[test]
fn a_flipped_bit_anywhere_is_damage_and_never_a_wrong_passphrase() {
    let right = passphrase("x");
    for seal in [Seal::Plain, sealed(&right)] {
        let (_folder, path) = world(seal);
        let whole = fs::read(&path).unwrap();
        for index in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[index] ^= 4;
            fs::write(&path, &bytes).unwrap();
            let error = open(&path, Some(&right)).unwrap_err();
            assert!(
                matches!(
                    error,
                    KeyFileError::Damaged { .. }
                        | KeyFileError::OtherVersion(_)
                        | KeyFileError::TooMuchWork { .. }
                ),
                "byte {index}: {error}"
            );
        }
    }
}

#[test]
fn a_file_cut_short_is_damage() {
    let (_folder, path) = world(Seal::Plain);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let error = open(&path, None).unwrap_err();
        assert!(matches!(error, KeyFileError::Damaged { .. }), "{length} bytes: {error}");
    }
}

#[test]
fn create_overwrites_nothing_and_replace_does() {
    let (folder, path) = world(Seal::Plain);
    let before = fs::read(&path).unwrap();
    let other = KeySet::new();
    assert!(matches!(create(&path, &other, Seal::Plain), Err(KeyFileError::Exists(_))));
    assert_eq!(fs::read(&path).unwrap(), before);
    let right = passphrase("x");
    replace(&path, &other, sealed(&right)).unwrap();
    assert!(same(&open(&path, Some(&right)).unwrap(), &other));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn what_is_no_key_file_is_named_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("node.keys");
    assert!(matches!(open(&path, None), Err(KeyFileError::Missing(_))));
    assert!(matches!(open(folder.path(), None), Err(KeyFileError::NotAFile(_))));
    let (_other, path) = world(Seal::Plain);
    let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
    fs::write(&path, text.replace("keys/1", "keys/2")).unwrap();
    assert!(matches!(open(&path, None), Err(KeyFileError::OtherVersion(_))));
    fs::write(&path, text.replace("plain", "age scrypt=60")).unwrap();
    assert!(matches!(open(&path, None), Err(KeyFileError::TooMuchWork { log_n: 60, .. })));
    fs::write(&path, vec![b'x'; 70_000]).unwrap();
    assert!(matches!(open(&path, None), Err(KeyFileError::Damaged { .. })));
}

#[test]
fn names_are_plain_words() {
    for name in ["", "Root", "a b", "a\n", "ü", &"a".repeat(33)] {
        let refused = KeySet::new().insert(name, SecretKey::from_seed(&[1; 32]));
        assert!(matches!(refused, Err(KeyFileError::Name(_))), "{name:?}");
    }
}

#[test]
fn nothing_secret_is_printed() {
    let shown = format!("{:?} {:?}", keys(), passphrase("correct horse"));
    assert!(!shown.contains("horse"));
    assert!(!shown.contains(&"01".repeat(32)));
}
