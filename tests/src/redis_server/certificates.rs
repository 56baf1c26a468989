//! Certificates of an authority of one's own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};

/// Files in PEM: an authority, and what it has signed.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// Certificate and key of a server on this machine.
    pub server: (PathBuf, PathBuf),
    /// Certificate and key of a client.
    pub client: (PathBuf, PathBuf),
}

impl Certificates {
    /// Makes an authority and writes the files to a folder.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn make(dir: &Path) -> anyhow::Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Authorities of one name would be taken for each other.
        params.distinguished_name.push(DnType::CommonName, dir.display().to_string());
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let ca = dir.join("ca.pem");
        fs::write(&ca, authority.pem())?;
        let sign = |name: &str, hosts: &[&str]| -> anyhow::Result<_> {
            let hosts: Vec<_> = hosts.iter().map(|host| (*host).to_owned()).collect();
            let key = KeyPair::generate()?;
            let certificate = CertificateParams::new(hosts)?.signed_by(&key, &authority)?;
            let files = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
            fs::write(&files.0, certificate.pem())?;
            fs::write(&files.1, key.serialize_pem())?;
            Ok(files)
        };
        let (server, client) = (sign("server", &["localhost", "127.0.0.1"])?, sign("client", &["client"])?);
        Ok(Self { ca, server, client })
    }
}
