//! Opening a database: made whole or not at all, looked over, and put aside where it is not what it should be.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::StoreError;
use crate::location::Place;
use crate::thread::{Options, Store};
use crate::{OLDEST_SQLITE, mounts, private, schema};

/// First bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// How long one try of SQLite's own waits for another process, in milliseconds.
const BUSY: Duration = Duration::from_secs(5);

/// A database that is open.
pub struct Opened {
    pub store: Store,
    /// Where a damaged one was put, which this one replaces; to be said.
    pub put_aside: Option<StoreError>,
}

/// Opens a workspace's database; makes it where there is none.
///
/// # Errors
/// Why nothing can be kept. What is damaged is put aside and told in [`Opened::put_aside`].
pub fn open(place: &Place, options: Options) -> Result<Opened, StoreError> {
    let sqlite = rusqlite::version_number();
    let path = place.database();
    if sqlite < OLDEST_SQLITE {
        let why = format!("SQLite {} is too old to be safe with two processes", rusqlite::version());
        return Err(StoreError::Unavailable { path, why });
    }
    if let Some(kind) = mounts::network(&place.folder) {
        return Err(StoreError::Network { path, kind });
    }
    private::folder(&place.folder)?;
    if !options.to_write && path.exists() && private::is_read_only(&place.folder) {
        return to_read(place, options);
    }
    let lock = private::lock_file(&place.folder.join("open.lock"))?;
    let started = Instant::now();
    loop {
        match lock.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(StoreError::io(&path, &error)),
            Err(TryLockError::WouldBlock) => {}
        }
        // Others have it open, or one of them is just looking it over.
        match lock.try_lock_shared() {
            Ok(()) if path.exists() => {
                let connection = beside_others(&path, &options)?;
                return Ok(Opened { store: Store::start(place, connection, lock, options)?, put_aside: None });
            }
            Ok(()) => lock.unlock().map_err(|error| StoreError::io(&path, &error))?,
            Err(TryLockError::Error(error)) => return Err(StoreError::io(&path, &error)),
            Err(TryLockError::WouldBlock) => {}
        }
        if started.elapsed() > options.look {
            return Err(StoreError::Busy(path));
        }
        std::thread::sleep(private::POLL);
    }
    let (connection, put_aside) = alone(&path, &options)?;
    lock.lock_shared().map_err(|error| StoreError::io(&path, &error))?;
    Ok(Opened { store: Store::start(place, connection, lock, options)?, put_aside })
}

/// Opens where nothing may be written, not even a lock: to look at what is there. Nobody can change it either; where another
/// mount of the folder can be written to, SQLite's own journal and shared memory are there to be read.
fn to_read(place: &Place, options: Options) -> Result<Opened, StoreError> {
    let path = place.database();
    let failed = |error: rusqlite::Error| StoreError::of(&path, &error);
    let connection = connect_to_read(&path).map_err(failed)?;
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    let version = schema::version(&connection).map_err(failed)?;
    let known = i64::try_from(options.migrations.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(StoreError::Newer { path, found: version, known });
    }
    let unfit = match () {
        () if id != schema::APPLICATION_ID || version < 1 => Some("it is another program's"),
        () if version < known => {
            Some("an older version wrote it, and it cannot be brought up to date in a folder that may only be read")
        }
        () => None,
    };
    if let Some(why) = unfit {
        return Err(StoreError::Unavailable { path, why: why.to_owned() });
    }
    let said: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).map_err(failed)?;
    if said != "ok" {
        let why = said.lines().next().unwrap_or("it contradicts itself").to_owned();
        return Err(StoreError::Damaged { path, put_aside: None, why });
    }
    // In the place of the lock that cannot be made.
    let folder = File::open(&place.folder).map_err(|error| StoreError::io(&path, &error))?;
    Ok(Opened { store: Store::start(place, connection, folder, options)?, put_aside: None })
}

/// Opens a database that cannot be changed. SQLite would make files beside it, unless it is told that nobody writes to it: as
/// it is where no journal was left (<https://sqlite.org/wal.html#read_only_databases>).
fn connect_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let unclean = fs::metadata(beside(path, "-wal")).is_ok_and(|meta| meta.len() > 0);
    let mut address = String::from("file:");
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => address.push(char::from(byte)),
            other => address.push_str(&format!("%{other:02x}")),
        }
    }
    address.push_str(if unclean { "?mode=ro" } else { "?mode=ro&immutable=1" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(address, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Opens while nobody else has it open: the time to look it over, to mend and to migrate.
fn alone(path: &Path, options: &Options) -> Result<(Connection, Option<StoreError>), StoreError> {
    let damage = match look(path, options) {
        Ok(Some(connection)) => return Ok((connection, None)),
        Ok(None) => None,
        Err(StoreError::Damaged { why, .. }) => Some(why),
        Err(error) => return Err(error),
    };
    let put_aside = match damage {
        Some(why) => {
            let aside = put_aside(path).map_err(|error| StoreError::io(path, &error))?;
            Some(StoreError::Damaged { path: path.to_owned(), put_aside: Some(aside), why })
        }
        None => None,
    };
    make(path, options)?;
    let connection = look(path, options)?
        .ok_or_else(|| StoreError::Unavailable { path: path.to_owned(), why: "it went away again".to_owned() })?;
    Ok((connection, put_aside))
}

/// Opens what is there, if anything is.
fn look(path: &Path, options: &Options) -> Result<Option<Connection>, StoreError> {
    let damaged = |why: &str| StoreError::Damaged { path: path.to_owned(), put_aside: None, why: why.to_owned() };
    let wal = beside(path, "-wal");
    let unclean = fs::metadata(&wal).is_ok_and(|meta| meta.len() > 0);
    let meta = match fs::symlink_metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return if unclean { Err(damaged("its main file is gone, its journal is there")) } else { Ok(None) };
        }
        Err(error) => return Err(StoreError::io(path, &error)),
    };
    if !meta.is_file() {
        return Err(damaged("it is no plain file"));
    }
    // An empty file would pass for a new database.
    if meta.len() == 0 {
        return Err(damaged("it is empty"));
    }
    let mut magic = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    match read {
        Ok(()) if magic == *MAGIC => {}
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => return Err(StoreError::io(path, &error)),
        _ => return Err(damaged("its head is not a database's")),
    }
    tighten(path)?;
    let failed = |error: rusqlite::Error| StoreError::of(path, &error);
    let mut connection = connect(path, false).map_err(failed)?;
    let id: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(failed)?;
    if id != schema::APPLICATION_ID {
        return Err(damaged("it is another program's"));
    }
    let version = schema::version(&connection).map_err(failed)?;
    let known = i64::try_from(options.migrations.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known });
    }
    if version < 1 {
        return Err(damaged("it has no schema"));
    }
    let check = if unclean { "integrity_check(1)" } else { "quick_check(1)" };
    let said: String = connection.query_row(&format!("PRAGMA {check}"), [], |row| row.get(0)).map_err(failed)?;
    if said != "ok" {
        return Err(damaged(said.lines().next().unwrap_or("it contradicts itself")));
    }
    if version < known {
        back_up(&connection, path, version)?;
        schema::migrate(&mut connection, options.migrations).map_err(failed)?;
    }
    writable(&mut connection, options).map_err(failed)?;
    Ok(Some(connection))
}

/// Opens while others have it open: they have looked it over.
fn beside_others(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let failed = |error: rusqlite::Error| StoreError::of(path, &error);
    let mut connection = connect(path, false).map_err(failed)?;
    let version = schema::version(&connection).map_err(failed)?;
    let known = i64::try_from(options.migrations.len()).unwrap_or(i64::MAX);
    if version > known {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known });
    }
    if version < known {
        return Err(StoreError::OlderInUse(path.to_owned()));
    }
    writable(&mut connection, options).map_err(failed)?;
    Ok(connection)
}

/// Makes a database under another name, and gives it its own once it is whole: what has that name was never empty.
fn make(path: &Path, options: &Options) -> Result<(), StoreError> {
    let new = path.with_extension("new");
    let failed = |error: rusqlite::Error| StoreError::of(path, &error);
    let io = |error: std::io::Error| StoreError::io(path, &error);
    for old in [new.clone(), beside(&new, "-wal"), beside(&new, "-shm"), beside(&new, "-journal")] {
        // Left by a process that was ended here; mostly there is none.
        let _ = fs::remove_file(old);
    }
    // SQLite gives its other files the mode of this one.
    private::options().create_new(true).open(&new).map_err(io)?;
    let mut connection = connect(&new, true).map_err(failed)?;
    schema::migrate(&mut connection, options.migrations).map_err(failed)?;
    connection.close().map_err(|(_, error)| failed(error))?;
    File::open(&new).and_then(|file| file.sync_all()).map_err(io)?;
    fs::rename(&new, path).and_then(|()| private::sync_folder_of(path)).map_err(io)
}

fn connect(path: &Path, new: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY)?;
    if new {
        // Both only before the first table.
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        connection.pragma_update(None, "application_id", schema::APPLICATION_ID)?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    // The journal's file does not stay as large as it once was.
    connection.pragma_update_and_check(None, "journal_size_limit", 4 << 20, |_| Ok(()))?;
    Ok(connection)
}

/// Whether it can be written to. Who only reads waits for no writer.
fn writable(connection: &mut Connection, options: &Options) -> rusqlite::Result<()> {
    if !options.to_write {
        return Ok(());
    }
    connection.transaction_with_behavior(TransactionBehavior::Immediate)?.rollback()
}

/// The database as it was before a migration, kept beside it.
fn back_up(connection: &Connection, path: &Path, version: i64) -> Result<(), StoreError> {
    let copy = path.with_extension(format!("schema-{version}.db"));
    // One of an earlier try may be half written.
    let _ = fs::remove_file(&copy);
    private::options().create_new(true).open(&copy).map_err(|error| StoreError::io(&copy, &error))?;
    connection
        .execute("VACUUM INTO ?1", [copy.to_string_lossy()])
        .map(|_| ())
        .map_err(|error| StoreError::of(path, &error))
}

/// Gives a database that is of no use another name, journal and all, so that it can still be looked into.
fn put_aside(path: &Path) -> std::io::Result<PathBuf> {
    let free = |number: u32| path.with_extension(format!("damaged-{number}.db"));
    let aside = (1..).map(free).find(|to| !to.exists()).unwrap_or_else(|| unreachable!("some number is free"));
    for end in ["-wal", "-shm", ""] {
        match fs::rename(beside(path, end), beside(&aside, end)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    private::sync_folder_of(path)?;
    Ok(aside)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn tighten(path: &Path) -> Result<(), StoreError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let io = |error: std::io::Error| StoreError::io(path, &error);
        let mode = fs::metadata(path).map_err(io)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(io)?;
        }
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
