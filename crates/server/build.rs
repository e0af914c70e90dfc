//! Makes sure that the folder of the web interface exists, so that the server builds without it too.

use std::path::Path;

fn main() {
    let folder = Path::new("../../ui/dist");
    // A read-only checkout that carries a built interface needs no folder; one that does not fails at embedding.
    let _ = std::fs::create_dir_all(folder);
    println!("cargo:rerun-if-changed=../../ui/dist");
    println!("cargo:rerun-if-changed=build.rs");
}
