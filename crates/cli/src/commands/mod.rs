//! What each command does.

mod apply;
pub(crate) mod archive;
pub(crate) mod batch;
pub(crate) mod checks;
pub(crate) mod cluster;
mod complete;
mod data;
mod dataset;
mod dataset_rows;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod export;
pub(crate) mod fairness;
mod feed;
mod jobs;
mod lineage;
mod list;
mod log;
mod manage;
pub(crate) mod notify;
pub(crate) mod policy;
mod predict;
pub(crate) mod prove;
mod push;
mod replay;
pub(crate) mod report;
mod restore;
pub(crate) mod review;
mod run;
pub(crate) mod serve;
mod show;
mod sql;
mod status;
pub(crate) mod test;
pub(crate) mod traffic;
mod up;
mod worker;

use std::process::ExitCode;

use anyhow::Result;

use crate::args::{Arguments, Command, ListKind, ShowKind};
use crate::client::Client;
use crate::{runs, spool, story};

pub(crate) use apply::apply;
pub(crate) use data::{DataArguments, GcArguments};
pub(crate) use dataset::DatasetArguments;
pub(crate) use feed::{Feed, FeedReport};
pub(crate) use push::PushArguments;
pub(crate) use run::{RerunArguments, RunArguments};

/// Does what the arguments say.
pub(crate) async fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments { server, command } = arguments;
    let json = server.json;
    let client = || Client::new(&server.server, server.token.clone());
    match command {
        Command::Up(up) => return up::up(up).await,
        Command::Serve(serve) => return serve::serve(&server, serve).await,
        Command::Doctor(doctor) => return doctor::doctor(&server, &doctor).await,
        Command::Demo(demo) => return story::play(demo).await,
        Command::Worker { work } => return worker::work(work),
        Command::Completions { shell } => complete::completions(shell),
        Command::Plan(file) => apply::plan(&client()?, &file.file, json).await?,
        Command::Apply(apply) => {
            let outcome = apply::apply(&client()?, &apply.file.file, !apply.no_train, json).await?;
            return Ok(outcome.exit_code());
        }
        Command::Status => status::status(&client()?, json).await?,
        Command::Log(log) => log::log(&client()?, &log, json).await?,
        Command::Ls(list) if list.what == ListKind::Runs => runs::list(&client()?, &list, json).await?,
        Command::Ls(list) => list::list(&client()?, &list, json).await?,
        Command::Show(show) if show.what == ShowKind::Run => {
            let client = client()?;
            if show.lineage {
                return lineage::with_run(&client, &show.name, json).await;
            }
            runs::show(&client, &show.name, json).await?;
        }
        Command::Diff(diff) => runs::diff(&client()?, &diff, json).await?,
        Command::Search(search) => runs::search(&client()?, &search, json).await?,
        Command::Runs(bulk) => return runs::change(&client()?, &bulk, json).await,
        Command::Import(import) => return import.run(&client()?, json).await,
        Command::Sync(sync) => return spool::sync(&client()?, &sync, json).await,
        Command::Show(show) => show::show(&client()?, &show, json).await?,
        Command::Sql(sql) => sql::sql(&client()?, &sql, json).await?,
        Command::Test(test) if test.model.is_some() => {
            return prove::test_version(&client()?, &test, json).await;
        }
        Command::Test(test) => return test::test(&test, json).await,
        Command::Backtest(backtest) => return prove::backtest(&client()?, &backtest, json).await,
        Command::Explain(explain) => prove::explain(&client()?, &explain, json).await?,
        Command::Fairness(fairness) => fairness::fairness(&fairness, json).await?,
        Command::Checks(checks) => checks::checks(client, &checks, json).await?,
        Command::Export(export) => export::export(&client()?, &export, json).await?,
        Command::Archive { command } => archive::archive(&client()?, &command, json).await?,
        Command::Drift(drift) => return drift::drift(client, &drift, json).await,
        Command::Dataset(dataset) => dataset::dataset(&client()?, &dataset, json).await?,
        Command::Push(push) => return push::push(&client()?, &push, json).await,
        Command::Train(train) => return manage::train(&client()?, &train, json).await,
        Command::Deploy(deploy) if deploy.target == traffic::Destination::Kubernetes => {
            cluster::deploy(&client()?, &deploy, json).await?;
        }
        Command::Manifests(manifests) => cluster::manifests(&manifests, json)?,
        Command::Deploy(deploy) => traffic::deploy(&client()?, &deploy, json).await?,
        Command::Traffic(shares) => traffic::traffic(&client()?, &shares, json).await?,
        Command::Restore(restore) => restore::restore(&client()?, &restore, json).await?,
        Command::Promote(promote) => manage::promote(&client()?, &promote, json).await?,
        Command::Policy { command } => return policy::policy(&client()?, &command, json).await,
        Command::Review { command } => review::review(&client()?, &command, json).await?,
        Command::Card(card) => policy::card(&client()?, &card, json).await?,
        Command::Run(arguments) => return run::run(&server, arguments).await,
        Command::Rerun(arguments) => return run::rerun(&server, &arguments).await,
        Command::Predict(predict) if predict.batch.runs_here() => {
            batch::run(&server, &predict, json).await?;
        }
        Command::Predict(predict) => predict::predict(&client()?, &predict, json).await?,
        Command::Replay(replay) => return replay::replay(&client()?, &replay, json).await,
        Command::Watch(watch) if runs::is_run(&watch.model) => {
            return runs::watch(&client()?, &watch.model, json).await;
        }
        Command::Watch(watch) => manage::watch(&client()?, &watch, json).await?,
        Command::Alert(alert) => manage::alert(&client()?, &alert, json).await?,
        Command::Report(report) => report::report(&client()?, &report, json).await?,
        Command::Rules(rules) => report::rules(&client()?, &rules, json).await?,
        Command::Dashboards(dashboards) => report::dashboards(&dashboards, json)?,
        Command::Notify(notify) => notify::notify(&client()?, &notify, json).await?,
        Command::Lineage(lineage) => lineage::lineage(&client()?, &lineage, json).await?,
        Command::Feed(feed) => feed::feed(&client()?, &feed, json).await?,
        Command::Data(arguments) => return data::data(&server, arguments).await,
        Command::Gc(gc) => data::collect_on_server(&client()?, &gc, json).await?,
        Command::Verify { artifacts } => {
            log::verify(&client()?, json).await?;
            if artifacts {
                return data::verify_on_server(&client()?, json).await;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
