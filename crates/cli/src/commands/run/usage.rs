//! What a command and all that it starts take: processor, memory, threads, GPU, connections.
//!
//! CPU seconds come from the kernel's account of ended children; the rest is looked at a few times a second.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::process::Stdio;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use tokio::process::Command;
use tokio::sync::watch;

use super::record::{GpuUsage, Usage};

/// How often processes are looked at.
const EVERY: Duration = Duration::from_millis(100);
/// How often GPUs are asked, in looks.
const GPU_EVERY: u32 = 20;
/// The most addresses that are kept.
const MOST_CONNECTIONS: usize = 50;
/// The most libraries that are kept.
const MOST_LIBRARIES: usize = 500;
/// Libraries are looked at in every so manieth look: they are loaded early and stay.
const LIBRARIES_EVERY: u32 = 10;
/// The most processes that are looked at.
const MOST_PROCESSES: usize = 1_000;

/// The account of children that have ended: user and system seconds, and the most memory of one of them in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Account {
    user: f64,
    system: f64,
    most_bytes: u64,
}

/// The account as it is now.
pub(super) fn account() -> Account {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_CHILDREN) else { return Account::default() };
    #[expect(clippy::cast_precision_loss, reason = "seconds of work are far below 2^52")]
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let unit = if cfg!(target_os = "macos") { 1 } else { 1_024 };
    let most = u64::try_from(usage.max_rss()).unwrap_or_default();
    Account {
        user: seconds(usage.user_time()),
        system: seconds(usage.system_time()),
        most_bytes: most * unit,
    }
}

/// What was seen of the processes.
#[derive(Debug, Default)]
pub(super) struct Seen {
    peak_bytes: u64,
    most_threads: u64,
    connections: BTreeSet<String>,
    libraries: BTreeSet<String>,
    gpus: BTreeMap<String, (f64, u32, u64)>,
}

/// Looks at a process and all below it until `over` becomes true.
pub(super) async fn look(process: u32, mut over: watch::Receiver<bool>) -> Seen {
    let mut seen = Seen::default();
    let mut has_gpus = true;
    let mut turn = 0_u32;
    while !*over.borrow() {
        seen.look_at_processes(process);
        // The second look, when the command has become itself, and then now and again.
        if turn % LIBRARIES_EVERY == 1 {
            seen.look_at_libraries(process);
        }
        if has_gpus && turn.is_multiple_of(GPU_EVERY) {
            has_gpus = seen.ask_gpus().await;
        }
        turn = turn.wrapping_add(1);
        tokio::select! {
            _ = over.changed() => break,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
    seen
}

impl Seen {
    /// Joins what was seen with the account of before and after.
    pub(super) fn usage(self, began: Instant, before: Account, after: Account) -> Usage {
        // The account counts what a child was before it became the command, so that it serves only where
        // nothing was seen: where there is no `/proc`.
        let accounted = if self.peak_bytes == 0 { after.most_bytes } else { 0 };
        Usage {
            wall_seconds: began.elapsed().as_secs_f64(),
            user_cpu_seconds: (after.user - before.user).max(0.0),
            system_cpu_seconds: (after.system - before.system).max(0.0),
            peak_memory_bytes: self.peak_bytes.max(accounted),
            most_threads: self.most_threads,
            gpus: self
                .gpus
                .into_iter()
                .map(|(name, (sum, count, peak))| GpuUsage {
                    name,
                    mean_utilization_percent: sum / f64::from(count.max(1)),
                    peak_memory_bytes: peak,
                })
                .collect(),
            connections: self.connections.into_iter().collect(),
            libraries: self.libraries.into_iter().collect(),
        }
    }

    /// Shared libraries that are loaded, wherever they come from.
    fn look_at_libraries(&mut self, process: u32) {
        for process in family_of(process) {
            let maps = std::fs::read_to_string(format!("/proc/{process}/maps")).unwrap_or_default();
            for library in maps.lines().filter_map(library_of) {
                if self.libraries.len() >= MOST_LIBRARIES {
                    return;
                }
                if !self.libraries.contains(library) {
                    self.libraries.insert(library.to_owned());
                }
            }
        }
    }

    fn look_at_processes(&mut self, process: u32) {
        let all = family_of(process);
        let (mut bytes, mut threads) = (0, 0);
        let mut sockets = HashSet::new();
        for process in &all {
            let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let number = |key: &str| -> u64 {
                let line = status.lines().find_map(|line| line.strip_prefix(key));
                line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
            };
            bytes += number("VmRSS:") * 1_024;
            threads += number("Threads:");
            // What one process held at its peak was missed by the looks, perhaps.
            self.peak_bytes = self.peak_bytes.max(number("VmHWM:") * 1_024);
            sockets.extend(sockets_of(*process));
        }
        self.peak_bytes = self.peak_bytes.max(bytes);
        self.most_threads = self.most_threads.max(threads);
        if !sockets.is_empty() && self.connections.len() < MOST_CONNECTIONS {
            self.connections.extend(remotes_of(process, &sockets));
        }
    }

    /// Whether there are GPUs to ask.
    async fn ask_gpus(&mut self) -> bool {
        let asked = ["--query-gpu=index,name,utilization.gpu,memory.used", "--format=csv,noheader,nounits"];
        let output = Command::new("nvidia-smi").args(asked).stdin(Stdio::null()).output().await;
        let Some(output) = output.ok().filter(|output| output.status.success()) else { return false };
        for (name, utilization, bytes) in parse_gpus(&String::from_utf8_lossy(&output.stdout)) {
            let (sum, count, peak) = self.gpus.entry(name).or_default();
            *sum += utilization;
            *count += 1;
            *peak = (*peak).max(bytes);
        }
        true
    }
}

/// Lines of `index, name, utilization in percent, memory in MiB`.
fn parse_gpus(text: &str) -> Vec<(String, f64, u64)> {
    text.lines()
        .filter_map(|line| {
            let mut parts = line.split(',').map(str::trim);
            let (index, name) = (parts.next()?, parts.next()?);
            let utilization = parts.next()?.parse().unwrap_or_default();
            let mebibytes: u64 = parts.next()?.parse().ok()?;
            Some((format!("{index}: {name}"), utilization, mebibytes << 20))
        })
        .collect()
}

/// The shared library of a line of `/proc/PID/maps`, by its file, links followed by the system.
fn library_of(line: &str) -> Option<&str> {
    let path = line.get(line.find('/')?..)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    (name.ends_with(".so") || name.contains(".so.")).then_some(path)
}

/// A process and all below it.
fn family_of(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    let mut at = 0;
    while let Some(process) = all.get(at).copied().filter(|_| all.len() < MOST_PROCESSES) {
        at += 1;
        let Ok(tasks) = std::fs::read_dir(format!("/proc/{process}/task")) else { continue };
        for task in tasks.flatten() {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
            all.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
    }
    all
}

fn sockets_of(process: u32) -> Vec<u64> {
    let Ok(files) = std::fs::read_dir(format!("/proc/{process}/fd")) else { return Vec::new() };
    files
        .flatten()
        .filter_map(|file| {
            let target = std::fs::read_link(file.path()).ok()?;
            target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
        })
        .collect()
}

/// Addresses beyond this machine that the sockets are connected to.
fn remotes_of(process: u32, sockets: &HashSet<u64>) -> Vec<String> {
    let mut known: HashMap<u64, String> = HashMap::new();
    for table in ["tcp", "tcp6"] {
        let text = std::fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        known.extend(text.lines().skip(1).filter_map(connection_of));
    }
    known.into_iter().filter(|(socket, _)| sockets.contains(socket)).map(|(_, remote)| remote).collect()
}

/// The socket and the remote address of a line of the kernel's table.
fn connection_of(line: &str) -> Option<(u64, String)> {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let (address, port) = parts.get(2)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok().filter(|port| *port != 0)?;
    let address =
        address_of(address).filter(|address| !address.is_loopback() && !address.is_unspecified())?;
    Some((parts.get(9)?.parse().ok()?, format!("{address} port {port}")))
}

/// An address as the kernel writes it: words of four bytes, each in the order of this machine.
fn address_of(text: &str) -> Option<IpAddr> {
    let words: Vec<u32> = (0..text.len() / 8)
        .map(|at| u32::from_str_radix(text.get(at * 8..at * 8 + 8)?, 16).ok())
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
    if let Ok(four) = <[u8; 4]>::try_from(bytes.as_slice()) {
        return Some(IpAddr::V4(Ipv4Addr::from(four)));
    }
    let six = Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?);
    Some(six.to_ipv4_mapped().map_or(IpAddr::V6(six), IpAddr::V4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_gpus_are_read() {
        let read = parse_gpus("0, NVIDIA H100, 37, 1024\n1, Tesla, [N/A], 2\n");
        assert_eq!(
            read,
            [("0: NVIDIA H100".to_owned(), 37.0, 1 << 30), ("1: Tesla".to_owned(), 0.0, 2 << 20)]
        );
    }

    #[test]
    fn libraries_are_told_from_other_files() {
        let line = |path: &str| format!("7f00-7f01 r-xp 00000000 fd:00 12 {path}");
        assert_eq!(library_of(&line("   /usr/lib/libm.so.6")), Some("/usr/lib/libm.so.6"));
        assert_eq!(library_of(&line("/opt/a b/_core.cpython-312.so")), Some("/opt/a b/_core.cpython-312.so"));
        assert_eq!(library_of(&line("/usr/bin/python3")), None);
        assert_eq!(library_of("7f00-7f01 rw-p 00000000 00:00 0 [heap]"), None);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn connections_are_read_and_those_of_this_machine_left_out() {
        let far = "  1: 0100007F:1F90 0A0B0C0D:01BB 01 0:0 0:0 0 0 0 777 1";
        assert_eq!(connection_of(far), Some((777, "13.12.11.10 port 443".to_owned())));
        let near = "  1: 0100007F:1F90 0100007F:01BB 01 0:0 0:0 0 0 0 777 1";
        assert_eq!(connection_of(near), None);
    }
}
