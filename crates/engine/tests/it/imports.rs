//! Imports: what people really upload, and what becomes of every row.

use domain::control::{ColumnUse, ContactFilter, Contacts as _, ImportState};
use domain::ledger::Ledger as _;
use engine::ImportError;
use engine::import::SheetError;
use futures::TryStreamExt as _;

use crate::files;
use crate::house::{House, lenient, mapping, phone};

const DIRTY: &str = "姓名,手机号,城市,标签\r\n\
    张三,13800000001,北京,vip;老客\r\n\
    李四,+86-138 0000 0002,上海,\r\n\
    \r\n\
    王五,1380000,广州,\r\n\
    重复,13800000001,深圳,\r\n\
    =1+1,abc,\"逗,号\",\r\n\
    赵六,１３８０００００００３,天津,vip\r\n";

async fn rejected(house: &House, id: domain::ids::ImportId) -> String {
    let stream = house.engine.rejected_csv(house.account, id).await.unwrap();
    let pieces: Vec<Vec<u8>> = stream.try_collect().await.unwrap();
    String::from_utf8(pieces.concat()).unwrap()
}

#[tokio::test]
async fn every_row_is_counted_once_and_bad_ones_say_why() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let import = house.import(DIRTY.as_bytes(), "web").await;
    assert_eq!((import.state, import.trouble.clone()), (ImportState::Finished, None));
    let counts = import.counts;
    assert_eq!((counts.read, counts.new, counts.updated, counts.duplicate, counts.invalid), (6, 3, 0, 1, 2));
    let csv = rejected(&house, import.id).await;
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[1].starts_with("5,phone_too_short"), "{}", lines[1]);
    assert!(lines[2].starts_with("6,duplicate"), "{}", lines[2]);
    assert!(lines[3].starts_with("7,phone_not_a_number"), "{}", lines[3]);
    assert!(lines[3].ends_with("'=1+1,abc,\"逗,号\","), "{}", lines[3]);

    let filter = ContactFilter { tags: vec!["vip".to_owned()], ..ContactFilter::default() };
    let vips = house.control.contacts(house.account, &filter, 10).await.unwrap();
    assert_eq!(vips.len(), 2);
    let first = vips.iter().find(|contact| contact.phone == phone(1)).unwrap();
    assert_eq!(first.personal, [("姓名".to_owned(), "张三".to_owned())]);
    assert_eq!(first.queryable, [("城市".to_owned(), "北京".to_owned())]);
    let mut tags = first.tags.clone();
    tags.sort();
    assert_eq!(tags, ["vip", "web", "老客"]);

    let partition = house.ledger.partitions().of(phone(1).slot());
    let facts = house.ledger.facts(partition, vec![phone(1)]).await.unwrap();
    assert_eq!(facts[0].consents.len(), 1, "the consent is where the claim reads it");

    let again = house.import(DIRTY.as_bytes(), "web").await;
    assert_eq!((again.counts.new, again.counts.updated), (0, 3));
    house.close().await;
}

#[tokio::test]
async fn a_file_of_several_windows_is_counted_exactly() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    // Many small cells weigh far more in memory than in the file: some 1,800 of these rows fill a window.
    let (names, rows): (Vec<String>, u64) = ((0..250).map(|n| format!("c{n}")).collect(), 4_000);
    let mut file = format!("phone,{}\n", names.join(","));
    let cells = ",1".repeat(names.len());
    for n in 0..rows {
        let phone = if n % 10 == 9 { "1380".to_owned() } else { format!("138{n:08}") };
        file.extend([&phone, &cells, "\n"]);
    }
    let (import, _) = house.upload("wide.csv", file.as_bytes()).await.unwrap();
    let mut uses = vec![("phone", ColumnUse::Phone)];
    uses.extend(names.iter().map(|name| (name.as_str(), ColumnUse::Queryable)));
    let import = house.run_import(import, mapping(&uses), "wide").await;
    assert_eq!((import.state, import.trouble.clone()), (ImportState::Finished, None));
    let counts = import.counts;
    assert_eq!(
        (counts.read, counts.new, counts.updated, counts.duplicate, counts.invalid),
        (rows, 3_600, 0, 0, 400)
    );
    assert_eq!(house.control.count_contacts(house.account).await.unwrap(), counts.new);
    assert_eq!(rejected(&house, import.id).await.lines().count(), 401);
    house.close().await;
}

#[tokio::test]
async fn a_spreadsheet_keeps_its_numbers_and_loses_only_bad_rows() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let import = house.import(&files::workbook(), "xlsx").await;
    assert_eq!((import.counts.read, import.counts.new, import.counts.invalid), (4, 2, 2));
    let csv = rejected(&house, import.id).await;
    assert!(csv.contains("\r\n5,formula_error"), "{csv}");
    assert!(csv.contains("\r\n6,phone_lossy_number"), "{csv}");
    let contacts = house.control.contacts(house.account, &ContactFilter::default(), 10).await.unwrap();
    let first = contacts.iter().find(|contact| contact.phone == phone(1)).unwrap();
    assert!(first.personal.contains(&("生日".to_owned(), "1990-05-01".to_owned())));
    assert_eq!(first.queryable, [("金额".to_owned(), "19.9".to_owned())]);
    assert!(contacts.iter().any(|contact| contact.phone == phone(2)), "a formula's stored result is read");
    house.close().await;
}

#[tokio::test]
async fn mixed_encodings_and_a_huge_cell_cost_their_rows_only() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let mut bytes = "手机号,姓名\n13800000001,张三\n13800000002,".as_bytes().to_vec();
    bytes.extend_from_slice(&[0xc0, 0xee, 0xcb, 0xc4]); // 李四 in GB 18030
    bytes.extend_from_slice("\n13800000003,王五\n13800000004,".as_bytes());
    bytes.extend(std::iter::repeat_n(b'x', 2 << 20));
    bytes.extend_from_slice("\n13800000005,赵六\n".as_bytes());
    let import = house.import(&bytes, "mixed").await;
    assert_eq!((import.state, import.counts.new, import.counts.invalid), (ImportState::Finished, 3, 2));
    let csv = rejected(&house, import.id).await;
    assert!(csv.contains("\r\n3,encoding") && csv.contains("\r\n5,cell_too_long"), "{csv}");
    house.close().await;
}

#[tokio::test]
async fn what_cannot_be_imported_is_refused_with_its_reason() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let refused = async |bytes: &[u8]| house.upload("list.csv", bytes).await.unwrap_err();
    assert!(matches!(
        refused(b"MZ\x90\x00renamed").await,
        ImportError::Sheet(SheetError::NotASpreadsheet { .. })
    ));
    assert!(matches!(refused(b"").await, ImportError::Sheet(SheetError::NoRows)));
    assert!(matches!(refused("手机号,姓名\n".as_bytes()).await, ImportError::Sheet(SheetError::NoRows)));
    assert!(matches!(
        refused("手机号,姓名,姓名\n13800000001,a,b\n".as_bytes()).await,
        ImportError::DuplicateHeader { .. }
    ));
    let error = refused(&files::workbook_with_huge_cell()).await;
    assert!(matches!(error, ImportError::Sheet(SheetError::HugeCell { .. })), "{error}");
    assert!(error.explain().zh.contains("单元格"));

    let (import, proposal) = house.upload("x.csv", "a,b\n1,2\n".as_bytes()).await.unwrap();
    assert!(!proposal.has_phone);
    let order = engine::import::ImportOrder {
        mapping: proposal.mapping(),
        tags: Vec::new(),
        source: String::new(),
        basis: None,
    };
    let error = house.engine.start_import(house.account, import.id, order).await.unwrap_err();
    assert!(matches!(error, ImportError::NoPhoneColumn { .. }), "{error}");
    house.close().await;
}

#[tokio::test]
async fn the_proposal_is_masked_and_the_user_decides() {
    let place = tempfile::tempdir().unwrap();
    let house = House::open(place.path(), lenient()).await;
    let (import, proposal) = house.upload("名单.csv", DIRTY.as_bytes()).await.unwrap();
    let uses: Vec<ColumnUse> = proposal.columns.iter().map(|column| column.becomes).collect();
    assert_eq!(uses, [ColumnUse::Personal, ColumnUse::Phone, ColumnUse::Queryable, ColumnUse::Tags]);
    assert_eq!(proposal.columns[1].examples[0], "+86138****0001");
    assert!(proposal.columns[0].examples.iter().all(|name| !name.contains("张三")));
    let chosen = mapping(&[
        ("姓名", ColumnUse::Ignore),
        ("手机号", ColumnUse::Phone),
        ("城市", ColumnUse::Personal),
        ("标签", ColumnUse::Ignore),
    ]);
    house.run_import(import, chosen, "mine").await;
    let contacts = house.control.contacts(house.account, &ContactFilter::default(), 10).await.unwrap();
    let first = contacts.iter().find(|contact| contact.phone == phone(1)).unwrap();
    assert_eq!(first.personal, [("城市".to_owned(), "北京".to_owned())]);
    assert!(first.queryable.is_empty());
    assert_eq!(first.tags, ["mine"]);
    house.close().await;
}
