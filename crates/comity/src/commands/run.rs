//! `comity run`.

use std::io;
use std::time::Duration;

use comity_admin::{Failure, FailureKind, ServeError, Server};
use comity_node::config::{Config, LogFormat, LogLevel};
use comity_node::service::Service;
use comity_node::{Mode, Node};
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::EnvFilter;

use super::Context;
use crate::backend::runtime;
use crate::local;

/// How long requests of the command line may take once the node ends.
const LAST_REQUESTS: Duration = Duration::from_secs(2);

pub(super) fn run(context: &mut Context<'_>) -> Result<(), Failure> {
    let backend = context.backend()?;
    log(&backend.config);
    if backend.running()?.is_some() {
        let message = format!("a node is already running over `{}`", backend.folder.display());
        return Err(Failure::new(FailureKind::TryAgain, "node-running", message)
            .next(format!("{} status", context.comity())));
    }
    let passphrase = local::passphrase(&backend.folder, &context.asker)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        // Before anything is started, so that no signal finds us without a hand on it.
        let mut signals = Signals::new()?;
        let node = Node::start(&backend.folder, passphrase.as_ref(), Mode::Running)?;
        drop(passphrase);
        let server = match Server::bind(&backend.config.admin.socket) {
            Ok(server) => server,
            Err(error) => {
                node.stop(Duration::ZERO).await;
                return Err(socket(&error));
            }
        };
        let (told, tell) = tokio::sync::oneshot::channel::<()>();
        let router = comity_admin::router(node.service());
        let shutdown = async {
            // The sender is only ever dropped: resolving at all is the message.
            tell.await.ok();
        };
        let serving = tokio::spawn(server.serve(router, shutdown, LAST_REQUESTS));
        let status = node.service().status().await?;
        let listening = status.listening.unwrap_or_default();
        let data = json!({"ready": true, "economy": status.economy, "listening": listening, "pid": std::process::id()});
        context.screen.answer(&data, |out| {
            writeln!(out, "ready: {} listens on {listening}", status.code)
        })?;
        tracing::info!(economy = %status.economy, %listening, "ready");
        while signals.next().await == Told::Reload {
            reload(&node.service()).await;
        }
        tracing::info!("ending: deliveries under way are finished; a second signal ends at once");
        drop(told);
        let end = async {
            if let Ok(Err(error)) = serving.await {
                tracing::warn!(%error, "the local interface ended badly");
            }
            node.stop(backend.config.link.drain).await;
        };
        tokio::select! {
            () = end => tracing::info!("ended"),
            () = signals.end() => tracing::warn!("ended at once; what was not confirmed is sent again"),
        }
        Ok(())
    })
}

/// The egress guard's lists may have changed; everything else is read at the start.
async fn reload(service: &Service) {
    match service.reload_guard().await {
        Ok(report) => {
            tracing::info!(lists = report.lists.len(), "the egress guard's lists are read")
        }
        Err(error) => {
            tracing::error!("the egress guard's lists stay as they were: {}", error.message)
        }
    }
}

/// What a signal told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    End,
    Reload,
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> Result<Self, Failure> {
        let refused = |error: io::Error| Failure::new(FailureKind::Io, "signals", error);
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(refused)?,
            terminate: signal(SignalKind::terminate()).map_err(refused)?,
            hang_up: signal(SignalKind::hangup()).map_err(refused)?,
        })
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::End,
            _ = self.terminate.recv() => Told::End,
            _ = self.hang_up.recv() => Told::Reload,
        }
    }

    async fn end(&mut self) {
        while self.next().await == Told::Reload {}
    }
}

/// To standard error, as the configuration says; `RUST_LOG` goes before it.
fn log(config: &Config) {
    let level = match config.log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
    };
    // What the libraries do is for their own developers.
    let ours = format!(
        "warn,comity={level},comity_node={level},comity_net={level},comity_admin={level},comity_store={level},comity_proto={level}"
    );
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(ours));
    let to = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // A second subscriber is refused, and the first goes on.
    match config.log.format {
        LogFormat::Text => to.with_ansi(false).with_target(false).try_init().ok(),
        LogFormat::Json => to.json().try_init().ok(),
    };
}

fn socket(error: &ServeError) -> Failure {
    match error {
        ServeError::Taken(_) => {
            Failure::new(FailureKind::TryAgain, "node-running", error).next("comity status")
        }
        ServeError::InTheWay(path) => {
            Failure::new(FailureKind::CannotCreate, "socket-in-the-way", error)
                .next(format!("move {} away, or set admin.socket in comity.toml", path.display()))
        }
        ServeError::TooLong(_) => {
            Failure::new(FailureKind::Configuration, "socket-too-long", error).next(
                "set admin.socket in comity.toml to a shorter path, such as /run/comity/admin.sock",
            )
        }
        ServeError::Io { .. } => Failure::new(FailureKind::CannotCreate, "socket", error)
            .next("set admin.socket in comity.toml to a place where this user may make files"),
    }
}
