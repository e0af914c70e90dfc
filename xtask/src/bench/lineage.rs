//! The graph of lineage at a million edges.

use std::time::Duration;

use anyhow::Result;

use super::Setting;
use super::figures::Figure;
use super::peers::Script;

const SCRIPT: Script = Script {
    file: "lineage.py",
    packages: &[],
    deadline: Duration::from_secs(3_600),
    figures: &[
        ("edges", "edges", "1,000,000"),
        ("3 steps both ways, median ms", "ms", "under 100 ms"),
        ("3 steps both ways, 95 of 100 ms", "ms", "under 100 ms"),
        ("3 steps both ways, slowest ms", "ms", "none stated"),
        ("flushes of this disk, a second", "flushes/s", "the disk's own"),
        ("events taken of one emitter, a second", "events/s", "none stated"),
        ("events taken of one emitter, server CPU ms each", "ms", "none stated"),
        ("events taken of 16 emitters, a second", "events/s", "none stated"),
        ("events taken of 16 emitters, server CPU ms each", "ms", "none stated"),
        ("events taken in batches, a second", "events/s", "none stated"),
        ("events taken in batches, server CPU ms each", "ms", "none stated"),
        ("one recursive query, one way, median ms", "ms", "SQLite's own"),
        ("server: most memory, MB", "MB", "none stated"),
    ],
};

/// Tells a server of a million edges, and asks for neighbourhoods.
pub fn lineage(setting: &Setting) -> Result<Vec<Figure>> {
    SCRIPT.run(setting)
}
