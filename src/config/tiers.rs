//! What the tiers of workspaces may use (contract 01 §7.2, contract 00).

use super::read::{ConfigError, Source};

/// Most memory that a tier may be given, in MiB.
const MOST_MEMORY: u64 = 1 << 20;
/// Fewest and most shares: the engine takes no less than a hundredth of a processor.
const SHARES: (u64, u64) = (16, 1 << 18);

/// How much an agent may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// `TIERn_MEMORY_MB`, in MiB.
    pub memory_mb: u64,
    /// `TIERn_CPU_SHARES`: 1,024 are one processor.
    pub cpu_shares: u64,
}

/// The caps of the tiers that have any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierSettings {
    /// 512 MiB and 1,024 shares. It is also the one of tiers that nobody knows.
    pub tier2: Caps,
    /// 2,048 MiB and 2,048 shares.
    pub tier3: Caps,
    /// 4,096 MiB and 4,096 shares.
    pub tier4: Caps,
}

impl Default for TierSettings {
    fn default() -> Self {
        let caps = |memory_mb, cpu_shares| Caps { memory_mb, cpu_shares };
        Self { tier2: caps(512, 1_024), tier3: caps(2_048, 2_048), tier4: caps(4_096, 4_096) }
    }
}

impl Source<'_> {
    pub(super) fn tiers(&self) -> Result<TierSettings, ConfigError> {
        let usual = TierSettings::default();
        Ok(TierSettings {
            tier2: self.caps("TIER2_MEMORY_MB", "TIER2_CPU_SHARES", usual.tier2)?,
            tier3: self.caps("TIER3_MEMORY_MB", "TIER3_CPU_SHARES", usual.tier3)?,
            tier4: self.caps("TIER4_MEMORY_MB", "TIER4_CPU_SHARES", usual.tier4)?,
        })
    }

    fn caps(
        &self,
        memory: &'static str,
        shares: &'static str,
        usual: Caps,
    ) -> Result<Caps, ConfigError> {
        // The engine takes no less than 6 MiB.
        let memory_mb = self.number(memory, 6, MOST_MEMORY)?;
        let cpu_shares = self.number(shares, SHARES.0, SHARES.1)?;
        Ok(Caps {
            memory_mb: memory_mb.unwrap_or(usual.memory_mb),
            cpu_shares: cpu_shares.unwrap_or(usual.cpu_shares),
        })
    }
}
