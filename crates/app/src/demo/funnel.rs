//! The report as a person reads it, and whether its numbers add up.

use domain::message::Reason;
use domain::report::{Amount, Funnel};

use crate::show::{Show, grouped};

/// Prints a funnel.
pub(super) fn print(show: &Show, funnel: &Funnel) {
    show.head("发送报告", "Report");
    show.count(0, show.of("受众", "audience"), funnel.audience);
    show.count(0, show.of("合格", "eligible"), funnel.eligible.messages);
    show.count(0, show.of("未发送", "not sent"), funnel.rejected.messages);
    reasons(show, &funnel.rejections);
    show.count(0, show.of("运营商已接收", "taken by a carrier"), funnel.submitted.messages);
    show.count(1, show.of("已送达", "delivered"), funnel.delivered.messages);
    show.count(
        1,
        show.of("未送达", "not delivered"),
        (funnel.undelivered.messages) + funnel.expired.messages,
    );
    show.count(1, show.of("等待回执", "awaiting a receipt"), funnel.awaiting_receipt.messages);
    show.count(0, show.of("结果不确定", "uncertain"), funnel.uncertain.messages);
    show.count(0, show.of("失败", "failed"), funnel.failed.messages);
    if !funnel.failures.is_empty() {
        show.say("  未送达与失败的原因：", "  why not delivered or failed:");
        reasons(show, &funnel.failures);
    }
    show.count(0, show.of("回复退订", "opted out in answer"), funnel.opted_out);
    show.row(0, show.of("计费条数", "billed parts"), &grouped(funnel.parts), "");
    show.row(0, show.of("费用", "cost"), &show.money(funnel.cost), "");
}

fn reasons(show: &Show, reasons: &[(Reason, Amount)]) {
    for (reason, amount) in reasons {
        let (zh, en) = reason.explain();
        show.count(1, show.of(zh, en), amount.messages);
    }
}

/// Whether every person of the audience is in exactly one place of the funnel.
pub(super) fn adds_up(funnel: &Funnel) -> bool {
    let ended = [
        funnel.queued,
        funnel.in_flight,
        funnel.submitted,
        funnel.failed,
        funnel.rejected,
        funnel.cancelled,
        funnel.uncertain,
    ];
    let taken =
        [funnel.delivered, funnel.undelivered, funnel.expired, funnel.unknown, funnel.awaiting_receipt];
    let sum = |amounts: &[Amount]| amounts.iter().map(|amount| amount.messages).sum::<i64>();
    funnel.audience == funnel.left_out + funnel.accepted.messages
        && funnel.accepted.messages == sum(&ended)
        && funnel.submitted.messages == sum(&taken)
}
