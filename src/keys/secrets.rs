//! What people and agents do with secrets, each step audited.
//!
//! A value is handed out only after its audit row is written; a write and its audit row are one
//! transaction.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use isomer_actors::domain::change::{NewSecret, NewSecrets, NewSeed};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::ports::Clock;
use isomer_seal::context::Scope;
use isomer_seal::{Cause, Refused};
use secrecy::SecretString;
use uuid::Uuid;

use super::custody::Custody;
use super::error::KeyError;
use super::names::MAX_SECRETS;
use super::ports::{AuditEntry, AuditRow, SecretMeta, SecretRow, SecretWrite};
use super::vault::Vault;

/// How often a write that lost against another one is run again.
const TRIES: usize = 16;
/// How often a value is read again because its seed was replaced in between.
const REREADS: usize = 4;
/// Dependents listed at most.
pub const MAX_DEPENDENTS: usize = 10_000;

/// The secret that names the model (contract 05 §1.3).
pub const MODEL: &str = "MODEL_PROVIDER";

/// Secrets, as the edge and the provisioner use them. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    vault: Vault,
    custody: Custody,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secrets").field("vault", &self.vault).finish_non_exhaustive()
    }
}

/// What a workspace's agent gets.
#[derive(Debug)]
pub enum Bundle {
    /// By name; global secrets, overridden by the workspace's.
    Whole(BTreeMap<String, SecretString>),
    /// Some do not open: `global:K` or `workspace:K`. Nothing is handed out.
    Failed(Vec<String>),
}

impl Secrets {
    /// Returns the secrets behind a vault.
    pub fn new(vault: Vault, custody: Custody, clock: Arc<dyn Clock>) -> Self {
        Self { vault, custody, clock }
    }

    /// Returns the vault.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Lists the secrets of a scope without their values, by name.
    ///
    /// # Errors
    /// `Store`.
    pub async fn list(&self, scope: Scope) -> Result<Vec<SecretMeta>, KeyError> {
        Ok(self.vault.store().list_secrets(scope).await?)
    }

    /// Returns everything that a workspace's agent gets, or what of it does not open.
    ///
    /// # Errors
    /// `Unavailable` or `Store`: then nothing was handed out.
    pub async fn bundle(&self, workspace: Uuid, actor: &str) -> Result<Bundle, KeyError> {
        self.custody.ensure().await?;
        let rows = effective(self.vault.store().secrets_for(workspace).await?);
        let (mut values, mut failed, mut audit) = (BTreeMap::new(), Vec::new(), Vec::new());
        for row in rows {
            let opened = self.open(row.clone()).await;
            let (outcome, detail) = match &opened {
                Ok(Some(_)) => ("ok", None),
                Ok(None) => continue,
                Err(error) => ("failed", Some(error.detail().to_owned())),
            };
            let mut entry = self.entry(actor, "read", row.scope, &row.key, outcome);
            // Whose agent got it, also when the secret is a global one.
            entry.workspace = Some(workspace);
            (entry.format, entry.detail) = (Some(row.format), detail);
            audit.push(entry);
            match opened {
                Ok(Some(value)) => _ = values.insert(row.key, value),
                Ok(None) => {}
                Err(KeyError::Refused(_)) => failed.push(named(&row)),
                Err(error) => {
                    self.vault.store().audit(&audit).await?;
                    return Err(error);
                }
            }
        }
        self.vault.store().audit(&audit).await?;
        if failed.is_empty() { Ok(Bundle::Whole(values)) } else { Ok(Bundle::Failed(failed)) }
    }

    /// Returns one secret's value.
    ///
    /// # Errors
    /// `Refused` when it does not open; as elsewhere.
    pub async fn get(
        &self,
        scope: Scope,
        key: &str,
        actor: &str,
    ) -> Result<Option<SecretString>, KeyError> {
        self.custody.ensure().await?;
        let Some(row) = self.vault.store().secret(scope, key).await? else {
            return Ok(None);
        };
        let format = row.format;
        let opened = self.open(row).await;
        let outcome = if opened.is_ok() { "ok" } else { "failed" };
        let mut entry = self.entry(actor, "read", scope, key, outcome);
        entry.format = Some(format);
        entry.detail = opened.as_ref().err().map(|error| error.detail().to_owned());
        self.vault.store().audit(&[entry]).await?;
        opened
    }

    /// Sets a secret. When it returns, value and audit row are durable.
    ///
    /// # Errors
    /// `Store` with `WorkspaceUnknown`; `Busy` when others keep writing it; `TooMany`; as elsewhere.
    pub async fn set(
        &self,
        scope: Scope,
        key: &str,
        value: &SecretString,
        actor: &str,
    ) -> Result<(), KeyError> {
        let result = self.try_set(scope, key, value, actor).await;
        if let Err(error @ (KeyError::Unavailable(_) | KeyError::Busy | KeyError::Refused(_))) =
            &result
        {
            let mut entry = self.entry(actor, "set", scope, key, "failed");
            entry.detail = Some(error.detail().to_owned());
            self.vault.store().audit(&[entry]).await?;
        }
        result
    }

    async fn try_set(
        &self,
        scope: Scope,
        key: &str,
        value: &SecretString,
        actor: &str,
    ) -> Result<(), KeyError> {
        self.custody.ensure().await?;
        for _ in 0..TRIES {
            let at = self.clock.now();
            let before = self.vault.store().secret(scope, key).await?;
            if before.is_none() && self.list(scope).await?.len() >= MAX_SECRETS {
                return Err(KeyError::TooMany);
            }
            let expect = before.map_or(0, |row| row.version);
            let sealed = self.vault.seal(scope, key, expect + 1, value, at).await?;
            let mut entry = self.entry(actor, "set", scope, key, "ok");
            entry.format = Some(sealed.format.number());
            let write = SecretWrite { scope, key: key.to_owned(), expect, sealed, at };
            if self.vault.store().put_secret(&write, &entry).await? {
                return Ok(());
            }
            // The row moved on, or its seed was replaced.
            self.vault.seeds().forget_active(scope);
        }
        Err(KeyError::Busy)
    }

    /// Deletes a secret; returns whether there was one.
    ///
    /// # Errors
    /// `Store`.
    pub async fn delete(&self, scope: Scope, key: &str, actor: &str) -> Result<bool, KeyError> {
        let entry = self.entry(actor, "delete", scope, key, "ok");
        Ok(self.vault.store().delete_secret(scope, key, &entry).await?)
    }

    /// Seals the first secrets of a workspace that is about to be created.
    ///
    /// # Errors
    /// `Unavailable`, `NoRandomness`.
    pub async fn first(
        &self,
        workspace: WorkspaceId,
        values: &[(String, SecretString)],
        actor: &str,
    ) -> Result<NewSecrets, KeyError> {
        self.custody.ensure().await?;
        let (data_key, sealed) = self.vault.seal_first(workspace.0, values).await?;
        let data_key = data_key.map(|new| NewSeed {
            id: new.id,
            wrapped: new.wrapped.bytes,
            provider: new.wrapped.by.provider.as_str(),
            provider_key_id: new.wrapped.by.key_id,
        });
        let rows = values.iter().zip(sealed).map(|((key, _), sealed)| NewSecret {
            key: key.clone(),
            format: sealed.format.number(),
            sealed: sealed.bytes,
        });
        Ok(NewSecrets { data_key, rows: rows.collect(), actor: actor.to_owned() })
    }

    /// Returns the workspaces that get the global secret `key`.
    ///
    /// # Errors
    /// `Store`.
    pub async fn dependents(&self, key: &str) -> Result<Vec<Uuid>, KeyError> {
        Ok(self.vault.store().dependents(key, MAX_DEPENDENTS).await?)
    }

    /// Returns a page of the audit trail, newest first.
    ///
    /// # Errors
    /// `Store`.
    pub async fn audit_trail(
        &self,
        workspace: Option<Uuid>,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<AuditEntry>, KeyError> {
        Ok(self.vault.store().audit_trail(workspace, before, limit).await?)
    }

    /// Erases the seeds of workspaces that are gone.
    pub fn forget_gone(&self, exists: impl Fn(Uuid) -> bool) {
        self.vault
            .seeds()
            .forget(|_, scope| scope.workspace().is_some_and(|workspace| !exists(workspace)));
    }

    /// Opens a row; reads it again when its seed was replaced and destroyed in between. `None`
    /// when it was deleted meanwhile.
    async fn open(&self, mut row: SecretRow) -> Result<Option<SecretString>, KeyError> {
        for _ in 0..REREADS {
            match self.vault.open(&row).await {
                Ok(value) => return Ok(Some(value)),
                Err(error @ KeyError::Refused(Refused(Cause::DataKeyGone))) => {
                    let again = self.vault.store().secret(row.scope, &row.key).await?;
                    match again {
                        None => return Ok(None),
                        Some(again) if again.version == row.version => return Err(error),
                        Some(again) => row = again,
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(KeyError::Busy)
    }

    fn entry(
        &self,
        actor: &str,
        action: &'static str,
        scope: Scope,
        key: &str,
        outcome: &'static str,
    ) -> AuditRow {
        AuditRow {
            at: self.clock.now(),
            actor: actor.to_owned(),
            action,
            workspace: scope.workspace(),
            key: Some(key.to_owned()),
            format: None,
            outcome,
            detail: None,
        }
    }
}

/// Leaves out global secrets that the workspace overrides.
fn effective(rows: Vec<SecretRow>) -> Vec<SecretRow> {
    let own: HashSet<String> =
        rows.iter().filter(|row| row.scope != Scope::Global).map(|row| row.key.clone()).collect();
    let keeps = |row: &SecretRow| row.scope != Scope::Global || !own.contains(&row.key);
    rows.into_iter().filter(keeps).collect()
}

fn named(row: &SecretRow) -> String {
    let scope = if row.scope == Scope::Global { "global" } else { "workspace" };
    format!("{scope}:{}", row.key)
}
