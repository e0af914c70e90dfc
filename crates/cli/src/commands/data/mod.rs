//! `data`: folders and files of any size under versioned names, here and elsewhere.

pub(in crate::commands) mod add;
mod arguments;
mod care;
pub(in crate::commands) mod home;
mod list;
pub(in crate::commands) mod remote;
mod transfer;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::ServerArguments;

pub(crate) use arguments::{DataArguments, GcArguments};
pub(crate) use care::{collect_on_server, verify_on_server};

use arguments::DataCommand;

/// Does what the arguments say.
pub(super) async fn data(server: &ServerArguments, arguments: DataArguments) -> Result<ExitCode> {
    let json = server.json;
    let home = home::Home::find(arguments.store.as_deref());
    match arguments.command {
        DataCommand::Add(add) => add::add(&home.open_or_make().await?, &add, json).await?,
        DataCommand::Ls(ls) => list::list(&home.open().await?, &ls, json).await?,
        DataCommand::Diff(diff) => list::diff(&home.open().await?, &diff, json).await?,
        DataCommand::Push(push) => transfer::push(&home.open().await?, &push, server).await?,
        DataCommand::Pull(pull) => transfer::pull(&home.open_or_make().await?, &pull, server).await?,
        DataCommand::Gc(gc) => care::collect(&home.open().await?, &gc, json).await?,
        DataCommand::Verify => return care::verify(&home.open().await?, json).await,
    }
    Ok(ExitCode::SUCCESS)
}
