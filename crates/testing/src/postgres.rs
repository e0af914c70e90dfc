//! One PostgreSQL server for all test processes of a user: the first one starts it, a watchdog
//! stops it when no process uses it any more.

use std::fs::{self, File, OpenOptions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Uid;

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
    let cluster = folder.join("cluster");
    let _ = fs::remove_dir_all(&cluster);
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
    must_run(as_postgres(&programs.join("initdb")).arg("--pgdata").arg(&cluster).args([
        "--auth",
        "trust",
        "--encoding",
        "UTF8",
        "--no-sync",
        "--username",
        user(),
    ]));
    let options = format!(
        "-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off \
         -c max_connections=400 -c full_page_writes=off"
    );
    must_run(
        as_postgres(&programs.join("pg_ctl"))
            .arg("--pgdata")
            .arg(&cluster)
            .arg("--log")
            .arg(cluster.join("log"))
            .args(["--wait", "--options", &options, "start"]),
    );
    fs::write(folder.join("port"), port.to_string()).expect("the port is written down");
    as_postgres(Path::new("setsid"))
        .args(["sh", "-c", WATCHDOG, "watchdog"])
        .arg(folder)
        .arg(programs)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the watchdog starts");
    port
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
