//! What a process and its descendants use, read from `/proc`.

use std::collections::HashMap;

/// Ticks of a second, as Linux counts time of processes.
const TICKS: f64 = 100.0;

struct Stat {
    parent: u32,
    ticks: f64,
}

fn stat(process: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name may hold anything; what follows the last bracket does not.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<f64>().ok();
    // User and system time, and those of children that have ended.
    let ticks = number(11)? + number(12)? + number(13)? + number(14)?;
    Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks })
}

fn family(process: u32) -> HashMap<u32, Stat> {
    let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let all: HashMap<u32, Stat> = numbers
        .filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter_map(|number: u32| Some((number, stat(number)?)))
        .collect();
    let belongs = |number: u32| {
        let mut at = number;
        loop {
            if at == process {
                return true;
            }
            match all.get(&at) {
                Some(stat) if stat.parent > 1 => at = stat.parent,
                _ => return false,
            }
        }
    };
    let members: Vec<u32> = all.keys().copied().filter(|number| belongs(*number)).collect();
    all.into_iter().filter(|(number, _)| members.contains(number)).collect()
}

/// User and system time of a process and its descendants, in seconds.
pub fn cpu_seconds(process: u32) -> f64 {
    family(process).values().map(|stat| stat.ticks).sum::<f64>() / TICKS
}

/// Memory of a process and its descendants in MB; what they share is counted once.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub fn memory_mb(process: u32) -> f64 {
    let proportional = |process: &u32| {
        let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
        let line = text.lines().find(|line| line.starts_with("Pss:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    family(process).keys().filter_map(proportional).sum::<u64>() as f64 * 1024.0 / 1e6
}
