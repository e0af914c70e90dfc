//! One PostgreSQL server for all test processes of a user: the first one starts it, a watchdog
//! stops it when no process uses it any more. And servers of their own for tests that crash them.

use std::fs::{self, File, OpenOptions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Uid;
use tempfile::TempDir;

/// Stops the server and removes its files once nobody holds the lock on `users`.
const WATCHDOG: &str = r#"
cd /
while sleep 3; do
    flock --nonblock --exclusive "$1/users" sh -c '
        "$2"/pg_ctl --pgdata "$1/cluster" --mode immediate stop; rm -rf "$1/cluster" "$1/port"
    ' watchdog "$1" "$2" && exit
done
"#;

struct Server {
    port: u16,
    programs: PathBuf,
    _in_use: Flock<File>,
}

/// The address of a fresh, empty database.
pub(crate) fn fresh_database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    let server = SERVER.get_or_init(Server::join_or_start);
    let name = format!("test_{}", base::id::new_hex_id());
    let port = server.port.to_string();
    must_run(as_postgres(&server.programs.join("createdb")).args(["-h", "127.0.0.1", "-p", &port, &name]));
    format!("postgres://{}@127.0.0.1:{port}/{name}", user())
}

impl Server {
    fn join_or_start() -> Self {
        let programs = programs();
        let folder = std::env::temp_dir().join(format!("gingham-test-postgres-{}", Uid::current()));
        fs::create_dir_all(&folder).expect("a folder for the test server");
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).expect("its permissions");
        let _starting = lock(&folder.join("starting"), FlockArg::LockExclusive);
        let in_use = lock(&folder.join("users"), FlockArg::LockShared);
        let port = running_port(&folder, &programs).unwrap_or_else(|| start(&folder, &programs));
        Self { port, programs, _in_use: in_use }
    }
}

fn running_port(folder: &Path, programs: &Path) -> Option<u16> {
    let port = fs::read_to_string(folder.join("port")).ok()?;
    let ready = Command::new(programs.join("pg_isready"))
        .args(["--quiet", "-h", "127.0.0.1", "-p", &port])
        .status()
        .is_ok_and(|status| status.success());
    if ready { port.parse().ok() } else { None }
}

#[expect(clippy::zombie_processes, reason = "the watchdog outlives this process on purpose")]
fn start(folder: &Path, programs: &Path) -> u16 {
    let cluster =
        Cluster { folder: folder.join("cluster"), programs: programs.to_owned(), port: free_port() };
    let _ = fs::remove_dir_all(&cluster.folder);
    cluster.create();
    cluster.start("-c fsync=off -c max_connections=400 -c full_page_writes=off");
    fs::write(folder.join("port"), cluster.port.to_string()).expect("the port is written down");
    as_postgres(Path::new("setsid"))
        .args(["sh", "-c", WATCHDOG, "watchdog"])
        .arg(folder)
        .arg(programs)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the watchdog starts");
    cluster.port
}

/// The files of a server, and how it is reached.
#[derive(Debug)]
struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    fn create(&self) {
        let mut initdb = as_postgres(&self.programs.join("initdb"));
        initdb.arg("--pgdata").arg(&self.folder);
        must_run(initdb.args(["--auth", "trust", "--encoding", "UTF8", "--no-sync", "--username", user()]));
    }

    fn start(&self, settings: &str) {
        let port = self.port;
        let options =
            format!("-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' {settings}");
        let log = self.folder.join("log");
        must_run(self.control().arg("--log").arg(log).args(["--wait", "--options", &options, "start"]));
    }

    /// Ends all its processes at once; what it has not written to its files by then is lost.
    fn crash(&self) {
        must_run(self.control().args(["--wait", "--mode", "immediate", "stop"]));
    }

    fn control(&self) -> Command {
        let mut command = as_postgres(&self.programs.join("pg_ctl"));
        command.arg("--pgdata").arg(&self.folder);
        command
    }
}

/// A server of a test's own, which can crash. It keeps every commit that it has been asked to keep.
#[derive(Debug)]
pub struct FragileServer {
    cluster: Cluster,
    _folder: TempDir,
}

impl FragileServer {
    /// Starts one; none where tests go without PostgreSQL.
    #[must_use]
    pub fn start() -> Option<Self> {
        if is_off() {
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).expect("its permissions");
        let cluster =
            Cluster { folder: folder.path().join("cluster"), programs: programs(), port: free_port() };
        cluster.create();
        cluster.start("");
        Some(Self { cluster, _folder: folder })
    }

    /// The address of its database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://{}@127.0.0.1:{}/postgres", user(), self.cluster.port)
    }

    /// Crashes, and comes back as a server does after a crash.
    pub fn crash_and_come_back(&self) {
        self.cluster.crash();
        self.cluster.start("");
    }
}

impl Drop for FragileServer {
    fn drop(&mut self) {
        self.cluster.crash();
    }
}

/// Whether tests go without PostgreSQL; says so.
pub(crate) fn is_off() -> bool {
    let off = std::env::var("GINGHAM_TEST_POSTGRES").as_deref() == Ok("off");
    if off {
        eprintln!("skipped on PostgreSQL: GINGHAM_TEST_POSTGRES=off");
    }
    off
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port()
}

/// PostgreSQL refuses to run as root, so root runs it as the user that Debian makes for it.
fn as_postgres(program: &Path) -> Command {
    if Uid::current().is_root() {
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program).current_dir("/");
        return command;
    }
    Command::new(program)
}

fn user() -> &'static str {
    "postgres"
}

fn programs() -> PathBuf {
    let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .expect(
            "PostgreSQL is installed (Debian's package `postgresql`), or GINGHAM_TEST_POSTGRES=off is set",
        )
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|programs| programs.join("initdb").exists())
        .collect();
    versions.sort();
    versions.pop().expect("PostgreSQL's programs")
}

fn lock(path: &Path, how: FlockArg) -> Flock<File> {
    let file = OpenOptions::new().create(true).append(true).open(path).expect("a lock file");
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o666));
    Flock::lock(file, how).map_err(|(_, error)| error).expect("a lock")
}

fn must_run(command: &mut Command) {
    // The server inherits its starter's outputs, so pipes would never close.
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("the program starts");
    assert!(status.success(), "{command:?} failed: {status}");
}
