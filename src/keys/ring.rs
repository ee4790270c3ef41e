//! The keys that wrap seeds: static ones and KMS, over one table of data keys.
//!
//! Which one wrapped a seed is written beside it; which one wraps new seeds is configured. So
//! changing the mode rewraps seeds and touches no sealed value.

use std::sync::Arc;

use isomer_seal::context::Scope;
use isomer_seal::master::MasterKey;
use isomer_seal::secret::Seed;
use isomer_seal::wrap::Pairs;
use isomer_seal::{Cause, wrap};
use uuid::Uuid;

use super::error::{KeyError, Outage};
use super::kms::Kms;
use super::ports::{ProviderKind, Wrapped, WrappingKey};

/// The names of encryption contexts, in KMS and in static wrappings.
mod name {
    pub const PURPOSE: &str = "isomer:purpose";
    pub const TENANT: &str = "isomer:tenant";
    pub const SCOPE: &str = "isomer:scope";
    pub const KEY: &str = "isomer:key";
    pub const DATA_KEY: &str = "isomer:data-key";
}

/// Every key of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct KeyRing {
    /// The current static key first, then the one before it.
    statics: Arc<[Arc<MasterKey>]>,
    kms: Option<Kms>,
    active: ProviderKind,
}

impl KeyRing {
    /// Returns a ring that wraps with `active`; `None` unless that one is there.
    pub fn new(
        statics: Vec<Arc<MasterKey>>,
        kms: Option<Kms>,
        active: ProviderKind,
    ) -> Option<Self> {
        let there = match active {
            ProviderKind::Static => !statics.is_empty(),
            ProviderKind::Kms => kms.is_some(),
        };
        there.then(|| Self { statics: statics.into(), kms, active })
    }

    /// Returns the key that new wrappings use.
    pub fn active(&self) -> WrappingKey {
        let key_id = match (self.active, &self.kms) {
            (ProviderKind::Kms, Some(kms)) => kms.key().to_owned(),
            _ => self.current().map(|key| key.id().to_owned()).unwrap_or_default(),
        };
        WrappingKey { provider: self.active, key_id }
    }

    /// Returns the static key that writes format 1.
    pub fn current(&self) -> Option<&MasterKey> {
        self.statics.first().map(Arc::as_ref)
    }

    /// Returns every static key, the current one first.
    pub fn statics(&self) -> &[Arc<MasterKey>] {
        &self.statics
    }

    /// Returns KMS.
    pub fn kms(&self) -> Option<&Kms> {
        self.kms.as_ref()
    }

    /// Returns whether seeds wrapped by `key` can be unwrapped here.
    pub fn holds(&self, key: &WrappingKey) -> bool {
        match key.provider {
            ProviderKind::Static => self.statics.iter().any(|own| own.id() == key.key_id),
            ProviderKind::Kms => self.kms.as_ref().is_some_and(|kms| kms.accepts(&key.key_id)),
        }
    }

    /// Wraps a seed under the active key.
    ///
    /// # Errors
    /// `Unavailable`, `NoRandomness`.
    pub async fn wrap(
        &self,
        seed: &Seed,
        tenant: &str,
        scope: Scope,
        id: Uuid,
    ) -> Result<Wrapped, KeyError> {
        self.wrap_in(seed, &seed_context(tenant, scope, id)).await
    }

    /// Wraps a key in any context.
    ///
    /// # Errors
    /// `Unavailable`, `NoRandomness`.
    pub async fn wrap_in(&self, seed: &Seed, context: &Pairs) -> Result<Wrapped, KeyError> {
        let bytes = match (self.active, &self.kms, self.current()) {
            (ProviderKind::Kms, Some(kms), _) => kms.wrap(seed, context).await?,
            (ProviderKind::Static, _, Some(key)) => wrap::wrap(key, seed, context)?,
            _ => return Err(Outage::NotConfigured.into()),
        };
        Ok(Wrapped { by: self.active(), bytes })
    }

    /// Unwraps a seed with the key that wrapped it.
    ///
    /// # Errors
    /// `Refused` when it is not of this key and place; `Unavailable`.
    pub async fn unwrap(
        &self,
        wrapped: &Wrapped,
        tenant: &str,
        scope: Scope,
        id: Uuid,
    ) -> Result<Seed, KeyError> {
        self.unwrap_in(wrapped, &seed_context(tenant, scope, id)).await
    }

    /// Unwraps a key that was wrapped in a context.
    ///
    /// # Errors
    /// As [`Self::unwrap`].
    pub async fn unwrap_in(&self, wrapped: &Wrapped, context: &Pairs) -> Result<Seed, KeyError> {
        match wrapped.by.provider {
            ProviderKind::Static => {
                let named = self.statics.iter().find(|key| key.id() == wrapped.by.key_id);
                let key = named.ok_or(Cause::NoKey)?;
                Ok(wrap::unwrap(key, &wrapped.bytes, context)?)
            }
            ProviderKind::Kms => {
                let kms = self.kms.as_ref().ok_or(Outage::NotConfigured)?;
                kms.unwrap(&wrapped.by.key_id, &wrapped.bytes, context).await
            }
        }
    }
}

fn seed_context(tenant: &str, scope: Scope, id: Uuid) -> [(&'static str, String); 4] {
    [
        (name::PURPOSE, "data-key".to_owned()),
        (name::TENANT, tenant.to_owned()),
        (name::SCOPE, scope.text()),
        (name::DATA_KEY, id.to_string()),
    ]
}

/// Returns the encryption context of a format 2 value.
pub fn envelope_context(tenant: &str, scope: Scope, key: &str) -> [(&'static str, String); 4] {
    [
        (name::PURPOSE, "secret".to_owned()),
        (name::TENANT, tenant.to_owned()),
        (name::SCOPE, scope.text()),
        (name::KEY, key.to_owned()),
    ]
}

/// Returns the encryption context of a tenant's key in the control plane.
pub fn tenant_context(tenant: &str, version: i64) -> [(&'static str, String); 3] {
    [
        (name::PURPOSE, "tenant-key".to_owned()),
        (name::TENANT, tenant.to_owned()),
        (name::DATA_KEY, version.to_string()),
    ]
}
