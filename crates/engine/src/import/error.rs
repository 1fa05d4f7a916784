//! Why a file as a whole could not be read.

use std::io;

use domain::control::ControlError;
use domain::ledger::LedgerError;
use domain::text::Bilingual;
use sheets::SheetError;

use crate::fault::Whose;

/// Why a file was refused or its reading stopped. Rows that are merely bad never become one of these.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no spreadsheet that can be read.
    #[error(transparent)]
    Sheet(SheetError),
    /// The file is larger than may be uploaded.
    #[error("the file is larger than {limit_bytes} bytes")]
    FileTooLarge {
        /// The bound.
        limit_bytes: u64,
    },
    /// More rows than one import may have.
    #[error("the file has more than {limit} rows")]
    TooManyRows {
        /// The bound.
        limit: u64,
    },
    /// More columns than one import may have.
    #[error("the file has more than {limit} columns")]
    TooManyColumns {
        /// The bound.
        limit: usize,
    },
    /// No column of phones, neither by name nor by content.
    #[error("no column holds phone numbers; the columns are: {columns}")]
    NoPhoneColumn {
        /// Names of the columns, joined.
        columns: String,
    },
    /// Two columns of one name.
    #[error("two columns are called {name}")]
    DuplicateHeader {
        /// The name.
        name: String,
    },
    /// A mapping that does not fit: not exactly one phone column, or other columns than the file's.
    #[error("the mapping does not fit the file: {detail}")]
    Mapping {
        /// What does not fit, in English.
        detail: &'static str,
    },
    /// No such upload, or it has expired.
    #[error("the uploaded file is not there any more")]
    NoSuchFile,
    /// Somebody started it already.
    #[error("this import is {state} already")]
    AlreadyStarted {
        /// The word of its state.
        state: &'static str,
    },
    /// The machine is shutting down; start the import again afterwards.
    #[error("the import was interrupted; start it again, nothing is imported twice")]
    Interrupted,
    /// The upload could not be written or read.
    #[error("the uploaded file could not be written or read")]
    Io(#[source] io::Error),
    /// The control database refused.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The ledger refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<io::Error> for ImportError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NoSuchFile,
            io::ErrorKind::StorageFull => Self::Control(ControlError::Full),
            _ => Self::Io(error),
        }
    }
}

impl From<SheetError> for ImportError {
    fn from(error: SheetError) -> Self {
        match error {
            SheetError::Io(error) => error.into(),
            other => Self::Sheet(other),
        }
    }
}

impl ImportError {
    /// Who can mend it.
    #[must_use]
    pub fn whose(&self) -> Whose {
        match self {
            Self::NoSuchFile => Whose::NotFound,
            Self::AlreadyStarted { .. } => Whose::Conflict,
            Self::Interrupted => Whose::Retry,
            Self::Io(_) => Whose::Ours,
            Self::Control(error) => Whose::of_control(error),
            Self::Ledger(error) => Whose::of_ledger(error),
            _ => Whose::Caller,
        }
    }

    /// What to tell the user, with what to do about it.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            Self::Sheet(error) => return error.explain(),
            Self::FileTooLarge { limit_bytes } => {
                format!("文件超过 {} MB：请拆分后上传", limit_bytes >> 20).into()
            }
            Self::TooManyRows { limit } => format!("超过 {limit} 行：请拆分后上传").into(),
            Self::TooManyColumns { limit } => format!("超过 {limit} 列：请删除不用的列").into(),
            Self::NoPhoneColumn { columns } => {
                format!("没有找到手机号列（现有列：{columns}）：请指定哪一列是手机号").into()
            }
            Self::DuplicateHeader { name } => format!("有两列同名“{name}”：请改名后重新上传").into(),
            Self::Mapping { .. } => "列的对应关系与文件不符：必须恰好有一列手机号".into(),
            Self::NoSuchFile => "上传的文件不存在或已过期：请重新上传".into(),
            Self::AlreadyStarted { .. } => "该导入已经开始或已完成".into(),
            Self::Interrupted => "导入被中断：请重新开始，不会重复导入".into(),
            Self::Io(_) => "文件读写失败：请稍后重试".into(),
            Self::Control(ControlError::Full) | Self::Ledger(LedgerError::Full) => {
                "磁盘已满：请清理空间后重试，数据没有丢失".into()
            }
            Self::Control(_) | Self::Ledger(_) => "存储暂时不可用：请稍后重试".into(),
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}
