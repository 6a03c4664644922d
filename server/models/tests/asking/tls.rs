use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

use super::*;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

/// The authority that signed the server's certificate. It signs nothing more: its key is gone.
pub fn ca() -> PathBuf {
    data("ca.pem")
}

/// A server that answers one connection over TLS with a good reply.
fn tls_server() -> (SocketAddr, thread::JoinHandle<()>) {
    let certificates = CertificateDer::pem_file_iter(data("server.pem")).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(data("server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(certificates, key).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let (connection, _) = listener.accept().await.unwrap();
            // A client that does not trust hangs up here.
            let Ok(mut connection) = TlsAcceptor::from(Arc::new(config)).accept(connection).await else { return };
            let mut piece = [0; 64 * 1024];
            assert!(connection.read(&mut piece).await.unwrap() > 0);
            for step in good(Protocol::Chat) {
                let Step::Send(bytes) = step else { continue };
                connection.write_all(&bytes).await.unwrap();
            }
            drop(connection.shutdown().await);
        });
    });
    (address, serving)
}

fn asked(address: SocketAddr, ca_file: Option<PathBuf>) -> Result<Reply, ModelError> {
    let server = ModelServer::start(vec![]);
    let mut settings = settings(&server, Protocol::Chat);
    settings.base_url = format!("https://{address}/v1");
    settings.ca_file = ca_file;
    ask(settings).1
}

#[test]
fn a_certificate_is_trusted_by_a_file_that_is_named_and_not_without() {
    let (address, serving) = tls_server();
    assert_good(&asked(address, Some(ca())).unwrap());
    serving.join().unwrap();
    let (address, serving) = tls_server();
    // Another's certificate makes it no more trusted; a machine without certificates has this one at least.
    let error = asked(address, Some(data("server.pem"))).unwrap_err();
    assert!(matches!(error, ModelError::Untrusted { .. }), "{error:?}");
    serving.join().unwrap();
}

#[test]
fn a_server_that_speaks_no_tls_is_not_trusted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        assert!(connection.read(&mut [0; 4096]).unwrap() > 0);
        connection.write_all(&head("400 Bad Request", &[])).unwrap();
    });
    let error = asked(address, Some(ca())).unwrap_err();
    assert!(matches!(error, ModelError::Untrusted { .. }), "{error:?}");
    serving.join().unwrap();
}

#[test]
fn files_that_hold_no_certificate_are_refused_by_name() {
    let folder = tempfile::TempDir::new().unwrap();
    let place = |name: &str, content: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let server = ModelServer::start(vec![]);
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for path in [
        folder.path().join("missing.pem"),
        folder.path().to_owned(),
        place("empty.pem", ""),
        place("text.pem", "hello"),
        data("server.key"),
        place("broken.pem", broken),
    ] {
        let mut settings = settings(&server, Protocol::Chat);
        settings.base_url = "https://127.0.0.1:1".to_owned();
        settings.ca_file = Some(path.clone());
        let error = Client::new(settings).map(drop);
        // One that reads like a certificate is found out when the store is made.
        assert!(matches!(error, Err(ModelError::BadCa { .. } | ModelError::NoTls { .. })), "{path:?}: {error:?}");
    }
}
