//! A client over TCP: connects, measures the way to the server and back, makes a room.
//!
//! ```text
//! cargo run -- --set tcp.listen=127.0.0.1:7777
//! cargo run --example tcp_client -- 127.0.0.1:7777 [access token]
//! ```
//!
//! Without a token one comes as a guest. What speaks the protocol is `clients/rust/playhouse_tcp.rs`.

#[path = "../clients/rust/playhouse_tcp.rs"]
#[allow(dead_code)]
pub mod playhouse_tcp;

use playhouse_tcp::{Client, Incoming};
use serde_json::{Value, json};
use std::time::Instant;
use tokio::net::TcpStream;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().ok_or("HOST:PORT [TOKEN]")?;
    let token = arguments.next().unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    println!("{:#}", runtime.block_on(speak(&address, &token))?);
    Ok(())
}

/// The answer to `room.create`. A test of the suite calls it too.
pub async fn speak(address: &str, token: &str) -> Result<Value, Box<dyn std::error::Error>> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let mut client = Client::connect(socket, token).await?;
    let began = Instant::now();
    client.ping(0, 1).await?;
    loop {
        match client.next().await? {
            Incoming::Pong(..) => break println!("there and back: {:?}", began.elapsed()),
            other => println!("{other:?}"),
        }
    }
    let mut seen = Vec::new();
    Ok(client.ask("room.create", json!({"name": "over TCP"}), &mut seen).await?)
}
