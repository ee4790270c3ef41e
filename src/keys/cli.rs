//! `isomer keys status|rewrap|reseed`.

use std::error::Error;
use std::io::IsTerminal as _;
use std::sync::Arc;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use prometheus::Registry;

use super::metrics::KeyMetrics;
use super::ports::{JobKind, JobRow, JobState};
use super::rotation::{DEFAULT_RATE, Progress, Rotation};
use super::status;
use crate::app::{self, Stores};
use crate::clock::SystemClock;
use crate::config::Config;

/// Keep keys. Settings are those of `isomer serve`; an embedded database must not be in use (a
/// running server rotates over POST /admin/keys/rewrap and /admin/keys/reseed).
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Show which keys wrap what, and how far rotations are.
    Status,
    /// Wrap every seed under the configured key: after a new KMS key, a new static key, or a change
    /// between the two. Touches no sealed value.
    Rewrap(Pace),
    /// Make new seeds and seal every value anew: after an incident. Goes on where it was stopped.
    Reseed(Pace),
}

/// How fast.
#[derive(Debug, Args)]
pub struct Pace {
    /// Seeds and values a second, at most.
    #[arg(long, default_value_t = DEFAULT_RATE, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
}

/// Runs a command; returns whether all went well.
///
/// # Errors
/// What stopped it. A rotation goes on where it stopped when it is started again.
pub async fn run(command: KeysCommand, config: &Config) -> Result<bool, Box<dyn Error>> {
    let Stores { keys, .. } = app::open_stores(config).await?;
    let metrics = KeyMetrics::new(&Registry::new())?;
    let custody = app::open_keys(config, keys, metrics).await?;
    let (kind, pace) = match command {
        KeysCommand::Status => {
            custody.ensure().await?;
            show(&status::read(custody.vault()).await?);
            return Ok(true);
        }
        KeysCommand::Rewrap(pace) => (JobKind::Rewrap, pace),
        KeysCommand::Reseed(pace) => (JobKind::Reseed, pace),
    };
    let vault = custody.vault().clone();
    let rotation = Rotation::new(vault, custody, Arc::new(SystemClock), bar(), pace.rate);
    let job = rotation.run(kind, "command-line").await?;
    println!("{} {}: {} done, {} failed", kind.as_str(), job.state.as_str(), job.done, job.failed);
    if kind == JobKind::Reseed {
        let cutoff = job.cutoff.format("%Y-%m-%d %H:%M:%S UTC");
        println!(
            "Seeds from before {cutoff} were replaced; to replace newer ones, start it again."
        );
    }
    if job.state != JobState::Finished {
        println!("The audit trail names what does not open (GET /admin/keys/audit).");
    }
    Ok(job.state == JobState::Finished)
}

/// A progress bar on a terminal, nothing elsewhere.
fn bar() -> Progress {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr())
    } else {
        ProgressBar::hidden()
    };
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} {msg} {eta}") {
        bar.set_style(style);
    }
    Arc::new(move |job: &JobRow| {
        bar.set_length(u64::try_from(job.total).unwrap_or_default());
        bar.set_position(u64::try_from(job.done).unwrap_or_default());
        if job.failed > 0 {
            bar.set_message(format!("{} do not open", job.failed));
        }
        if job.state != JobState::Running {
            bar.finish();
        }
    })
}

fn show(status: &status::Status) {
    println!("provider         {}", status.provider);
    println!(
        "key              {}",
        status.key_id.as_deref().unwrap_or("none: values are in clear")
    );
    println!("tenant           {}", if status.tenant.is_empty() { "none" } else { &status.tenant });
    println!("write format     {}", status.write_format);
    println!("minimum format   {}", status.minimum_format);
    for seeds in &status.seeds {
        let note = if seeds.current { "" } else { "  (isomer keys rewrap brings them over)" };
        println!(
            "seeds            {} under {} {}{note}",
            seeds.seeds, seeds.provider, seeds.key_id
        );
    }
    println!("retired seeds    {}", status.retired_seeds);
    for (format, count) in &status.values {
        println!("values           {count} in format {format}");
    }
    println!("stale values     {}", status.stale_values);
    for job in &status.jobs {
        println!(
            "job              {} {} {}/{} failed {} started {} by {}",
            job.kind.as_str(),
            job.state.as_str(),
            job.done,
            job.total,
            job.failed,
            job.started_at.format("%Y-%m-%d %H:%M:%S"),
            job.started_by
        );
    }
}
