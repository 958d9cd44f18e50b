//! Where partners have authenticated, kept over a restart: it gets them in while strangers crowd the door.
//!
//! A file with a line for each address, the latest last: the partner's id, a space, the address. Nobody is
//! believed for it, and without it partners are met again, each when it next gets in.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use comity_core::EconomyId;

use super::Shell;

/// In the folder of the store.
const FILE: &str = "met";

/// An address at which a partner has authenticated.
pub(crate) type Met = (EconomyId, IpAddr);

/// What an earlier run has kept. Lines that say nothing are passed over.
pub(crate) fn read(folder: &Path) -> Vec<Met> {
    let text = fs::read_to_string(folder.join(FILE)).unwrap_or_default();
    let line = |line: &str| {
        let (partner, address) = line.split_once(' ')?;
        Some((partner.parse().ok()?, address.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

fn write(folder: &Path, met: &[Met]) -> io::Result<()> {
    let staged = folder.join("met.new");
    let lines = met.iter().map(|(partner, address)| format!("{partner} {address}\n"));
    let text: String = lines.collect();
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
    file.write_all(text.as_bytes())?;
    fs::rename(staged, folder.join(FILE))
}

impl Shell {
    /// A partner has authenticated. Nothing waits for the disk, and what is lost is met again.
    pub(super) fn keep_met(&mut self) {
        let Some(net) = &mut self.net else { return };
        let met = net.endpoint.met();
        if met == net.met {
            return;
        }
        if let Err(error) = write(&self.folder, &met) {
            tracing::debug!("where partners were met is not kept: {error}");
        }
        net.met = met;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_read_and_what_is_damaged_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), []);
        let met: Vec<Met> = vec![
            (EconomyId([2; 32]), "203.0.113.7".parse().unwrap()),
            (EconomyId([1; 32]), "2001:db8::7".parse().unwrap()),
        ];
        write(folder.path(), &met).unwrap();
        assert_eq!(read(folder.path()), met);
        write(folder.path(), &met[1..]).unwrap();
        assert_eq!(read(folder.path()), met[1..]);
        let text = fs::read_to_string(folder.path().join(FILE)).unwrap();
        let damaged = format!("{}\nnobody 203.0.113.7\n{} 203.0\n{text}", met[0].0, met[0].0);
        fs::write(folder.path().join(FILE), damaged).unwrap();
        assert_eq!(read(folder.path()), met[1..]);
    }
}
