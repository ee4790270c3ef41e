//! The backend by itself: what it makes of a run, and what it leaves alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use isomer::config::{Config, RuntimeSpec};
use isomer::provision::docker::DockerBackend;
use isomer::provision::{
    Addresses, Backend, Ended, Failure, Folders, Launch, LogRange, Unavailable, Wanted,
};
use isomer_actors::domain::ids::WorkspaceId;
use isomer_actors::domain::record::Access;
use isomer_actors::domain::status::Status;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::engine::{Engine, IMAGE, container, engine, installation};
use super::proxy::Proxy;
use crate::support::{SOON, eventually};

/// Containers come and go more slowly than other things, on a machine that has much to do.
pub const CONTAINERS: Duration = Duration::from_secs(60);

/// One installation that has the backend alone.
pub struct Bench {
    pub engine: &'static Engine,
    pub folder: TempDir,
    pub backend: Arc<DockerBackend>,
}

/// A run that goes on.
pub struct Run {
    pub stop: CancellationToken,
    pub task: JoinHandle<Result<Ended, Failure>>,
}

impl Bench {
    pub fn start(settings: &[(&str, &str)]) -> Option<Self> {
        let engine = engine()?;
        let folder = tempfile::tempdir().unwrap();
        let backend = Self::connect(engine, folder.path(), settings, Addresses::default());
        Some(Self { engine, folder, backend })
    }

    pub fn connect(
        engine: &Engine,
        folder: &Path,
        settings: &[(&str, &str)],
        addresses: Addresses,
    ) -> Arc<DockerBackend> {
        let folder = folder.display().to_string();
        let mut variables = BTreeMap::from([
            ("ISOMER_DATA_DIR", folder.as_str()),
            ("PROVISIONER", "docker"),
            ("DOCKER_HOST", engine.host.as_str()),
            ("PLATFORM_URL", "http://10.213.0.1:1"),
        ]);
        variables.extend(settings.iter().copied());
        let read = |name: &str| variables.get(name).map(|value| (*value).to_owned());
        let config = Config::from_env(&read).unwrap();
        Arc::new(DockerBackend::connect(&config, addresses).unwrap().0)
    }

    /// Returns a run of a shell command, with folders.
    pub fn launch(&self, tier: i32, command: &str) -> Launch {
        let id = WorkspaceId::random();
        let folders = Folders::of(self.folder.path(), id);
        for folder in [&folders.configs, &folders.workspace, &folders.home, &folders.plugins] {
            std::fs::create_dir_all(folder).unwrap();
        }
        let command = ["/bin/sh", "-c", command].map(str::to_owned).to_vec();
        Launch {
            agent: Wanted {
                id,
                name: "Ada".to_owned(),
                role: None,
                tier,
                runtime: "shell".to_owned(),
                parent_id: None,
                workspace_dir: None,
                workspace_access: Access::None,
                status: Status::Provisioning,
            },
            spec: RuntimeSpec { command, image: Some(IMAGE.to_owned()) },
            folders,
            variables: BTreeMap::new(),
            secrets: BTreeMap::new(),
            token: SecretString::default(),
        }
    }

    pub fn run(&self, launch: &Launch) -> Run {
        let (backend, launch) = (Arc::clone(&self.backend), launch.clone());
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        Run { stop, task: tokio::spawn(async move { backend.run(launch, stopped).await }) }
    }

    /// Waits until the container of a run runs, and returns what the engine knows of it.
    pub async fn running(&self, launch: &Launch) -> Value {
        let name = container(&launch.agent.id.to_string());
        eventually("running container", CONTAINERS, || async {
            let found = self.engine.inspect(&name);
            (found["State"]["Running"] == true).then_some(found)
        })
        .await
    }

    /// Waits until the container of a run is there.
    async fn made(&self, launch: &Launch) -> Value {
        let name = container(&launch.agent.id.to_string());
        eventually("container", CONTAINERS, || async {
            Some(self.engine.inspect(&name)).filter(|found| !found.is_null())
        })
        .await
    }

    pub fn installation(&self) -> String {
        installation(self.folder.path())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.engine.clear(&self.installation());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flag_of_every_tier_is_what_the_engine_says() {
    let Some(bench) = Bench::start(&[("ISOMER_ALLOW_TIERS_3_4", "1")]) else { return };
    let (mib, processors) = (1_u64 << 20, std::thread::available_parallelism().unwrap().get());
    let nano = |wanted: usize| wanted.min(processors) as u64 * 1_000_000_000;
    let log = json!({
        "Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"},
    });
    let published = json!({"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}]});
    let probe =
        ["run", "--rm", "--privileged", "--network", "none", IMAGE, "/bin/sh", "-c", "exit 0"];
    let privileged = bench.engine.try_docker(&probe).0;
    if !privileged {
        eprintln!(
            "this machine runs no privileged containers: of tiers 3 and 4 the flags are read alone"
        );
    }
    for tier in 1..=4 {
        let launch = bench.launch(tier, "exec sleep 1000");
        let run = bench.run(&launch);
        // Where the machine gives no rights away, a privileged container is made all the same.
        let runs = tier < 3 || privileged;
        let found = if runs { bench.running(&launch).await } else { bench.made(&launch).await };
        let host = &found["HostConfig"];
        let (confined, host_net) = (tier < 3, tier == 4);
        let picked = json!({
            "memory": host["Memory"], "nano": host["NanoCpus"], "pids": host["PidsLimit"],
            "read_only": host["ReadonlyRootfs"], "tmpfs": host["Tmpfs"],
            "privileged": host["Privileged"], "pid": host["PidMode"], "network": host["NetworkMode"],
            "ports": host["PortBindings"], "drop": host["CapDrop"], "security": host["SecurityOpt"],
            "init": host["Init"], "restart": host["RestartPolicy"]["Name"], "hosts": host["ExtraHosts"],
            "log": host["LogConfig"], "user": found["Config"]["User"],
        });
        let (memory, cpu) = [(0, 0), (512, 1), (2_048, 2), (4_096, 4)][tier as usize - 1];
        let expected = json!({
            "memory": memory * mib, "nano": nano(cpu),
            "pids": if confined { json!(512) } else { Value::Null },
            "read_only": tier == 1,
            "tmpfs": if tier == 1 {
                json!({"/tmp": "rw,nosuid,nodev,mode=1777,size=67108864"})
            } else {
                Value::Null
            },
            "privileged": !confined, "pid": if confined { "" } else { "host" },
            "network": if host_net { "host" } else { "molecule-monorepo-net" },
            "ports": if host_net { Value::Null } else { published.clone() },
            "drop": if confined { json!(["ALL"]) } else { Value::Null },
            "security": match tier {
                1 | 2 => json!(["no-new-privileges"]),
                // The engine's own addition to privileged containers.
                _ => json!(["label=disable"]),
            },
            "init": true, "restart": "no", "hosts": ["host.docker.internal:host-gateway"], "log": log,
            "user": if confined { user() } else { String::new() },
        });
        assert_eq!(picked, expected, "tier {tier}");
        let (configs, workspace) = (&launch.folders.configs, &launch.folders.workspace);
        let mut mounts = vec![format!("{}:/configs:true", configs.display())];
        if tier > 1 {
            mounts.push(format!("{}:/workspace:true", workspace.display()));
            mounts.push(format!("{}:/home:true", launch.folders.home.display()));
            mounts.push(format!("{}:/plugins:true", launch.folders.plugins.display()));
        }
        if tier == 4 {
            let socket = bench.engine.host.strip_prefix("unix://").unwrap();
            mounts.push(format!("{socket}:/var/run/docker.sock:true"));
        }
        mounts.sort();
        assert_eq!(asked(&found), mounts, "tier {tier}");
        if !runs {
            let failure = run.task.await.unwrap().unwrap_err();
            assert!(failure.reason.contains("refused to start it"), "{failure:?}");
            bench.backend.end(launch.agent.id).await.unwrap();
            continue;
        }
        // And it is so inside.
        let name = container(&launch.agent.id.to_string());
        let writes = bench.engine.try_docker(&["exec", &name, "/bin/touch", "/root/x"]).0;
        assert_eq!(writes, tier > 1, "tier {tier} writes to its root");
        bench.engine.exec(&name, "touch /configs/mine /tmp/x");
        assert!(configs.join("mine").exists());
        run.stop.cancel();
        assert_eq!(run.task.await.unwrap(), Ok(Ended::Stopped));
        assert!(bench.engine.inspect(&name).is_null(), "nothing is left");
    }
}

fn user() -> String {
    let own = |flag| {
        let output = std::process::Command::new("id").arg(flag).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    format!("{}:{}", own("-u"), own("-g"))
}

fn asked(found: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mounts = found["HostConfig"]["Mounts"].as_array().unwrap().iter();
    let mut mounts: Vec<_> = mounts
        .map(|m| format!("{}:{}:{}", text(&m["Source"]), text(&m["Target"]), m["ReadOnly"] != true))
        .collect();
    mounts.sort();
    mounts
}

fn mounted(found: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mounts = found["Mounts"].as_array().unwrap().iter();
    let mut mounts: Vec<_> = mounts
        .map(|m| format!("{}:{}:{}", text(&m["Source"]), text(&m["Destination"]), m["RW"]))
        .collect();
    mounts.sort();
    mounts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tier_that_gives_the_host_away_is_refused_unless_it_is_allowed() {
    let Some(bench) = Bench::start(&[]) else { return };
    for tier in [3, 4] {
        let launch = bench.launch(tier, "exec sleep 1000");
        let failure = bench.run(&launch).task.await.unwrap().unwrap_err();
        assert!(
            failure.hopeless && failure.reason.contains("ISOMER_ALLOW_TIERS_3_4"),
            "{failure:?}"
        );
    }
    assert!(bench.engine.of(&bench.installation()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_of_the_host_is_used_as_far_as_is_allowed() {
    let Some(bench) = Bench::start(&[]) else { return };
    let folder = tempfile::tempdir().unwrap();
    for (access, own, writable) in [
        (Access::None, true, true),
        (Access::ReadOnly, false, false),
        (Access::ReadWrite, false, true),
    ] {
        let mut launch = bench.launch(2, "exec sleep 1000");
        launch.agent.workspace_dir = Some(folder.path().display().to_string());
        launch.agent.workspace_access = access;
        let _run = bench.run(&launch);
        let source = if own { &launch.folders.workspace } else { folder.path() };
        let mounts = mounted(&bench.running(&launch).await);
        let expected = format!("{}:/workspace:{writable}", source.display());
        assert!(mounts.contains(&expected), "{access:?}: {mounts:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_are_inside_exactly_the_right_agent() {
    for delivery in ["env", "file"] {
        let Some(bench) = Bench::start(&[("ISOMER_SECRETS_DELIVERY", delivery)]) else { return };
        let mut launches = [0, 1].map(|_| bench.launch(2, "exec sleep 1000"));
        for (n, launch) in launches.iter_mut().enumerate() {
            let put =
                |name: &str| (name.to_owned(), SecretString::from(format!("{name}-value-{n}")));
            launch.secrets = BTreeMap::from([put("API_KEY")]);
            launch.variables = BTreeMap::from([("TIER".to_owned(), "2".to_owned())]);
            launch.token = SecretString::from(format!("token-{n}"));
        }
        let runs: Vec<_> = launches.iter().map(|launch| bench.run(launch)).collect();
        for (n, launch) in launches.iter().enumerate() {
            let found = bench.running(launch).await.to_string();
            let name = container(&launch.agent.id.to_string());
            let environment = bench.engine.exec(&name, "cat /proc/1/environ");
            assert!(environment.contains("TIER=2\0"));
            let (own, others) = (format!("API_KEY-value-{n}"), format!("-value-{}", 1 - n));
            if delivery == "env" {
                assert!(environment.contains(&format!("API_KEY={own}\0")), "{environment:?}");
                assert!(environment.contains(&format!("WORKSPACE_AUTH_TOKEN=token-{n}\0")));
            } else {
                assert!(!environment.contains("-value-") && !found.contains("-value-"));
                assert!(!environment.contains("token-") && !found.contains("token-0"));
                let file = bench.engine.exec(&name, "cat $ISOMER_SECRETS_FILE");
                let read: Value = serde_json::from_str(&file).unwrap();
                assert_eq!(
                    read,
                    json!({"API_KEY": own, "WORKSPACE_AUTH_TOKEN": format!("token-{n}")})
                );
                let mode = bench.engine.exec(&name, "ls -ld /run/secrets; ls -l /run/secrets");
                assert!(mode.starts_with("drwx------") && mode.contains("-rw-------"), "{mode}");
                assert!(
                    !bench.engine.try_docker(&["exec", &name, "/bin/touch", "/run/secrets/x"]).0
                );
            }
            assert!(!environment.contains(&others) && !found.contains(&others));
            let labels = bench.engine.inspect(&name)["Config"]["Labels"].to_string();
            assert!(!labels.contains("value") && !labels.contains("token"), "{labels}");
        }
        for run in runs {
            run.stop.cancel();
            assert_eq!(run.task.await.unwrap(), Ok(Ended::Stopped));
        }
        if delivery == "file" {
            let memory = Path::new("/dev/shm").join(format!("isomer-{}", bench.installation()));
            assert_eq!(std::fs::read_dir(&memory).unwrap().count(), 0, "no secret stays in memory");
            std::fs::remove_dir(memory).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_container_is_taken_over_if_it_is_as_it_should_be() {
    let Some(bench) = Bench::start(&[]) else { return };
    let mut launch = bench.launch(2, "exec sleep 1000");
    launch.secrets = BTreeMap::from([("KEY".to_owned(), SecretString::from("one"))]);
    let name = container(&launch.agent.id.to_string());
    let run = bench.run(&launch);
    bench.running(&launch).await;
    let before = bench.engine.life(&name);
    // As a crash of the server does, and an end of it.
    run.task.abort();
    let _ = run.task.await;
    let addresses = Addresses::default();
    let again = Bench::connect(bench.engine, bench.folder.path(), &[], addresses.clone());
    let (first, stop) = (launch.clone(), CancellationToken::new());
    let stopped = stop.clone();
    let task = tokio::spawn(async move { again.run(first, stopped).await });
    eventually("container that was taken over", CONTAINERS, || async {
        assert!(!task.is_finished());
        addresses.vetted(launch.agent.id, "")
    })
    .await;
    assert_eq!(bench.engine.life(&name), before);
    task.abort();
    let _ = task.await;
    // Another secret is another container.
    launch.secrets = BTreeMap::from([("KEY".to_owned(), SecretString::from("two"))]);
    let _run = bench.run(&launch);
    eventually("another container", CONTAINERS, || async {
        let (id, started) = bench.engine.life(&name);
        (!id.is_empty() && id != before.0 && !started.starts_with("0001")).then_some(())
    })
    .await;
    assert!(bench.engine.exec(&name, "cat /proc/1/environ").contains("KEY=two\0"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_says_how_it_was_and_leaves_what_was_written() {
    let Some(bench) = Bench::start(&[]) else { return };
    let launch = bench.launch(2, "echo trouble >&2; echo hello; echo last; exit 7");
    let failure = bench.run(&launch).task.await.unwrap().unwrap_err();
    assert_eq!(failure.reason, "it exited with status 7");
    let range = LogRange { tail: 10, follow: false };
    let all = read(&bench, launch.agent.id, range).await;
    assert!(all.contains("hello\nlast\n") && all.contains("trouble\n"), "{all}");
    let range = LogRange { tail: 1, follow: false };
    assert_eq!(read(&bench, launch.agent.id, range).await.lines().count(), 1);
    bench.backend.forget(launch.agent.id).await;
    let gone = bench.backend.logs(launch.agent.id, range).await;
    assert_eq!(gone.err(), Some(Unavailable::NotRunning));

    let mut missing = bench.launch(2, "true");
    missing.spec.image = Some("127.0.0.1:1/no/such-image:7".to_owned());
    let failure = bench.run(&missing).task.await.unwrap().unwrap_err();
    assert!(failure.reason.contains("127.0.0.1:1/no/such-image:7"), "{failure:?}");
    let mut nowhere = bench.launch(2, "true");
    nowhere.agent.workspace_dir = Some("/no/such/folder".to_owned());
    nowhere.agent.workspace_access = Access::ReadWrite;
    let failure = bench.run(&nowhere).task.await.unwrap().unwrap_err();
    assert_eq!(failure.reason, "one of its folders does not exist");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_takes_too_much_memory_is_said_to() {
    let Some(bench) = Bench::start(&[("TIER2_MEMORY_MB", "16")]) else { return };
    let launch = bench.launch(2, "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done");
    let failure = bench.run(&launch).task.await.unwrap().unwrap_err();
    assert!(failure.reason.contains("more memory than its tier allows"), "{failure:?}");
}

async fn read(bench: &Bench, id: WorkspaceId, range: LogRange) -> String {
    let chunks = bench.backend.logs(id, range).await.unwrap();
    let all: Vec<_> = chunks.map(|chunk| chunk.unwrap()).collect().await;
    String::from_utf8(all.concat()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn output_is_followed_into_the_next_container() {
    let Some(bench) = Bench::start(&[]) else { return };
    let launch = bench.launch(2, "echo begin $$; cat /configs/go 2>/dev/null; exec sleep 1000");
    let id = launch.agent.id;
    let first = bench.run(&launch);
    bench.running(&launch).await;
    let mut lines = bench.backend.logs(id, LogRange { tail: 100, follow: true }).await.unwrap();
    let mut seen = String::new();
    let mut until = async |lines: &mut isomer::provision::Logs, text: &str| {
        let wait = async {
            while !seen.contains(text) {
                seen.push_str(&String::from_utf8_lossy(&lines.next().await.unwrap().unwrap()));
            }
        };
        tokio::time::timeout(CONTAINERS, wait).await.unwrap();
    };
    until(&mut lines, "begin").await;
    first.stop.cancel();
    first.task.await.unwrap().unwrap();
    std::fs::write(launch.folders.configs.join("go"), "second\n").unwrap();
    let _second = bench.run(&launch);
    until(&mut lines, "second").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_this_installations_orphans_are_reaped() {
    let (Some(bench), Some(other)) = (Bench::start(&[]), Bench::start(&[])) else { return };
    let [wanted, orphan] = [0, 1].map(|_| bench.launch(2, "exec sleep 1000"));
    let foreign = other.launch(2, "exec sleep 1000");
    for (bench, launch) in [(&bench, &wanted), (&bench, &orphan), (&other, &foreign)] {
        let run = bench.run(launch);
        bench.running(launch).await;
        run.task.abort();
        let _ = run.task.await;
    }
    // Somebody else's, with our name for one that we want, and no label.
    let taken = bench.launch(2, "exec sleep 1000");
    let name = container(&taken.agent.id.to_string());
    let sleep =
        ["run", "--detach", "--network", "none", "--name", &name, IMAGE, "/bin/sleep", "1000"];
    bench.engine.docker(&sleep);

    let kept = BTreeSet::from([wanted.agent.id]);
    assert_eq!(bench.backend.reap(&kept).await, Ok(1));
    assert_eq!(bench.backend.reap(&kept).await, Ok(0));
    let names = [&wanted, &orphan, &foreign, &taken].map(|l| container(&l.agent.id.to_string()));
    let runs = names.map(|name| bench.engine.inspect(&name)["State"]["Running"] == true);
    assert_eq!(runs, [true, false, true, true]);
    bench.backend.end(foreign.agent.id).await.unwrap();
    bench.backend.end(taken.agent.id).await.unwrap();
    assert_eq!(bench.engine.inspect(&name)["State"]["Running"], true, "it is not ours to end");
    let failure = bench.run(&taken).task.await.unwrap().unwrap_err();
    assert!(failure.hopeless && failure.reason.contains(&name), "{failure:?}");
    bench.engine.docker(&["rm", "--force", &name]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_is_away_restarts_nothing_and_ends_nothing() {
    let Some(engine) = engine() else { return };
    let mut proxy = Proxy::start(&engine.host);
    let Some(bench) = Bench::start(&[("DOCKER_HOST", &proxy.host())]) else { return };
    let [stays, dies] = [0, 1].map(|_| bench.launch(2, "exec sleep 1000"));
    let (kept, ended) = (bench.run(&stays), bench.run(&dies));
    bench.running(&stays).await;
    bench.running(&dies).await;
    let name = container(&stays.agent.id.to_string());
    let before = bench.engine.life(&name);
    proxy.cut().await;
    let other = container(&dies.agent.id.to_string());
    bench.engine.docker(&["kill", &other]);
    assert!(matches!(bench.backend.reap(&BTreeSet::new()).await, Err(Unavailable::Engine(_))));
    assert!(matches!(bench.backend.end(stays.agent.id).await, Err(Unavailable::Engine(_))));
    assert!(
        !kept.task.is_finished() && !ended.task.is_finished(),
        "nothing is known, nothing is said"
    );
    proxy.mend();
    let failure = tokio::time::timeout(SOON, ended.task).await.unwrap().unwrap().unwrap_err();
    assert_eq!(failure.reason, "it exited with status 137");
    assert!(!kept.task.is_finished());
    assert_eq!(bench.engine.life(&name), before);
    kept.stop.cancel();
    assert_eq!(kept.task.await.unwrap(), Ok(Ended::Stopped));
}
