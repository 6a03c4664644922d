//! Key derivation for guests: what `hashlib` leaves to OpenSSL, which no guest has (RFC 8018 and RFC 7914). Each call is
//! bounded; what is beyond the bounds is refused, and the harness computes it itself or says that it cannot. A guest cannot
//! be stopped while the host computes for it, so what takes more than a moment is done by another thread, for which a run
//! that is stopped does not wait.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::clock::timed;
use super::source::{is_stopped, this_run};

/// Longest password, salt or key, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// Work of one call, in compressions of a hash: a second at most. Real defaults ask for two million.
const MAX_WORK: u64 = 4 << 20;

/// Work of one call that its run waits for, whatever comes: some hundredths of a second at most.
const MOMENT: u64 = 1 << 16;

/// Calls at once, those that nobody waits for any more included.
const MOST_AT_ONCE: usize = 8;

/// How often a run that waits looks whether it was stopped.
const POLL: Duration = Duration::from_millis(10);

/// Memory of one scrypt call, in bytes; twice OpenSSL's default.
const MAX_MEMORY: u64 = 64 << 20;

/// Password, salt, iterations, key.
type Derive = fn(&[u8], &[u8], u32, &mut [u8]);

#[derive(Deserialize)]
struct Pbkdf2 {
    hash: String,
    password: String,
    salt: String,
    iterations: u32,
    dklen: usize,
}

#[derive(Deserialize)]
struct Scrypt {
    password: String,
    salt: String,
    n: u64,
    r: u32,
    p: u32,
    dklen: usize,
}

/// Answers `{"op":"pbkdf2", …}` with the key, hexadecimal.
///
/// # Errors
/// What is wrong or too much about the request.
pub fn pbkdf2(request: &Value) -> Result<String, String> {
    let ask = Pbkdf2::deserialize(request).map_err(|error| error.to_string())?;
    let (derive, digest): (Derive, usize) = match ask.hash.as_str() {
        "sha1" => (pbkdf2::pbkdf2_hmac::<sha1::Sha1>, 20),
        "sha224" => (pbkdf2::pbkdf2_hmac::<sha2::Sha224>, 28),
        "sha256" => (pbkdf2::pbkdf2_hmac::<sha2::Sha256>, 32),
        "sha384" => (pbkdf2::pbkdf2_hmac::<sha2::Sha384>, 48),
        "sha512" => (pbkdf2::pbkdf2_hmac::<sha2::Sha512>, 64),
        _ => return Err("the host does not know this hash".to_owned()),
    };
    let (password, salt) = (bytes(&ask.password)?, bytes(&ask.salt)?);
    if ask.iterations == 0 || ask.dklen == 0 || ask.dklen > MAX_BYTES {
        return Err("iterations and key length must be positive, and the key at most 1 MiB".to_owned());
    }
    // Two compressions for each iteration of each block; for the first iteration as many as the salt is long.
    let blocks = ask.dklen.div_ceil(digest) as u64;
    let work = blocks.saturating_mul(u64::from(ask.iterations) * 2 + (salt.len() / 64) as u64);
    if work > MAX_WORK {
        return Err("this derivation takes too long".to_owned());
    }
    apart(work, move || {
        let mut key = vec![0; ask.dklen];
        derive(&password, &salt, ask.iterations, &mut key);
        Ok(hex(&key))
    })
}

/// Answers `{"op":"scrypt", …}` with the key, hexadecimal.
///
/// # Errors
/// What is wrong or too much about the request.
pub fn scrypt(request: &Value) -> Result<String, String> {
    let ask = Scrypt::deserialize(request).map_err(|error| error.to_string())?;
    let (password, salt) = (bytes(&ask.password)?, bytes(&ask.salt)?);
    if ask.n < 2 || !ask.n.is_power_of_two() || ask.dklen == 0 || ask.dklen > MAX_BYTES {
        return Err("n must be a power of 2, and the key 1 byte to 1 MiB long".to_owned());
    }
    let (n, r, p) = (ask.n, u64::from(ask.r), u64::from(ask.p));
    let memory = r.saturating_mul(n.saturating_add(p)).saturating_mul(128);
    // Salsa20/8 over 64 bytes costs about half a compression; each of 2n steps takes 2r of them.
    let work = n.saturating_mul(r).saturating_mul(p).saturating_mul(2).saturating_add(ask.dklen as u64);
    if memory > MAX_MEMORY || work > MAX_WORK {
        return Err("this derivation takes too much memory or too long".to_owned());
    }
    let log_n = u8::try_from(n.ilog2()).map_err(|error| error.to_string())?;
    let params = scrypt::Params::new(log_n, ask.r, ask.p).map_err(|error| error.to_string())?;
    apart(work, move || {
        let mut key = vec![0; ask.dklen];
        scrypt::scrypt(&password, &salt, &params, &mut key).map_err(|error| error.to_string())?;
        Ok(hex(&key))
    })
}

/// Derives a key, in a thread of its own where that takes a while. It ends by itself, within the bounds of one call, and
/// what it worked is counted as its run's.
fn apart(work: u64, derive: impl FnOnce() -> Result<String, String> + Send + 'static) -> Result<String, String> {
    static BUSY: AtomicUsize = AtomicUsize::new(0);
    if work <= MOMENT {
        return derive();
    }
    let stopped = || Err("the run was stopped".to_owned());
    while BUSY
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |busy| (busy < MOST_AT_ONCE).then_some(busy + 1))
        .is_err()
    {
        if is_stopped() {
            return stopped();
        }
        std::thread::sleep(POLL);
    }
    let (done, key) = channel();
    let run = this_run();
    let spawned = std::thread::Builder::new().name("keys".to_owned()).spawn(move || {
        let (derived, took) = timed(derive);
        // It is the run's work, which its limits count.
        if let Some(run) = run {
            run.lend(took);
        }
        BUSY.fetch_sub(1, Ordering::SeqCst);
        // The run may have been stopped meanwhile.
        let _ = done.send(derived);
    });
    if let Err(error) = spawned {
        BUSY.fetch_sub(1, Ordering::SeqCst);
        return Err(error.to_string());
    }
    loop {
        match key.recv_timeout(POLL) {
            Ok(derived) => return derived,
            Err(RecvTimeoutError::Timeout) if is_stopped() => return stopped(),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err("the derivation failed".to_owned()),
        }
    }
}

fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let wrong = || "not hexadecimal".to_owned();
    if hex.len() > 2 * MAX_BYTES {
        return Err("longer than 1 MiB".to_owned());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or_else(wrong);
    let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    pairs.iter().map(|[high, low]| Ok(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes what is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn known_answers() {
        // RFC 6070, and RFC 7914 sections 11 and 12.
        let ask = json!({"hash": "sha1", "password": hex(b"password"), "salt": hex(b"salt"), "iterations": 4096, "dklen": 20});
        assert_eq!(pbkdf2(&ask).as_deref(), Ok("4b007901b765489abead49d926f721d065a429c1"));
        let ask =
            json!({"hash": "sha256", "password": hex(b"passwd"), "salt": hex(b"salt"), "iterations": 1, "dklen": 64});
        assert!(
            pbkdf2(&ask)
                .expect("a key")
                .starts_with("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc")
        );
        let ask = json!({"password": "", "salt": "", "n": 16, "r": 1, "p": 1, "dklen": 64});
        assert!(
            scrypt(&ask)
                .expect("a key")
                .starts_with("77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442")
        );
    }

    #[test]
    fn what_a_key_takes_is_the_runs_own_time() {
        use std::sync::Arc;

        use super::super::source::as_run;
        use crate::memory::Control;

        let control = Arc::new(Control::default());
        let ask = |iterations: u32| {
            let ask = json!({"hash": "sha256", "password": "00", "salt": "", "iterations": iterations, "dklen": 32});
            as_run(&control, || pbkdf2(&ask)).expect("a key");
            control.lent()
        };
        assert_eq!(ask(1), Duration::ZERO, "the run's own thread did that");
        // Half a million compressions: no processor does them in a millisecond.
        let once = ask(250_000);
        assert!(once > Duration::from_millis(1), "{once:?}");
        assert!(ask(250_000) > once, "each counts");
    }

    #[test]
    fn what_is_wrong_or_too_much_is_refused() {
        let ask = |iterations: i64, dklen: i64, salt: &str| {
            pbkdf2(&json!({"hash": "sha256", "password": "00", "salt": salt, "iterations": iterations, "dklen": dklen}))
        };
        for (iterations, dklen, salt) in [
            (0, 32, ""),
            (1, 0, ""),
            (-1, 32, ""),
            (1, 1 << 30, ""),
            (u32::MAX.into(), 32, ""),
            (1, 32, "0"),
            (1, 32, "zz"),
        ] {
            assert!(ask(iterations, dklen, salt).is_err(), "{iterations} {dklen} {salt}");
        }
        for (n, r, p) in
            [(0, 8, 1), (3, 8, 1), (1_u64 << 63, 8, 1), (1 << 20, 8, 1), (2, 0, 1), (2, 1, u32::MAX), (2, u32::MAX, 1)]
        {
            let ask = json!({"password": "", "salt": "", "n": n, "r": r, "p": p, "dklen": 64});
            assert!(scrypt(&ask).is_err(), "{n} {r} {p}");
        }
        assert!(scrypt(&json!(null)).is_err());
    }
}
