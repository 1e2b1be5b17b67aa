//! How a server's certificate is judged, as PostgreSQL's library does it, by rustls.

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use std::path::PathBuf;
use std::sync::Arc;

/// Whom a server's certificate must be of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Whoever answers: nobody listens in, but it might be anybody.
    Anybody,
    /// Somebody whom one of these authorities signed.
    Chain(Roots),
    /// The same, and of the name that was connected to.
    Name(Roots),
}

/// The authorities that are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Roots {
    /// The system's, or those in the file that SSL_CERT_FILE names.
    System,
    /// Those in this file (PEM).
    File(PathBuf),
}

/// Where systems keep their authorities in one file, for programs of PostgreSQL that do not know `system`.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"];
/// The first version of PostgreSQL's library that knows `sslrootcert=system`.
const KNOWS_SYSTEM: u32 = 16;

impl Roots {
    /// The file that PostgreSQL's library looks for in the home folder.
    pub(crate) fn of_home() -> Option<Self> {
        let file = PathBuf::from(std::env::var_os("HOME")?).join(".postgresql/root.crt");
        file.is_file().then_some(Self::File(file))
    }

    /// As an address has it.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::System => "system".to_owned(),
            Self::File(file) => file.display().to_string(),
        }
    }

    /// As PostgreSQL's library of this version understands it.
    pub(crate) fn for_library(&self, version: u32) -> String {
        let bundle = || {
            let given = std::env::var("SSL_CERT_FILE").ok().filter(|file| !file.is_empty());
            given.or_else(|| {
                BUNDLES.iter().find(|file| std::path::Path::new(file).is_file()).map(|file| (*file).to_owned())
            })
        };
        match self {
            Self::System if version < KNOWS_SYSTEM => bundle().unwrap_or_else(|| self.name()),
            Self::System | Self::File(_) => self.name(),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        match self {
            Self::System => {
                let found = rustls_native_certs::load_native_certs();
                match (found.certs.is_empty(), found.errors.first()) {
                    (false, _) => Ok(found.certs),
                    (true, Some(error)) => Err(format!("the system's root certificates cannot be read: {error}")),
                    (true, None) => Err("this system has no root certificates: install them (ca-certificates), or name a file by sslrootcert".to_owned()),
                }
            }
            Self::File(file) => {
                let refused =
                    |error: &dyn std::fmt::Display| format!("sslrootcert {} cannot be read: {error}", file.display());
                let found = CertificateDer::pem_file_iter(file).map_err(|error| refused(&error))?;
                let found: Vec<_> = found.collect::<Result<_, _>>().map_err(|error| refused(&error))?;
                if found.is_empty() { Err(refused(&"it has no certificate")) } else { Ok(found) }
            }
        }
    }
}

/// The configuration of rustls for this trust, or why there is none.
pub fn client_config(trust: &Trust) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let signed = match trust {
        Trust::Anybody => None,
        Trust::Chain(roots) => Some(Signed::by(roots.certificates()?, false, &provider)?),
        Trust::Name(roots) => Some(Signed::by(roots.certificates()?, true, &provider)?),
    };
    let verifier = Arc::new(Verifier { provider: Arc::clone(&provider), signed });
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

/// Judges certificates as it is trusted. Whoever is, the handshake proves that the server has its certificate's key, which binding
/// the password to it needs.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Who must have signed it; `None` where any is taken.
    signed: Option<Signed>,
}

/// Takes certificates that the roots signed.
#[derive(Debug)]
struct Signed {
    by_the_book: Arc<WebPkiServerVerifier>,
    roots: Vec<CertificateDer<'static>>,
    /// Whether the name must be that of the server.
    has_name: bool,
}

impl Signed {
    fn by(roots: Vec<CertificateDer<'static>>, has_name: bool, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(roots.iter().cloned());
        let by_the_book = WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(provider)).build();
        let by_the_book = by_the_book.map_err(|error| format!("the root certificates are of no use: {error}"))?;
        Ok(Self { by_the_book, roots, has_name })
    }

    fn judge(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match self.by_the_book.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // What is signed is judged before the name is.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.has_name => Ok(ServerCertVerified::assertion()),
            // A certificate that signed itself, as `openssl req -x509` makes it, is an authority: trusted where it is itself a root.
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if other.to_string().contains("CaUsedAsEndEntity")
                    && self.roots.iter().any(|root| root == certificate) =>
            {
                if self.has_name {
                    rustls::client::verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                }
                Ok(ServerCertVerified::assertion())
            }
            judged => judged,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.signed {
            None => Ok(ServerCertVerified::assertion()),
            Some(signed) => signed.judge(certificate, intermediates, name, ocsp, now),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    /// An authority, and a certificate for `localhost` that it signed.
    fn signed(by: &str) -> (CertificateDer<'static>, CertificateDer<'static>) {
        let (mut authority, key) = (CertificateParams::default(), KeyPair::generate().unwrap());
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(DnType::CommonName, by);
        let own = authority.self_signed(&key).unwrap();
        let server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        let leaf = server.signed_by(&KeyPair::generate().unwrap(), &Issuer::new(authority, key)).unwrap();
        (own.der().clone(), leaf.der().clone())
    }

    /// As `openssl req -x509` makes it: an authority, and its own server.
    fn self_signed() -> CertificateDer<'static> {
        let mut both = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        both.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        both.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    fn judged(
        root: &CertificateDer<'static>,
        has_name: bool,
        shown: &CertificateDer<'_>,
        name: &str,
    ) -> Result<(), String> {
        let provider = Arc::new(ring::default_provider());
        let signed = Signed::by(vec![root.clone()], has_name, &provider).unwrap();
        let name = ServerName::try_from(name).unwrap();
        let judged = signed.judge(shown, &[], &name, &[], UnixTime::now());
        judged.map(drop).map_err(|error| error.to_string())
    }

    #[test]
    fn the_name_counts_where_it_is_asked_for() {
        let (root, leaf) = signed("ours");
        assert_eq!(judged(&root, true, &leaf, "localhost"), Ok(()));
        assert_eq!(judged(&root, false, &leaf, "other.example"), Ok(()));
        let refused = judged(&root, true, &leaf, "other.example").unwrap_err();
        assert!(refused.contains("not valid for name"), "{refused}");
    }

    #[test]
    fn a_strangers_certificate_is_refused() {
        let ((root, _), (_, leaf)) = (signed("ours"), signed("another"));
        for has_name in [true, false] {
            let refused = judged(&root, has_name, &leaf, "localhost").unwrap_err();
            assert!(refused.contains("UnknownIssuer"), "{refused}");
        }
    }

    #[test]
    fn a_server_that_signed_itself_is_trusted_as_its_own_root() {
        let (own, other) = (self_signed(), self_signed());
        assert_eq!(judged(&own, true, &own, "localhost"), Ok(()));
        assert_eq!(judged(&own, false, &own, "other.example"), Ok(()));
        assert!(judged(&own, true, &own, "other.example").unwrap_err().contains("not valid for name"));
        assert!(judged(&own, false, &other, "localhost").is_err());
    }
}
