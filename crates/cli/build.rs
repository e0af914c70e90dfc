//! Keeps the table of relocations small where the system can read the small form: a binary of this size has
//! hundreds of thousands, and they are read at each start and stay in memory.

use std::process::Command;

/// The first release of glibc that reads packed relocations.
const READS_PACKED: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = std::env::var("TARGET").unwrap_or_default();
    let here = std::env::var("HOST").is_ok_and(|host| host == target);
    if here && target.ends_with("linux-gnu") && glibc().is_some_and(|release| release >= READS_PACKED) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The release of the system's C library, such as (2, 36).
fn glibc() -> Option<(u32, u32)> {
    let output = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let words = String::from_utf8(output.stdout).ok()?;
    let (major, minor) = words.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
