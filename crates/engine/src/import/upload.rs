//! Files on their way in: sealed as they arrive, looked at when they are complete.

use std::io::Write;
use std::path::Path;

use domain::control::{Import, ImportCounts, ImportState};
use domain::ids::{AccountId, ImportId};
use futures::{Stream, StreamExt as _};

use super::{ImportError, MAX_FILE_BYTES, Proposal, propose};
use crate::Engine;

/// Longest file name kept: what file systems allow.
const MAX_FILE_NAME_CHARS: usize = 255;

impl Engine {
    /// Stores a file and proposes what its columns become. The import waits in `uploaded` until
    /// [`Engine::start_import`], or is the audience of a campaign as it is.
    ///
    /// # Errors
    /// [`ImportError`] when the file is too large or no spreadsheet; nothing usable is left behind then.
    pub async fn upload<S, B>(
        &self,
        account: AccountId,
        file_name: &str,
        pieces: S,
    ) -> Result<(Import, Proposal), ImportError>
    where
        S: Stream<Item = std::io::Result<B>> + Send,
        B: AsRef<[u8]> + Send + 'static,
    {
        let now = self.clock.now();
        let id = ImportId::from(self.ids.fresh(now));
        let bytes = self.write_upload(account, id, pieces).await?;
        let proposal = self.proposal(account, id).await?;
        let import = Import {
            id,
            account,
            file_name: plain_name(file_name),
            bytes,
            mapping: proposal.mapping(),
            tags: Vec::new(),
            source: String::new(),
            basis: None,
            state: ImportState::Uploaded,
            counts: ImportCounts::default(),
            trouble: None,
            created_at: now,
            finished_at: None,
        };
        self.control.put_import(&import).await?;
        Ok((import, proposal))
    }

    /// Looks at an uploaded file again.
    ///
    /// # Errors
    /// [`ImportError::NoSuchFile`] when it has expired, and as [`propose`].
    pub async fn proposal(&self, account: AccountId, id: ImportId) -> Result<Proposal, ImportError> {
        let (control, country) = (self.control.clone(), self.settings.country);
        let looking = tokio::task::spawn_blocking(move || {
            let mut file = control.open_upload(account, id)?;
            propose(file.as_mut(), country)
        });
        looking.await.map_err(|_| ImportError::Interrupted)?
    }

    async fn write_upload<S, B>(
        &self,
        account: AccountId,
        id: ImportId,
        pieces: S,
    ) -> Result<u64, ImportError>
    where
        S: Stream<Item = std::io::Result<B>> + Send,
        B: AsRef<[u8]> + Send + 'static,
    {
        let mut pieces = std::pin::pin!(pieces);
        let control = self.control.clone();
        let mut file = blocking(move || control.create_upload(account, id)).await?;
        let mut bytes = 0;
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            bytes += piece.as_ref().len() as u64;
            if bytes > MAX_FILE_BYTES {
                return Err(ImportError::FileTooLarge { limit_bytes: MAX_FILE_BYTES });
            }
            file = blocking(move || file.write_all(piece.as_ref()).map(|()| file)).await?;
        }
        blocking(move || file.flush()).await?;
        Ok(bytes)
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, ImportError> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| ImportError::Interrupted)??)
}

/// The last component of whatever path a browser sent.
fn plain_name(file_name: &str) -> String {
    let name = file_name.rsplit(['/', '\\']).next().unwrap_or(file_name);
    let name = Path::new(name).file_name().and_then(|name| name.to_str()).unwrap_or("");
    name.chars().filter(|ch| !ch.is_control()).take(MAX_FILE_NAME_CHARS).collect()
}
