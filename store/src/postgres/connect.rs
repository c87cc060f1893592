//! Getting to the database: the address, the certificate that it must show, and what every session is told first.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresOptions;
use crate::error::StoreError;

/// A session that is stuck ends on the server too, so that what it has locked is free again.
const SESSION: &str = "SET statement_timeout = '10s'; SET idle_in_transaction_session_timeout = '10s'";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A peer that is gone without a word is noticed after about half a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// The way to the database. It may hold a password, and is not to be shown.
pub struct Access {
    config: Config,
    tls: MakeRustlsConnect,
    patience: Duration,
}

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Access(…)")
    }
}

impl Access {
    pub fn new(address: &str, options: &PostgresOptions) -> Result<Access, StoreError> {
        let mut config: Config = address.parse().map_err(|error| StoreError::BadAddress(Arc::new(error)))?;
        if config.get_ssl_mode() == SslMode::Prefer {
            // What the address leaves open is open to nobody on the way.
            config.ssl_mode(if is_local(&config) { SslMode::Disable } else { SslMode::Require });
        }
        if config.get_application_name().is_none() {
            config.application_name("portcullis");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        config.keepalives_idle(KEEPALIVE).tcp_user_timeout(2 * KEEPALIVE);
        let tls = MakeRustlsConnect::new(tls(options.authorities.as_deref())?);
        Ok(Access { config, tls, patience: options.patience })
    }

    /// A session, and a task that carries its bytes until the client is dropped.
    pub async fn connect(&self) -> Result<Client, StoreError> {
        let connecting = async {
            let (client, connection) = self.config.connect(self.tls.clone()).await?;
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(%error, "the connection to the database was lost");
                }
            });
            client.batch_execute(SESSION).await?;
            Ok::<_, tokio_postgres::Error>(client)
        };
        Ok(in_time(self.patience, connecting).await??)
    }

    /// Connections for readers, made when they are needed.
    pub fn pool(&self, size: usize) -> Result<Pool, StoreError> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(self.config.clone(), self.tls.clone(), recycling);
        let tell_session = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
            Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
        });
        let pool = Pool::builder(manager).max_size(size.max(1)).runtime(Runtime::Tokio1).post_create(tell_session);
        pool.build().map_err(|error| StoreError::Failed(Arc::new(error)))
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn tls(&self) -> MakeRustlsConnect {
        self.tls.clone()
    }
}

/// Fails where `work` takes longer than that.
pub async fn in_time<T>(patience: Duration, work: impl Future<Output = T>) -> Result<T, StoreError> {
    tokio::time::timeout(patience, work).await.map_err(|elapsed| StoreError::Unreachable(Arc::new(elapsed)))
}

/// Whether every host is this machine.
fn is_local(config: &Config) -> bool {
    config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

fn tls(authorities: Option<&Path>) -> Result<ClientConfig, StoreError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(path) => {
            let unreadable = |error| StoreError::io(path, std::io::Error::other(error));
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                let added = certificate.map(|certificate| roots.add(certificate)).map_err(unreadable)?;
                added.map_err(|error| StoreError::io(path, std::io::Error::other(error)))?;
            }
            if roots.is_empty() {
                return Err(StoreError::io(path, std::io::Error::other("it holds no certificate")));
            }
        }
        // One that cannot be read is not trusted; the server's certificate is then refused, and that is told.
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| StoreError::Failed(Arc::new(error)))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
