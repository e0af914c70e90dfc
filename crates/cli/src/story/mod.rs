//! The whole journey of an example: from its table to a monitored model in production.
//!
//! A real server is started in a fresh folder and everything goes through its API. At the end the
//! API is asked whether each step really happened; nothing is taken from what this program did.

mod facts;
mod server;
mod summary;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use crate::args::DemoArguments;
use crate::client::Client;
use crate::commands::{self, Feed, FeedReport};
use crate::exit;
use crate::output::{self, bold};
use crate::project::Project;

/// Plays the story; without `once` the server stays until Ctrl+C.
pub(crate) async fn play(arguments: DemoArguments) -> Result<ExitCode> {
    let started = Instant::now();
    let project = Project::read(&arguments.example)?;
    let server = server::Server::start(&arguments.data, arguments.port).await?;
    let client = Client::new(&server.address(), None)?;
    let told = tell(&client, &project, &arguments).await;
    let holds = match told {
        Ok((report, facts)) => {
            summary::print(&client, &project, &report, started.elapsed()).await?;
            facts::print(&facts)
        }
        Err(error) if arguments.once => {
            server.stop().await?;
            return Err(error);
        }
        Err(error) => {
            exit::failed(&error);
            false
        }
    };
    if arguments.once {
        server.stop().await?;
    } else {
        output::line(&format!("\n{} {}", bold("Look around:"), server.address()));
        output::line("Ctrl+C stops the server; `gingham up --data` with the same folder starts it again.");
        tokio::signal::ctrl_c().await.context("Ctrl+C cannot be waited for")?;
        server.stop().await?;
    }
    Ok(if holds { ExitCode::SUCCESS } else { ExitCode::from(exit::CHECK_FAILED) })
}

async fn tell(
    client: &Client,
    project: &Project,
    arguments: &DemoArguments,
) -> Result<(FeedReport, Vec<facts::Fact>)> {
    output::line(&bold("1  Apply: the file becomes a model"));
    commands::apply(client, &arguments.example, true, false).await?;
    output::line(&format!("\n{}", bold("2  Production: the following years, hour by hour")));
    let feed = Feed {
        client,
        project,
        from: None,
        until: Some(arguments.until),
        push_every: base::Period::from_days(28),
    };
    let report = feed.run().await?;
    let facts = facts::ask(client, project, &report).await?;
    Ok((report, facts))
}
