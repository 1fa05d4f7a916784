//! Tables as the schemas of both engines write them down, so that the copy follows them.

use control::{Kind, Shape};

/// The tables that these statements make, with the columns that later ones add.
pub(super) fn tables<'a>(statements: impl Iterator<Item = &'a str>) -> Vec<Shape> {
    let mut tables: Vec<Shape> = Vec::new();
    for statement in statements {
        match added(statement) {
            Some((table, column)) => {
                let known = tables.iter_mut().find(|known| known.name == table);
                known.into_iter().for_each(|known| known.columns.push(column.clone()));
            }
            None => tables.extend(table(statement)),
        }
    }
    tables
}

/// `ALTER TABLE name ADD COLUMN column type …`.
fn added(statement: &str) -> Option<(&str, (String, Kind))> {
    let (name, column) = statement.trim().strip_prefix("ALTER TABLE ")?.split_once(" ADD COLUMN ")?;
    let mut words = column.split_whitespace();
    Some((name.trim(), (words.next()?.to_owned(), kind(words.next()?))))
}

/// `CREATE TABLE name (column type …, PRIMARY KEY (…)) …`; nothing else makes a table here.
fn table(statement: &str) -> Option<Shape> {
    let (name, list) = statement.trim().strip_prefix("CREATE TABLE ")?.split_once('(')?;
    let mut shape = Shape { name: name.trim().to_owned(), columns: Vec::new(), key: Vec::new() };
    for part in parts(list) {
        if let Some(key) = part.strip_prefix("PRIMARY KEY (") {
            shape.key = key.trim_end_matches(')').split(',').map(|name| name.trim().to_owned()).collect();
        } else if !part.starts_with("UNIQUE") {
            let mut words = part.split_whitespace();
            let (Some(column), Some(of)) = (words.next(), words.next()) else { continue };
            if part.contains("PRIMARY KEY") {
                shape.key = vec![column.to_owned()];
            }
            shape.columns.push((column.to_owned(), kind(of)));
        }
    }
    Some(shape)
}

/// What stands between commas, up to the bracket that ends the list.
fn parts(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0u32, 0, Vec::new());
    for (at, ch) in list.char_indices() {
        match ch {
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ')' | ',' if depth == 0 => {
                parts.push(list[start..at].trim());
                start = at + 1;
                if ch == ')' {
                    break;
                }
            }
            _ => {}
        }
    }
    parts
}

fn kind(of: &str) -> Kind {
    match of {
        "integer" => Kind::Small,
        "smallint" => Kind::Tiny,
        "boolean" => Kind::Flag,
        "text" => Kind::Text,
        "bytea" => Kind::Bytes,
        _ => Kind::Big,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_as_it_is_written() {
        let text = "CREATE TABLE t (\n  a integer NOT NULL, b bytea DEFAULT f(1, 2), c smallint CHECK (c IN (1, 2)),\n\
                    UNIQUE (b, c), PRIMARY KEY (a, b)) WITH (fillfactor = 10)";
        let tables = tables(
            [
                text,
                "CREATE INDEX i ON t (a)",
                "CREATE TABLE u (x INTEGER PRIMARY KEY) STRICT",
                "ALTER TABLE t ADD COLUMN d bigint NOT NULL DEFAULT 1",
            ]
            .into_iter(),
        );
        let columns = |place: usize| tables[place].columns.clone();
        let of = |name: &str, kind| (name.to_owned(), kind);
        assert_eq!(
            columns(0),
            [of("a", Kind::Small), of("b", Kind::Bytes), of("c", Kind::Tiny), of("d", Kind::Big)]
        );
        assert_eq!((tables[0].key.join(" "), tables[1].key.join(" ")), ("a b".to_owned(), "x".to_owned()));
        assert_eq!((tables.len(), columns(1)), (2, vec![of("x", Kind::Big)]));
    }
}
