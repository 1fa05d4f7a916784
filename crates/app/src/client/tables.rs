//! Preflight and report as a person reads them.

use api::json::{Amount, CampaignReport, Preflight, ReasonAmount};

use crate::show::{Show, grouped};

/// Provinces that are shown, those with most people.
const PROVINCES: usize = 10;

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Who will get it, who will not and why, what it costs, and five samples.
pub(super) fn preflight(show: Show, report: &Preflight) {
    show.head("预检", "Preflight");
    show.count(0, show.of("名单行数", "rows"), count(report.rows));
    show.count(0, show.of("号码无效", "invalid"), count(report.invalid));
    show.count(0, show.of("重复", "duplicate"), count(report.duplicate));
    show.count(0, show.of("收件人", "people"), count(report.people));
    show.count(0, show.of("会收到", "will get it"), count(report.eligible));
    for line in &report.rejected {
        show.count(1, &line.explanation, count(line.people));
    }
    if report.deferred > 0 {
        let until = report.deferred_until.as_ref().map_or("", |at| at.0.as_str());
        show.row(
            0,
            show.of("推迟到允许时段", "held back to sending hours"),
            &grouped(count(report.deferred)),
            until,
        );
    }
    show.count(0, show.of("条数", "parts"), count(report.parts));
    show.row(0, show.of("费用", "cost"), &report.cost.for_people(), "");
    if let Some(funding) = &report.funding {
        show.row(
            0,
            show.of("需预留", "to be held"),
            &funding.needed.for_people(),
            if funding.held { "✓" } else { "" },
        );
        if let Some(lacking) = &funding.lacking {
            let label = if funding.waits {
                show.of("等待款项，还差", "waits for money, lacks")
            } else {
                show.of("还差", "lacks")
            };
            show.row(1, label, &lacking.for_people(), funding.detail.as_deref().unwrap_or(""));
        }
    }
    for share in &report.by_carrier {
        let carrier = domain::phone::Carrier::from(share.carrier);
        let name = if show.chinese { carrier.name_zh() } else { carrier.as_str() };
        show.row(1, name, &grouped(count(share.parts)), &share.cost.for_people());
    }
    for share in report.by_province.iter().take(PROVINCES) {
        let name =
            if share.province.is_empty() { show.of("未知省份", "unknown") } else { &share.province };
        show.row(1, name, &grouped(count(share.people)), "");
    }
    if report.by_route.len() > 1 {
        for share in &report.by_route {
            show.row(1, &share.route, &grouped(count(share.parts)), &share.cost.for_people());
        }
    }
    for left in &report.unrouted {
        show.row(1, &left.sample, &grouped(count(left.people)), &left.explanation);
    }
    if let Some(at) = &report.done_at {
        show.row(0, show.of("预计发完", "done at"), "", &at.0);
    }
    for held in &report.held {
        let words: Vec<String> =
            held.words.iter().map(|word| format!("{}({})", word.word, word.severity)).collect();
        show.row(0, show.of("命中词", "words"), &grouped(count(held.people)), &words.join(" "));
    }
    show.head("样例", "Samples");
    for sample in &report.samples {
        show.line(&format!("  {}  {} × {}", sample.phone, sample.parts, sample.price.for_people()));
        show.line(&format!("    {}", sample.text));
    }
}

/// The funnel, with its reasons and its cost.
pub(super) fn report(show: Show, report: &CampaignReport) {
    let funnel = &report.funnel;
    let amount = |depth, zh: &str, en: &str, amount: &Amount| {
        if amount.messages != 0 || depth == 0 {
            show.count(depth, show.of(zh, en), amount.messages);
        }
    };
    let reasons = |lines: &[ReasonAmount]| {
        for line in lines {
            show.count(2, &line.explanation, line.amount.messages);
        }
    };
    show.head(&report.name, &report.name);
    show.count(0, show.of("名单", "audience"), funnel.audience);
    show.count(1, show.of("无效或重复", "invalid or duplicate"), funnel.left_out);
    amount(0, "应发", "accepted", &funnel.accepted);
    amount(1, "未发", "rejected", &funnel.rejected);
    reasons(&funnel.rejections);
    amount(1, "撤销", "cancelled", &funnel.cancelled);
    amount(0, "可发", "eligible", &funnel.eligible);
    amount(0, "已提交", "submitted", &funnel.submitted);
    amount(0, "送达", "delivered", &funnel.delivered);
    amount(1, "未送达", "undelivered", &funnel.undelivered);
    amount(1, "过期", "expired", &funnel.expired);
    amount(1, "失败", "failed", &funnel.failed);
    reasons(&funnel.failures);
    amount(1, "等待回执", "awaiting receipt", &funnel.awaiting_receipt);
    amount(1, "未知", "unknown", &funnel.unknown);
    amount(1, "不确定", "uncertain", &funnel.uncertain);
    amount(1, "发送中", "in flight", &funnel.in_flight);
    amount(1, "排队", "queued", &funnel.queued);
    if report.by_route.len() > 1 {
        for share in &report.by_route {
            show.row(1, &share.route, &grouped(share.messages), &grouped(share.delivered));
        }
    }
    for share in &report.stranded {
        let carrier = domain::phone::Carrier::from(share.carrier);
        let name = if show.chinese {
            format!("{}：路由中没有通道", carrier.name_zh())
        } else {
            format!("{carrier}: no channel of the route")
        };
        show.count(2, &name, share.amount.messages);
    }
    show.count(0, show.of("退订", "opted out"), funnel.opted_out);
    show.count(0, show.of("条数", "parts"), funnel.parts);
    show.row(0, show.of("费用", "cost"), &funnel.cost.for_people(), "");
}
