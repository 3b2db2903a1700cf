//! Traces over real processes: what a collector gets, and what the logs of each node say (spec 6.4).

use crate::{node::Wire, process::Process};
use actix_web::{App, HttpResponse, HttpServer, web};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value as Any},
};
use playhouse::testkit::{Guest, PrivatePostgres, PrivateRedis, free_port};
use prost::Message;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
const PATIENCE: Duration = Duration::from_secs(20);

/// A span as the collector got it.
#[derive(Clone, Debug)]
struct Seen {
    resource: BTreeMap<String, String>,
    name: String,
    trace: String,
    id: String,
    parent: String,
    attributes: BTreeMap<String, String>,
}

/// Takes OTLP over HTTP on a free port.
#[derive(Clone, Default)]
struct Collector {
    seen: Arc<Mutex<Vec<Seen>>>,
    port: u16,
}

impl Collector {
    fn start() -> Self {
        let mut collector = Self::default();
        let data = web::Data::new(collector.clone());
        let server = HttpServer::new(move || {
            App::new().app_data(data.clone()).route("/v1/traces", web::post().to(take))
        });
        let server = server.workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
        collector.port = server.addrs()[0].port();
        actix_web::rt::spawn(server.run());
        collector
    }

    fn setting(&self) -> String {
        format!("telemetry.otlp_endpoint=http://127.0.0.1:{}", self.port)
    }

    fn spans(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The one span of this name with this attribute, once it has come.
    async fn span(&self, name: &str, (key, value): (&str, &str)) -> Seen {
        let began = Instant::now();
        loop {
            let mut spans = self.spans();
            spans.retain(|s| s.name == name && s.attributes.get(key).is_some_and(|v| v == value));
            if let Some(span) = spans.pop() {
                assert!(spans.is_empty(), "more than one: {span:?} and {spans:?}");
                return span;
            }
            assert!(began.elapsed() < PATIENCE, "no {name} with {key}={value} in {:#?}", self.spans());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn take(collector: web::Data<Collector>, body: web::Bytes) -> HttpResponse {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    let mut seen = collector.seen.lock().unwrap();
    for of_node in request.resource_spans {
        let resource = texts(&of_node.resource.unwrap_or_default().attributes);
        for span in of_node.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            seen.push(Seen {
                resource: resource.clone(),
                name: span.name,
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                attributes: texts(&span.attributes),
            });
        }
    }
    HttpResponse::Ok().content_type("application/x-protobuf").finish()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn texts(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |value: &Any| match value {
        Any::StringValue(text) => text.clone(),
        Any::IntValue(number) => number.to_string(),
        other => panic!("an attribute that we do not write: {other:?}"),
    };
    let pairs =
        attributes.iter().filter_map(|a| Some((a.key.clone(), text(a.value.as_ref()?.value.as_ref()?))));
    pairs.collect()
}

/// The JSON lines of a process.
fn lines(log: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(log).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

const LOGS: [&str; 2] = ["log.format=json", "log.filter=info,playhouse=debug"];

async fn get(url: String, traceparent: &str) -> Value {
    let answer = reqwest::Client::new().get(url).header("traceparent", traceparent).send().await.unwrap();
    answer.json().await.unwrap()
}

#[actix::test]
async fn a_request_goes_on_with_its_callers_trace_in_the_answer_the_log_and_the_collector() {
    let (collector, dir) = (Collector::start(), tempfile::tempdir().unwrap());
    let log = dir.path().join("log");
    // Nothing is sent before the stop.
    let settings = [LOGS[0], LOGS[1], &collector.setting(), "telemetry.batch_ms=600000", "node.id=north"];
    let mut node = Process::logging(dir.path(), &settings, &log);
    let problem = get(format!("{}/api/v1/me", node.base()), &format!("00-{TRACE}-{SPAN}-01")).await;
    assert_eq!((&problem["status"], &problem["trace_id"]), (&json!(401), &json!(TRACE)));
    let unsampled = TRACE.replace('4', "5");
    let problem = get(format!("{}/nowhere", node.base()), &format!("00-{unsampled}-{SPAN}-00")).await;
    assert_eq!((&problem["status"], &problem["trace_id"]), (&json!(404), &json!(unsampled)));
    assert_eq!(collector.spans().len(), 0);
    assert!(node.terminate_gently().await.success());

    let span = collector.span("http.request", ("http.response.status_code", "401")).await;
    assert_eq!((span.trace.as_str(), span.parent.as_str()), (TRACE, SPAN));
    assert_eq!(span.attributes["http.route"], "/api/v1/me");
    assert_eq!(span.resource["service.name"], "playhouse");
    assert_eq!(span.resource["service.instance.id"], "north");
    assert!(collector.spans().iter().all(|span| span.trace != unsampled), "its caller wants none");
    let line = lines(&log).into_iter().find(|line| line["trace_id"] == TRACE).expect("a line of the trace");
    assert_eq!((&line["fields"]["status"], &line["span_id"]), (&json!(401), &json!(span.id)));
    assert!(lines(&log).iter().any(|line| line["trace_id"] == unsampled), "logs name every trace");
}

#[actix::test]
async fn a_collector_that_is_away_costs_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let nobody = format!("telemetry.otlp_endpoint=http://127.0.0.1:{}", free_port());
    let settings = [LOGS[0], LOGS[1], &nobody, "telemetry.batch_ms=50"];
    let mut node = Process::logging(dir.path(), &settings, &log);
    let began = Instant::now();
    let mut losses = Vec::new();
    while losses.len() < 3 {
        let lost = lost_spans(&node).await;
        if lost > losses.last().copied().unwrap_or(0) {
            losses.push(lost);
        }
        let problem = get(format!("{}/api/v1/me", node.base()), "").await;
        assert_eq!(problem["status"], 401, "requests are served");
        assert!(began.elapsed() < PATIENCE, "{losses:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(node.terminate_gently().await.success());
    let warned = |line: &&Value| line["level"] == "WARN" || line["level"] == "ERROR";
    let warnings: Vec<Value> = lines(&log).iter().filter(warned).cloned().collect();
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    assert_eq!(warnings[0]["fields"]["message"], "spans could not be exported and are lost");
}

async fn lost_spans(node: &Process) -> u64 {
    let metrics = reqwest::get(format!("{}/metrics", node.admin())).await.unwrap().text().await.unwrap();
    let mut lines = metrics.lines();
    let lost = lines.find_map(|line| line.strip_prefix(r#"playhouse_spans_total{outcome="lost"} "#));
    lost.map_or(0, |lost| lost.parse().unwrap())
}

#[actix::test]
async fn a_join_on_one_node_is_one_trace_with_the_room_on_the_other() {
    let (redis, postgres) = (PrivateRedis::start().unwrap(), PrivatePostgres::start().unwrap());
    let (collector, dir) = (Collector::start(), tempfile::tempdir().unwrap());
    let (redis, database) =
        (format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url()));
    let start = |name: &str| {
        let (id, log) = (format!("node.id={name}"), dir.path().join(name));
        let otlp = collector.setting();
        // A young registry is not asked for the length of a lease.
        let young = ["cluster.lease_ms=1000", "cluster.beat_ms=200"];
        let all =
            [LOGS[0], LOGS[1], young[0], young[1], &redis, &database, &id, &otlp, "telemetry.batch_ms=50"];
        (Process::logging(dir.path(), &all, &log), log)
    };
    let ((north, of_north), (south, of_south)) = (start("north"), start("south"));

    let ada = Guest::sign_in(&north.base(), "Ada").await.unwrap();
    let (mut ada, _) = Wire::enter(&ada).await;
    let created = ada.ask(1, "room.create", json!({})).await;
    let code = &created["payload"]["room"]["code"];
    let ben = Guest::sign_in(&south.base(), "Ben").await.unwrap();
    let (mut ben, _) = Wire::enter(&ben).await;
    let joined = ben.ask(2, "room.join", json!({"code": code})).await;
    assert_eq!(joined["type"], "ok", "{joined}");

    let request = collector.span("session.request", ("message", "room.join")).await;
    let command = collector.span("room.command", ("command", "room.join")).await;
    assert_eq!(request.resource["service.instance.id"], "south");
    assert_eq!(command.resource["service.instance.id"], "north", "there the room is");
    assert_eq!((&command.trace, &command.parent), (&request.trace, &request.id));
    let has = |log: &Path, field: &str, span: &Seen| {
        let of_it = |line: &Value| {
            line["fields"][field] == "room.join"
                && line["trace_id"] == json!(span.trace)
                && line["span_id"] == json!(span.id)
        };
        lines(log).iter().any(of_it)
    };
    assert!(has(&of_south, "name", &request), "the session's node says so");
    assert!(has(&of_north, "command", &command), "and the room's");
}
