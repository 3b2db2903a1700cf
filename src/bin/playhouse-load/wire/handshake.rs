//! Opening a socket: TCP, the HTTP upgrade, and what the server said together with it.
//!
//! Done by hand, because a client library would keep the bytes that follow the 101 in a buffer of
//! its own, and a buffer a connection is what the generator must not have.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

use super::{Link, Reader};

/// A server's answer to an upgrade is short; more is no answer.
const HEAD_LIMIT: usize = 16 * 1024;
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

/// Where and how to open a socket.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// `host:port`, as it stands in the `Host` header.
    pub authority: String,
    /// Path and query, `/ws?room=3`.
    pub path: String,
    /// Access token, sent as `Authorization: Bearer`.
    pub token: Option<String>,
    /// WebSocket subprotocol to ask for.
    pub subprotocol: Option<&'static str>,
    /// Local address to connect from: one address has only some 28,000 ports.
    pub from: Option<IpAddr>,
    /// Bytes the kernel may hold for a socket that is not read (`SO_RCVBUF`).
    pub receive_buffer: Option<u32>,
}

/// Opens the socket and returns its two halves.
pub async fn open(opening: &Opening) -> Result<(Reader, Link)> {
    let mut stream = connect(opening).await?;
    let key = generate_key();
    stream.write_all(request(opening, &key).as_bytes()).await?;
    let (head, rest) = read_head(&mut stream).await?;
    check_head(&head, &key)?;
    let (read, write) = stream.into_split();
    Ok((Reader::new(read, rest), Link::new(write)))
}

async fn connect(opening: &Opening) -> Result<TcpStream> {
    let address = resolve(&opening.authority).await?;
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = opening.from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    if let Some(bytes) = opening.receive_buffer {
        socket.set_recv_buffer_size(bytes)?;
    }
    let stream = socket.connect(address).await.with_context(|| format!("connect to {address}"))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn resolve(authority: &str) -> Result<SocketAddr> {
    if let Ok(address) = authority.parse() {
        return Ok(address);
    }
    let mut found = tokio::net::lookup_host(authority).await?;
    found.next().with_context(|| format!("no address for {authority}"))
}

fn request(opening: &Opening, key: &str) -> String {
    let mut text = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
        opening.path, opening.authority
    );
    if let Some(subprotocol) = opening.subprotocol {
        text.push_str(&format!("Sec-WebSocket-Protocol: {subprotocol}\r\n"));
    }
    if let Some(token) = &opening.token {
        text.push_str(&format!("Authorization: Bearer {token}\r\n"));
    }
    text.push_str("\r\n");
    text
}

/// Reads up to the empty line; what follows it belongs to the first frames.
async fn read_head(stream: &mut TcpStream) -> Result<(String, Vec<u8>)> {
    let mut bytes = Vec::with_capacity(512);
    loop {
        if let Some(at) = bytes.windows(END_OF_HEAD.len()).position(|w| w == END_OF_HEAD) {
            let rest = bytes.split_off(at + END_OF_HEAD.len());
            return Ok((String::from_utf8(bytes).context("the answer to the upgrade is no text")?, rest));
        }
        ensure!(bytes.len() < HEAD_LIMIT, "the answer to the upgrade has no end");
        if stream.read_buf(&mut bytes).await? == 0 {
            bail!("closed during the upgrade");
        }
    }
}

fn check_head(head: &str, key: &str) -> Result<()> {
    let status = head.lines().next().unwrap_or_default();
    ensure!(status.starts_with("HTTP/1.1 101"), "upgrade refused: {status}");
    let accept = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-accept"))
        .map(|(_, value)| value.trim());
    ensure!(accept == Some(derive_accept_key(key.as_bytes()).as_str()), "wrong Sec-WebSocket-Accept");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_upgrade_names_its_status() {
        let error = check_head("HTTP/1.1 401 Unauthorized\r\n\r\n", "k").unwrap_err().to_string();
        assert_eq!(error, "upgrade refused: HTTP/1.1 401 Unauthorized");
    }

    #[test]
    fn the_accept_key_must_answer_ours() {
        let key = "dGhlIHNhbXBsZSBub25jZQ==";
        let head =
            "HTTP/1.1 101 Switching Protocols\r\nsec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        assert!(check_head(head, key).is_ok());
        assert!(check_head(head, "another").is_err());
    }
}
