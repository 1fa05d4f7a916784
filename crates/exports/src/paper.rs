//! A statement on paper, in Chinese and English.
//!
//! Chinese is shown by a font that viewers bring along (ISO 32000-1, 9.7.5.2: the predefined CMap `UniGB-UCS2-H` over Adobe-GB1), so no
//! font is embedded. Coordinates are points from the lower left; amounts are text made of integers.

use domain::billing::{Statement, StatementLine};
use domain::currency::Currency;
use domain::message::Category;
use domain::phone::Carrier;
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo};
use pdf_writer::{Content, Finish as _, Name, Pdf, Rect, Ref, Str, TextStr};

/// A4.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 50.0;
/// Between two lines of the table.
const LEADING: f32 = 20.0;
const SIZE: f32 = 10.0;
/// Lines of the table on one page.
const LINES: usize = 26;
/// Where columns end, from the left: messages, parts, charged, refunded, amount.
const ENDS: [f32; 5] = [285.0, 340.0, 405.0, 470.0, 545.0];

const LATIN: Name<'static> = Name(b"L");
const CHINESE: Name<'static> = Name(b"C");

/// A statement as a PDF file. `account` is its name; `zone` says whose days are meant, `at` when it was made.
#[must_use]
pub fn render(statement: &Statement, account: &str, zone: &str, at: &str) -> Vec<u8> {
    let pages: Vec<&[StatementLine]> =
        if statement.lines.is_empty() { vec![&[]] } else { statement.lines.chunks(LINES).collect() };
    let mut ids = (1..).map(Ref::new);
    let mut next = || ids.next().unwrap_or(Ref::new(i32::MAX));
    let (catalog, tree, info, latin, chinese, cid, descriptor) =
        (next(), next(), next(), next(), next(), next(), next());
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree);
    let title = format!("{} {}", statement.account, statement.month);
    pdf.document_info(info).title(TextStr(&title)).producer(TextStr("Hongyan"));
    fonts(&mut pdf, [latin, chinese, cid, descriptor]);
    let of_pages: Vec<(Ref, Ref)> = pages.iter().map(|_| (next(), next())).collect();
    let count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(of_pages.iter().map(|(page, _)| *page)).count(count);
    for (place, (lines, (page_id, content_id))) in pages.iter().zip(&of_pages).enumerate() {
        let mut sheet = Sheet { content: Content::new(), y: HEIGHT - MARGIN };
        sheet.head(statement, account, zone);
        if place == 0 {
            sheet.opening(statement);
        }
        sheet.table(lines);
        if place + 1 == pages.len() {
            sheet.closing(statement);
        }
        sheet.foot(&format!("{at}    {} / {}", place + 1, pages.len()));
        pdf.stream(*content_id, &sheet.content.finish());
        let mut page = pdf.page(*page_id);
        page.media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).parent(tree).contents(*content_id);
        page.resources().fonts().pair(LATIN, latin).pair(CHINESE, chinese);
        page.finish();
    }
    pdf.finish()
}

fn fonts(pdf: &mut Pdf, [latin, chinese, cid, descriptor]: [Ref; 4]) {
    pdf.type1_font(latin).base_font(Name(b"Helvetica")).encoding_predefined(Name(b"WinAnsiEncoding"));
    let name = Name(b"STSong-Light");
    let encoding = Name(b"UniGB-UCS2-H");
    pdf.type0_font(chinese).base_font(name).encoding_predefined(encoding).descendant_font(cid);
    pdf.cid_font(cid)
        .subtype(CidFontType::Type0)
        .base_font(name)
        .system_info(SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"GB1"), supplement: 4 })
        .font_descriptor(descriptor)
        .default_width(1_000.0);
    pdf.font_descriptor(descriptor)
        .name(name)
        .flags(FontFlags::SERIF | FontFlags::SYMBOLIC)
        .bbox(Rect::new(-25.0, -254.0, 1_000.0, 880.0))
        .italic_angle(0.0)
        .ascent(880.0)
        .descent(-120.0)
        .cap_height(880.0)
        .stem_v(93.0);
}

/// A page that is filled from the top.
struct Sheet {
    content: Content,
    /// Where the next line stands.
    y: f32,
}

impl Sheet {
    fn head(&mut self, statement: &Statement, account: &str, zone: &str) {
        self.text(MARGIN, 16.0, "短信账单 Statement");
        self.down(26.0);
        self.text(MARGIN, SIZE, &format!("账户 Account: {account} ({})", statement.account));
        self.down(16.0);
        self.text(
            MARGIN,
            SIZE,
            &format!("月份 Month: {} ({zone})    货币 Currency: {}", statement.month, Currency::installed()),
        );
        self.down(26.0);
    }

    fn opening(&mut self, statement: &Statement) {
        self.sum("期初余额 Opening balance", &statement.opening.total().to_string());
        self.sum("充值 Top-ups", &statement.top_ups.to_string());
        self.sum("扣款 Withdrawals", &statement.withdrawals.to_string());
        self.down(8.0);
    }

    fn table(&mut self, lines: &[StatementLine]) {
        self.text(MARGIN, SIZE, "类别 Category");
        self.text(MARGIN + 95.0, SIZE, "运营商 Carrier");
        let heads = ["短信 Messages", "条数 Parts", "扣费 Charged", "退费 Refunded", "金额 Amount"];
        for (end, head) in ENDS.into_iter().zip(heads) {
            self.right(end, 8.0, head);
        }
        self.rule();
        for line in lines {
            self.text(MARGIN, SIZE, category(line.category));
            self.text(MARGIN + 95.0, SIZE, line.carrier.name_zh());
            if line.carrier == Carrier::Foreign {
                self.text(MARGIN + 120.0, SIZE, "Foreign");
            }
            let cells = [
                line.messages.to_string(),
                line.parts.to_string(),
                line.charged.to_string(),
                line.refunded.to_string(),
                line.amount().to_string(),
            ];
            for (end, cell) in ENDS.into_iter().zip(&cells) {
                self.right(end, SIZE, cell);
            }
            self.down(LEADING);
        }
    }

    fn closing(&mut self, statement: &Statement) {
        self.rule();
        self.sum("短信费用合计 Messages in all", &statement.amount().to_string());
        self.sum("期末余额 Closing balance", &statement.closing.total().to_string());
        self.sum("其中可用 of it available", &statement.closing.funds.to_string());
        self.sum("其中预留 of it reserved", &statement.closing.reserved.to_string());
        let check = if statement.adds_up() {
            "核对相符：期初 + 充值 - 扣款 - 短信费用 = 期末 Checked: it adds up"
        } else {
            "核对不符，请联系运营方 It does not add up: ask the operator"
        };
        self.down(8.0);
        self.text(MARGIN, 8.0, check);
    }

    fn foot(&mut self, text: &str) {
        self.y = MARGIN - 15.0;
        self.text(MARGIN, 8.0, text);
    }

    fn sum(&mut self, label: &str, amount: &str) {
        self.text(MARGIN, SIZE, label);
        self.right(ENDS[4], SIZE, amount);
        self.down(LEADING);
    }

    fn rule(&mut self) {
        self.down(6.0);
        let y = self.y;
        self.content.set_line_width(0.5).move_to(MARGIN, y).line_to(ENDS[4], y).stroke();
        self.down(16.0);
    }

    fn down(&mut self, by: f32) {
        self.y -= by;
    }

    fn right(&mut self, end: f32, size: f32, text: &str) {
        self.text(end - width(text) * size / 1_000.0, size, text);
    }

    /// Runs of either font follow each other: the viewer moves on by what it shows.
    fn text(&mut self, x: f32, size: f32, text: &str) {
        self.content.begin_text().next_line(x, self.y);
        for (is_latin, run) in runs(text) {
            let (font, bytes) = if is_latin {
                (LATIN, run.bytes().collect::<Vec<u8>>())
            } else {
                // The encoding knows the basic plane only; what is beyond it is shown as a blank.
                let units = run.chars().map(|ch| u16::try_from(u32::from(ch)).unwrap_or(0x3000));
                (CHINESE, units.flat_map(u16::to_be_bytes).collect())
            };
            self.content.set_font(font, size).show(Str(&bytes));
        }
        self.content.end_text();
    }
}

/// The text in pieces of printable ASCII and of everything else.
fn runs(text: &str) -> Vec<(bool, String)> {
    let mut runs: Vec<(bool, String)> = Vec::new();
    for ch in text.chars().filter(|ch| !ch.is_control()) {
        let is_latin = ch.is_ascii();
        match runs.last_mut() {
            Some((kind, run)) if *kind == is_latin => run.push(ch),
            _ => runs.push((is_latin, ch.to_string())),
        }
    }
    runs
}

/// In thousandths of the size: Helvetica's own for figures (Adobe's core metrics), about half for letters.
fn width(text: &str) -> f32 {
    let of = |ch: char| match ch {
        '.' | ',' | ' ' => 278.0,
        '-' => 333.0,
        ch if ch.is_ascii() => 556.0,
        _ => 1_000.0,
    };
    text.chars().map(of).sum()
}

fn category(category: Category) -> &'static str {
    match category {
        Category::Otp => "验证码 OTP",
        Category::Notice => "通知 Notice",
        Category::Marketing => "营销 Marketing",
    }
}

#[cfg(test)]
mod tests {
    use domain::billing::Holdings;
    use domain::ids::AccountId;
    use domain::money::Money;

    use super::*;

    fn statement(lines: usize) -> Statement {
        let line = StatementLine {
            category: Category::Marketing,
            carrier: Carrier::Mobile,
            messages: 12_345,
            parts: 20_000,
            charged: Money::from_micros(900_045_000),
            refunded: Money::from_micros(45_000),
        };
        let amount = Money::from_micros(900_000_000) * i64::try_from(lines).unwrap();
        let total = Money::from_micros(1_000_000_000_000);
        Statement {
            account: AccountId::from_raw(1),
            month: "2026-11".parse().unwrap(),
            opening: Holdings::default(),
            top_ups: total,
            withdrawals: Money::ZERO,
            lines: vec![line; lines],
            closing: Holdings { funds: total - amount, reserved: Money::ZERO },
        }
    }

    fn holds(file: &[u8], text: &[u8]) -> bool {
        file.windows(text.len()).any(|window| window == text)
    }

    #[test]
    fn amounts_and_both_languages_are_on_the_page() {
        let file = render(&statement(2), "某某公司", "Asia/Shanghai", "2026-12-01T00:00:00+08:00");
        assert!(file.starts_with(b"%PDF-1.") && file.trim_ascii_end().ends_with(b"%%EOF"));
        for text in ["900.045", "1800.00", "998200.00", "Opening balance", "it adds up", "/UniGB-UCS2-H"] {
            assert!(holds(&file, text.as_bytes()), "{text}");
        }
        assert!(holds(&file, b"/Count 1"));
        if let Some(place) = std::env::var_os("HONGYAN_STATEMENT_PDF") {
            std::fs::write(place, &file).unwrap();
        }
    }

    #[test]
    fn long_statements_have_several_pages_and_the_sums_once() {
        let file = render(&statement(LINES + 1), "a", "UTC", "now");
        assert!(holds(&file, b"/Count 2") && holds(&file, b"2 / 2"));
        let closings = file.windows(15).filter(|window| window == b"Closing balance").count();
        assert_eq!(closings, 1);
        let broken = Statement { withdrawals: Money::from_micros(1), ..statement(1) };
        assert!(holds(&render(&broken, "a", "UTC", "now"), b"It does not add up"));
    }

    #[test]
    fn pieces_keep_their_order() {
        let told = runs("期初 Opening 余额");
        assert_eq!(told.iter().map(|(_, run)| run.as_str()).collect::<String>(), "期初 Opening 余额");
        assert_eq!(told.len(), 3);
    }
}
