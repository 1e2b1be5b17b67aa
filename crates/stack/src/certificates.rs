//! The certificates of a server that speaks TLS: an authority made for it alone, and what that signed.

use mw::error::{Result, While};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

/// All as PEM.
pub(crate) struct Made {
    pub(crate) authority: String,
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// For a server of these names or addresses.
pub(crate) fn made(names: &[&str]) -> Result<Made> {
    let doing = "make certificates";
    let mut authority = CertificateParams::default();
    authority.distinguished_name.push(DnType::CommonName, "an authority of tests");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().while_doing(doing)?;
    let signed_itself = authority.self_signed(&authority_key).while_doing(doing)?;
    let issuer = Issuer::new(authority, authority_key);
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut server = CertificateParams::new(names).while_doing(doing)?;
    server.distinguished_name.push(DnType::CommonName, "a server of tests");
    let key = KeyPair::generate().while_doing(doing)?;
    let certificate = server.signed_by(&key, &issuer).while_doing(doing)?;
    Ok(Made { authority: signed_itself.pem(), certificate: certificate.pem(), key: key.serialize_pem() })
}
