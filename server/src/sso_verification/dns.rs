//! TXT records from the DNS.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::ProtoError;
use hickory_resolver::proto::rr::rdata::TXT;
use hickory_resolver::proto::rr::{Name, RData};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Resolver, TokioResolver};

use crate::sso_verification::{LookUp, LookUpFailed, TxtRecords};

/// How long one try waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How often each server is tried.
const ATTEMPTS: usize = 2;

/// Asks DNS servers that resolve for us, over UDP, and over TCP where an answer is too long for that. Remembers nothing:
/// a record that was missing a minute ago may be there now.
pub struct DnsTxtRecords {
    resolver: TokioResolver,
}

/// The DNS cannot be asked at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot find the DNS servers of this system: {0}")]
pub struct NoDnsServers(#[from] NetError);

impl DnsTxtRecords {
    /// Asks that server, or those of the system where there is none.
    ///
    /// # Errors
    /// [`NoDnsServers`] when the system's configuration cannot be read.
    pub fn new(server: Option<SocketAddr>) -> Result<DnsTxtRecords, NoDnsServers> {
        let (config, system) = match server {
            Some(server) => (only(server), ResolverOpts::default()),
            None => read_system_conf()?,
        };
        let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options(system);
        Ok(DnsTxtRecords { resolver: builder.build()? })
    }
}

fn only(server: SocketAddr) -> ResolverConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = server.port();
    }
    let server = NameServerConfig::new(server.ip(), true, connections);
    ResolverConfig::from_parts(None, vec![], vec![server])
}

fn options(mut options: ResolverOpts) -> ResolverOpts {
    options.timeout = TIMEOUT;
    options.attempts = ATTEMPTS;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options
}

impl TxtRecords for DnsTxtRecords {
    fn look_up<'a>(&'a self, domain: &'a str) -> LookUp<'a> {
        Box::pin(async move {
            let name = absolute(domain).map_err(|error| LookUpFailed(error.to_string()))?;
            match self.resolver.txt_lookup(name).await {
                Ok(answer) => Ok(answer.answers().iter().filter_map(|record| text(&record.data)).collect()),
                Err(error) if error.is_no_records_found() => Ok(vec![]),
                Err(error) => Err(LookUpFailed(error.to_string())),
            }
        })
    }
}

/// The name itself, never below a search domain of the system.
fn absolute(domain: &str) -> Result<Name, ProtoError> {
    let mut name = Name::from_ascii(domain)?;
    name.set_fqdn(true);
    Ok(name)
}

fn text(data: &RData) -> Option<String> {
    let RData::TXT(TXT { txt_data, .. }) = data else { return None };
    Some(String::from_utf8_lossy(&txt_data.concat()).into_owned())
}
