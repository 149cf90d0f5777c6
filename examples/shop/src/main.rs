//! `marquetry-shop`: opens the shop in a directory or on a server, lets customers and workers loose, and audits it.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use marquetry_shop::drive::{self, Plan, Run};
use marquetry_shop::{Result, Shop, ShopError};

const EXAMPLES: &str = "\
Examples:
  marquetry-shop
      the shop in ./shop-data, made when it is missing; 1,000 orders by 8 customers, shipped by 2 workers
  marquetry-shop /tmp/shop --orders 20000 --clients 32
  marquetry-shop http://127.0.0.1:7400
      the same against a server, such as one that `marquetry serve --demo` runs
  marquetry-shop https://shop.example:7400 --token-file token --orders 0 --workers 0
      only audits

Every checkout is one transaction over six models, and so is every step of a worker. The audit at the end compares
rows, documents, receipts, counters found by search, cached pages and messages with each other.

Exit codes: 0 done, 1 it failed, 2 called wrongly, 3 the audit found a contradiction.";

/// An online shop on Marquetry, embedded or against a server.
#[derive(Debug, Parser)]
#[command(name = "marquetry-shop", version, about, after_help = EXAMPLES)]
struct Arguments {
    /// A data directory, or the URL of a server
    #[arg(value_name = "DIR|URL", default_value = "./shop-data")]
    place: String,

    /// Orders to place
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    orders: u64,

    /// Customers who buy at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    clients: u16,

    /// Workers who ship at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(0..=1024))]
    workers: u16,

    /// A file whose first line is the access token of the server; MARQUETRY_TOKEN in the environment does the same
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let token = match token(arguments.token_file.as_deref()) {
        Ok(token) => token,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::from(2);
        }
    };
    match run(&arguments, token.as_deref()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(3),
        Err(error) => {
            eprintln!("error: {error}");
            if let ShopError::Remote(_) = error {
                eprintln!("a server of its own: cargo run --release -- serve --demo");
            }
            ExitCode::FAILURE
        }
    }
}

fn token(file: Option<&Path>) -> Result<Option<String>, String> {
    match file {
        None => Ok(std::env::var("MARQUETRY_TOKEN").ok()),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            let text = text.map_err(|error| format!("cannot read the token file {}: {error}", path.display()))?;
            Ok(Some(text.lines().next().unwrap_or_default().trim().to_owned()))
        }
    }
}

/// Whether the audit was clean.
async fn run(arguments: &Arguments, token: Option<&str>) -> Result<bool> {
    let shop = Shop::open_with_token(&arguments.place, token)?;
    if shop.load().await? {
        println!("made the shop in {}", arguments.place);
    }
    let plan = Plan { orders: arguments.orders, clients: arguments.clients.into(), workers: arguments.workers.into() };
    let bar = bar(plan.orders);
    let moving = bar.clone();
    let outcome = drive::run(&shop, plan, move || moving.inc(1)).await;
    bar.finish_and_clear();
    tell(&outcome?, plan);
    let audit = shop.audit().await?;
    println!("\n{audit}");
    shop.close()?;
    Ok(audit.is_clean())
}

/// A bar that moves with the orders; it shows on a terminal only.
fn bar(orders: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() || orders == 0 {
        return ProgressBar::hidden();
    }
    let template = "{bar:40} {pos}/{len} orders, {per_sec}, {eta} to go";
    ProgressBar::new(orders).with_style(ProgressStyle::with_template(template).expect("the template is right"))
}

fn tell(run: &Run, plan: Plan) {
    if run.placed.is_empty() {
        return;
    }
    let (placed, seconds, rate) = (run.placed.len(), run.elapsed.as_secs_f64(), run.checkouts_per_second());
    println!("{placed} orders by {} customers in {seconds:.2} s: {rate:.0} checkouts/s", plan.clients);
    let [p50, p95, p99, most] = [0.5, 0.95, 0.99, 1.0].map(|part| milliseconds(run.time_of(part)));
    println!("each took {p50} ms at the median, {p95} at p95, {p99} at p99, {most} at most");
    println!("{} shipped by {} workers; {} refused until restocked", run.shipped, plan.workers, run.refused);
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1e3)
}
