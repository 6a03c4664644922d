//! Where to ask: the one host, and whether it may be asked.

use reqwest::Url;
use reqwest::header::HeaderMap;

use crate::error::ModelError;
use crate::secret::Secret;

/// A checked base address.
#[derive(Clone, Debug)]
pub struct Endpoint {
    base: Url,
    /// The host as it is told to people, with its port where that is not the usual one.
    pub host: String,
    /// The host is this machine.
    pub local: bool,
}

/// Longest address, in bytes.
const MAX_URL_BYTES: usize = 2048;

impl Endpoint {
    /// Reads an address.
    ///
    /// # Errors
    /// [`ModelError::BadUrl`] where it is none or holds a user, a question or a mark; [`ModelError::InsecureUrl`] where it is
    /// plain http to another machine and that is not allowed.
    pub fn new(text: &str, allow_insecure_http: bool) -> Result<Self, ModelError> {
        // What may hold a password is not repeated.
        let shown = if text.contains('@') || text.len() > MAX_URL_BYTES { "given" } else { text.trim() };
        let shown = crate::redact::said(shown, None);
        let bad = |why: &str| ModelError::BadUrl { url: shown.clone(), why: why.to_owned() };
        if text.len() > MAX_URL_BYTES {
            return Err(bad("it is too long"));
        }
        let base = Url::parse(text.trim()).map_err(|error| bad(&error.to_string()))?;
        if !matches!(base.scheme(), "https" | "http") {
            return Err(bad("only https and http are spoken"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(bad("it has a user in it; give the key as a setting of its own"));
        }
        if base.query().is_some() || base.fragment().is_some() {
            return Err(bad("nothing may stand behind its path"));
        }
        let name = base.host_str().filter(|name| !name.is_empty()).ok_or_else(|| bad("it has no host"))?;
        let host = base.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        let local = name == "localhost" || bare.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        if base.scheme() == "http" && !local && !allow_insecure_http {
            return Err(ModelError::InsecureUrl { host });
        }
        Ok(Self { base, host, local })
    }

    /// Whether the address is one of https.
    pub fn is_tls(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// The address of a path behind the base.
    pub fn join(&self, path: &str) -> Url {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }

    /// Where an answer points, as it is told to people.
    pub fn redirect(&self, headers: &HeaderMap, key: Option<&Secret>) -> String {
        let to = headers.get("location").map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let to = to.unwrap_or_default();
        let to = self.base.join(&to).map_or(to, |mut url| {
            // Both may hold what is nobody else's business.
            url.set_query(None);
            url.set_fragment(None);
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.to_string()
        });
        crate::redact::said(&to, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_joined_whatever_their_end() {
        for base in ["https://api.example.com/v1", "https://api.example.com/v1/", " https://api.example.com/v1 "] {
            let endpoint = Endpoint::new(base, false).unwrap();
            assert_eq!(endpoint.join("chat/completions").as_str(), "https://api.example.com/v1/chat/completions");
            assert_eq!(endpoint.host, "api.example.com");
        }
        let endpoint = Endpoint::new("https://api.example.com", false).unwrap();
        assert_eq!(endpoint.join("v1/models?limit=1000").as_str(), "https://api.example.com/v1/models?limit=1000");
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for (base, host) in [
            ("http://127.0.0.1:8080/v1", "127.0.0.1:8080"),
            ("http://127.8.9.1/v1", "127.8.9.1"),
            ("http://[::1]:9/v1", "[::1]:9"),
            ("http://localhost:11434/v1", "localhost:11434"),
        ] {
            let endpoint = Endpoint::new(base, false).unwrap();
            assert_eq!((endpoint.host.as_str(), endpoint.local), (host, true));
        }
        for base in [
            "http://192.168.1.7:8080/v1",
            "http://example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://0.0.0.0:1",
        ] {
            assert!(matches!(Endpoint::new(base, false), Err(ModelError::InsecureUrl { .. })), "{base}");
            assert!(!Endpoint::new(base, true).unwrap().local, "{base}");
        }
        // Another way to write the loopback address.
        assert!(Endpoint::new("http://0x7f.1/", false).unwrap().local);
    }

    #[test]
    fn what_is_no_address_is_refused_without_its_secrets() {
        for base in [
            "",
            "api.example.com",
            "ftp://example.com",
            "file:///etc/passwd",
            "https://",
            "https://user:hunter2@example.com/v1",
            "https://example.com/v1?key=1",
            "https://example.com/#a",
            "https://exa mple.com",
            &format!("https://example.com/{}", "a".repeat(3000)),
        ] {
            let error = Endpoint::new(base, true).unwrap_err();
            assert!(matches!(error, ModelError::BadUrl { .. }), "{base}: {error}");
            assert!(!error.to_string().contains("hunter2") && error.to_string().len() < 300, "{error}");
        }
    }

    #[test]
    fn redirects_are_told_without_their_questions() {
        let endpoint = Endpoint::new("https://api.example.com/v1", false).unwrap();
        for (to, told) in [
            ("https://other.example/login?token=1#x", "https://other.example/login"),
            ("/v2/chat", "https://api.example.com/v2/chat"),
            ("https://u:p@other.example/", "https://other.example/"),
        ] {
            let headers = HeaderMap::from_iter([(reqwest::header::LOCATION, to.parse().unwrap())]);
            assert_eq!(endpoint.redirect(&headers, None), told);
        }
    }
}
