//! The certificate in use, and its files.
//!
//! Asked in every handshake, so the lock is held for a copied pointer. Key bytes are not kept, nor logged.

use anyhow::Context as _;
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use sha2::{Digest as _, Sha256};
use std::{
    fmt,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

/// What looking at the files came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// They are as they were.
    Unchanged,
    /// New connections see the new certificate.
    Changed,
    /// They cannot be used: the old certificate stays. Logged once for each content.
    Broken,
}

/// See the module.
pub(super) struct Certificate {
    cert: PathBuf,
    key: PathBuf,
    now: RwLock<Arc<CertifiedKey>>,
    /// Of what was last read, whether it could be used or not.
    seen: Mutex<[u8; 32]>,
}

/// The bytes of both files.
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Files {
    fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.cert.len().to_le_bytes());
        hash.update(&self.cert);
        hash.update(&self.key);
        hash.finalize().into()
    }

    /// The chain, leaf first, with the key that belongs to it.
    fn open(&self) -> anyhow::Result<CertifiedKey> {
        let chain: Vec<_> =
            CertificateDer::pem_slice_iter(&self.cert).collect::<Result<_, _>>().context("tls.cert")?;
        anyhow::ensure!(!chain.is_empty(), "tls.cert: no certificate in it (PEM)");
        let key = PrivateKeyDer::from_pem_slice(&self.key).context("tls.key: no private key in it (PEM)")?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).context("tls.cert, tls.key")
    }
}

impl Certificate {
    pub fn open(cert: PathBuf, key: PathBuf) -> anyhow::Result<Self> {
        let files = read(&cert, &key)?;
        let now = RwLock::new(Arc::new(files.open()?));
        say_stale(false);
        Ok(Self { cert, key, now, seen: Mutex::new(files.hash()) })
    }

    /// Looks at the files, and takes what is in them if it is new and can be used.
    pub fn reload(&self) -> Reloaded {
        let files = match read(&self.cert, &self.key) {
            Ok(files) => files,
            Err(error) => return self.broken([0; 32], &error), // being replaced, perhaps
        };
        let hash = files.hash();
        if *self.seen.lock().unwrap_or_else(PoisonError::into_inner) == hash {
            return Reloaded::Unchanged;
        }
        match files.open() {
            Err(error) => self.broken(hash, &error),
            Ok(new) => {
                *self.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(new);
                *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = hash;
                tracing::info!(cert = %self.cert.display(), "a new certificate is in use");
                metrics::counter!("playhouse_tls_reloads_total", "result" => "changed").increment(1);
                say_stale(false);
                Reloaded::Changed
            }
        }
    }

    fn broken(&self, hash: [u8; 32], error: &anyhow::Error) -> Reloaded {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen != hash {
            *seen = hash;
            tracing::error!(
                error = format!("{error:#}"),
                "the new certificate cannot be used: the old one stays"
            );
            metrics::counter!("playhouse_tls_reloads_total", "result" => "broken").increment(1);
            say_stale(true);
        }
        Reloaded::Broken
    }
}

/// Whether what is in use is not what lies in the files.
fn say_stale(stale: bool) {
    metrics::gauge!("playhouse_tls_certificate_stale").set(f64::from(u8::from(stale)));
}

fn read(cert: &PathBuf, key: &PathBuf) -> anyhow::Result<Files> {
    let read = |path: &PathBuf| std::fs::read(path).with_context(|| path.display().to_string());
    Ok(Files { cert: read(cert)?, key: read(key)? })
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the certificate of {}", self.cert.display())
    }
}
