//! Whether files that are open are still where they were opened.
//!
//! The system keeps a deleted file for whoever has it open: writes go on succeeding, and everything acknowledged since
//! is gone with the process. So whoever writes looks before each commit, and refuses all work once a file was deleted,
//! moved or replaced under it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use domain::control::ControlError;

/// Device and number of a file: a name that is given to another file has others.
type Identity = (u64, u64);

/// Files as they were found when they were opened.
pub struct Anchor {
    files: Vec<(PathBuf, Identity)>,
}

/// A file is not where it was. A person must stop the program and restore the folder whole.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {what} while in use; stop this program, restore the data folder whole, start again")]
pub struct Gone {
    file: String,
    what: String,
}

impl Anchor {
    /// Remembers files, all of which are there.
    ///
    /// # Errors
    /// [`Gone`] when one cannot be found.
    pub fn of(paths: impl IntoIterator<Item = PathBuf>) -> Result<Self, Gone> {
        let remember = |path: PathBuf| match identity(&path) {
            Ok(found) => Ok((path, found)),
            Err(error) => Err(Gone::new(&path, &error.to_string())),
        };
        Ok(Self { files: paths.into_iter().map(remember).collect::<Result<_, _>>()? })
    }

    /// Fails when one of them is not there any more.
    ///
    /// # Errors
    /// [`Gone`].
    pub fn holds(&self) -> Result<(), Gone> {
        for (path, known) in &self.files {
            match identity(path) {
                Ok(found) if found == *known => {}
                Ok(_) => return Err(Gone::new(path, "another file was given its name")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(Gone::new(path, "it was deleted or moved"));
                }
                // Nothing is known of it for the moment; the commit itself will fail if it must.
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// The write-ahead log that SQLite keeps beside a file.
#[must_use]
pub fn log_of(path: &Path) -> PathBuf {
    beside(path, "-wal")
}

/// A file of SQLite's beside a database.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

impl Gone {
    fn new(path: &Path, what: &str) -> Self {
        let file = path.file_name().unwrap_or(path.as_os_str()).display().to_string();
        Self { file, what: what.to_owned() }
    }
}

impl From<Gone> for ControlError {
    fn from(gone: Gone) -> Self {
        tracing::error!(error = %gone, "the control database is not where it was");
        Self::Inconsistent { table: "control.db", column: "file" }
    }
}
