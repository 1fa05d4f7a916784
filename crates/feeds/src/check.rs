//! What a source may be.

use domain::control::{ColumnUse, ImportMapping, ImportSource, SourcePlace};
use domain::text::Bilingual;

use crate::{FeedTrouble, Schedule};

/// Longest name, in characters.
const NAME_CHARS: usize = 60;
/// Longest of the short fields of a place.
const FIELD_BYTES: usize = 1_024;
/// Longest query.
pub const MAX_QUERY_BYTES: usize = 16 << 10;
/// Most columns that a mapping may name.
const MAX_COLUMNS: usize = 200;

/// Looks at every field; the schedule, read.
///
/// # Errors
/// [`FeedTrouble::Field`] for the first that cannot be.
pub(crate) fn check(source: &ImportSource) -> Result<Schedule, FeedTrouble> {
    let chars = source.name.trim().chars().count();
    if chars == 0 || chars > NAME_CHARS {
        return refuse(
            "/name",
            format!("名称应为 1 到 {NAME_CHARS} 个字符"),
            format!("A name has 1 to {NAME_CHARS} characters"),
        );
    }
    match &source.place {
        SourcePlace::Http { authorization, .. } => {
            if let Some(secret) = authorization {
                field("/place/authorization", &secret.0)?;
            }
        }
        SourcePlace::S3 { region, bucket, object, key_id, secret, .. } => {
            field("/place/region", region)?;
            field("/place/bucket", bucket)?;
            field("/place/object", object)?;
            field("/place/key_id", key_id)?;
            field("/place/secret", &secret.0)?;
        }
        SourcePlace::Postgres { host, database, user, password, query, .. } => {
            field("/place/host", host)?;
            field("/place/database", database)?;
            field("/place/user", user)?;
            field("/place/password", &password.0)?;
            if query.trim().is_empty() || query.len() > MAX_QUERY_BYTES {
                return refuse(
                    "/place/query",
                    format!("应为一条查询，最长 {MAX_QUERY_BYTES} 字节"),
                    format!("One query of at most {MAX_QUERY_BYTES} bytes"),
                );
            }
        }
    }
    mapping(&source.mapping)?;
    source.schedule.parse().map_err(|error: crate::ScheduleError| {
        let (zh, en) = error.explain();
        FeedTrouble::Field { pointer: "/schedule", said: Bilingual { zh: zh.into(), en: en.into() } }
    })
}

fn mapping(mapping: &ImportMapping) -> Result<(), FeedTrouble> {
    let columns = &mapping.columns;
    let phones = columns.iter().filter(|(_, used)| *used == ColumnUse::Phone).count();
    if columns.len() > MAX_COLUMNS || (!columns.is_empty() && phones != 1) {
        return refuse(
            "/mapping",
            format!("应恰好有一列手机号，最多 {MAX_COLUMNS} 列；留空则自动识别"),
            format!(
                "Exactly one column is the phone, of {MAX_COLUMNS} at most; empty lets them be recognised"
            ),
        );
    }
    Ok(())
}

/// Something that goes into a request: neither empty nor long, and without what would end a line.
fn field(pointer: &'static str, text: &str) -> Result<(), FeedTrouble> {
    if text.is_empty() || text.len() > FIELD_BYTES || text.chars().any(char::is_control) {
        return refuse(
            pointer,
            format!("应为 1 到 {FIELD_BYTES} 字节，不含控制字符"),
            format!("From 1 to {FIELD_BYTES} bytes, without control characters"),
        );
    }
    Ok(())
}

fn refuse<T>(pointer: &'static str, zh: String, en: String) -> Result<T, FeedTrouble> {
    Err(FeedTrouble::Field { pointer, said: Bilingual { zh: zh.into(), en: en.into() } })
}

/// What becomes of a file's columns: what the source says of their names, wherever they stand; others are left aside.
///
/// # Errors
/// The columns that the source names and the file lacks.
pub(crate) fn fitted(wanted: &ImportMapping, file: &ImportMapping) -> Result<ImportMapping, Bilingual> {
    if wanted.columns.is_empty() {
        return Ok(file.clone());
    }
    let missing: Vec<&str> = wanted
        .columns
        .iter()
        .filter(|(name, used)| {
            *used != ColumnUse::Ignore && !file.columns.iter().any(|(known, _)| known == name)
        })
        .map(|(name, _)| name.as_str())
        .collect();
    if !missing.is_empty() {
        let missing = missing.join(", ");
        let known = file.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(Bilingual {
            zh: format!("文件缺少列：{missing}（现有列：{known}）：请修改数据源的列对应关系或文件").into(),
            en: format!(
                "the file lacks the columns {missing} (it has: {known}): change the source's mapping or the file"
            )
            .into(),
        });
    }
    let used = |name: &String| {
        let found = wanted.columns.iter().find(|(known, _)| known == name);
        found.map_or(ColumnUse::Ignore, |(_, used)| *used)
    };
    Ok(ImportMapping { columns: file.columns.iter().map(|(name, _)| (name.clone(), used(name))).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping_of(columns: &[(&str, ColumnUse)]) -> ImportMapping {
        ImportMapping { columns: columns.iter().map(|(name, used)| ((*name).to_owned(), *used)).collect() }
    }

    #[test]
    fn columns_are_found_by_name_wherever_they_stand() {
        let wanted = mapping_of(&[("手机", ColumnUse::Phone), ("城市", ColumnUse::Queryable)]);
        let file = mapping_of(&[
            ("备注", ColumnUse::Personal),
            ("城市", ColumnUse::Queryable),
            ("手机", ColumnUse::Phone),
        ]);
        let fits = fitted(&wanted, &file).unwrap();
        assert_eq!(
            fits,
            mapping_of(&[
                ("备注", ColumnUse::Ignore),
                ("城市", ColumnUse::Queryable),
                ("手机", ColumnUse::Phone)
            ])
        );
        assert_eq!(fitted(&ImportMapping::default(), &file).unwrap(), file);
        let lacks = mapping_of(&[("手机", ColumnUse::Phone)]);
        let said = fitted(&wanted, &lacks).unwrap_err();
        assert!(said.en.contains("城市") && said.zh.contains("城市"), "{said:?}");
    }
}
