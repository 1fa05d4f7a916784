//! Why a file as a whole could not be read.

use std::io;

use domain::text::Bilingual;

/// Why a file is no spreadsheet that can be read. Rows that are merely bad never become one of these.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// The content is something else, whatever the name says.
    #[error("this is not a spreadsheet but {found}")]
    NotASpreadsheet {
        /// What it looks like, in English.
        found: &'static str,
    },
    /// A spreadsheet in a format that cannot be streamed.
    #[error("old or unusual spreadsheet format ({found}): save it as .xlsx or CSV")]
    UnsupportedSheet {
        /// What it is.
        found: &'static str,
    },
    /// A zip or XML structure that cannot be followed.
    #[error("the spreadsheet is damaged")]
    Damaged,
    /// More content than a spreadsheet of five million rows can have.
    #[error("the spreadsheet unpacks to more than {limit_bytes} bytes")]
    UnpacksTooFar {
        /// The bound.
        limit_bytes: u64,
    },
    /// One cell of a spreadsheet is a document of its own.
    #[error("a cell is longer than {limit_bytes} bytes")]
    HugeCell {
        /// The bound.
        limit_bytes: usize,
    },
    /// No row besides the header.
    #[error("the file has no rows")]
    NoRows,
    /// The file could not be read.
    #[error("the uploaded file could not be written or read")]
    Io(#[from] io::Error),
}

impl SheetError {
    /// What to tell the user, with what to do about it.
    #[must_use]
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            Self::NotASpreadsheet { found } => {
                format!("这不是表格文件（内容是 {found}）：请上传 .xlsx 或 CSV").into()
            }
            Self::UnsupportedSheet { found } => {
                format!("不支持的表格格式（{found}）：请另存为 .xlsx 或 CSV").into()
            }
            Self::Damaged => "表格文件已损坏：请用表格软件打开并重新保存".into(),
            Self::UnpacksTooFar { .. } => "表格解压后过大：请拆分或另存为 CSV".into(),
            Self::HugeCell { .. } => "有一个单元格过大（超过 1 MB）：请删除后重新上传".into(),
            Self::NoRows => "文件里没有数据行".into(),
            Self::Io(_) => "文件读写失败：请稍后重试".into(),
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}
