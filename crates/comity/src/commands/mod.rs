//! What the commands do.

mod agreement;
mod approval;
mod assessing;
mod audit;
mod clock;
mod completions;
mod config;
mod consent;
mod demo;
mod doctor;
mod embargo;
mod erasing;
mod explain;
mod files;
mod group;
mod guard;
mod import;
mod init;
mod key;
mod partner;
mod publish;
mod quarantine;
mod recall;
mod record_file;
mod records;
mod release;
mod run;
mod staff;
mod status;
mod store;
mod verify;
mod watch;

use std::cell::Cell;
use std::path::Path;

use comity_admin::Failure;
use comity_node::DAMAGED;
use comity_node::shell_word::word;

use crate::backend::{Backend, Keys, Session};
use crate::cli::{Cli, Command};
use crate::folder;
use crate::screen::times::Zones;
use crate::screen::{Asker, Damage, Screen};

/// What every command has at hand.
pub(crate) struct Context<'a> {
    /// The folder that was named, if one was.
    pub(crate) data: Option<&'a Path>,
    /// Who of the staff asks, if somebody was named.
    pub(crate) by: Option<&'a str>,
    /// Asks.
    pub(crate) asker: Asker,
    /// Whether it was said that the configuration is wrong.
    pub(crate) warned: Cell<bool>,
    /// Answers.
    pub(crate) screen: &'a mut Screen,
}

impl Context<'_> {
    /// The configuration of the folder.
    fn backend(&self) -> Result<Backend, Failure> {
        Ok(Backend { by: self.by.map(str::to_owned), ..Backend::open(self.data)? })
    }

    /// The same, for a command to a node that runs: what is wrong with the file concerns the node, which goes on with
    /// what it has read, and is said beside the answer.
    fn client(&self) -> Result<Backend, Failure> {
        let wrong = match self.backend() {
            Ok(backend) => return Ok(backend),
            Err(wrong) => wrong,
        };
        let said = format!("warning: {}", wrong.message);
        let backend = Backend::of_running(self.data, wrong)?;
        if !self.warned.replace(true) {
            self.screen.warn(format!(
                "{said}\nThe node goes on with what it has read, and does not start again with this file."
            ));
        }
        Ok(Backend { by: self.by.map(str::to_owned), ..backend })
    }

    /// A node that answers, and the zones for what it says.
    fn session(&self, keys: Keys) -> Result<(Session, Zones), Failure> {
        let backend = self.client()?;
        let session = backend.session(keys, &self.asker)?;
        if let Some((damage, entries)) = session.damage() {
            let next = folder::hint(DAMAGED, self.data);
            self.screen.damaged(Damage { code: "store-damaged", message: damage, entries, next });
        }
        session.knows_who_asks()?;
        Ok((session, backend.zones()))
    }

    /// A node that has links, and the zones for what it says.
    fn running(&self) -> Result<(Session, Zones), Failure> {
        let backend = self.client()?;
        let session = backend.running_session(&self.asker)?;
        session.knows_who_asks()?;
        Ok((session, backend.zones()))
    }

    /// The way to write a command so that it speaks of the same folder.
    fn comity(&self) -> String {
        match self.data {
            Some(data) => format!("comity --data {}", word(&data.display().to_string())),
            None => "comity".to_owned(),
        }
    }
}

/// Runs one command.
pub(crate) fn run(cli: Cli, screen: &mut Screen) -> Result<(), Failure> {
    let Cli { global, command } = cli;
    let asker = Asker::new(global.passphrase_file.clone(), global.json, global.yes)
        .for_staff(global.staff_passphrase_file.clone());
    let data = global.data.as_deref();
    let by = global.staff.as_deref();
    let mut context = Context { data, by, asker, warned: Cell::new(false), screen };
    let context = &mut context;
    match command {
        Command::Demo(demo) => demo::run(&demo, context),
        Command::Init(init) => init::run(&init, context),
        Command::Run => run::run(context),
        Command::Status => status::run(context),
        Command::Doctor => doctor::run(context),
        Command::Partner(command) => partner::run(command, context),
        Command::Agreement(command) => agreement::run(command, context),
        Command::Group(command) => group::run(command, context),
        Command::Consent(command) => consent::run(command, context),
        Command::Staff(command) => staff::run(command, context),
        Command::Publish(publish) => publish::run(&publish, context),
        Command::Import(command) => import::run(command, context),
        Command::Unsend(unsend) => records::unsend(unsend, context),
        Command::Embargo(command) => embargo::run(command, context),
        Command::Withdraw(withdraw) => records::withdraw(&withdraw, context),
        Command::Recall(recall) => recall::run(recall, context),
        Command::Erase(erase) => erasing::erase(erase, context),
        Command::Retention(command) => erasing::retention(command, context),
        Command::Hold(command) => erasing::hold(command, context),
        Command::Discard { draft } => records::discard(&draft, context),
        Command::List(list) => records::list(&list, context),
        Command::Show(show) => records::show(&show, context),
        Command::Explain(explain) => explain::run(&explain, context),
        Command::Watch(watch) => watch::run(&watch, context),
        Command::Audit(command) => audit::run(command, context),
        Command::Quarantine(command) => quarantine::run(command, context),
        Command::Assess(assess) => assessing::run(assess, context),
        Command::Approve(asked) => approval::approve(asked, context),
        Command::Approvals => approval::list(context),
        Command::Release(command) => release::run(command, context),
        Command::Guard(command) => guard::run(command, context),
        Command::Store(command) => store::run(&command, context),
        Command::Backup { to } => store::backup(&to, context),
        Command::Restore { from, here, yes } => store::restore(from.as_deref(), here, yes, context),
        Command::Recover(command) => store::recover(&command, context),
        Command::Clock(command) => clock::run(&command, context),
        Command::Key(command) => key::run(&command, context),
        Command::Config(command) => config::run(&command, data, context.screen),
        Command::Verify(verify) => verify::run(&verify, context),
        Command::Completions { shell } => completions::run(shell, context.screen),
    }
}
