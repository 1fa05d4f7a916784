//! `hongyan config`: what is set, where it comes from, and whether it can be so.

use std::path::PathBuf;

use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::load::{Loaded, Origin, values};
use crate::exit::Failure;
use crate::serve::ServeArgs;
use crate::show::Show;

/// 配置 / the configuration
#[derive(Subcommand, Debug)]
pub(crate) enum ConfigCommand {
    /// 检查配置文件与环境变量，逐条指出错误 / check file and environment, and tell every mistake with its line
    Check {
        /// 配置文件，默认同 --config / the file; that of --config by default
        file: Option<PathBuf>,
        #[command(flatten)]
        serve: ServeArgs,
    },
    /// 打印生效的设置与来源，隐去机密 / print the settings in force and where they come from, without secrets
    Show {
        #[command(flatten)]
        serve: ServeArgs,
        /// 以 JSON 输出 / print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Does what was asked.
///
/// # Errors
/// [`Failure::Input`] with every mistake of the configuration.
pub(crate) fn run(command: ConfigCommand, show: Show) -> Result<(), Failure> {
    match command {
        ConfigCommand::Check { file, serve } => {
            let loaded = serve.with_file(file).loaded(show)?;
            loaded.config.check().map_err(|error| match crate::trouble::explain(error, show) {
                Failure::Other(error) => Failure::Input(format!("{error:#}")),
                told => told,
            })?;
            let set = loaded.origins.len();
            show.say(
                &format!("配置无误，其中设置了 {set} 项"),
                &format!("the configuration is sound; {set} settings are set"),
            );
            Ok(())
        }
        ConfigCommand::Show { serve, json } => {
            let loaded = serve.loaded(show)?;
            if json {
                return Ok(crate::show::json(&as_json(&loaded))?);
            }
            as_toml(&loaded, show).iter().for_each(|line| show.line(line));
            Ok(())
        }
    }
}

/// A file that could be read again, with where each value comes from.
fn as_toml(loaded: &Loaded, show: Show) -> Vec<String> {
    let (mut lines, mut section) = (Vec::new(), "");
    for (setting, value) in values(&loaded.config) {
        let (of, key) = setting.path.split_once('.').unwrap_or(("", setting.path));
        if of != section {
            lines.extend([String::new(), format!("[{of}]")]);
            section = of;
        }
        let from = match loaded.origins.get(setting.path) {
            None => show.of("默认", "default").to_owned(),
            Some(Origin::Line(line)) if show.chinese => format!("第 {line} 行"),
            Some(Origin::Line(line)) => format!("line {line}"),
            Some(Origin::Variable(name)) => name.clone(),
            Some(Origin::Flag) => show.of("命令行", "command line").to_owned(),
        };
        lines.push(match value {
            Some(_) if setting.is_secret => {
                format!("# {key} = {}  # {from}", show.of("（已设置，不显示）", "(set, not shown)"))
            }
            // JSON's texts, numbers and lists are TOML's too.
            Some(value) => format!("{key} = {value}  # {from}"),
            None => format!("# {key}  # {}", show.of("未设置", "not set")),
        });
    }
    lines
}

fn as_json(loaded: &Loaded) -> Value {
    let all = values(&loaded.config).into_iter().map(|(setting, value)| {
        let value = if setting.is_secret { value.map(|_| json!("(hidden)")) } else { value };
        let from = match loaded.origins.get(setting.path) {
            None => json!({ "default": true }),
            Some(Origin::Line(line)) => json!({ "line": line }),
            Some(Origin::Variable(name)) => json!({ "variable": name }),
            Some(Origin::Flag) => json!({ "command_line": true }),
        };
        let described = json!({ "value": value, "from": from, "variable": setting.variable() });
        (setting.path.to_owned(), described)
    });
    Value::Object(all.collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use super::super::load::load;
    use super::*;

    fn loaded(text: &str, environment: &[(&str, &str)]) -> Loaded {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hongyan.toml");
        std::fs::write(&path, text).unwrap();
        let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        load(Some(&path), environment).unwrap()
    }

    #[test]
    fn what_is_shown_hides_secrets_and_can_be_read_again() {
        let text = "partitions = 4\n[storage]\nurl = \"postgres://h:s3cret@db/h\"\n";
        let before = loaded(text, &[("HONGYAN__POLICY__MARKETING_PER_DAY", "3")]);
        let show = Show { chinese: false, quiet: true };
        let lines = as_toml(&before, show).join("\n");
        assert!(!lines.contains("s3cret") && !as_json(&before).to_string().contains("s3cret"));
        assert!(lines.contains("partitions = 4  # line 1"), "{lines}");
        assert!(lines.contains("marketing_per_day = 3  # HONGYAN__POLICY__MARKETING_PER_DAY"), "{lines}");
        let again = loaded(&lines, &[]);
        assert_eq!(again.config.policy, before.config.policy);
        assert_eq!(again.config.partitions, 4);
        assert_eq!(as_json(&before)["storage.url"]["from"], json!({ "line": 3 }));
    }
}
