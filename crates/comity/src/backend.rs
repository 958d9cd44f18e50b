//! How a command reaches the node.

use std::path::{Path, PathBuf};

use comity_admin::{Client, Failure, FailureKind};
use comity_node::config::Config;

use crate::folder;

/// A data folder with its configuration, and the way to the node over it.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Where the node's data lies.
    pub(crate) folder: PathBuf,
    /// What is in force there.
    pub(crate) config: Config,
}

impl Backend {
    /// Reads the configuration; nothing is started or locked.
    pub(crate) fn open(data: Option<&Path>) -> Result<Self, Failure> {
        let folder = folder::data_folder(data)?;
        let config = folder::configuration(&folder)?;
        Ok(Self { folder, config })
    }

    /// The node that runs over this folder, if one does.
    pub(crate) fn running(&self) -> Result<Option<Client>, Failure> {
        Client::to_node(&self.config.admin.socket)
    }

    /// The node that runs over this folder; that none does is a failure.
    pub(crate) fn node(&self) -> Result<Client, Failure> {
        self.running()?.ok_or_else(|| {
            let message = format!("no node is running over `{}`", self.folder.display());
            Failure::new(FailureKind::Unavailable, "node-not-running", message)
                .next(format!("comity --data {} run", self.folder.display()))
        })
    }
}
