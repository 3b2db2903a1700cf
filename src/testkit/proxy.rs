//! A wire that can be cut: between one node and a server, while all other nodes reach it.

use super::{Failure, free_port};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// How much is carried at once.
const BYTES: usize = 16 << 10;
/// Longest start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Carries TCP from a port of its own to a server's. It has a thread of its own: a test may block.
pub struct Proxy {
    port: u16,
    open: watch::Sender<bool>,
}

impl Proxy {
    /// A wire to this port of this machine.
    ///
    /// # Errors
    /// No port is free.
    pub fn start(to: u16) -> Result<Self, Failure> {
        let port = free_port();
        let (open, opened) = watch::channel(true);
        let (up, is_up) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            runtime.block_on(async move {
                let listener = TcpListener::bind(("127.0.0.1", port)).await;
                let listening = listener.as_ref().map(drop).map_err(ToString::to_string);
                let _ = up.send(listening); // whoever starts it waits
                if let Ok(listener) = listener {
                    carry_all(&listener, to, opened).await;
                }
            });
        })?;
        is_up.recv_timeout(PATIENCE)??;
        Ok(Self { port, open })
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing arrives, in either direction: connections stay open, and nobody is told.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    /// What has waited arrives, and whatever comes.
    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}

/// Until the [`Proxy`] is dropped.
async fn carry_all(listener: &TcpListener, to: u16, open: watch::Receiver<bool>) {
    let mut gone = open.clone();
    let carrying = async {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(carry(client, to, open.clone()));
        }
    };
    tokio::select! {
        () = carrying => {}
        () = async { while gone.changed().await.is_ok() {} } => {}
    }
}

async fn carry(client: TcpStream, to: u16, mut open: watch::Receiver<bool>) {
    if open.wait_for(|open| *open).await.is_err() {
        return;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::join!(one_way(from_client, to_server, open.clone()), one_way(from_server, to_client, open));
}

async fn one_way(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut open: watch::Receiver<bool>) {
    let mut bytes = vec![0; BYTES];
    while let Ok(n) = from.read(&mut bytes).await {
        let arrives = open.wait_for(|open| *open).await.is_ok();
        if n == 0 || !arrives || to.write_all(&bytes[..n]).await.is_err() {
            return; // the other side sees the end
        }
    }
}
