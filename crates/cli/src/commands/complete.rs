//! Completions for shells.

use clap::CommandFactory;

use crate::args::Arguments;

/// Prints the completions of `shell`.
pub(super) fn completions(shell: clap_complete::Shell) {
    clap_complete::generate(shell, &mut Arguments::command(), "gingham", &mut std::io::stdout());
}
