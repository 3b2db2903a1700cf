//! TLS for players' listeners: HTTP, WebSocket and TCP (spec 5.1, 8.3).
//!
//! Owns the certificate, which is read again when its files change ([`Tls::watch`]) or when told ([`Tls::reload`]): new
//! connections see the new one, old ones live on; a file that cannot be used changes nothing. rustls with ring, TLS 1.3
//! unless `tls.min_version` allows 1.2. Called by `node`. The operators' listener has none: it is for this machine.

mod certificate;
#[cfg(test)]
mod tests;

use crate::{
    config::{self, TlsVersion},
    transport::Stream,
};
use anyhow::Context as _;
use certificate::Certificate;
use rustls::{ServerConfig, crypto::ring, version};
use std::{io, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsAcceptor;

pub use certificate::Reloaded;

/// What a listener speaks: a client that asks for something else is refused in the handshake, so that nobody is made
/// to speak to the wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// HTTP and WebSocket.
    Http,
    /// Packets of `tcp.listen`.
    Packets,
}

impl Speaks {
    fn alpn(self) -> &'static [u8] {
        match self {
            Self::Http => b"http/1.1",
            Self::Packets => b"playhouse/1",
        }
    }
}

/// TLS of one listener; cheap to clone.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
    handshake: Duration,
    reload: Duration,
}

impl Tls {
    /// TLS of the settings, for HTTP; `None` where they name no certificate.
    ///
    /// # Errors
    /// The files cannot be used, or one of the two is not named.
    pub fn open(settings: &config::Tls) -> anyhow::Result<Option<Self>> {
        let (cert, key) = match (&settings.cert, &settings.key) {
            (None, None) => return Ok(None),
            (Some(cert), Some(key)) => (cert.clone(), key.clone()),
            _ => anyhow::bail!("tls.cert and tls.key: one without the other"),
        };
        let certificate = Arc::new(Certificate::open(cert, key).context("tls.cert, tls.key")?);
        Ok(Some(Self {
            acceptor: acceptor(&certificate, settings.min_version, Speaks::Http)?,
            certificate,
            handshake: Duration::from_millis(settings.handshake_ms),
            reload: Duration::from_millis(settings.reload_ms),
        }))
    }

    /// The same certificate for another listener.
    pub fn speaking(&self, speaks: Speaks, settings: &config::Tls) -> anyhow::Result<Self> {
        Ok(Self { acceptor: acceptor(&self.certificate, settings.min_version, speaks)?, ..self.clone() })
    }

    /// The handshake of an accepted socket.
    ///
    /// # Errors
    /// It failed, or took longer than `tls.handshake_ms`.
    pub async fn accept(&self, socket: TcpStream) -> io::Result<Stream> {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        let done = timeout(self.handshake, self.acceptor.accept(socket)).await.map_err(late).flatten();
        let result = if done.is_ok() { "ok" } else { "failed" };
        metrics::counter!("playhouse_tls_handshakes_total", "result" => result).increment(1);
        Ok(Stream::Tls(Box::new(done?)))
    }

    /// Reads the files again, now.
    pub fn reload(&self) -> Reloaded {
        self.certificate.reload()
    }

    /// Reads the files again whenever they have changed.
    pub async fn watch(self) {
        loop {
            tokio::time::sleep(self.reload).await;
            let certificate = self.certificate.clone();
            if let Err(error) = tokio::task::spawn_blocking(move || certificate.reload()).await {
                tracing::error!(%error, "the certificate could not be looked at");
            }
        }
    }
}

fn acceptor(
    certificate: &Arc<Certificate>,
    least: TlsVersion,
    speaks: Speaks,
) -> anyhow::Result<TlsAcceptor> {
    let versions: &[_] = match least {
        TlsVersion::V1_3 => &[&version::TLS13],
        TlsVersion::V1_2 => &[&version::TLS13, &version::TLS12],
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_cert_resolver(certificate.clone());
    config.alpn_protocols = vec![speaks.alpn().to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
