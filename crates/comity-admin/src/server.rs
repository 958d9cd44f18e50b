//! The socket and who listens on it.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::UnixListener as StdListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// Connections that wait to be accepted.
const BACKLOG: i32 = 64;

/// Why the interface is not there.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A node answers there already.
    #[error("a node is already listening at `{}`", .0.display())]
    Taken(PathBuf),
    /// Something that is no socket lies there. It is left alone.
    #[error("`{}` is in the way and is no socket", .0.display())]
    InTheWay(PathBuf),
    /// The kernel has 108 bytes for it.
    #[error("`{}` is too long for a socket's path", .0.display())]
    TooLong(PathBuf),
    /// The system refused.
    #[error("cannot listen at `{}`: {source}", .path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A bound socket. The file is removed when this is dropped.
#[derive(Debug)]
pub struct Server {
    listener: tokio::net::UnixListener,
    file: SocketFile,
}

/// The file of our socket, known by its inode: what a later node put there is not ours to remove.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let ours = std::fs::symlink_metadata(&self.path).is_ok_and(|file| file.ino() == self.inode);
        if ours && let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}

impl Server {
    /// Binds the socket with mode 0600. One that a dead process left behind is replaced; a live one is
    /// [`ServeError::Taken`]. Two nodes that start at once are kept apart by the store's lock, which a
    /// node takes before it comes here.
    pub fn bind(path: &Path) -> Result<Self, ServeError> {
        let io = |source| ServeError::Io { path: path.to_owned(), source };
        clear_the_way(path)?;
        let address = SocketAddrUnix::new(path)
            .map_err(|_only_its_length_can_be_wrong| ServeError::TooLong(path.to_owned()))?;
        let socket = rustix::net::socket_with(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            None,
        )
        .map_err(|error| io(error.into()))?;
        rustix::net::bind(&socket, &address).map_err(|error| io(error.into()))?;
        // The mode is set between binding and listening: before that nobody can connect.
        let owner_only = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, owner_only).map_err(io)?;
        let inode = std::fs::symlink_metadata(path).map_err(io)?.ino();
        let file = SocketFile { path: path.to_owned(), inode };
        rustix::net::listen(&socket, BACKLOG).map_err(|error| io(error.into()))?;
        let listener = tokio::net::UnixListener::from_std(StdListener::from(socket)).map_err(io)?;
        Ok(Self { listener, file })
    }

    /// Answers until `shutdown` resolves; requests under way then have `deadline` to end.
    pub async fn serve(
        self,
        router: axum::Router,
        shutdown: impl Future<Output = ()> + Send + 'static,
        deadline: Duration,
    ) -> Result<(), ServeError> {
        let (told, tell) = tokio::sync::oneshot::channel::<()>();
        let signal = async move {
            shutdown.await;
            drop(told);
        };
        let serving = axum::serve(self.listener, crate::versioned(router))
            .with_graceful_shutdown(signal)
            .into_future();
        let past_the_deadline = async move {
            // The sender is only ever dropped: resolving at all is the message.
            tell.await.ok();
            tokio::time::sleep(deadline).await;
        };
        tokio::select! {
            ended = serving => ended.map_err(|source| ServeError::Io { path: self.file.path.clone(), source }),
            () = past_the_deadline => Ok(()),
        }
    }
}

fn clear_the_way(path: &Path) -> Result<(), ServeError> {
    let io = |source| ServeError::Io { path: path.to_owned(), source };
    let Ok(there) = std::fs::symlink_metadata(path) else { return Ok(()) };
    if !there.file_type().is_socket() {
        return Err(ServeError::InTheWay(path.to_owned()));
    }
    match std::os::unix::net::UnixStream::connect(path) {
        Ok(_answered) => Err(ServeError::Taken(path.to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).map_err(io)
        }
        Err(error) => Err(io(error)),
    }
}
