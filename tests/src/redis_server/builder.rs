//! How a server of one's own is to be.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr, TcpListener},
};

use tempfile::TempDir;

use super::{RedisServer, certificates::Certificates};

/// Ports tried before giving up: another program may take one between the choice and the start.
const ATTEMPTS: usize = 5;

/// How clients come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Transport {
    #[default]
    Tcp,
    /// Over TLS, with certificates of clients or without.
    Tls {
        mutual: bool,
    },
    Unix,
}

/// How a server of one's own is to be.
#[derive(Clone, Debug, Default)]
pub struct RedisServerBuilder {
    pub(super) transport: Transport,
    pub(super) password: Option<String>,
    pub(super) users: Vec<(String, String)>,
    directives: Vec<String>,
    pub(super) persistent: bool,
    cluster: bool,
}

impl RedisServerBuilder {
    /// Takes TLS connections only; [`RedisServer::certificates`] tells whom to trust.
    #[must_use]
    pub fn tls(self) -> Self {
        Self { transport: Transport::Tls { mutual: false }, ..self }
    }

    /// Like [`RedisServerBuilder::tls`], and asks clients for a certificate.
    #[must_use]
    pub fn mutual_tls(self) -> Self {
        Self { transport: Transport::Tls { mutual: true }, ..self }
    }

    /// Takes connections over a Unix socket only.
    #[must_use]
    pub fn unix_socket(self) -> Self {
        Self { transport: Transport::Unix, ..self }
    }

    /// Asks the default user for a password.
    #[must_use]
    pub fn password(self, password: &str) -> Self {
        Self { password: Some(password.to_owned()), ..self }.directive(&format!("requirepass {password}"))
    }

    /// Adds a user; `rules` are those of `ACL SETUSER`.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str, rules: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
        self.directive(&format!("user {name} on >{password} {rules}"))
    }

    /// Refuses writes past this many bytes.
    #[must_use]
    pub fn max_memory(self, bytes: u64) -> Self {
        self.directive(&format!("maxmemory {bytes}"))
    }

    /// Keeps what was written through [`RedisServer::kill`] and [`RedisServer::restart`].
    #[must_use]
    pub fn persistent(self) -> Self {
        Self { persistent: true, ..self }
    }

    /// Adds a line to the configuration file.
    #[must_use]
    pub fn directive(mut self, line: &str) -> Self {
        self.directives.push(line.to_owned());
        self
    }

    pub(super) fn cluster(self) -> Self {
        let lines = ["cluster-enabled yes", "cluster-node-timeout 2000", "cluster-require-full-coverage no"];
        lines.into_iter().fold(Self { cluster: true, ..self }, |builder, line| builder.directive(line))
    }

    /// Starts the server.
    ///
    /// # Errors
    /// `redis-server` is not installed or does not start.
    pub async fn start(self) -> anyhow::Result<RedisServer> {
        let mut last_error = None;
        for _ in 0..ATTEMPTS {
            match RedisServer::launch(self.clone(), free_ports()?, tempfile::tempdir()?).await {
                Ok(server) => return Ok(server),
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(|| anyhow::anyhow!("redis-server was not tried")))
    }

    /// The configuration file. A Unix socket is there in any case, for the harness.
    pub(super) fn configuration(
        &self,
        ports: [SocketAddr; 2],
        dir: &TempDir,
        certificates: Option<&Certificates>,
    ) -> String {
        let [port, cluster_port] = ports.map(|address| address.port());
        let (tcp, tls) = match self.transport {
            Transport::Tcp => (port, 0),
            Transport::Tls { .. } => (0, port),
            Transport::Unix => (0, 0),
        };
        let dir = dir.path().display();
        let append = if self.persistent { "yes" } else { "no" };
        let mut lines = format!(
            "bind 127.0.0.1\nport {tcp}\nunixsocket {dir}/redis.sock\ndir {dir}\nsave \"\"\n\
             appendonly {append}\nappendfsync always\nrepl-diskless-sync-delay 0\n"
        );
        if let Some(Certificates { ca, server: (certificate, key), .. }) = certificates {
            let clients = if self.transport == (Transport::Tls { mutual: true }) { "yes" } else { "no" };
            let (ca, certificate, key) = (ca.display(), certificate.display(), key.display());
            let files = format!("tls-ca-cert-file {ca}\ntls-cert-file {certificate}\ntls-key-file {key}");
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "tls-port {tls}\n{files}\ntls-auth-clients {clients}");
        }
        if self.cluster {
            let _ = writeln!(lines, "cluster-port {cluster_port}");
        }
        self.directives.iter().fold(lines, |lines, line| lines + line + "\n")
    }
}

/// Two ports that nobody has, for clients and for the other nodes of a cluster.
fn free_ports() -> std::io::Result<[SocketAddr; 2]> {
    let any = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (first, second) = (any()?, any()?);
    Ok([first.local_addr()?, second.local_addr()?])
}
