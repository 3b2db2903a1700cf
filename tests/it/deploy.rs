//! What `deploy/` names exists: settings, metrics, and every file it points to.

use crate::process::Process;
use playhouse::config::Config;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Every word of these characters that begins so.
fn words(text: &str, prefix: &str, part: impl Fn(char) -> bool) -> BTreeSet<String> {
    let starts = text.match_indices(prefix).map(|(at, _)| at);
    starts.map(|at| text[at..].chars().take_while(|c| part(*c)).collect()).collect()
}

fn sources(dir: &Path, out: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            out.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn settings_in_the_deployment_are_settings_of_the_node() {
    let known: BTreeSet<String> = Config::settings()
        .iter()
        .map(|setting| format!("PLAYHOUSE_{}", setting.name.to_uppercase().replace('.', "__")))
        .collect();
    for file in [
        "deploy/Dockerfile",
        "deploy/compose.yaml",
        "deploy/kubernetes/playhouse.yaml",
        "deploy/kubernetes/media.yaml",
    ] {
        let named = words(&text(file), "PLAYHOUSE_", |c| c.is_ascii_uppercase() || c == '_');
        assert!(!named.is_empty(), "{file} sets nothing");
        for name in named {
            assert!(known.contains(&name), "{file} sets {name}, which is no setting");
        }
    }
}

#[test]
fn metrics_in_alerts_dashboard_and_autoscaling_are_recorded_by_the_node() {
    let mut recorded = String::new();
    sources(&root().join("src"), &mut recorded);
    let documented = text("docs/operations.md") + &text("docs/traces.md");
    for file in [
        "deploy/alerts.yml",
        "deploy/grafana/dashboards/playhouse.json",
        "deploy/kubernetes/playhouse.yaml",
        "deploy/kubernetes/prometheus-adapter.yaml",
    ] {
        let named = words(&text(file), "playhouse_", |c| c.is_ascii_lowercase() || c == '_');
        assert!(!named.is_empty(), "{file} looks at nothing");
        for name in named {
            assert!(recorded.contains(&format!("\"{name}\"")), "{file}: nothing records {name}");
            assert!(
                documented.contains(&name),
                "{name} is neither in docs/operations.md nor in docs/traces.md"
            );
        }
    }
}

#[test]
fn the_dashboard_is_json_with_a_query_in_each_panel() {
    let dashboard: serde_json::Value =
        serde_json::from_str(&text("deploy/grafana/dashboards/playhouse.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(panel["targets"][0]["expr"].is_string(), "{panel}");
    }
}

#[test]
fn every_alert_is_in_the_runbook() {
    let runbook = text("docs/operations.md");
    let alerts = text("deploy/alerts.yml");
    let names: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        assert!(runbook.contains(&format!("`{name}`")), "docs/operations.md says nothing of {name}");
    }
}

#[test]
fn every_alert_is_tested_to_ring_and_to_be_silent() {
    let (alerts, tests) = (text("deploy/alerts.yml"), text("deploy/alerts_test.yml"));
    let names = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    for name in names {
        let silent = tests
            .lines()
            .any(|line| line.contains(&format!("alertname: {name},")) && line.contains("exp_alerts: []"));
        let rings = tests.lines().any(|line| line.trim() == format!("- alertname: {name}"));
        assert!(silent && rings, "deploy/alerts_test.yml: {name} silent {silent}, rings {rings}");
    }
}

/// The ports at the end of every `before`.
fn ports(text: &str, before: &str) -> Vec<u16> {
    let after = text.match_indices(before).map(|(at, _)| &text[at + before.len()..]);
    after.map(|text| text.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()).collect()
}

#[test]
fn clients_that_speak_packets_reach_every_node_of_the_deployment() {
    let compose = text("deploy/compose.yaml");
    let inside = ports(&compose, "PLAYHOUSE_TCP__LISTEN: \"0.0.0.0:");
    let services: Vec<&str> = compose.split("PLAYHOUSE_NODE__ID: ").skip(1).collect();
    assert_eq!((inside.len(), services.len()), (1, 3));
    let outside = services.iter().map(|service| {
        let list = service.split("ports: [").nth(1).unwrap().split(']').next().unwrap();
        let port =
            list.split(", ").find_map(|port| port.trim_matches('"').strip_suffix(&format!(":{}", inside[0])));
        port.unwrap_or_else(|| panic!("no port for packets: {list}")).to_owned()
    });
    let outside: BTreeSet<String> = outside.collect();
    assert_eq!(outside.len(), 3, "each node has its own: {outside:?}");
    let hint = compose.lines().find(|line| line.contains("speak packets")).unwrap();
    assert!(outside.iter().all(|port| hint.contains(port)), "{hint}");

    let kubernetes = text("deploy/kubernetes/playhouse.yaml");
    let part = |kind: &str| {
        let mut parts = kubernetes.split("\n---\n");
        parts.find(|part| part.contains(&format!("\nkind: {kind}\n"))).unwrap_or_else(|| panic!("no {kind}"))
    };
    let listens = ports(part("Deployment"), "PLAYHOUSE_TCP__LISTEN, value: \"0.0.0.0:");
    assert_eq!(listens, ports(part("Deployment"), "name: packets, containerPort: "));
    assert_eq!(listens, ports(part("Service"), "name: packets, port: "));
    assert!(part("Service").contains("targetPort: packets"));
    assert!(part("NetworkPolicy").contains("{ port: packets }"), "the policy lets nobody in");
    let exposed = text("deploy/Dockerfile");
    assert!(
        exposed.lines().any(|line| line.starts_with("EXPOSE ") && line.contains(&listens[0].to_string()))
    );
}

/// The variable is spelt as the node reads it.
#[test]
fn the_variable_of_the_deployment_is_the_listener_for_packets() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_playhouse"));
    let printed = command.env("PLAYHOUSE_TCP__LISTEN", "0.0.0.0:7777").arg("config").output().unwrap();
    let printed = String::from_utf8_lossy(&printed.stdout).into_owned();
    assert!(printed.lines().any(|line| line == "tcp.listen = \"0.0.0.0:7777\""), "{printed}");
}

/// What the image's HEALTHCHECK runs.
#[test]
fn health_tells_a_living_node_from_a_dead_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Process::start(dir.path());
    let admin = node.admin().replace("http://127.0.0.1", "0.0.0.0"); // the node is asked on loopback all the same
    let health = || {
        let settings = ["--set".to_owned(), format!("admin.listen={admin}"), "health".to_owned()];
        Command::new(env!("CARGO_BIN_EXE_playhouse")).args(settings).output().unwrap()
    };
    assert!(health().status.success());
    node.kill();
    let dead = health();
    assert!(!dead.status.success());
    assert!(String::from_utf8_lossy(&dead.stderr).contains("nobody listens"), "{dead:?}");
}

/// These begin at zero with what they are of (`actors/queue/meters.rs` tests it), not with the node.
const BEGIN_LATER: [&str; 1] = ["playhouse_queue_admitted_total"];

#[actix::test]
async fn counters_of_alerts_and_the_autoscalers_gauge_are_there_before_anything_happens() {
    let dir = tempfile::tempdir().unwrap();
    let node = Process::start(dir.path());
    let metrics = reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
    let mut named = words(&text("deploy/alerts.yml"), "playhouse_", |c| c.is_ascii_lowercase() || c == '_');
    named.retain(|name| name.ends_with("_total") && !BEGIN_LATER.contains(&name.as_str()));
    assert!(named.len() >= 4, "{named:?}");
    named.insert("playhouse_sockets".to_owned());
    for name in named {
        let begins_at_zero = metrics.lines().any(|line| line.starts_with(&name) && line.ends_with(" 0"));
        assert!(begins_at_zero, "{name} is not there:\n{metrics}");
    }
}
