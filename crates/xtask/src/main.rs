//! Checks of the repository, run as `cargo xtask <command>`; no runtime code.
//!
//! Owns: `tidy`, the test that the repository keeps its own shape.
//! Refuses: anything that the running system needs.

mod manifest;
mod scan;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask tidy";

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["tidy"] => {
            let tree = tree::Tree::of_repository()?;
            let findings = tidy::run(&tree);
            for finding in &findings {
                println!("{finding}");
            }
            if findings.is_empty() {
                println!("tidy: {} files, nothing to mend", tree.files().len());
                return Ok(ExitCode::SUCCESS);
            }
            println!("tidy: {} to mend", findings.len());
            Ok(ExitCode::FAILURE)
        }
        _ => {
            eprintln!("{USAGE}");
            Ok(ExitCode::from(2))
        }
    }
}
