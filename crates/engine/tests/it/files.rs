//! Files that people really upload.

use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};

/// A spreadsheet: phones as numbers, a date, a formula with a result, one with an error, a blank row.
pub(crate) fn workbook() -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (column, header) in ["姓名", "手机号", "生日", "金额"].into_iter().enumerate() {
        sheet.write(0, u16::try_from(column).unwrap(), header).unwrap();
    }
    let date = Format::new().set_num_format("yyyy-mm-dd");
    sheet.write(1, 0, "张三").unwrap();
    sheet.write(1, 1, 13_800_000_001_u64).unwrap();
    sheet.write_with_format(1, 2, ExcelDateTime::from_ymd(1990, 5, 1).unwrap(), &date).unwrap();
    sheet.write(1, 3, 19.9).unwrap();
    sheet.write(2, 0, "李四").unwrap();
    sheet.write(2, 1, Formula::new("=13800000000+2").set_result("13800000002")).unwrap();
    sheet.write(2, 3, Formula::new("=1+1").set_result("2")).unwrap();
    sheet.write(4, 0, "王五").unwrap();
    sheet.write(4, 1, "138 0000 0003").unwrap();
    sheet.write(4, 3, Formula::new("=1/0").set_result("#DIV/0!")).unwrap();
    sheet.write(5, 0, "赵六").unwrap();
    sheet.write(5, 1, "1.38E+10").unwrap();
    book.save_to_buffer().unwrap()
}

/// A spreadsheet with a cell of a size that spreadsheet programs refuse, made by rewriting a valid one.
pub(crate) fn workbook_with_huge_cell() -> Vec<u8> {
    use std::io::{Read as _, Write as _};
    let mut source = zip::ZipArchive::new(std::io::Cursor::new(workbook())).unwrap();
    let mut target = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for number in 0..source.len() {
        let mut member = source.by_index(number).unwrap();
        let name = String::from_utf8_lossy(member.name_raw()).into_owned();
        let mut content = String::new();
        member.read_to_string(&mut content).unwrap();
        if name.ends_with("sharedStrings.xml") {
            content = content.replace("李四", &"长".repeat(1 << 20));
        }
        target.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        target.write_all(content.as_bytes()).unwrap();
    }
    target.finish().unwrap().into_inner()
}

/// A list of `count` people with their numbers from `first` on.
pub(crate) fn people(first: u64, count: u64) -> String {
    let mut csv = String::from("手机号,姓名\n");
    for number in first..first + count {
        csv.push_str(&format!("138{number:08},张{number}\n"));
    }
    csv
}
