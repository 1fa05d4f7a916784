//! Reads the dependencies out of a `Cargo.toml`, as far as the arrows between crates need them.
//!
//! Refuses: to be a TOML parser. It knows tables, keys and `package = "…"`, which is all that manifests here use.

/// For what a dependency is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Normal,
    Dev,
    Build,
}

/// One dependency: the package behind the key, its use, and the line from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) package: String,
    pub(crate) used_for: Use,
    pub(crate) line: usize,
}

/// Every dependency of the manifest, those of `[target.….dependencies]` included.
pub(crate) fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found: Vec<Dependency> = Vec::new();
    let mut table: Option<Use> = None;
    let mut named = false;
    for (line, text) in (1..).zip(manifest.lines().map(str::trim)) {
        if let Some(header) = text.strip_prefix('[') {
            (table, named) = (None, false);
            let header = header.split(']').next().unwrap_or_default().trim_matches('[');
            let Some((used_for, package)) = dependency_table(header) else { continue };
            table = Some(used_for);
            if let Some(package) = package {
                named = true;
                found.push(Dependency { package: bare(package), used_for, line });
            }
        } else if let Some(used_for) = table
            && !text.starts_with('#')
            && let Some((key, value)) = text.split_once('=')
        {
            if !named {
                let key = key.trim().split('.').next().unwrap_or_default();
                found.push(Dependency { package: bare(key), used_for, line });
            }
            let renamed = if named && key.trim() == "package" { Some(value) } else { inline_package(value) };
            if let (Some(package), Some(last)) = (renamed, found.last_mut()) {
                last.package = bare(package);
            }
        }
    }
    found
}

/// Splits the table header into its use and, for `[dependencies.name]`, the name.
fn dependency_table(header: &str) -> Option<(Use, Option<&str>)> {
    let kinds =
        [("dev-dependencies", Use::Dev), ("build-dependencies", Use::Build), ("dependencies", Use::Normal)];
    kinds.into_iter().find_map(|(table, used_for)| {
        let at = header.find(table)?;
        if !(at == 0 || header.starts_with("target.") && header[..at].ends_with('.')) {
            return None;
        }
        match &header[at + table.len()..] {
            "" => Some((used_for, None)),
            rest => rest.strip_prefix('.').map(|name| (used_for, Some(name))),
        }
    })
}

fn inline_package(value: &str) -> Option<&str> {
    let (_, after) = value.split_once("package")?;
    after.trim_start().strip_prefix('=')?.trim_start().strip_prefix('"')?.split('"').next()
}

fn bare(name: &str) -> String {
    name.trim().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_declare_a_dependency_is_seen() {
        let manifest = "[package]\nname = \"x\"\n[dependencies]\na.workspace = true\nb = { package = \"real-b\", version = \"1\" }\n# c = \"1\"\n\
                        [dev-dependencies]\nd = \"1\"\n[build-dependencies.e]\nversion = \"1\"\npackage = \"real-e\"\n\
                        [target.'cfg(unix)'.dependencies]\nf = \"1\"\n[features]\ng = []\n";
        let found: Vec<_> =
            dependencies(manifest).into_iter().map(|d| (d.package, d.used_for, d.line)).collect();
        let expected = [
            ("a", Use::Normal, 4),
            ("real-b", Use::Normal, 5),
            ("d", Use::Dev, 8),
            ("real-e", Use::Build, 9),
            ("f", Use::Normal, 13),
        ];
        assert_eq!(found, expected.map(|(name, used_for, line)| (name.to_owned(), used_for, line)));
    }

    #[test]
    fn workspace_dependencies_are_no_use() {
        assert!(dependencies("[workspace.dependencies]\na = \"1\"\n").is_empty());
    }
}
