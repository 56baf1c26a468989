//! Certificates and keys for TLS.

use std::{fs, path::Path};

use redis::{ClientTlsConfig, TlsCertificates};
use rustls::{
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

use super::{ClientError, RedisSettings};

/// Whom to trust and what to show, as the settings' files have it.
///
/// # Errors
/// A file cannot be read, or has not what it should.
pub(super) fn certificates(settings: &RedisSettings) -> Result<TlsCertificates, ClientError> {
    choose_cryptography();
    let root_cert = read("ca_file", &settings.ca_file, check_certificates)?;
    let client_cert = read("cert_file", &settings.cert_file, check_certificates)?;
    let client_key = read("key_file", &settings.key_file, check_key)?;
    let client_tls = client_cert
        .zip(client_key)
        .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
    Ok(TlsCertificates { client_tls, root_cert })
}

/// rustls wants to be told once in a process whose cryptography to use.
fn choose_cryptography() {
    if CryptoProvider::get_default().is_none() {
        // Somebody else may have been faster, which is as good.
        let _ = ring::default_provider().install_default();
    }
}

/// A file of PEM, if the setting names one.
fn read(
    key: &'static str,
    path: &Path,
    check: fn(&[u8]) -> Result<(), String>,
) -> Result<Option<Vec<u8>>, ClientError> {
    if path.as_os_str().is_empty() {
        return Ok(None);
    }
    let unusable = |reason| ClientError::File { key, path: path.to_owned(), reason };
    let pem = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    check(&pem).map_err(unusable)?;
    Ok(Some(pem))
}

fn check_certificates(pem: &[u8]) -> Result<(), String> {
    let mut found = CertificateDer::pem_slice_iter(pem).peekable();
    if found.peek().is_none() {
        return Err("it has no certificate in PEM".to_owned());
    }
    found.try_for_each(|certificate| certificate.map(drop)).map_err(|error| error.to_string())
}

fn check_key(pem: &[u8]) -> Result<(), String> {
    PrivateKeyDer::from_pem_slice(pem).map(drop).map_err(|_| "it has no private key in PEM".to_owned())
}
