//! Experiments and runs: us on SQLite and on PostgreSQL, and MLflow's own server on SQLite, under the same load.

mod cases;
mod load;
mod peer;
mod scale;

use std::time::Duration;

use anyhow::{Result, anyhow};

use super::Setting;
use super::figures::Figure;
use crate::postgres::{Commits, Postgres};
use crate::process::Program;
use crate::repository;
use crate::server::{Server, free_port};
use cases::{Sizes, measure};
use load::{Cost, Target};
pub use scale::at_scale;

/// How long a server rests before its memory is read.
const REST: Duration = Duration::from_secs(8);

/// One measured thing of one server.
struct Measured {
    what: &'static str,
    cost: Cost,
}

/// Runs the same requests against all three and answers figures and ratios.
pub fn beside_mlflow(setting: &Setting) -> Result<Vec<Figure>> {
    let (ours, theirs) = if setting.quick {
        (Sizes::quick(), Sizes::quick())
    } else {
        (Sizes::full(), Sizes::full_of_mlflow())
    };
    let mut figures = Vec::new();
    let mlflow = {
        let server = peer::start(&setting.folder)?;
        let target = Target { port: server.port, process: server.process(), database: None };
        at_rest("MLflow", &server, &target, &mut figures)?;
        measure(&target, &theirs, &peer::Filler { folder: setting.folder.clone() })?
    };
    show("MLflow, SQLite", &mlflow, &mlflow, &mut figures);
    let sqlite = {
        let server =
            Server::start_binary(&setting.binary, &setting.folder.join("sqlite"), Duration::from_millis(1))?;
        let target = Target { port: server.port, process: server.process(), database: None };
        at_rest("Gingham", &server, &target, &mut figures)?;
        measure(&target, &ours, &cases::OverHttp)?
    };
    show("SQLite", &sqlite, &mlflow, &mut figures);
    let cluster = Postgres::start(&setting.folder, Commits::OnDisk)?.map_err(|reason| anyhow!("{reason}"))?;
    let postgres = {
        let port = free_port()?;
        let data = setting.folder.join("postgres-data");
        let program = Program::new(&setting.binary)
            .args(["up", "--data"])
            .arg(data.to_string_lossy())
            .args(["--port".to_owned(), port.to_string(), "--database".to_owned(), cluster.url()])
            .folder(repository::root()?);
        let log = data.with_extension("log");
        let server = Server::start_program(&program, port, &log, Duration::from_millis(1))?;
        let target = Target { port, process: server.process(), database: Some(cluster.process()?) };
        measure(&target, &ours, &cases::OverHttp)?
    };
    show("PostgreSQL", &postgres, &mlflow, &mut figures);
    Ok(figures)
}

fn at_rest(name: &str, server: &Server, target: &Target, figures: &mut Vec<Figure>) -> Result<()> {
    std::thread::sleep(REST);
    let start = server.ready_after.as_secs_f64() * 1_000.0;
    figures.push(figure(format!("{name}: start"), start, "ms", "under 150 ms"));
    figures.push(figure(format!("{name}: memory at rest"), target.resident_mb()?, "MB", "under 60 MB"));
    figures.push(figure(
        format!("{name}: CPU of start and rest"),
        target.cpu_seconds()? * 1_000.0,
        "ms",
        "none stated",
    ));
    Ok(())
}

/// Prints what was measured beside MLflow, and keeps the figures.
fn show(name: &str, all: &[Measured], mlflow: &[Measured], figures: &mut Vec<Figure>) {
    println!("-- {name}");
    for Measured { what, cost } in all {
        let Cost { rate, p50_ms, p99_ms, cpu_ms } = *cost;
        let ratios = mlflow
            .iter()
            .find(|other| other.what == *what && !std::ptr::eq(all, mlflow))
            .map(|other| (other.cost.cpu_ms / cpu_ms, rate / other.cost.rate));
        print!("{what:<34} {rate:>9.1} /s  p50 {p50_ms:>9.2} ms  p99 {p99_ms:>9.2} ms  CPU {cpu_ms:>9.3} ms");
        if let Some((cpu, faster)) = ratios {
            print!("  {cpu:>7.1}x less CPU, {faster:>7.1}x throughput");
            figures.push(figure(format!("{name}: {what}, CPU against MLflow"), cpu, "x less", aim_of(what)));
            figures.push(figure(
                format!("{name}: {what}, throughput against MLflow"),
                faster,
                "x",
                "20x at 8 clients",
            ));
        }
        println!();
        figures.push(figure(format!("{name}: {what}, CPU"), cpu_ms, "ms", "none stated"));
        figures.push(figure(format!("{name}: {what}, p99"), p99_ms, "ms", "none stated"));
    }
}

fn aim_of(what: &str) -> &'static str {
    if what.starts_with("search") {
        "200x less"
    } else if what.starts_with("history") {
        "100x less"
    } else {
        "50x less"
    }
}

fn figure(name: String, value: f64, unit: &'static str, aim: &'static str) -> Figure {
    // Few and short-lived: the names stay until this program ends.
    Figure { name: name.leak(), values: vec![value], unit, aim }
}
