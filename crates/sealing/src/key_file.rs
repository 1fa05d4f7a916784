//! The key file: outside the data folder, readable by its owner only, one key a line, newest last.
//!
//! ```text
//! hongyan-keys 1
//! 1 9f3c… (64 hexadecimal digits)
//! ```
//!
//! Adding a line with the next number rotates the sealing key: new values are sealed with it, old ones still open.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::{Key, derive};

pub(super) const KEY_LEN: usize = 32;
const HEAD: &str = "hongyan-keys 1";
const CHECK_HEAD: &str = "hongyan-key-check 1";
/// In the data folder.
const CHECK_FILE: &str = "key.check";

/// Why the keys cannot be used. All but `Io` and `Random` need a person.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The data folder was written with a key, and the key file is not there.
    #[error(
        "the key file {path} is missing, and the data folder was sealed with a key; restore the file (a backup, another disk): without it phones and texts cannot be read"
    )]
    Missing { path: PathBuf },
    /// The key file is not the one that the data folder was written with.
    #[error(
        "the key file {path} is not the one that this data folder was sealed with (key {version} differs)"
    )]
    Wrong { path: PathBuf, version: u8 },
    /// Others than the owner may read it.
    #[error("the key file {path} may be read by others (mode {mode:o}); run: chmod 600 {path}")]
    TooOpen { path: PathBuf, mode: u32 },
    /// Not a key file.
    #[error(
        "{path} is not a key file (line {line}): expected `{HEAD}`, then lines of a number and 64 hexadecimal digits"
    )]
    Malformed { path: PathBuf, line: usize },
    /// The file system refused.
    #[error("cannot use {path}: {source}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The operating system gave no randomness for a new key.
    #[error("the operating system gives no random bytes for a new key: {0}")]
    Random(getrandom::Error),
}

/// All keys by version; never empty.
pub(super) struct KeyRing {
    keys: BTreeMap<u8, Key>,
}

impl KeyRing {
    pub(super) fn current(&self) -> (u8, &Key) {
        self.keys.last_key_value().map(|(version, key)| (*version, key)).expect("a ring is never empty")
    }

    /// The key that the phone index is derived from: the oldest, so that rotation leaves indexes alone.
    pub(super) fn first(&self) -> &Key {
        self.keys.first_key_value().map(|(_, key)| key).expect("a ring is never empty")
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (u8, &Key)> {
        self.keys.iter().map(|(version, key)| (*version, key))
    }
}

pub(super) fn open(key_file: &Path, data_folder: &Path) -> Result<KeyRing, KeyFileError> {
    let check_file = data_folder.join(CHECK_FILE);
    let known = read_if_there(&check_file)?.map(|text| parse(&check_file, CHECK_HEAD, &text)).transpose()?;
    let ring = match read_if_there(key_file)? {
        Some(text) => {
            refuse_open_permissions(key_file)?;
            ring_of(key_file, &text)?
        }
        None if known.is_some() => return Err(KeyFileError::Missing { path: key_file.into() }),
        None => generate(key_file)?,
    };
    let checks = checks(&ring);
    let known = known.unwrap_or_default();
    if let Some(version) = differing(&checks, &known) {
        return Err(KeyFileError::Wrong { path: key_file.into(), version });
    }
    if checks.len() > known.len() {
        write_new(&check_file, &check(&ring))?;
    }
    Ok(ring)
}

type Checks = BTreeMap<u8, Vec<u8>>;

fn checks(ring: &KeyRing) -> Checks {
    ring.all().map(|(version, key)| (version, derive::check_value(key).to_vec())).collect()
}

/// A key that is known and not the one of the ring.
fn differing(checks: &Checks, known: &Checks) -> Option<u8> {
    known.iter().find(|(version, check)| checks.get(version) != Some(check)).map(|(version, _)| *version)
}

/// What a data folder or a database keeps of the keys.
pub(super) fn check(ring: &KeyRing) -> String {
    let checks = checks(ring);
    render(CHECK_HEAD, checks.iter().map(|(version, check)| (*version, check.as_slice()))).to_string()
}

/// Whether every key of a [`check`] is in the ring. `false` also when it is none.
pub(super) fn agrees(ring: &KeyRing, check: &str) -> bool {
    parse(Path::new(CHECK_FILE), CHECK_HEAD, check)
        .is_ok_and(|known| differing(&checks(ring), &known).is_none())
}

fn generate(path: &Path) -> Result<KeyRing, KeyFileError> {
    let key = random_key()?;
    write_new(path, &render(HEAD, [(1, &key[..])].into_iter()))?;
    Ok(KeyRing { keys: BTreeMap::from([(1, key)]) })
}

#[expect(clippy::disallowed_methods, reason = "the one place where keys are made")]
fn random_key() -> Result<Key, KeyFileError> {
    let mut key: Key = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(&mut key[..]).map_err(KeyFileError::Random)?;
    Ok(key)
}

fn ring_of(path: &Path, text: &str) -> Result<KeyRing, KeyFileError> {
    let malformed = |line| KeyFileError::Malformed { path: path.into(), line };
    let mut keys = BTreeMap::new();
    for (line, (version, bytes)) in parse(path, HEAD, text)?.into_iter().enumerate() {
        let key = Zeroizing::new(bytes);
        let key: [u8; KEY_LEN] = key.as_slice().try_into().map_err(|_| malformed(line + 2))?;
        keys.insert(version, Zeroizing::new(key));
    }
    if keys.is_empty() { Err(malformed(2)) } else { Ok(KeyRing { keys }) }
}

/// Lines of a version and hexadecimal bytes behind a head line.
fn parse(path: &Path, head: &str, text: &str) -> Result<BTreeMap<u8, Vec<u8>>, KeyFileError> {
    let malformed = |line| KeyFileError::Malformed { path: path.into(), line };
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line.trim()) != Some(head) {
        return Err(malformed(1));
    }
    let mut values = BTreeMap::new();
    for (index, line) in lines.filter(|(_, line)| !line.trim().is_empty()) {
        let value = line.split_once(' ').and_then(|(version, hex)| {
            Some((version.parse::<u8>().ok().filter(|v| *v > 0)?, from_hex(hex.trim())?))
        });
        let (version, bytes) = value.ok_or_else(|| malformed(index + 1))?;
        values.insert(version, bytes);
    }
    Ok(values)
}

fn render<'a>(head: &str, values: impl Iterator<Item = (u8, &'a [u8])>) -> Zeroizing<String> {
    use std::fmt::Write as _;
    let mut text = Zeroizing::new(format!("{head}\n"));
    for (version, bytes) in values {
        let digits = bytes.iter().fold(Zeroizing::new(String::new()), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        });
        let _ = writeln!(text, "{version} {}", *digits);
    }
    text
}

fn from_hex(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok()).collect()
}

fn read_if_there(path: &Path) -> Result<Option<Zeroizing<String>>, KeyFileError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(KeyFileError::Io { path: path.into(), source }),
    }
}

/// Whole or not at all: a new file beside it, synced, then renamed over it.
fn write_new(path: &Path, text: &str) -> Result<(), KeyFileError> {
    let io = |source| KeyFileError::Io { path: path.into(), source };
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io)?;
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&fresh).map_err(io)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(io)?;
    fs::rename(&fresh, path).map_err(io)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)
}

#[cfg(unix)]
fn refuse_open_permissions(path: &Path) -> Result<(), KeyFileError> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = fs::metadata(path).map_err(|source| KeyFileError::Io { path: path.into(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 == 0 { Ok(()) } else { Err(KeyFileError::TooOpen { path: path.into(), mode }) }
}

#[cfg(not(unix))]
fn refuse_open_permissions(_path: &Path) -> Result<(), KeyFileError> {
    Ok(())
}
