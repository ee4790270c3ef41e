//! What the tiers of workspaces mean, whatever runs their agents (docs/architecture/workspace-tiers.md).
//! Pure.

use crate::config::{Caps, TierSettings};

/// `/tmp` of tier 1, in bytes.
const TMP_BYTES: u64 = 64 << 20;
/// Processes and threads of an agent that is held back.
const PROCESSES: u32 = 512;

/// What an agent may use and do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierLimits {
    /// Most memory in bytes.
    pub memory_bytes: Option<u64>,
    /// 1,024 are one processor. It is a cap, and its weight beside others too.
    pub cpu_shares: Option<u64>,
    /// It writes to its mounts only.
    pub read_only_root: bool,
    /// `/tmp` is in memory, with so many bytes.
    pub tmpfs_tmp_bytes: Option<u64>,
    /// All rights of the host's administrator.
    pub privileged: bool,
    /// It sees the processes of the host.
    pub host_pid: bool,
    /// It has the network of the host as its own.
    pub host_network: bool,
    /// It commands the engine that runs it.
    pub engine_socket: bool,
    /// It has `/workspace`.
    pub workspace: bool,
    /// It has no capabilities, gets none, and runs as the server's own user.
    pub confined: bool,
    /// Most processes and threads.
    pub processes: Option<u32>,
}

/// Returns what a tier means: 1 to 4, and 2 for every other number.
pub fn limits(tier: i32, settings: &TierSettings) -> TierLimits {
    let capped = |caps: Caps| TierLimits {
        memory_bytes: Some(caps.memory_mb << 20),
        cpu_shares: Some(caps.cpu_shares),
        ..plain()
    };
    let free = |caps: Caps| TierLimits {
        privileged: true,
        host_pid: true,
        confined: false,
        processes: None,
        ..capped(caps)
    };
    match tier {
        1 => TierLimits {
            read_only_root: true,
            tmpfs_tmp_bytes: Some(TMP_BYTES),
            workspace: false,
            ..plain()
        },
        3 => free(settings.tier3),
        4 => TierLimits { host_network: true, engine_socket: true, ..free(settings.tier4) },
        _ => capped(settings.tier2),
    }
}

/// Returns whether a tier gives so much away that `ISOMER_ALLOW_TIERS_3_4` has to allow it.
pub fn needs_permission(tier: i32) -> bool {
    matches!(tier, 3 | 4)
}

/// Held back, without caps.
fn plain() -> TierLimits {
    TierLimits {
        memory_bytes: None,
        cpu_shares: None,
        read_only_root: false,
        tmpfs_tmp_bytes: None,
        privileged: false,
        host_pid: false,
        host_network: false,
        engine_socket: false,
        workspace: true,
        confined: true,
        processes: Some(PROCESSES),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn every_flag_of_every_tier() {
        let settings = TierSettings::default();
        let one = TierLimits {
            memory_bytes: None,
            cpu_shares: None,
            read_only_root: true,
            tmpfs_tmp_bytes: Some(64 * MIB),
            privileged: false,
            host_pid: false,
            host_network: false,
            engine_socket: false,
            workspace: false,
            confined: true,
            processes: Some(512),
        };
        let two = TierLimits {
            memory_bytes: Some(512 * MIB),
            cpu_shares: Some(1_024),
            read_only_root: false,
            tmpfs_tmp_bytes: None,
            privileged: false,
            host_pid: false,
            host_network: false,
            engine_socket: false,
            workspace: true,
            confined: true,
            processes: Some(512),
        };
        let three = TierLimits {
            memory_bytes: Some(2_048 * MIB),
            cpu_shares: Some(2_048),
            read_only_root: false,
            tmpfs_tmp_bytes: None,
            privileged: true,
            host_pid: true,
            host_network: false,
            engine_socket: false,
            workspace: true,
            confined: false,
            processes: None,
        };
        let four = TierLimits {
            memory_bytes: Some(4_096 * MIB),
            cpu_shares: Some(4_096),
            read_only_root: false,
            tmpfs_tmp_bytes: None,
            privileged: true,
            host_pid: true,
            host_network: true,
            engine_socket: true,
            workspace: true,
            confined: false,
            processes: None,
        };
        for (tier, expected) in [(1, one), (2, two), (3, three), (4, four)] {
            assert_eq!(limits(tier, &settings), expected, "tier {tier}");
            assert_eq!(needs_permission(tier), tier > 2);
        }
    }

    proptest! {
        #[test]
        fn unknown_tiers_are_the_second(tier in any::<i32>(), memory_mb in 6u64..1 << 20) {
            prop_assume!(!matches!(tier, 1 | 3 | 4));
            let mut settings = TierSettings::default();
            settings.tier2.memory_mb = memory_mb;
            prop_assert_eq!(limits(tier, &settings), limits(2, &settings));
            prop_assert!(!needs_permission(tier));
        }

        #[test]
        fn what_needs_no_permission_gives_nothing_of_the_host_away(tier in any::<i32>()) {
            let limits = limits(tier, &TierSettings::default());
            let given = limits.privileged || limits.host_pid || limits.host_network || limits.engine_socket;
            prop_assert_eq!(given, needs_permission(tier));
            prop_assert_eq!(limits.confined, !given);
        }
    }
}
