//! A folder that a demonstration or a measurement fills anew each time.
//!
//! Invariant: nothing is ever removed that the same command did not make: a mark in the folder says who made it.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, bail};

/// The mark's file name begins so.
const MARK: &str = "made-by-hongyan-";

/// Makes `folder` new and empty, removing what an earlier run of the same `maker` left. Says whether there was one.
///
/// # Errors
/// When the folder holds what somebody else made, or the file system refuses.
pub(crate) fn renew(folder: &Path, maker: &str) -> anyhow::Result<bool> {
    let mark = folder.join(format!("{MARK}{maker}"));
    let earlier = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(error).with_context(|| format!("{}", folder.display())),
    };
    if earlier {
        if !mark.exists() {
            bail!(
                "{0} 里已有其他内容，不会覆盖；请用 --data 指定新的目录 / {0} holds something else and is left alone; \
                 name another folder with --data",
                folder.display()
            );
        }
        fs::remove_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    fs::write(&mark, "").with_context(|| format!("{}", mark.display()))?;
    Ok(earlier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_same_command_made_is_replaced() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("demo");
        assert!(!renew(&folder, "demo").expect("new"));
        fs::write(folder.join("control.db"), "x").expect("written");
        assert!(renew(&folder, "bench").is_err(), "another command's");
        assert!(renew(&folder, "demo").expect("its own"));
        assert!(!folder.join("control.db").exists());
        fs::remove_file(folder.join(format!("{MARK}demo"))).expect("removed");
        fs::write(folder.join("letters.txt"), "x").expect("written");
        assert!(renew(&folder, "demo").is_err(), "no mark");
    }
}
