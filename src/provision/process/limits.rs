//! What an agent may take of the machine, by tier (contract 00 §9).

use crate::config::TierSettings;

/// Processes and threads of one agent.
const PROCESSES: u64 = 1_024;

/// The limits of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    memory_mb: u64,
    /// 1,024 for one processor when all want it.
    pub(super) cpu_shares: u64,
    pub(super) processes: u64,
}

impl Limits {
    /// Returns the limits of a tier. Tier 1 has none of its own in the contract: it has the least.
    pub(super) fn of(tier: i32, settings: &TierSettings) -> Self {
        let caps = match tier {
            3 => settings.tier3,
            4 => settings.tier4,
            _ => settings.tier2,
        };
        Self { memory_mb: caps.memory_mb, cpu_shares: caps.cpu_shares, processes: PROCESSES }
    }

    pub(super) fn memory_bytes(&self) -> u64 {
        self.memory_mb << 20
    }

    /// Returns the shares as version 2 of control groups wants them: 100 for 1,024.
    pub(super) fn cpu_weight(&self) -> u64 {
        (self.cpu_shares * 100 / 1_024).clamp(1, 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiers_have_the_limits_of_the_contract() {
        let of = |tier| {
            let limits = Limits::of(tier, &TierSettings::default());
            (limits.memory_bytes() >> 20, limits.cpu_shares, limits.cpu_weight())
        };
        assert_eq!(of(3), (2_048, 2_048, 200));
        assert_eq!(of(4), (4_096, 4_096, 400));
        for tier in [1, 2, 0, 7] {
            assert_eq!(of(tier), (512, 1_024, 100));
        }
    }
}
