//! What can be wrong with a template, and with one recipient's values for it.

use text::Bilingual;

use super::{MAX_OUTPUT_CHARS, MAX_SOURCE_CHARS};

/// Why a template does not compile: the author's fault; a retry changes nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TemplateError {
    /// Nothing in it.
    #[error("the template is empty")]
    Empty,
    /// The source is too long.
    #[error("the template has {chars} characters, at most {MAX_SOURCE_CHARS} are allowed")]
    TooLong {
        /// Its length.
        chars: usize,
    },
    /// It breaks the template language's rules.
    #[error("line {line}: {detail}")]
    Syntax {
        /// From 1.
        line: usize,
        /// The parser's words about the source.
        detail: String,
    },
    /// It names a filter, test or function that does not exist.
    #[error("line {line}: unknown filter, test or function: {detail}")]
    UnknownName {
        /// From 1.
        line: usize,
        /// The engine's words about the source.
        detail: String,
    },
}

impl TemplateError {
    /// What to tell the author.
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            TemplateError::Empty => "模板为空".into(),
            TemplateError::TooLong { chars } => {
                format!("模板有 {chars} 个字符，最多 {MAX_SOURCE_CHARS} 个").into()
            }
            TemplateError::Syntax { line, detail } => format!("第 {line} 行语法错误：{detail}").into(),
            TemplateError::UnknownName { line, detail } => {
                format!("第 {line} 行：没有这个过滤器、测试或函数：{detail}").into()
            }
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}

/// Why one recipient gets no text. Holds names from the template, never a recipient's values.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RenderError {
    /// The recipient has no value, or a blank one, for a variable without default. The row's fault.
    #[error("the variable {name} is missing")]
    MissingVariable {
        /// The variable.
        name: String,
    },
    /// A value is not what a filter needs. The row's fault.
    #[error("a value does not suit the filter {filter}")]
    BadValue {
        /// The filter.
        filter: &'static str,
    },
    /// The template does more work than one text can need. The template's fault.
    #[error("the template does too much work")]
    TooMuchWork,
    /// The text is too long.
    #[error("the text has {chars} characters, at most {MAX_OUTPUT_CHARS} are allowed")]
    TooLong {
        /// Its length.
        chars: usize,
    },
    /// An operation in the template failed on this recipient's values.
    #[error("line {line} cannot be computed with this recipient's values ({kind})")]
    Failed {
        /// From 1.
        line: usize,
        /// The kind of failure in the engine's words, without values.
        kind: String,
    },
}

impl RenderError {
    /// What to tell the user.
    pub fn explain(&self) -> Bilingual {
        let zh = match self {
            RenderError::MissingVariable { name } => format!("缺少变量“{name}”").into(),
            RenderError::BadValue { filter } => format!("变量的值不适用于过滤器 {filter}").into(),
            RenderError::TooMuchWork => "模板的运算量超出限制".into(),
            RenderError::TooLong { chars } => {
                format!("短信内容有 {chars} 个字符，最多 {MAX_OUTPUT_CHARS} 个").into()
            }
            RenderError::Failed { line, kind } => {
                format!("模板第 {line} 行无法用该收件人的数据计算（{kind}）").into()
            }
        };
        Bilingual { zh, en: self.to_string().into() }
    }
}
