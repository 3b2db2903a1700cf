//! The OpenID Connect provider that the settings name: what is known of it, and how it is spoken to.
//!
//! Owned by [`super::Identity`]; `oidc` alone calls it. What the provider publishes (addresses, keys) is kept for
//! `auth.oidc_keep_s`. Never decides who somebody is, and never logs a code, a token or a secret.

use super::AuthError;
use crate::{clock::UnixMs, config};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use openidconnect::{
    ClientId, ClientSecret, EndpointMaybeSet, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    IssuerUrl, RedirectUrl,
    core::{CoreClient, CoreProviderMetadata, CoreResponseMode},
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What the protocol's crate makes of the provider's metadata and our settings.
pub(super) type Relying = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// See the module.
pub(super) struct Provider {
    issuer: IssuerUrl,
    id: ClientId,
    secret: Option<ClientSecret>,
    redirect: RedirectUrl,
    name: String,
    wire: Wire,
    keep_ms: u64,
    /// What it last said of itself, and when.
    known: Mutex<Option<(UnixMs, Arc<CoreProviderMetadata>)>>,
}

impl Provider {
    /// The provider of the settings; `None` where they name none. Issuer, client and address of return belong
    /// together: some of them alone stop the start.
    pub fn of(settings: &config::Auth) -> Result<Option<Self>, AuthError> {
        let named = (&settings.oidc_issuer, &settings.oidc_client_id, &settings.oidc_redirect_url);
        let (issuer, id, redirect) = match named {
            (None, None, None) => return Ok(None),
            (Some(issuer), Some(id), Some(redirect)) => (issuer, id, redirect),
            _ => return Err(bad_setting(&"oidc_issuer, oidc_client_id and oidc_redirect_url go together")),
        };
        let issuer = IssuerUrl::new(issuer.clone()).map_err(|error| bad_setting(&error))?;
        let host = issuer.url().host_str().unwrap_or_default().to_owned();
        Ok(Some(Self {
            wire: Wire::new(settings)?,
            id: ClientId::new(id.clone()),
            secret: settings.oidc_client_secret.as_ref().map(|secret| ClientSecret::new(secret.0.clone())),
            redirect: RedirectUrl::new(redirect.clone()).map_err(|error| bad_setting(&error))?,
            name: settings.oidc_name.clone().unwrap_or(host),
            keep_ms: settings.oidc_keep_s.saturating_mul(1_000),
            known: Mutex::default(),
            issuer,
        }))
    }

    /// What the page calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whose subjects its tokens name.
    pub fn issuer(&self) -> &str {
        self.issuer.as_str()
    }

    /// To send somebody there or to trade a code: with what is known, or, with `anew`, with what it says now.
    pub async fn relying(&self, now: UnixMs, anew: bool) -> Result<(Relying, bool), AuthError> {
        let metadata = match self.kept(now).filter(|_| !anew) {
            Some(metadata) => metadata,
            None => self.discover(now).await?,
        };
        let modes = metadata.response_modes_supported();
        let fragment = modes.is_some_and(|modes| modes.contains(&CoreResponseMode::Fragment));
        let metadata = CoreProviderMetadata::clone(&metadata);
        let relying = CoreClient::from_provider_metadata(metadata, self.id.clone(), self.secret.clone());
        Ok((relying.set_redirect_uri(self.redirect.clone()), fragment))
    }

    fn kept(&self, now: UnixMs) -> Option<Arc<CoreProviderMetadata>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().filter(|(at, _)| now < *at + self.keep_ms).map(|(_, metadata)| metadata.clone())
    }

    async fn discover(&self, now: UnixMs) -> Result<Arc<CoreProviderMetadata>, AuthError> {
        let http = |request| self.call(request);
        let said = CoreProviderMetadata::discover_async(self.issuer.clone(), &http).await;
        let metadata = Arc::new(said.map_err(|error| away(&error))?);
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, metadata.clone()));
        Ok(metadata)
    }

    /// One request to it.
    pub async fn call(&self, request: HttpRequest) -> Result<HttpResponse, WireError> {
        self.wire.call(request).await
    }
}

/// Speaks HTTP and HTTPS; follows no redirect.
struct Wire {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    within: Duration,
    answer_max: usize,
}

/// The provider did not answer as it should.
#[derive(Debug, thiserror::Error)]
#[error("the provider: {0}")]
pub(super) struct WireError(String);

impl Wire {
    fn new(settings: &config::Auth) -> Result<Self, AuthError> {
        let roots = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::ring::default_provider())
            .map_err(|error| bad_setting(&format!("the machine's certificates: {error}")))?;
        let connector = roots.https_or_http().enable_http1().build();
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            within: Duration::from_millis(settings.oidc_timeout_ms),
            answer_max: settings.oidc_answer_bytes,
        })
    }

    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, WireError> {
        let failed = |error: &dyn std::fmt::Display| WireError(error.to_string());
        let exchange = async {
            let answer = self.client.request(request.map(|body| Full::new(Bytes::from(body)))).await;
            let (parts, body) = answer.map_err(|error| failed(&error))?.into_parts();
            let body = Limited::new(body, self.answer_max).collect().await.map_err(|error| failed(&error))?;
            Ok(HttpResponse::from_parts(parts, body.to_bytes().to_vec()))
        };
        tokio::time::timeout(self.within, exchange).await.map_err(|_| failed(&"no answer in time"))?
    }
}

/// The provider's fault: said to the player as "try again", to us in a line of the log.
pub(super) fn away(error: &dyn std::fmt::Display) -> AuthError {
    tracing::warn!(%error, "the provider through which players sign in does not answer as it should");
    AuthError::ProviderAway
}

fn bad_setting(error: &dyn std::fmt::Display) -> AuthError {
    AuthError::Bug(format!("auth.oidc_*: {error}"))
}
