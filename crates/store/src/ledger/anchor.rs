//! Whether a partition's files are still where they were opened.
//!
//! The system keeps a deleted file for whoever has it open: writes go on succeeding, and everything acknowledged since
//! is gone with the process. So a writer looks before each commit, and refuses all work once a file was deleted, moved
//! or replaced under it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use domain::ledger::LedgerError;

use super::fault::{Fault, Outcome};

/// Device and number of a file: a name that is given to another file has others.
type Identity = (u64, u64);

/// The files of one partition, as they were found when it was opened.
pub(super) struct Anchor {
    files: [(PathBuf, Identity); 2],
}

impl Anchor {
    /// Remembers a database's file and its log, which is there once something was written.
    pub(super) fn of(path: &Path) -> Outcome<Self> {
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let remember = |path: PathBuf| {
            let identity = identity(&path).map_err(|error| gone(&path, &error.to_string()))?;
            Ok::<_, Fault>((path, identity))
        };
        Ok(Self { files: [remember(path.to_owned())?, remember(log.into())?] })
    }

    /// Fails when one of them is not there any more.
    pub(super) fn holds(&self) -> Outcome<()> {
        for (path, known) in &self.files {
            match identity(path) {
                Ok(found) if found == *known => {}
                Ok(_) => return Err(gone(path, "another file has its name")),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(gone(path, "it was deleted or moved"));
                }
                // Nothing is known of it for the moment; the commit itself will fail if it must.
                Err(_) => {}
            }
        }
        Ok(())
    }
}

fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|found| (found.dev(), found.ino()))
}

fn gone(path: &Path, what: &str) -> Fault {
    let name = path.file_name().unwrap_or(path.as_os_str()).display();
    let detail =
        format!("{name}: {what} while in use; stop this program, restore the data folder whole, start again");
    Fault::Broken(LedgerError::Inconsistent { table: "ledger", column: "file", detail })
}
