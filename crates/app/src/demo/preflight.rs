//! The preflight as a person reads it: who will get the campaign, who will not and why, and what it costs.

use domain::control::PreflightReport;
use domain::message::Category;
use domain::policy::{Policy, PolicyBuilder, PolicyError};
use domain::time::Timestamp;
use jiff::tz::TimeZone;

use crate::show::{Show, cells, grouped};

/// Prints a preflight.
pub(super) fn print(show: &Show, report: &PreflightReport, zone: &TimeZone) {
    let whole = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let turned_away: u64 = report.rejected.iter().map(|(_, people)| people).sum();
    show.head("发送前检查", "Preflight");
    show.count(0, show.of("受众", "audience"), whole(report.audience.people - report.audience.tests));
    show.count(0, show.of("将收到", "will get it"), whole(report.eligible));
    show.count(0, show.of("不会收到", "will not"), whole(turned_away));
    for (reason, people) in &report.rejected {
        let (zh, en) = reason.explain();
        show.count(1, show.of(zh, en), whole(*people));
    }
    show.count(0, show.of("计费条数", "billed parts"), whole(report.parts));
    show.row(0, show.of("费用", "cost"), &show.money(report.cost), "");
    for (carrier, parts, cost) in &report.by_carrier {
        let known = domain::phone::Carrier::from_word(carrier).filter(|_| show.chinese);
        let name = known.map_or(carrier.as_str(), |carrier| carrier.name_zh());
        show.row(1, name, &grouped(whole(*parts)), &show.money(*cost));
    }
    if let Some(done_at) = report.done_at {
        let takes = done_at.since(report.decided_for).as_secs();
        let remark = show.of("按通道速度", "at the channels' speed");
        let value = if show.chinese { format!("{takes} 秒") } else { format!("{takes} s") };
        show.row(0, show.of("预计用时", "will take"), &value, remark);
        show.row(0, show.of("预计完成", "done at"), &clock_time(done_at, zone), "");
    }
    held(show, report);
    samples(show, report);
}

/// The texts that a person must look at, each with its words marked below.
fn held(show: &Show, report: &PreflightReport) {
    for held in &report.held {
        show.line("");
        let people = held.people;
        show.say(
            &format!("  待人工审核（{people} 人），命中词以 ^ 标出："),
            &format!("  held for a person to look at ({people} people), the words marked with ^:"),
        );
        show.line(&format!("    {}", held.text));
        let mut marks = String::new();
        for (start, end, _, _) in &held.spans {
            let (start, end) = (*start as usize, *end as usize);
            let before = held.text.get(..start).map_or(0, cells);
            let word = held.text.get(start..end).map_or(0, cells);
            marks.push_str(&" ".repeat(before.saturating_sub(marks.chars().count())));
            marks.push_str(&"^".repeat(word));
        }
        show.line(&format!("    {marks}"));
    }
}

fn samples(show: &Show, report: &PreflightReport) {
    show.line("");
    show.say("  样例：", "  samples:");
    for sample in &report.samples {
        let price = show.money(sample.price);
        let (length, parts) = (sample.length, sample.parts);
        let remark = if show.chinese {
            format!("{length} 字 · {parts} 条 · {price}")
        } else {
            let plural = if parts == 1 { "part" } else { "parts" };
            format!("{length} characters, {parts} {plural}, {price}")
        };
        show.line(&format!("    {}  {remark}", sample.phone));
        show.line(&format!("      {}", sample.text));
    }
}

/// Says that the demonstration's sending hours are open all day, and what the default ones would have done now.
///
/// # Errors
/// Never with the built-in rules as they are.
pub(super) fn print_hours(show: &Show, now: Timestamp, zone: &TimeZone) -> Result<(), PolicyError> {
    let standard: Policy = PolicyBuilder::builtin().build()?;
    let open_from = standard.open_from(Category::Marketing, now);
    show.line("");
    show.say(
        "  演示全天放行，任何时刻都能看到效果；",
        "  This demonstration sends at any hour, so that it can be watched at any hour;",
    );
    if open_from <= now {
        show.say(
            "  按默认时段 08:00–20:00，此刻本来也会立即发送。",
            "  the default hours, 08:00–20:00, would have sent at once too.",
        );
    } else {
        let at = clock_time(open_from, zone);
        show.say(
            &format!("  按默认时段 08:00–20:00，全部短信会等到 {at} 再发。"),
            &format!("  the default hours, 08:00–20:00, would have held every message until {at}."),
        );
    }
    Ok(())
}

fn clock_time(at: Timestamp, zone: &TimeZone) -> String {
    jiff::ZonedDateTime::new(at.to_jiff(), zone.clone()).strftime("%m-%d %H:%M:%S").to_string()
}
