//! The server's log: to standard error, which editors keep, and to a file of the user's own that does not grow without end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::review::{private_file, private_folder};
use crate::config::Variables;

/// What is logged where nobody says.
const USUAL: &str = "warn";

/// A file of this size, in bytes, is put aside, in the place of the one that was put aside before.
const LONGEST: u64 = 4 << 20;

/// Starts the log; `AIRLOCK_LOG` says how much goes into it.
pub fn start() {
    let wanted = std::env::var("AIRLOCK_LOG").ok().filter(|wanted| !wanted.is_empty());
    let filter = wanted.as_deref().map(EnvFilter::try_new).transpose();
    let (filter, wrong) = match filter {
        Ok(filter) => (filter.unwrap_or_else(|| EnvFilter::new(USUAL)), None),
        Err(error) => (EnvFilter::new(USUAL), Some(error)),
    };
    let file = Variables::process().state_home().map(|home| home.join("airlock").join("lsp.log"));
    let file = file.and_then(|path| Rotated::open(path).ok());
    let file = file.map(|file| tracing_subscriber::fmt::layer().with_ansi(false).with_writer(Mutex::new(file)));
    let stderr = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(io::stderr);
    // One is set already only in a test.
    let _ = tracing_subscriber::registry().with(filter).with(stderr).with(file).try_init();
    if let Some(error) = wrong {
        tracing::warn!("AIRLOCK_LOG is not understood, so `{USUAL}` is taken: {error}");
    }
    tracing::info!("airlock {} serves an editor", env!("CARGO_PKG_VERSION"));
    std::panic::set_hook(Box::new(|info| tracing::error!("{info}")));
}

/// A file that is put aside when it is long.
struct Rotated {
    path: PathBuf,
    file: File,
    written: u64,
}

impl Rotated {
    fn open(path: PathBuf) -> io::Result<Self> {
        private_folder(path.parent().unwrap_or(&path))?;
        let file = append(&path)?;
        let written = file.metadata()?.len();
        Ok(Self { path, file, written })
    }

    fn rotate(&mut self) -> io::Result<()> {
        // Another server that writes to the same file goes on in the one put aside, until it is its turn.
        if fs::metadata(&self.path).is_ok_and(|file| file.len() >= LONGEST) {
            fs::rename(&self.path, self.path.with_extension("log.1"))?;
        }
        self.file = append(&self.path)?;
        self.written = self.file.metadata()?.len();
        Ok(())
    }
}

fn append(path: &Path) -> io::Result<File> {
    private_file().append(true).create(true).open(path)
}

impl Write for Rotated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.written >= LONGEST {
            self.rotate()?;
        }
        let count = self.file.write(bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_the_users_own_and_put_aside_when_it_is_long() {
        let folder = tempfile::TempDir::new().expect("a folder");
        let path = folder.path().join("airlock/lsp.log");
        let mut file = Rotated::open(path.clone()).expect("opened");
        let line = vec![b'x'; 1 << 20];
        for _ in 0..10 {
            file.write_all(&line).expect("written");
        }
        let sizes = [&path, &path.with_extension("log.1")].map(|path| fs::metadata(path).expect("there").len());
        assert_eq!(sizes, [2 << 20, 4 << 20]);
        assert_eq!(Rotated::open(path.clone()).expect("opened").written, 2 << 20);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        }
    }
}
