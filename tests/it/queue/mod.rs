//! Admission queues over real sockets and processes (spec 3.1, 3.3).

mod alone;
mod crowd;
mod role;

use crate::process::Process;
use playhouse::testkit::{Guest, PrivatePostgres, PrivateRedis};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const ADMIN: (&str, &str) = ("root", "a long password for root");

/// Who calls the API, from one node or another.
#[derive(Clone)]
struct Api {
    http: reqwest::Client,
    bases: Vec<String>,
    admin: String,
    /// Of a service that verifies passes.
    service: String,
}

/// What a node is told that shares these.
fn shared(redis: &PrivateRedis, postgres: &PrivatePostgres) -> Vec<String> {
    vec![format!("redis.url={}", redis.url()), format!("database.url={}", postgres.url())]
}

fn make_admin(dir: &Path, settings: &[String]) {
    let made = Command::new(env!("CARGO_BIN_EXE_playhouse"))
        .args(["--set", &format!("data.dir={}", dir.display())])
        .args(settings.iter().flat_map(|set| ["--set", set.as_str()]))
        .args(["admin", "create", ADMIN.0])
        .env("PLAYHOUSE_ADMIN_PASSWORD", ADMIN.1)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

impl Api {
    /// After [`make_admin`].
    async fn new(nodes: &[&Process]) -> Self {
        // No connection is used again: its node may have been killed meanwhile.
        let http = reqwest::Client::builder().timeout(Duration::from_secs(10)).pool_max_idle_per_host(0);
        let http = http.build().unwrap();
        let bases: Vec<String> = nodes.iter().map(|node| node.base()).collect();
        let mut api = Self { http, bases, admin: String::new(), service: String::new() };
        let body = json!({"username": ADMIN.0, "password": ADMIN.1});
        let signed_in = api.must(0, Method::POST, "sessions", "", body).await;
        api.admin = text(&signed_in["tokens"]["access_token"]);
        let body = json!({"name": "box office", "scopes": ["queue.verify"]});
        let made = api.must(0, Method::POST, "admin/service-tokens", &api.admin, body).await;
        api.service = text(&made["token"]);
        api
    }

    /// Status and body; `None` if the node is not there.
    async fn call(
        &self,
        node: usize,
        method: Method,
        path: &str,
        token: &str,
        body: Value,
    ) -> Option<(StatusCode, Value)> {
        let url = format!("{}/api/v1/{path}", self.bases[node % self.bases.len()]);
        let request = self.http.request(method, url).bearer_auth(token).json(&body);
        let answer = request.send().await.ok()?;
        Some((answer.status(), answer.json().await.unwrap_or_default()))
    }

    async fn must(&self, node: usize, method: Method, path: &str, token: &str, body: Value) -> Value {
        let (status, body) = self.call(node, method, path, token, body).await.unwrap();
        assert!(status.is_success(), "{path}: {status} {body}");
        body
    }

    async fn queue(&self, settings: Value) -> String {
        let made = self.must(0, Method::POST, "queues", &self.admin, settings).await;
        text(&made["queue"]["id"])
    }

    async fn change(&self, queue: &str, settings: Value) -> Value {
        let path = format!("queues/{queue}");
        self.must(0, Method::PATCH, &path, &self.admin, settings).await["queue"].clone()
    }

    async fn shown(&self, queue: &str) -> Value {
        let path = format!("queues/{queue}");
        self.must(0, Method::GET, &path, &self.admin, Value::Null).await["queue"].clone()
    }

    async fn enter(&self, node: usize, who: &Guest, queue: &str) -> Value {
        let path = format!("queues/{queue}/tickets");
        self.must(node, Method::POST, &path, &who.access_token, Value::Null).await
    }

    async fn poll(
        &self,
        node: usize,
        who: &Guest,
        queue: &str,
        ticket: &Value,
    ) -> Option<(StatusCode, Value)> {
        let path = format!("queues/{queue}/tickets/{}", text(ticket));
        self.call(node, Method::GET, &path, &who.access_token, Value::Null).await
    }

    async fn status(&self, node: usize, who: &Guest, queue: &str, ticket: &Value) -> Value {
        let (status, body) = self.poll(node, who, queue, ticket).await.unwrap();
        assert_eq!(status, 200, "{body}");
        body
    }

    /// `verify` or `complete`.
    async fn pass(&self, node: usize, what: &str, queue: &str, pass: &str) -> Option<(StatusCode, Value)> {
        let path = format!("queues/{queue}/passes/{what}");
        self.call(node, Method::POST, &path, &self.service, json!({"pass": pass})).await
    }

    /// The pass, once there is one.
    async fn admitted(&self, node: usize, who: &Guest, queue: &str, ticket: &Value) -> String {
        let began = Instant::now();
        loop {
            let status = self.status(node, who, queue, ticket).await;
            if status["status"] == "admitted" {
                return text(&status["pass"]);
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{status}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
