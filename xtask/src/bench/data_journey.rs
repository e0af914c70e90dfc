//! A dataset of many gigabytes to a bucket and back.

use std::time::Duration;

use anyhow::Result;

use super::Setting;
use super::figures::Figure;
use super::peers::Script;

const SCRIPT: Script = Script {
    file: "data_journey.py",
    packages: &["moto[server]==5.2.5"],
    deadline: Duration::from_secs(3 * 3_600),
    figures: &[
        ("gigabytes", "GB", "many"),
        ("add, wall s", "s", "none stated"),
        ("add, CPU s", "s", "none stated"),
        ("push, wall s", "s", "none stated"),
        ("push, CPU s", "s", "none stated"),
        ("stored by the change, MB", "MB", "under 2 MB"),
        ("sent by the change, MB", "MB", "under 2 MB"),
        ("pull elsewhere, wall s", "s", "none stated"),
        ("verify elsewhere, wall s", "s", "none stated"),
        ("files that came back the same", "files", "all"),
        ("most memory, MB", "MB", "under 200 MB"),
    ],
};

/// Adds, pushes, changes, compares, fetches and verifies.
pub fn data_journey(setting: &Setting) -> Result<Vec<Figure>> {
    SCRIPT.run(setting)
}
