//! How a command reaches the node: through its socket, or by being the node for a moment.

use std::path::{Path, PathBuf};

use comity_admin::{Client, Failure, FailureKind, Lines};
use comity_node::Mode;
use comity_node::api::StaffLine;
use comity_node::config::Config;
use comity_node::keyfile::{self, Form};
use comity_node::service::staff_key_file;
use comity_node::shell_word::word;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Runtime;

use crate::folder;
use crate::local::LocalNode;
use crate::screen::times::{Place, Zones};
use crate::screen::{Asker, Typed};

/// What a command does with the node's keys, when it has to be the node itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// They stay shut: the command reads, or writes what needs no signature.
    Shut,
    /// They stay shut, and the command changes nothing: it reads a damaged journal as well.
    Reading,
    /// The command signs: if they are encrypted, the passphrase is asked for.
    Signing,
}

/// A data folder with its configuration.
#[derive(Debug)]
pub(crate) struct Backend {
    /// Where the node's data lies.
    pub(crate) folder: PathBuf,
    /// What is in force there.
    pub(crate) config: Config,
    /// Who of the staff asks, if somebody was named.
    pub(crate) by: Option<String>,
}

impl Backend {
    /// Reads the configuration; nothing is started or locked.
    pub(crate) fn open(data: Option<&Path>) -> Result<Self, Failure> {
        let folder = folder::data_folder(data)?;
        let config = folder::configuration(&folder)?;
        Ok(Self { folder, config, by: None })
    }

    /// The node that runs over the folder, reached although the rest of its configuration is `wrong`: it goes on
    /// with what it has read. Where none runs, that it is wrong.
    pub(crate) fn of_running(data: Option<&Path>, wrong: Failure) -> Result<Self, Failure> {
        if wrong.code != "config-invalid" {
            return Err(wrong);
        }
        let folder = folder::data_folder(data)?;
        let Ok(config) = Config::read_as_client(&folder) else { return Err(wrong) };
        let backend = Self { folder, config, by: None };
        match backend.running() {
            Ok(Some(_)) => Ok(backend),
            Ok(None) | Err(_) => Err(wrong),
        }
    }

    /// UTC and the zone of the configuration.
    pub(crate) fn zones(&self) -> Zones {
        let economy = &self.config.economy;
        Zones::ours(Place::new(economy.timezone.clone(), economy.city.clone()))
    }

    /// The node that runs over this folder, if one does.
    pub(crate) fn running(&self) -> Result<Option<Client>, Failure> {
        Client::to_node(&self.config.admin.socket)
    }

    /// The node that runs over this folder, or else this process as the node, without a network.
    pub(crate) fn session(&self, keys: Keys, asker: &Asker) -> Result<Session, Failure> {
        let runtime = runtime()?;
        if let Some(client) = self.running()? {
            let session = Session { client, local: None, runtime, typed: None, unknown: None };
            return self.asked_by(session, asker);
        }
        let typed = match keys {
            Keys::Shut | Keys::Reading => None,
            Keys::Signing => crate::local::typed(&self.folder, asker)?,
        };
        let passphrase = typed.as_ref().map(crate::local::understood).transpose()?;
        let mode = if keys == Keys::Reading { Mode::Reading } else { Mode::Offline };
        let local = runtime.block_on(LocalNode::start(self, passphrase.as_ref(), mode))?;
        let client = Client::in_process(local.router());
        let session = Session { client, local: Some(local), runtime, typed, unknown: None };
        self.asked_by(session, asker)
    }

    /// The node that runs over this folder; that none does is a failure.
    pub(crate) fn running_session(&self, asker: &Asker) -> Result<Session, Failure> {
        let client = self.running()?.ok_or_else(|| {
            let message = format!("no node is running over `{}`", self.folder.display());
            Failure::new(FailureKind::Unavailable, "node-not-running", message)
                .next(format!("comity --data {} run", word(&self.folder.display().to_string())))
        })?;
        let runtime = runtime()?;
        let session = Session { client, local: None, runtime, typed: None, unknown: None };
        self.asked_by(session, asker)
    }

    /// Whoever was named asks from now on, where the node has staff.
    fn asked_by(&self, mut session: Session, asker: &Asker) -> Result<Session, Failure> {
        let Some(name) = &self.by else { return Ok(session) };
        let staff: Vec<StaffLine> = session.call("/staff", &())?;
        if staff.iter().all(|line| line.left.is_some()) {
            session.unknown = Some(name.clone());
            return Ok(session);
        }
        let file = staff_key_file(&self.folder, name);
        let encrypted = matches!(keyfile::inspect(&file), Ok(Form::Encrypted(_)));
        // Of a file that is not here, or not as it should be, the node says what is wrong.
        let typed = if encrypted { Some(asker.staff(name)?) } else { None };
        session.client.ask_as(name, typed.as_ref().map_or("", |typed| typed.as_str()))?;
        Ok(session)
    }
}

/// A node that answers. Dropping it ends the one that this process was.
pub(crate) struct Session {
    client: Client,
    local: Option<LocalNode>,
    runtime: Runtime,
    /// The passphrase of the node's keys, where this process opened them.
    typed: Option<Typed>,
    /// Who was named, though the node has no staff.
    unknown: Option<String>,
}

impl Session {
    /// A name that nothing stands behind signs nothing.
    pub(crate) fn knows_who_asks(&self) -> Result<(), Failure> {
        let Some(name) = &self.unknown else { return Ok(()) };
        let message = format!("`{name}` is named, and this node has no staff");
        Err(Failure::new(FailureKind::Usage, "no-staff", message).next(format!(
            "leave --staff (or COMITY_STAFF) out, or: comity staff add {} --role analyst",
            word(name)
        )))
    }

    /// The passphrase that opened the node's keys, if one was asked for.
    pub(crate) fn typed(&self) -> Option<&str> {
        self.typed.as_ref().map(|typed| typed.as_str())
    }

    /// What is wrong with the journal that this process reads, and up to which entry it does.
    pub(crate) fn damage(&self) -> Option<(String, u64)> {
        self.local.as_ref().and_then(LocalNode::damage)
    }

    /// Asks, and waits for the answer.
    pub(crate) fn call<Q: Serialize + Sync, R: DeserializeOwned>(
        &self,
        path: &str,
        request: &Q,
    ) -> Result<R, Failure> {
        self.runtime.block_on(self.client.call(path, request))
    }

    /// Asks for what comes in lines.
    pub(crate) fn lines<Q: Serialize + Sync>(
        &self,
        path: &str,
        request: &Q,
    ) -> Result<Lines, Failure> {
        self.runtime.block_on(self.client.lines(path, request))
    }

    /// The next of them.
    pub(crate) fn next<R: DeserializeOwned>(
        &self,
        lines: &mut Lines,
    ) -> Result<Option<R>, Failure> {
        self.runtime.block_on(lines.next())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(local) = self.local.take() {
            self.runtime.block_on(local.stop());
        }
    }
}

/// What everything asynchronous runs on.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    Runtime::new().map_err(|error| {
        let message = format!("the system gives no threads or no event queue: {error}");
        Failure::new(FailureKind::TryAgain, "no-runtime", message)
    })
}
