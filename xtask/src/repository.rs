//! Where things lie: the checkout, the build folder, the cache, the files under version control.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The root of the checkout in which this command was started.
pub fn root() -> Result<PathBuf> {
    if let Some(own) = std::env::var_os("CARGO_MANIFEST_DIR")
        && let Some(parent) = Path::new(&own).parent()
    {
        return Ok(parent.to_path_buf());
    }
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    for folder in here.ancestors() {
        if folder.join("xtask/Cargo.toml").is_file() {
            return Ok(folder.to_path_buf());
        }
    }
    bail!("run this inside the checkout")
}

/// Where everything that may be made again is kept; it outlives any checkout.
pub fn cache_folder() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(base.join("gingham"))
}

/// Cargo's build folder for everything that is run from here.
pub fn target_folder() -> Result<PathBuf> {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => Ok(root()?.join(folder)),
        _ => Ok(cache_folder()?.join("target")),
    }
}

/// The `gingham` binary as the one profile builds it.
pub fn binary() -> Result<PathBuf> {
    Ok(target_folder()?.join("debug").join("gingham"))
}

/// Every file under version control or about to be, relative to the root, sorted.
pub fn files() -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .current_dir(root()?)
        .output()
        .context("git could not be started")?;
    if !output.status.success() {
        bail!("git ls-files failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let root = root()?;
    let mut files: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .split('\0')
        .filter(|path| !path.is_empty() && root.join(path).is_file())
        .map(str::to_owned)
        .collect();
    files.sort();
    Ok(files)
}
