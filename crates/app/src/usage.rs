//! What the command line says when it is wrong or asked for help, in the reader's language.
//!
//! The parser speaks English; a Chinese reader is told the same by [`ErrorKind`], and its headings are put into
//! Chinese. The help itself is bilingual.

use std::error::Error as _;
use std::io::Write as _;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Error, FromArgMatches};

/// The parser's own words of its help, and ours.
const HEADINGS: [(&str, &str); 9] = [
    ("Usage: ", "用法："),
    ("Commands:", "命令："),
    ("Arguments:", "参数："),
    ("Options:", "选项："),
    ("[default: ", "[默认："),
    ("[env: ", "[环境变量："),
    ("[possible values: ", "[可用值："),
    ("Print help", "显示帮助"),
    ("Print version", "显示版本"),
];

/// The command line, or the exit code after the reader was told what is wrong with it.
pub(crate) fn parse<T: CommandFactory + FromArgMatches>(chinese: bool) -> Result<T, ExitCode> {
    let parsed = T::command().try_get_matches().and_then(|matches| T::from_arg_matches(&matches));
    parsed.map_err(|error| {
        let text = if chinese { in_chinese(&error) } else { error.render().to_string() };
        // A reader who has gone away needs no help.
        let _nobody_listens = if error.use_stderr() {
            std::io::stderr().write_all(text.as_bytes())
        } else {
            std::io::stdout().write_all(text.as_bytes())
        };
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

/// The language named by `--lang`, found before the command line is parsed.
pub(crate) fn asked_language(args: impl Iterator<Item = String>) -> Option<String> {
    let mut args = args.skip_while(|arg| arg != "--lang" && !arg.starts_with("--lang="));
    let first = args.next()?;
    first.strip_prefix("--lang=").map(str::to_owned).or_else(|| args.next())
}

fn in_chinese(error: &Error) -> String {
    match what(error) {
        None => headings(error.render().to_string()),
        Some(what) => {
            let usage =
                error.get(ContextKind::Usage).map_or_else(String::new, |usage| format!("\n\n{usage}"));
            headings(format!("错误：{what}{usage}\n\n更多说明请用 --help。\n"))
        }
    }
}

fn headings(mut text: String) -> String {
    for (english, chinese) in HEADINGS {
        text = text.replace(english, chinese);
    }
    text
}

/// What is wrong; `None`: nothing is, or the parser's own text must do.
fn what(error: &Error) -> Option<String> {
    let of = |kind| error.get(kind).map(shown);
    let arg = of(ContextKind::InvalidArg).unwrap_or_default();
    let value = of(ContextKind::InvalidValue).unwrap_or_default();
    let hint = |kind| of(kind).map_or_else(String::new, |name| format!("；是不是想用 {name}？"));
    Some(match error.kind() {
        ErrorKind::UnknownArgument => {
            format!("没有参数 {arg}{}", hint(ContextKind::SuggestedArg))
        }
        ErrorKind::InvalidSubcommand => {
            let name = of(ContextKind::InvalidSubcommand).unwrap_or_default();
            format!("没有命令 {name}{}", hint(ContextKind::SuggestedSubcommand))
        }
        ErrorKind::MissingSubcommand => {
            format!("缺少命令，可用：{}", of(ContextKind::ValidSubcommand).unwrap_or_default())
        }
        ErrorKind::InvalidValue if value.is_empty() => format!("{arg} 需要一个值"),
        ErrorKind::InvalidValue => {
            let valid = of(ContextKind::ValidValue).unwrap_or_default();
            format!("{arg} 的值 {value} 不对，可用值：{valid}")
        }
        ErrorKind::ValueValidation => {
            let why = error.source().map_or_else(String::new, |why| format!("：{why}"));
            format!("{arg} 的值 {value} 不对{why}")
        }
        ErrorKind::MissingRequiredArgument => format!("缺少 {arg}"),
        ErrorKind::ArgumentConflict => {
            let other = of(ContextKind::PriorArg).unwrap_or_default();
            format!("{arg} 不能和 {other} 一起用")
        }
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("{arg} 的值的个数不对")
        }
        _ => return None,
    })
}

fn shown(value: &ContextValue) -> String {
    match value {
        ContextValue::Strings(all) => all.join("、"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser, Debug)]
    struct Sample {
        #[arg(long)]
        count: u32,
        #[arg(long, value_parser = ["a", "b"])]
        letter: Option<String>,
        #[arg(long, conflicts_with = "letter")]
        quiet: bool,
    }

    fn told(args: &[&str]) -> String {
        let args = std::iter::once("sample").chain(args.iter().copied());
        in_chinese(&Sample::try_parse_from(args).expect_err("it is wrong"))
    }

    #[test]
    fn every_mistake_is_told_in_chinese() {
        for (args, expected) in [
            (&["--count", "x"][..], "--count <COUNT> 的值 x 不对"),
            (&["--count"], "--count <COUNT> 需要一个值"),
            (&["--cuont", "1"], "没有参数 --cuont；是不是想用 --count？"),
            (&[], "缺少 --count <COUNT>"),
            (&["--count", "1", "--letter", "c"], "的值 c 不对，可用值：a、b"),
            (&["--count", "1", "--letter", "a", "--quiet"], "不能和"),
            (&["--help"], "用法："),
        ] {
            let text = told(args);
            assert!(text.contains(expected), "{args:?}: {text}");
            assert!(!text.contains("Usage"), "{text}");
        }
    }

    #[test]
    fn the_language_is_found_wherever_it_stands() {
        let asked = |args: &[&str]| asked_language(args.iter().map(|arg| (*arg).to_owned()));
        assert_eq!(asked(&["hongyan", "--lang", "zh", "serve"]).as_deref(), Some("zh"));
        assert_eq!(asked(&["hongyan", "serve", "--lang=en"]).as_deref(), Some("en"));
        assert_eq!(asked(&["hongyan", "--lang"]), None);
    }
}
