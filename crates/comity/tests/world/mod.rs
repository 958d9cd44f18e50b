//! Nodes as an operator has them: the program, a folder, a process.

#![allow(dead_code, reason = "each test file uses some of it")]

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) mod clock;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

const COMITY: &str = env!("CARGO_BIN_EXE_comity");

/// A file of the repository.
pub(crate) fn path(relative: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().unwrap().join(relative).display().to_string()
}

/// For what has to come, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(120);

/// Asks again until the answer is as it should be.
pub(crate) fn eventually(what: &str, answer: impl FnMut() -> bool) {
    assert!(comes(answer), "never: {what}");
}

/// The same for who has more to say when it never is.
pub(crate) fn comes(mut answer: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !answer() {
        if started.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    true
}

/// A field of an answer that is text; nothing if there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The six digits on a node's screen, once they are there.
pub(crate) fn digits(node: &Node, name: &str) -> String {
    let mut digits = String::new();
    eventually("the screen shows digits", || {
        let ceremony = node.data(&["partner", "verify", "--show", name]);
        text(&ceremony, "digits").clone_into(&mut digits);
        !digits.is_empty()
    });
    digits
}

/// Two that run compare digits, and are partners by these names.
pub(crate) fn pair((one, here): (&Node, &str), (other, there): (&Node, &str)) {
    let invitation = one.data(&["partner", "invite", "--as", there]);
    other.try_with(&["partner", "join", "--as", here], text(&invitation, "ticket")).done();
    let (ours, theirs) = (digits(one, there), digits(other, here));
    for (node, name) in [(one, there), (other, here)] {
        let waits = node.data(&["status"])["pairing"].to_string();
        assert!(waits.contains(name), "its digits wait: {waits}");
    }
    std::thread::scope(|scope| {
        let one = scope.spawn(|| one.try_with(&["partner", "verify", there], &theirs).done());
        other.try_with(&["partner", "verify", here], &ours).done();
        one.join().unwrap();
    });
}

/// A node's folder, and its process while it runs.
pub(crate) struct Node {
    /// The home of its user: the node's folder is where the program looks for it.
    home: tempfile::TempDir,
    address: SocketAddr,
    process: Option<Child>,
    /// What its environment has besides.
    environment: Vec<(String, String)>,
    /// Who asks it, where it has staff.
    staff: Option<String>,
}

/// How a command ended. It was asked for JSON.
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) out: String,
    /// What it said beside its answer.
    pub(crate) talk: String,
}

/// An address that nobody has, and no other node of these tests is given: below the ports that a system deals out by
/// itself, from a place that is another in each process.
fn vacant_address() -> SocketAddr {
    const PORTS: std::ops::Range<u32> = 20_000..32_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let from = std::process::id().wrapping_mul(61);
    loop {
        let next = from.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(PORTS.start + next % (PORTS.end - PORTS.start)).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if UdpSocket::bind(address).is_ok() {
            return address;
        }
    }
}

impl Ended {
    pub(crate) fn json(&self) -> Value {
        let line = self.out.lines().next_back().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }

    /// What is wrong, for people.
    pub(crate) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// Asserts a refusal.
    pub(crate) fn refused(&self, code: i32, name: &str, says: &str, next: &str) {
        let out = &self.out;
        assert_eq!(self.code, code, "{out}");
        let error = &self.json()["error"];
        assert_eq!(error["code"], name, "{out}");
        assert!(error["message"].as_str().unwrap().contains(says), "{out}");
        assert!(error["next"].as_str().unwrap_or_default().contains(next), "{out}");
    }

    /// Asserts success and gives the answer.
    pub(crate) fn done(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.out);
        self.json()["data"].clone()
    }
}

impl Node {
    pub(crate) fn plain(code: &str) -> Self {
        let node = Self::vacant();
        node.init(code, &["--plain-keys"], "");
        node
    }

    pub(crate) fn encrypted(code: &str, passphrase: &str) -> Self {
        let node = Self::vacant();
        node.init(code, &[], &format!("{passphrase}\n"));
        node
    }

    /// A folder for a node.
    pub(crate) fn vacant() -> Self {
        Self::at(vacant_address())
    }

    fn at(address: SocketAddr) -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("comity")).unwrap();
        Self { home, address, process: None, environment: Vec::new(), staff: None }
    }

    /// The same node once more, from a copy of its folder; one of the two runs at a time.
    pub(crate) fn twin(&self) -> Self {
        assert!(self.process.is_none(), "it must rest");
        let twin = Self::at(self.address);
        copy(&self.folder(), &twin.folder());
        twin
    }

    pub(crate) fn init(&self, code: &str, more: &[&str], input: &str) {
        let listen = self.address.to_string();
        let mut arguments = vec!["init", "--code", code, "--listen", &listen];
        arguments.extend(more);
        self.try_with(&arguments, input).done();
        self.unsend_for("0 s");
    }

    /// For how long what is published waits.
    pub(crate) fn unsend_for(&self, time: &str) {
        let file = self.folder().join("comity.toml");
        let before = std::fs::read_to_string(&file).unwrap();
        let before = before.split("\n[publish]").next().unwrap();
        std::fs::write(&file, format!("{before}\n[publish]\nunsend-for = \"{time}\"\n")).unwrap();
    }

    pub(crate) fn folder(&self) -> PathBuf {
        self.home().join("comity")
    }

    /// The home of its user.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Sets the environment of what is started from now on.
    pub(crate) fn set_environment(&mut self, environment: Vec<(String, String)>) {
        self.environment = environment;
    }

    /// Who asks from now on.
    pub(crate) fn set_staff(&mut self, name: &str) {
        self.staff = Some(name.to_owned());
    }

    /// Who asks it, as options of a command.
    pub(crate) fn asks_as(&self) -> impl Iterator<Item = &str> {
        self.staff.iter().flat_map(|name| ["--staff", name])
    }

    pub(crate) fn is_running(&self) -> bool {
        self.process.is_some()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_remove("CREDENTIALS_DIRECTORY").env_remove("RUST_LOG");
        command.env_remove("COMITY_DATA").env("XDG_DATA_HOME", self.home());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command with this input.
    pub(crate) fn try_with(&self, arguments: &[&str], input: impl AsRef<[u8]>) -> Ended {
        let mut command = self.command(COMITY);
        command.arg("--json").arg("--data").arg(self.folder()).args(self.asks_as());
        command.args(arguments);
        end(command, input)
    }

    /// What a person sees who types this in the folder, and how it ended.
    pub(crate) fn screen(&self, folder: &Path, arguments: &[String]) -> Ended {
        // One screen shows both streams, in their order.
        let mut command = self.command("sh");
        command.args(["-c", "exec \"$0\" \"$@\" 2>&1", COMITY]).args(arguments);
        command.current_dir(folder).env("NO_COLOR", "1");
        end(command, "")
    }

    /// Runs a command whose files cannot grow past so many blocks of 512 bytes.
    pub(crate) fn limited(&self, blocks: u32, arguments: &[&str]) -> Ended {
        let mut command = self.command("sh");
        // The signal would kill it; a full disk sends none.
        let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
        command.arg("-c").arg(script).arg(COMITY).arg("--json");
        command.arg("--data").arg(self.folder()).args(arguments);
        end(command, "")
    }

    /// The answer of a command that succeeds.
    pub(crate) fn data(&self, arguments: &[&str]) -> Value {
        self.try_with(arguments, "").done()
    }

    /// Starts the node and waits until it is ready.
    pub(crate) fn run(&mut self) {
        let mut command = self.command(COMITY);
        command.arg("--json").arg("--data").arg(self.folder()).arg("run");
        let mut process = command.stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("\"ready\":true"), "{line}");
        self.process = Some(process);
    }

    /// Tells it to stop, and waits.
    pub(crate) fn stop(&mut self) -> i32 {
        let mut process = self.process.take().unwrap();
        let pid = rustix::process::Pid::from_child(&process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        process.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().ok();
            process.wait().ok();
        }
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &to).unwrap();
        }
    }
}

fn end(mut command: Command, input: impl AsRef<[u8]>) -> Ended {
    let mut process = command.spawn().unwrap();
    // A command that asks nothing may have ended before it is answered.
    process.stdin.take().unwrap().write_all(input.as_ref()).ok();
    let output = process.wait_with_output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let talk = String::from_utf8_lossy(&output.stderr).into_owned();
    let out = if out.is_empty() { talk.clone() } else { out };
    Ended { code: output.status.code().unwrap_or(-1), out, talk }
}

/// The same, and each is told what is restricted.
pub(crate) fn pair_restricted(one: (&Node, &str), other: (&Node, &str)) {
    pair(one, other);
    one.0.data(&["partner", "level", other.1, "restricted"]);
    other.0.data(&["partner", "level", one.1, "restricted"]);
}

/// What stands in the file of the terms, signed by both.
pub(crate) fn agree((one, here): (&Node, &str), (other, there): (&Node, &str), terms: &str) {
    one.data(&["agreement", "propose", terms, "--to", there, "--yes"]);
    let with = |node: &Node, name: &str, state: &str| {
        let all = node.data(&["agreement", "list"]);
        let mut all = all.as_array().unwrap().iter();
        let found = all.find(|line| text(line, "partner") == name && text(line, "state") == state);
        found.map(|line| text(line, "reference").to_owned())
    };
    eventually("the proposal arrives", || with(other, here, "awaits our acceptance").is_some());
    let reference = with(other, here, "awaits our acceptance").unwrap();
    other.data(&["agreement", "accept", &reference, "--yes"]);
    eventually("both have signed", || with(one, there, "in force").is_some());
}
