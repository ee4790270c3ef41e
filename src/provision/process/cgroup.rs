//! Control groups, where this server may make them: limits of an agent, and everything that it
//! began, whatever it calls itself. Version 2, or the hierarchies of version 1. Blocks.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use super::super::tiers::TierLimits;

/// Controllers of version 1 that are used.
const CONTROLLERS: [&str; 3] = ["memory", "cpu", "pids"];
/// A group is busy for a moment after its last process.
const REMOVALS: u32 = 20;
const BETWEEN: Duration = Duration::from_millis(25);

/// Where groups can be made.
#[derive(Clone, Debug)]
pub(super) struct Cgroups {
    /// Folders of this installation, one a hierarchy, by the controller; `""` is version 2.
    roots: BTreeMap<&'static str, PathBuf>,
}

/// The groups of one run.
#[derive(Clone, Debug)]
pub(super) struct Cgroup {
    folders: Vec<PathBuf>,
}

impl Cgroups {
    /// Finds where this server may make groups.
    ///
    /// # Errors
    /// Why it may not.
    pub(super) fn find(installation: Uuid) -> Result<Self, String> {
        let own = fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let mounts = fs::read_to_string("/proc/self/mounts").map_err(|error| error.to_string())?;
        let mut roots = BTreeMap::new();
        let mut refused = "no hierarchy of control groups is mounted".to_owned();
        for (controller, parent) in hierarchies(&own, &mounts) {
            let root = parent.join(format!("isomer-{installation}"));
            match make(&root) {
                Ok(()) => _ = roots.insert(controller, root),
                Err(error) => refused = error.to_string(),
            }
        }
        // A hierarchy without controllers beside those of version 1 would limit nothing.
        if roots.len() > 1
            && let Some(unused) = roots.remove("")
        {
            let _ = fs::remove_dir(unused);
        }
        if let Some(root) = roots.get("") {
            let parent = root.parent().unwrap_or(root);
            delegate(parent).and_then(|()| delegate(root)).map_err(|error| {
                let _ = fs::remove_dir(root);
                format!("its controllers are not delegated to this server: {error}")
            })?;
        }
        // The first agent makes it again: a server that runs none leaves nothing behind.
        roots.values().for_each(|root| _ = fs::remove_dir(root));
        if roots.is_empty() { Err(refused) } else { Ok(Self { roots }) }
    }

    /// Returns the folders in which the groups of runs lie.
    pub(super) fn roots(&self) -> impl Iterator<Item = &PathBuf> {
        self.roots.values()
    }

    /// Makes the groups of a run. Those that cannot be made are left out.
    pub(super) fn make(&self, server: Uuid, run: Uuid, limits: &TierLimits) -> Cgroup {
        let mut folders = Vec::new();
        for (controller, root) in &self.roots {
            let folder = root.join(format!("{server}.{run}"));
            let made = || renew(controller, root).and_then(|()| make(&folder));
            // Another server of this installation may remove the empty folder in between.
            let limited =
                made().or_else(|_| made()).and_then(|()| limit(&folder, controller, limits));
            match limited {
                Ok(()) => folders.push(folder),
                Err(error) => {
                    tracing::warn!(controller, %error, "an agent runs without this limit");
                    let _ = fs::remove_dir(&folder);
                }
            }
        }
        Cgroup { folders }
    }

    /// Returns the groups of runs that servers before `server` have left.
    pub(super) fn of_others(&self, server: Uuid) -> Vec<Cgroup> {
        let own = server.to_string();
        self.roots().flat_map(|root| groups(root, |name| !name.starts_with(&own))).collect()
    }
}

impl Cgroup {
    /// Returns the files that take the id of a process which is to come under the limits.
    pub(super) fn entrances(&self) -> impl Iterator<Item = PathBuf> {
        self.folders.iter().map(|folder| folder.join("cgroup.procs"))
    }

    /// Returns the processes in it.
    pub(super) fn members(&self) -> Vec<i32> {
        let lists = self.entrances().filter_map(|file| fs::read_to_string(file).ok());
        lists
            .flat_map(|list| list.lines().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
            .collect()
    }

    /// Removes it when it is empty; tries for half a second.
    pub(super) async fn remove(&self) {
        for folder in &self.folders {
            for _ in 0..REMOVALS {
                match fs::remove_dir(folder) {
                    Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {
                        tokio::time::sleep(BETWEEN).await;
                    }
                    _ => break,
                }
            }
        }
    }
}

/// Returns the groups in `roots` whose names begin with this.
pub(super) fn with_prefix(roots: &[PathBuf], prefix: &str) -> Vec<Cgroup> {
    roots.iter().flat_map(|root| groups(root, |name| name.starts_with(prefix))).collect()
}

fn groups(root: &Path, keeps: impl Fn(&str) -> bool) -> Vec<Cgroup> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let kept = folders.filter(|entry| entry.file_name().to_str().is_some_and(&keeps));
    kept.map(|entry| Cgroup { folders: vec![entry.path()] }).collect()
}

/// Returns the folders of this process's own groups, by controller.
fn hierarchies(own: &str, mounts: &str) -> Vec<(&'static str, PathBuf)> {
    let mut found = Vec::new();
    for line in own.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(names), Some(path)) = (parts.next(), parts.next()) else { continue };
        let controllers = match names {
            "" => vec![""],
            names => CONTROLLERS
                .into_iter()
                .filter(|c| names.split(',').any(|name| name == *c))
                .collect(),
        };
        for controller in controllers {
            let folder = mount(mounts, controller).map(|at| at.join(path.trim_start_matches('/')));
            found
                .extend(folder.filter(|folder| folder.is_dir()).map(|folder| (controller, folder)));
        }
    }
    found
}

/// Returns where a hierarchy is mounted.
fn mount(mounts: &str, controller: &str) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (at, kind, options) = (words.next()?, words.next()?, words.next()?);
        let matches = match controller {
            "" => kind == "cgroup2",
            name => kind == "cgroup" && options.split(',').any(|option| option == name),
        };
        matches.then(|| PathBuf::from(at))
    })
}

fn make(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes the folder of this installation again: a server that ended may have removed it.
fn renew(controller: &str, root: &Path) -> io::Result<()> {
    if root.is_dir() {
        return Ok(());
    }
    make(root)?;
    if controller.is_empty() { delegate(root) } else { Ok(()) }
}

/// Lets groups below have limits. Version 2 asks for it.
fn delegate(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("cgroup.subtree_control"), "+memory +cpu +pids")
}

/// Where a tier says nothing, the groups above it decide.
fn limit(folder: &Path, controller: &str, limits: &TierLimits) -> io::Result<()> {
    let put = |file: &str, value: Option<u64>| match value {
        Some(value) => fs::write(folder.join(file), value.to_string()),
        None => Ok(()),
    };
    let processes = limits.processes.map(u64::from);
    match controller {
        "memory" => put("memory.limit_in_bytes", limits.memory_bytes),
        "cpu" => put("cpu.shares", limits.cpu_shares),
        "pids" => put("pids.max", processes),
        _ => {
            put("memory.max", limits.memory_bytes)?;
            put("cpu.weight", limits.cpu_shares.map(weight))?;
            put("pids.max", processes)
        }
    }
}

/// Returns shares as version 2 wants them: 100 for 1,024.
fn weight(shares: u64) -> u64 {
    (shares * 100 / 1_024).clamp(1, 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_weights_in_version_2() {
        for (shares, expected) in [(1_024, 100), (4_096, 400), (2, 1), (1 << 18, 10_000)] {
            assert_eq!(weight(shares), expected);
        }
    }

    #[tokio::test]
    async fn only_runs_leave_groups() {
        let installation = Uuid::new_v4();
        let Ok(groups) = Cgroups::find(installation) else { return };
        let [own, mounts] =
            ["cgroup", "mounts"].map(|f| fs::read_to_string(format!("/proc/self/{f}")).unwrap());
        for (_, parent) in hierarchies(&own, &mounts) {
            assert!(!parent.join(format!("isomer-{installation}")).exists(), "{parent:?}");
        }
        let limits = super::super::super::tiers::limits(2, &crate::config::TierSettings::default());
        let run = groups.make(Uuid::new_v4(), Uuid::new_v4(), &limits);
        assert_eq!(run.folders.len(), groups.roots.len());
        assert!(run.folders.iter().all(|folder| folder.is_dir()));
        run.remove().await;
        for root in groups.roots() {
            fs::remove_dir(root).unwrap();
        }
    }

    #[test]
    fn own_groups_are_found_in_both_versions() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for folder in ["memory/a", "cpu,cpuacct", "unified/a/b"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        let mounts = format!(
            "cgroup {0}/memory cgroup rw,relatime,memory 0 0\n\
             cgroup {0}/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
             none {0}/unified cgroup2 rw 0 0\n",
            root.path().display()
        );
        let own = "9:pids:/\n4:memory:/a\n1:cpu,cpuacct:/\n0::/a/b\n";
        let found = hierarchies(own, &mounts);
        let expected =
            [("memory", at("memory/a")), ("cpu", at("cpu,cpuacct/")), ("", at("unified/a/b"))];
        assert_eq!(found, expected);
        // A path of somebody else's view is no folder here.
        assert!(hierarchies("0::/elsewhere\n", &mounts).is_empty());
    }
}
