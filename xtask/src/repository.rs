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

/// Makes the shared build folder build *this* checkout.
///
/// Cargo names what it builds by paths within the workspace and judges by times of change, so in a
/// folder that another checkout used last it would take that one's crates for ours. When the
/// checkout has changed, our own crates count as changed.
pub fn claim_target_folder() -> Result<()> {
    let root = root()?;
    let mark = target_folder()?.join("checkout");
    let here = root.to_string_lossy().into_owned();
    if std::fs::read_to_string(&mark).is_ok_and(|last| last == here) {
        return Ok(());
    }
    let now = std::time::SystemTime::now();
    for path in files()?.iter().filter(|path| path.ends_with(".rs") || path.ends_with("/up.sql")) {
        let file = std::fs::File::options().append(true).open(root.join(path));
        // A read-only checkout is built as it is.
        drop(file.and_then(|file| file.set_modified(now)));
    }
    std::fs::create_dir_all(target_folder()?)?;
    std::fs::write(&mark, here).with_context(|| format!("`{}` cannot be written", mark.display()))
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
