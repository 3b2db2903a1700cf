//! Janus (<https://janus.conf.meetecho.com>, Debian's package `janus`) with its videoroom and nothing else, and the little of
//! its WebSocket API that a benchmark needs.
//!
//! Owns the process, its folder and the one API connection. Called by `media_janus`. Carries no media.

use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::{
    fs,
    net::{IpAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{Message, client::IntoClientRequest as _},
};

const ROOM: u64 = 1;
const SUBPROTOCOL: &str = "janus-protocol";

/// A Janus of our own: its API on loopback, its media on one address of this machine.
pub struct Janus {
    child: Child,
    _folder: tempfile::TempDir,
    api: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: u64,
    asked: u64,
}

impl Janus {
    /// Starts it, with its media on this address. With `loops` that many threads carry the media, else one for each connection, as it does by default.
    pub async fn start(ip: IpAddr, loops: Option<u64>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        configure(folder.path(), ip, port, loops)?;
        let child = Command::new("janus")
            .args(["--log-stdout", "--configs-folder"])
            .arg(folder.path())
            .stdout(fs::File::create(folder.path().join("log"))?)
            .stderr(Stdio::null())
            .spawn()
            .context("janus is not installed")?;
        // Kept at once, so that it is ended whatever happens next.
        let mut child = Some(child);
        let api = connect(port).await;
        if api.is_err() {
            child.iter_mut().for_each(end);
        }
        let mut janus =
            Self { child: child.take().context("there")?, _folder: folder, api: api?, session: 0, asked: 0 };
        janus.session = id(&janus.ask(json!({"janus": "create"})).await?)?;
        Ok(janus)
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Publishes what is offered under this number; the answer.
    pub async fn publish(&mut self, feed: u64, offer: &str) -> anyhow::Result<String> {
        let handle = self.attach().await?;
        let body = json!({"request": "joinandconfigure", "ptype": "publisher", "room": ROOM, "id": feed});
        let event = self.message(handle, body, Some(("offer", offer))).await?;
        description(&event)
    }

    /// Subscribes to all that these publish, in one connection: its handle and the offer.
    pub async fn subscribe(&mut self, feeds: &[u64]) -> anyhow::Result<(u64, String)> {
        let handle = self.attach().await?;
        let streams: Vec<_> = feeds.iter().map(|feed| json!({"feed": feed})).collect();
        let body = json!({"request": "join", "ptype": "subscriber", "room": ROOM, "streams": streams});
        let event = self.message(handle, body, None).await?;
        Ok((handle, description(&event)?))
    }

    /// Begins what was subscribed to.
    pub async fn begin(&mut self, handle: u64, answer: &str) -> anyhow::Result<()> {
        self.message(handle, json!({"request": "start", "room": ROOM}), Some(("answer", answer))).await?;
        Ok(())
    }

    async fn attach(&mut self) -> anyhow::Result<u64> {
        let session = self.session;
        let attach = json!({"janus": "attach", "session_id": session, "plugin": "janus.plugin.videoroom"});
        id(&self.ask(attach).await?)
    }

    async fn message(
        &mut self,
        handle: u64,
        body: Value,
        description: Option<(&str, &str)>,
    ) -> anyhow::Result<Value> {
        let session = self.session;
        let mut message =
            json!({"janus": "message", "session_id": session, "handle_id": handle, "body": body});
        if let Some((kind, sdp)) = description {
            message["jsep"] = json!({"type": kind, "sdp": sdp, "trickle": false});
        }
        self.ask(message).await
    }

    /// Asks, and waits for the answer: not for the word that it has been heard, and not for news of other things.
    async fn ask(&mut self, mut request: Value) -> anyhow::Result<Value> {
        const LONGEST: Duration = Duration::from_secs(20);
        self.asked += 1;
        let transaction = self.asked.to_string();
        request["transaction"] = json!(transaction);
        self.api.send(Message::text(request.to_string())).await?;
        loop {
            let next = tokio::time::timeout(LONGEST, self.api.next()).await?;
            let Message::Text(text) = next.context("janus has closed its API")?? else { continue };
            let answer: Value = serde_json::from_str(&text)?;
            if answer["transaction"] != transaction || answer["janus"] == "ack" {
                continue;
            }
            if answer["janus"] == "error" || !answer["plugindata"]["data"]["error"].is_null() {
                bail!("janus refuses: {answer}");
            }
            return Ok(answer);
        }
    }
}

impl Drop for Janus {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    child.kill().ok();
    child.wait().ok();
}

fn id(answer: &Value) -> anyhow::Result<u64> {
    answer["data"]["id"].as_u64().with_context(|| format!("no id in {answer}"))
}

fn description(event: &Value) -> anyhow::Result<String> {
    Ok(event["jsep"]["sdp"].as_str().with_context(|| format!("no description in {event}"))?.to_owned())
}

async fn connect(port: u16) -> anyhow::Result<WebSocketStream<MaybeTlsStream<TcpStream>>> {
    const TRIES: u32 = 100;
    const PAUSE: Duration = Duration::from_millis(100);
    for _ in 0..TRIES {
        let mut request = format!("ws://127.0.0.1:{port}").into_client_request()?;
        request.headers_mut().insert("Sec-WebSocket-Protocol", SUBPROTOCOL.parse()?);
        match connect_async(request).await {
            Ok((api, _)) => return Ok(api),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
    bail!("janus does not answer")
}

/// As it comes, but without what is not measured, and with its sessions kept.
fn configure(folder: &Path, ip: IpAddr, port: u16, loops: Option<u64>) -> anyhow::Result<()> {
    let loops = loops.map_or(String::new(), |loops| format!("event_loops = {loops}"));
    let main = format!(
        "general: {{ debug_level = 1\n session_timeout = 0\n {loops} }}\nnat: {{ ice_enforce_list = \"{ip}\" }}\n\
         plugins: {{ disable = \"{}\" }}\ntransports: {{ disable = \"{}\" }}\n",
        others("plugins", "libjanus_videoroom.so")?,
        others("transports", "libjanus_websockets.so")?,
    );
    let room = "description = \"bench\"\n publishers = 64\n bitrate = 0\n audiocodec = \"opus\"\n videocodec = \"vp8\"";
    let api = format!("ws = true\n ws_ip = \"127.0.0.1\"\n ws_port = {port}\n wss = false");
    fs::write(folder.join("janus.jcfg"), main)?;
    fs::write(folder.join("janus.plugin.videoroom.jcfg"), format!("room-{ROOM}: {{ {room} }}\n"))?;
    fs::write(folder.join("janus.transport.websockets.jcfg"), format!("general: {{ {api} }}\n"))?;
    Ok(())
}

/// All that is installed of this kind, but for one.
fn others(kind: &str, but: &str) -> anyhow::Result<String> {
    let folders = fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path().join("janus").join(kind));
    let folder: PathBuf =
        folders.into_iter().find(|folder| folder.is_dir()).context("janus is not installed")?;
    let names = fs::read_dir(folder)?.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let disabled: Vec<_> = names.filter(|name| name.ends_with(".so") && name != but).collect();
    Ok(disabled.join(","))
}
