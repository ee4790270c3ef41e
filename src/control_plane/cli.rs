//! `isomer control-plane`: serve, or keep tenants from the command line.

use std::error::Error;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use prometheus::Registry;
use secrecy::{ExposeSecret, SecretString};

use super::tenants::{DEFAULT_LIFE, Tenants};
use crate::config::Config;
use crate::keys::metrics::KeyMetrics;

const ACTOR: &str = "command-line";

/// Hold tenants and hand each its key at boot. Without a command: serve.
#[derive(Debug, Args)]
pub struct ControlPlaneArgs {
    #[command(subcommand)]
    pub command: Option<ControlPlaneCommand>,
}

/// Commands of the control plane.
#[derive(Debug, Subcommand)]
pub enum ControlPlaneCommand {
    /// Keep tenants. Works beside a running control plane.
    #[command(subcommand)]
    Tenants(TenantsCommand),
}

/// Commands on tenants.
#[derive(Debug, Subcommand)]
pub enum TenantsCommand {
    /// Make a tenant and its key, and show its first boot token.
    Create(Issue),
    /// Show every tenant: name, state, key version. Never a key.
    List,
    /// Make a boot token for one start of a tenant.
    BootToken(Issue),
    /// Make a new key. The next boot gets both keys; then run `isomer keys rewrap` in the tenant.
    Rotate {
        /// The tenant.
        name: String,
        /// Forget the old key though the tenant has not started since its last rotation.
        #[arg(long)]
        force: bool,
    },
    /// Wrap every tenant's key under the configured key: after a new KMS key.
    Rewrap,
    /// Destroy a tenant's key, for good.
    Destroy {
        /// The tenant.
        name: String,
        /// Say that nothing of this tenant can ever be read again.
        #[arg(long)]
        yes: bool,
    },
}

/// For whom a boot token is, and where it goes.
#[derive(Debug, Args)]
pub struct Issue {
    /// The tenant.
    name: String,
    /// Seconds that the boot token lives.
    #[arg(long, default_value_t = DEFAULT_LIFE.as_secs())]
    ttl: u64,
    /// Write the boot token to this new file (mode 0600) instead of the terminal.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Runs a command.
///
/// # Errors
/// What went wrong, naming the argument or variable.
pub async fn run(command: TenantsCommand, config: &Config) -> Result<(), Box<dyn Error>> {
    let tenants = super::open(config, KeyMetrics::new(&Registry::new())?).await?;
    match command {
        TenantsCommand::Create(issue) => {
            tenants.create(&issue.name, ACTOR).await?;
            show_token(&tenants, &issue).await
        }
        TenantsCommand::List => list(&tenants).await,
        TenantsCommand::BootToken(issue) => show_token(&tenants, &issue).await,
        TenantsCommand::Rotate { name, force } => {
            let version = tenants.rotate(&name, force, ACTOR).await?;
            println!("{name} has key version {version}; its next start gets the old key too.");
            Ok(())
        }
        TenantsCommand::Rewrap => {
            println!("{} tenants rewrapped.", tenants.rewrap(ACTOR).await?);
            Ok(())
        }
        TenantsCommand::Destroy { name, yes: false } => Err(format!(
            "--yes: nothing was done. With it, nothing of {name} can ever be read again"
        )
        .into()),
        TenantsCommand::Destroy { name, yes: true } => {
            tenants.destroy(&name, ACTOR).await?;
            println!("{name} is destroyed.");
            Ok(())
        }
    }
}

async fn list(tenants: &Tenants) -> Result<(), Box<dyn Error>> {
    for row in tenants.list().await? {
        let state = if row.key.is_some() { "active" } else { "destroyed" };
        let by = row.key.map(|key| key.by.key_id).unwrap_or_default();
        let created = row.created_at.format("%Y-%m-%d");
        println!("{}\t{state}\tkey version {}\tcreated {created}\t{by}", row.id, row.key_version);
    }
    Ok(())
}

async fn show_token(tenants: &Tenants, issue: &Issue) -> Result<(), Box<dyn Error>> {
    let token = tenants.boot_token(&issue.name, Duration::from_secs(issue.ttl), ACTOR).await?;
    match &issue.out {
        None => println!("{}", token.text.expose_secret()),
        Some(path) => write_private(path, &token.text)
            .map_err(|error| format!("--out={}: {error}", path.display()))?,
    }
    eprintln!(
        "It is good for one start until {}.",
        token.expires_at.format("%Y-%m-%d %H:%M:%S UTC")
    );
    Ok(())
}

fn write_private(path: &Path, text: &SecretString) -> std::io::Result<()> {
    let mut file =
        std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
    writeln!(file, "{}", text.expose_secret())?;
    file.sync_all()
}
