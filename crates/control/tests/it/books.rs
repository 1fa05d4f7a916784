//! The books: payments, grants, holds, what messages moved, and that everything adds up whatever is repeated and interleaved.

use std::time::Duration;

use domain::billing::{
    Charge, Flow, HourSpan, Limits, MarginBy, MarginOf, Mode, Month, Purse, Terms, TransferKind,
};
use domain::control::{
    Agreement, BookRule, Books as _, ControlError, Paid, Payment, Posting, PostingKey, Short,
    Statements as _, TransferFilter,
};
use domain::ids::{AccountId, CampaignId, ChannelId, PartitionId};
use domain::message::Category;
use domain::money::Money;
use domain::phone::Carrier;
use domain::policy::Zone;
use domain::time::Timestamp;
use futures::future::join_all;

use crate::engines::{Engine, on_every_engine};
use crate::stage::{NOW, Stage};

const P0: PartitionId = PartitionId(0);
const P1: PartitionId = PartitionId(1);

const fn money(micros: i64) -> Money {
    Money::from_micros(micros)
}

fn bounded(credit: i64, daily: Option<i64>, monthly: Option<i64>) -> Agreement {
    let limits = Limits { daily: daily.map(money), monthly: monthly.map(money) };
    let terms = Terms { mode: Mode::Bounded, credit: money(credit), limits, ..Terms::default() };
    Agreement { terms, zone: Zone::china() }
}

fn payment(account: AccountId, kind: TransferKind, amount: i64, key: &str) -> Payment {
    let (amount, key) = (money(amount), key.to_owned());
    Payment { account, kind, amount, reference: "招行 20260301-7".to_owned(), key }
}

async fn top_up(stage: &Stage, account: AccountId, amount: i64) {
    let key = format!("key-{amount}");
    let paid = stage.db.pay(&payment(account, TransferKind::TopUp, amount, &key), NOW).await.unwrap();
    assert!(matches!(paid, Paid::Done(_)));
}

fn key(account: AccountId, purse: Purse) -> PostingKey {
    PostingKey {
        account,
        partition: P0,
        hour: NOW.hour(),
        campaign: None,
        purse,
        category: Category::Notice,
        carrier: Carrier::Mobile,
        channel: None,
    }
}

fn posting(key: PostingKey, flow: Flow) -> Posting {
    Posting { key, flow, messages: 0, parts: 0, cost: Money::ZERO }
}

async fn assert_sound(stage: &Stage) {
    let checked = stage.db.verify_books().await.unwrap();
    assert_eq!(checked.faults, []);
}

async fn a_payment_is_made_once_and_is_in_the_journal(engine: Engine) {
    let mut stage = Stage::open(engine).await;
    let (ours, theirs) = (stage.account("ours").await, stage.account("theirs").await);
    stage.db.put_agreement(ours, &bounded(20, None, None)).await.unwrap();
    let first = payment(ours, TransferKind::TopUp, 100, "a");
    let Paid::Done(line) = stage.db.pay(&first, NOW).await.unwrap() else { panic!("it is paid") };
    stage.restart().await;
    assert_eq!(
        stage.db.pay(&first, NOW.plus(Duration::from_hours(999))).await.unwrap(),
        Paid::Done(line.clone())
    );
    let other = Payment { amount: money(101), ..first.clone() };
    assert_eq!(stage.db.pay(&other, NOW).await.unwrap(), Paid::KeyReused);
    let same_key = Payment { account: theirs, ..first.clone() };
    assert!(
        matches!(stage.db.pay(&same_key, NOW).await.unwrap(), Paid::Done(_)),
        "keys are the account's own"
    );
    let back = payment(ours, TransferKind::Withdrawal, 121, "b");
    let short = Paid::Short(Short::Funds { left: money(120) });
    assert_eq!(stage.db.pay(&back, NOW).await.unwrap(), short);
    let back = Payment { amount: money(30), ..back };
    assert!(matches!(stage.db.pay(&back, NOW).await.unwrap(), Paid::Done(_)));
    assert_eq!(stage.db.balance(ours).await.unwrap().funds, money(70));

    let filter = TransferFilter { account: ours, kind: None, since: None, until: None, before: None };
    let lines = stage.db.transfers(&filter, 10).await.unwrap();
    let kinds: Vec<_> = lines.iter().map(|line| line.transfer.kind).collect();
    assert_eq!(kinds, [TransferKind::Withdrawal, TransferKind::TopUp]);
    assert_eq!(lines[1], line);
    assert_eq!(lines[1].reference.as_deref(), Some("招行 20260301-7"));
    let next = TransferFilter { before: Some(lines[0].id), ..filter.clone() };
    assert_eq!(stage.db.transfers(&next, 10).await.unwrap(), [line]);
    let later = TransferFilter { since: Some(NOW.plus(Duration::from_millis(1))), ..filter };
    assert_eq!(stage.db.transfers(&later, 10).await.unwrap(), []);
    assert_sound(&stage).await;
}

async fn terms_are_replaced_by_who_read_them(engine: Engine) {
    let stage = Stage::open(engine).await;
    let ours = stage.account("ours").await;
    assert_eq!(stage.db.terms(ours).await.unwrap(), Terms::default());
    let mut agreed = bounded(5, Some(7), None);
    agreed.terms.charge = Charge::Delivered;
    agreed.terms.alert_below = Some(money(3));
    agreed.zone = Zone::named("America/New_York").unwrap();
    let first = stage.db.put_agreement(ours, &agreed).await.unwrap();
    assert_eq!(first, Terms { revision: 1, ..agreed.terms });
    let told = stage.db.agreement(ours).await.unwrap();
    assert_eq!((told.terms, told.zone.name()), (first, "America/New_York"));
    let late = stage.db.put_agreement(ours, &agreed).await;
    assert!(matches!(late, Err(ControlError::Changed(_))), "revision 0 was replaced");
    let second = Agreement { terms: first, ..agreed };
    assert_eq!(stage.db.put_agreement(ours, &second).await.unwrap().revision, 2);
}

async fn grants_keep_within_funds_credit_and_limits(engine: Engine) {
    let stage = Stage::open(engine).await;
    let ours = stage.account("ours").await;
    let grant = |partition, least, most, now| {
        let db = stage.db.clone();
        async move { db.grant(ours, partition, money(least), money(most), now).await.unwrap() }
    };
    stage.db.put_agreement(ours, &bounded(20, None, None)).await.unwrap();
    top_up(&stage, ours, 100).await;
    assert_eq!(grant(P0, 10, 50, NOW).await.unwrap().granted, money(50));
    assert_eq!(grant(P0, 10, 30, NOW).await.unwrap().granted, money(80), "totals");
    assert_eq!(grant(P1, 10, 90, NOW).await.unwrap().granted, money(40), "credit too, and no more");
    assert_eq!(grant(P1, 1, 9, NOW).await, Err(Short::Funds { left: Money::ZERO }));
    for _ in 0..2 {
        stage.db.returned(ours, P1, money(30), NOW).await.unwrap();
    }
    stage.db.returned(ours, P1, money(20), NOW).await.unwrap();
    assert_eq!(stage.db.balance(ours).await.unwrap().allowance, money(90));
    assert!(stage.db.returned(ours, P1, money(41), NOW).await.is_err(), "more than it ever had");

    // 80 + 10 may be accepted at any moment; 60 of it were, this day.
    let mut accepted = key(ours, Purse::Allowance);
    let flow = Flow { reserved: money(60), ..Flow::default() };
    stage.db.post(&[posting(accepted, flow)], NOW).await.unwrap();
    let terms = stage.db.terms(ours).await.unwrap();
    let limits = Limits { daily: Some(money(95)), monthly: Some(money(96)) };
    let agreed = Agreement { terms: Terms { limits, ..terms }, zone: Zone::china() };
    stage.db.put_agreement(ours, &agreed).await.unwrap();
    assert_eq!(grant(P0, 6, 9, NOW).await, Err(Short::Daily { left: money(5) }));
    let tomorrow = NOW.plus(Duration::from_hours(24));
    assert_eq!(grant(P0, 7, 9, tomorrow).await, Err(Short::Monthly { left: money(6) }));
    let next_month = NOW.plus(Duration::from_hours(31 * 24));
    assert_eq!(
        grant(P0, 30, 90, next_month).await.unwrap().granted,
        money(110),
        "what is left of funds and credit"
    );
    accepted.hour += 1;
    stage.db.post(&[posting(accepted, flow)], NOW).await.unwrap();
    assert_eq!(stage.db.standing(ours, NOW).await.unwrap().spent.today, money(120));
    assert_eq!(stage.db.grants(ours).await.unwrap().len(), 2);
    assert_sound(&stage).await;
}

async fn a_hold_pays_for_its_campaign_and_ends_once(engine: Engine) {
    let stage = Stage::open(engine).await;
    let ours = stage.account("ours").await;
    let campaign: CampaignId = stage.ids.fresh(NOW).into();
    stage.db.put_agreement(ours, &bounded(0, None, None)).await.unwrap();
    top_up(&stage, ours, 100).await;
    assert_eq!(
        stage.db.hold(ours, campaign, money(101), NOW).await.unwrap(),
        Err(Short::Funds { left: money(100) })
    );
    for _ in 0..2 {
        assert_eq!(stage.db.hold(ours, campaign, money(80), NOW).await.unwrap(), Ok(()));
    }
    assert_eq!(stage.db.holds().await.unwrap(), [(ours, campaign)]);
    let of_campaign = PostingKey { campaign: Some(campaign), ..key(ours, Purse::Hold) };
    let flow = |reserved| Flow { reserved: money(reserved), ..Flow::default() };
    for reserved in [50, 50, 60] {
        stage.db.post(&[posting(of_campaign, flow(reserved))], NOW).await.unwrap();
    }
    let balance = stage.db.balance(ours).await.unwrap();
    assert_eq!((balance.funds, balance.held, balance.reserved), (money(20), money(20), money(60)));
    for _ in 0..2 {
        stage.db.end_hold(ours, campaign, NOW).await.unwrap();
    }
    assert_eq!(stage.db.holds().await.unwrap(), []);
    assert_eq!(stage.db.balance(ours).await.unwrap().funds, money(40));
    // What comes after the end is paid from funds.
    stage.db.post(&[posting(of_campaign, flow(65))], NOW).await.unwrap();
    let balance = stage.db.balance(ours).await.unwrap();
    assert_eq!((balance.funds, balance.held, balance.reserved), (money(35), Money::ZERO, money(65)));
    stage.db.hold(ours, campaign, money(1), NOW).await.unwrap().unwrap();
    assert_eq!(stage.db.balance(ours).await.unwrap().held, Money::ZERO, "a campaign holds once");
    assert_sound(&stage).await;
}

async fn a_month_adds_up_by_category_carrier_and_channel(engine: Engine) {
    let stage = Stage::open(engine).await;
    let ours = stage.account("ours").await;
    top_up(&stage, ours, 1_000).await;
    let channel = Some(ChannelId(3));
    let accepted = posting(key(ours, Purse::Open), Flow { reserved: money(100), ..Flow::default() });
    let charged = Posting {
        messages: 2,
        parts: 3,
        cost: money(50),
        ..posting(
            PostingKey { channel, ..key(ours, Purse::Open) },
            Flow { charged: money(90), refunded: money(30), ..Flow::default() },
        )
    };
    let later = Posting {
        messages: 1,
        parts: 1,
        ..posting(
            PostingKey {
                hour: NOW.hour() + 31 * 24,
                carrier: Carrier::Unicom,
                channel,
                ..key(ours, Purse::Open)
            },
            Flow { recovered: money(7), ..Flow::default() },
        )
    };
    for _ in 0..2 {
        stage.db.post(&[accepted, charged, later], NOW).await.unwrap();
    }
    let month: Month = "2026-03".parse().unwrap();
    let march = stage.db.statement(ours, month).await.unwrap();
    assert!(march.adds_up(), "{march:?}");
    assert_eq!((march.top_ups, march.withdrawals, march.amount()), (money(1_000), Money::ZERO, money(60)));
    assert_eq!((march.opening.total(), march.closing.total()), (Money::ZERO, money(940)));
    assert_eq!((march.closing.funds, march.closing.reserved), (money(930), money(10)));
    let [line] = march.lines[..] else { panic!("one line") };
    assert_eq!(
        (line.category, line.carrier, line.messages, line.parts),
        (Category::Notice, Carrier::Mobile, 2, 3)
    );
    assert_eq!((line.charged, line.refunded), (money(90), money(30)));
    let april = stage.db.statement(ours, month.after()).await.unwrap();
    assert!(april.adds_up());
    assert_eq!((april.opening, april.lines[0].carrier), (march.closing, Carrier::Unicom));
    assert_eq!(stage.db.first_hour(ours).await.unwrap(), Some(NOW.hour()));

    let span = HourSpan::between(NOW.minus(Duration::from_hours(1)), NOW.plus(Duration::from_hours(1)));
    let margins = stage.db.margins(span, MarginBy::Channel).await.unwrap();
    let told: Vec<_> = margins.iter().map(|line| (line.of, line.revenue, line.cost, line.margin())).collect();
    assert_eq!(told, [(MarginOf::Channel(channel), money(60), money(50), money(10))]);
    let by_account = stage.db.margins(span, MarginBy::Account).await.unwrap();
    assert_eq!(by_account[0].of, MarginOf::Account(ours));
    let by_carrier = stage.db.margins(span, MarginBy::Carrier).await.unwrap();
    assert_eq!(by_carrier[0].of, MarginOf::Carrier(Carrier::Mobile));
    assert_sound(&stage).await;
}

async fn a_check_finds_what_was_changed_by_hand(engine: Engine) {
    let stage = Stage::open(engine).await;
    let ours = stage.account("ours").await;
    top_up(&stage, ours, 1_000).await;
    let campaign = stage.ids.fresh(NOW).into();
    stage.db.hold(ours, campaign, money(5), NOW).await.unwrap().unwrap();
    stage.db.grant(ours, P0, money(5), money(5), NOW).await.unwrap().unwrap();
    let accepted = posting(key(ours, Purse::Open), Flow { reserved: money(9), ..Flow::default() });
    stage.db.post(&[accepted], NOW).await.unwrap();
    assert_sound(&stage).await;
    let found = async |sql: &str| {
        stage.by_hand(sql).await;
        let faults = stage.db.verify_books().await.unwrap().faults;
        faults.iter().map(|fault| fault.rule).collect::<Vec<_>>()
    };
    assert_eq!(found("UPDATE campaign_hold SET amount = amount + 1").await, [BookRule::Held]);
    assert_eq!(found("UPDATE campaign_hold SET amount = amount - 1").await, []);
    assert_eq!(found("UPDATE partition_grant SET granted = granted + 1").await, [BookRule::Allowance]);
    assert_eq!(found("UPDATE partition_grant SET granted = granted - 1").await, []);
    assert_eq!(found("UPDATE accepted_hour SET amount = 0").await, [BookRule::Accepted]);
    assert_eq!(found("UPDATE accepted_hour SET amount = 9").await, []);
    let zero = found("UPDATE book_balance SET amount = amount + 1 WHERE book = 1").await;
    assert_eq!(zero, [BookRule::Zero, BookRule::Journal]);
}

/// A small generator: the same seed, the same story.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn amount(&mut self, bound: u64) -> Money {
        money(i64::try_from(self.below(bound)).unwrap())
    }
}

/// What the ledgers say, and what was drawn from allowances: the other side of the books.
#[derive(Default)]
struct Model {
    postings: Vec<Posting>,
    drawn: [Money; 2],
    returned: [Money; 2],
    granted: [Money; 2],
}

impl Model {
    /// Accepts from one purse what it can pay for, or moves on what was accepted.
    fn moves_on(&mut self, dice: &mut Dice, account: AccountId, campaign: CampaignId) {
        let purse = [Purse::Open, Purse::Allowance, Purse::Hold][dice.below(3) as usize];
        let place = dice.below(2) as usize;
        let key = PostingKey {
            partition: PartitionId(place as u16),
            hour: NOW.hour() + i64::try_from(dice.below(30)).unwrap(),
            campaign: (purse == Purse::Hold).then_some(campaign),
            ..key(account, purse)
        };
        let known = self.postings.iter().position(|posting| posting.key == key);
        let at = known.unwrap_or_else(|| {
            self.postings.push(posting(key, Flow::default()));
            self.postings.len() - 1
        });
        let mut amount = dice.amount(40);
        if purse == Purse::Allowance {
            amount = amount.min(self.granted[place] - self.returned[place] - self.drawn[place]);
            self.drawn[place] += amount;
        }
        let posting = &mut self.postings[at];
        posting.flow.reserved += amount;
        let part = dice.amount(1 + amount.micros().unsigned_abs());
        match dice.below(3) {
            0 => posting.flow.charged += part,
            1 => posting.flow.released += part,
            _ => {
                posting.flow.charged += part;
                posting.flow.refunded += part;
            }
        }
    }
}

async fn whatever_is_interleaved_the_books_add_up(engine: Engine) {
    let stage = Stage::open(engine).await;
    for seed in 0..6 {
        let account = stage.account(&format!("seed {seed}")).await;
        let campaign: CampaignId = stage.ids.fresh(NOW).into();
        let mut dice = Dice(seed);
        let credit = dice.amount(50);
        stage.db.put_agreement(account, &bounded(credit.micros(), Some(900), None)).await.unwrap();
        let mut model = Model::default();
        for step in 0..60 {
            let now = NOW.plus(Duration::from_mins(step * 30));
            let place = dice.below(2) as usize;
            match dice.below(7) {
                0 => {
                    let amount = dice.amount(200) + money(1);
                    let paid =
                        Payment { amount, ..payment(account, TransferKind::TopUp, 0, &format!("{step}")) };
                    for _ in 0..=dice.below(2) {
                        assert!(matches!(stage.db.pay(&paid, now).await.unwrap(), Paid::Done(_)));
                    }
                }
                1 => {
                    let (least, more) = (dice.amount(40), dice.amount(60));
                    let before = stage.db.balance(account).await.unwrap().funds;
                    let partition = PartitionId(place as u16);
                    let outcome = stage.db.grant(account, partition, least, least + more, now).await.unwrap();
                    if let Ok(totals) = outcome {
                        let given = totals.granted - model.granted[place];
                        assert!(
                            given >= least && given <= (least + more).min(before + credit),
                            "seed {seed}"
                        );
                        model.granted[place] = totals.granted;
                    }
                }
                2 => {
                    let left = model.granted[place] - model.returned[place] - model.drawn[place];
                    model.returned[place] += left.min(dice.amount(50));
                    let partition = PartitionId(place as u16);
                    let returned = stage.db.returned(account, partition, model.returned[place], now).await;
                    returned.unwrap();
                }
                3 => drop(stage.db.hold(account, campaign, dice.amount(200), now).await.unwrap()),
                4 if step > 40 => stage.db.end_hold(account, campaign, now).await.unwrap(),
                5 => stage.db.post(&model.postings, now).await.unwrap(),
                _ => model.moves_on(&mut dice, account, campaign),
            }
        }
        for _ in 0..2 {
            stage.db.post(&model.postings, NOW).await.unwrap();
            assert_sound(&stage).await;
        }
        let revenue: Money = model.postings.iter().map(|p| p.flow.charged - p.flow.refunded).sum();
        let march = stage.db.statement(account, "2026-03".parse().unwrap()).await.unwrap();
        assert!(march.adds_up() && march.amount() == revenue, "seed {seed}: {march:?}");
        let balance = stage.db.balance(account).await.unwrap();
        assert_eq!(march.closing.funds, balance.funds, "seed {seed}");
        let drawn: Money = model.drawn.into_iter().sum();
        let outstanding: Money = (0..2).map(|place| model.granted[place] - model.returned[place]).sum();
        assert_eq!(balance.allowance, outstanding - drawn, "seed {seed}");
    }
}

on_every_engine! {
    a_payment_is_made_once_and_is_in_the_journal
    terms_are_replaced_by_who_read_them
    grants_keep_within_funds_credit_and_limits
    a_hold_pays_for_its_campaign_and_ends_once
    a_month_adds_up_by_category_carrier_and_channel
    a_check_finds_what_was_changed_by_hand
    whatever_is_interleaved_the_books_add_up
}

#[tokio::test]
async fn nodes_that_grant_hold_and_pay_at_once_never_give_more_than_there_is() {
    let stage = Stage::open(Engine::Postgres).await;
    let account = stage.account("ours").await;
    let nodes = [stage.db.clone(), stage.second_node(2).await, stage.second_node(3).await];
    stage.db.put_agreement(account, &bounded(0, Some(900), None)).await.unwrap();
    top_up(&stage, account, 1_000).await;
    let work = nodes.iter().zip(0u16..).map(|(db, node)| {
        let campaigns: Vec<CampaignId> = (0..20).map(|_| stage.ids.fresh(NOW).into()).collect();
        async move {
            for (round, campaign) in campaigns.into_iter().enumerate() {
                let _ = db.grant(account, PartitionId(node), money(20), money(30), NOW).await.unwrap();
                let _ = db.hold(account, campaign, money(15), NOW).await.unwrap();
                // The same payment on every node: made once.
                let paid = payment(account, TransferKind::TopUp, 1, &format!("round {round}"));
                assert!(matches!(db.pay(&paid, NOW).await.unwrap(), Paid::Done(_)));
                let flow = Flow { reserved: money(i64::try_from(round).unwrap()), ..Flow::default() };
                let key = PostingKey { partition: PartitionId(node), ..key(account, Purse::Allowance) };
                db.post(&[posting(key, flow)], NOW).await.unwrap();
            }
        }
    });
    join_all(work).await;
    let standing = stage.db.standing(account, NOW).await.unwrap();
    assert!(standing.spent.today <= money(900), "{standing:?}");
    assert!(standing.spent.today > money(870), "the limit was reached: {standing:?}");
    let balance = standing.balance;
    let all = balance.funds + balance.allowance + balance.held + balance.reserved;
    assert_eq!(all, money(1_020));
    assert_sound(&stage).await;
}

#[test]
fn now_is_a_day_of_march_in_shanghai() {
    assert_eq!(Month::of(Timestamp::from_millis(NOW.millis()), Zone::china().rules()).to_string(), "2026-03");
}
