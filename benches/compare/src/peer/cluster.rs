//! A PostgreSQL server of one's own, started with the programs that are installed.
//!
//! It lives in a directory given to it and listens on a socket in another one, whose path has to be short. A server
//! refuses to run as root; the programs run as the user `postgres`, or `nobody`, then.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use marquetry_benches::{Outcome, scratch_directory};
use postgres::{Client, Config, NoTls};
use tempfile::TempDir;

/// The user of the database, whom nobody asks for a password.
const ROLE: &str = "marquetry";
const START_MAX: Duration = Duration::from_secs(120);

/// Where the programs are: `MARQUETRY_POSTGRES_BIN`, or the newest of the places where Debian puts them.
fn installed() -> Outcome<PathBuf> {
    let named = std::env::var_os("MARQUETRY_POSTGRES_BIN").map(PathBuf::from);
    let mut places: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    places.sort();
    let place = named.or(places.pop().map(|(_, path)| path)).ok_or("it is not installed")?;
    match place.join("initdb").exists() {
        true => Ok(place),
        false => Err(format!("{} has no initdb", place.display()).into()),
    }
}

/// An error when a server could not run in the directory for the stores' files.
pub(super) fn usable() -> Outcome<()> {
    installed()?;
    let Some(user) = User::instead_of_root()? else { return Ok(()) };
    let probe = scratch_directory()?;
    user.own(probe.path())?;
    let reach = || format!("its user cannot reach {}; MARQUETRY_BENCH_DIR names another place", probe.path().display());
    let is_reached = command(Path::new("/usr/bin"), "test", Some(user)).arg("-w").arg(probe.path()).status()?.success();
    if is_reached { Ok(()) } else { Err(reach().into()) }
}

/// A server that runs until this is dropped.
pub(super) struct Cluster {
    programs: PathBuf,
    directory: PathBuf,
    user: Option<User>,
    server: Child,
    sockets: TempDir,
}

/// Whom the programs run as.
#[derive(Debug, Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

impl User {
    /// `None` unless this process is root.
    fn instead_of_root() -> Outcome<Option<Self>> {
        if fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(None);
        }
        let users = fs::read_to_string("/etc/passwd")?;
        let line = |name: &str| users.lines().find(|line| line.split(':').next() == Some(name));
        let line = line("postgres").or(line("nobody")).ok_or("there is no user to run PostgreSQL as")?;
        let number = |place: usize| line.split(':').nth(place).and_then(|text| text.parse().ok());
        let (id, group) = number(2).zip(number(3)).ok_or("a user has a number and a group")?;
        Ok(Some(User { id, group }))
    }

    fn own(self, path: &Path) -> Outcome<()> {
        chown(path, Some(self.id), Some(self.group))?;
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                self.own(&entry?.path())?;
            }
        }
        Ok(())
    }
}

impl Cluster {
    /// The server of `directory`, which is set up when it is empty.
    pub(super) fn start(directory: &Path, shared_buffers_size_bytes: usize) -> Outcome<Self> {
        let programs = installed()?;
        let user = User::instead_of_root()?;
        let sockets = tempfile::Builder::new().prefix("marquetry-").tempdir()?;
        if let Some(user) = user {
            let above = directory.parent().ok_or("a store lies in a directory")?;
            fs::set_permissions(above, fs::Permissions::from_mode(0o711))?;
            user.own(sockets.path())?;
            if fs::metadata(directory)?.uid() != user.id {
                user.own(directory)?;
            }
        }
        fs::set_permissions(directory, fs::Permissions::from_mode(0o700))?;
        if !directory.join("PG_VERSION").exists() {
            let mut set_up = command(&programs, "initdb", user);
            set_up.arg("--pgdata").arg(directory).args(["--auth=trust", "--encoding=UTF8", "--locale=C"]);
            run(set_up.arg("--username").arg(ROLE))?;
        }
        let mut serve = command(&programs, "postgres", user);
        serve.arg("-D").arg(directory).arg("-k").arg(sockets.path());
        for setting in settings(shared_buffers_size_bytes) {
            serve.arg("-c").arg(setting);
        }
        let log = File::create(directory.with_extension("log"))?;
        let server = serve.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let mut cluster = Cluster { programs, directory: directory.to_owned(), user, server, sockets };
        cluster.wait_until_it_answers()?;
        Ok(cluster)
    }

    fn wait_until_it_answers(&mut self) -> Outcome<()> {
        let started = Instant::now();
        loop {
            let Err(error) = self.connect() else { return Ok(()) };
            if started.elapsed() > START_MAX || self.server.try_wait()?.is_some() {
                let said = fs::read_to_string(self.directory.with_extension("log")).unwrap_or_default();
                return Err(format!("PostgreSQL does not start: {error}; it said: {said}").into());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    pub(super) fn connect(&self) -> Outcome<Client> {
        Ok(Config::new().host_path(self.sockets.path()).user(ROLE).dbname("postgres").connect(NoTls)?)
    }

    /// MiB of all its processes; what they share is counted once.
    pub(super) fn resident_mib(&self) -> Outcome<u64> {
        let first = self.server.id();
        let mut kib = 0;
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            if process == first || parent_of(process) == Some(first) {
                kib += proportional_kib(process).unwrap_or(0);
            }
        }
        Ok(kib / 1024)
    }

    /// Ends it in the middle of what it does: the next start has to recover.
    pub(super) fn kill(&self) -> Outcome<()> {
        self.stop("immediate")
    }

    fn stop(&self, mode: &str) -> Outcome<()> {
        run(command(&self.programs, "pg_ctl", self.user).arg("-D").arg(&self.directory).args(["stop", "-m", mode]))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // One that was killed is gone already.
        if !matches!(self.server.try_wait(), Ok(Some(_))) && self.stop("fast").is_err() {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

/// All others as they come.
fn settings(shared_buffers_size_bytes: usize) -> [String; 3] {
    [
        format!("shared_buffers={}kB", shared_buffers_size_bytes / 1024),
        "listen_addresses=".to_owned(),
        "max_connections=200".to_owned(),
    ]
}

fn command(programs: &Path, name: &str, user: Option<User>) -> Command {
    let mut command = Command::new(programs.join(name));
    // The directory of this process may be closed to the other user.
    command.current_dir("/");
    if let Some(user) = user {
        command.uid(user.id).gid(user.group);
    }
    command
}

fn run(command: &mut Command) -> Outcome<()> {
    let output = command.stdin(Stdio::null()).output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into()),
    }
}

fn parent_of(process: u32) -> Option<u32> {
    let told = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name before may hold anything, blanks as well.
    told.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn proportional_kib(process: u32) -> Option<u64> {
    let told = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    told.lines().find(|line| line.starts_with("Pss:"))?.split_whitespace().nth(1)?.parse().ok()
}
