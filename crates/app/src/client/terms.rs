//! `hongyan terms` and `hongyan price`.

use api::json::{AccountTerms, Charge, Moment, Money, PayMode, Price, Prices};
use clap::{Args, Subcommand};

use super::Connection;
use super::money::amount;
use crate::exit::Failure;
use crate::show::json;

/// 结算条款 / what accounts agreed to
#[derive(Subcommand, Debug)]
pub(crate) enum TermsCommand {
    /// 所有账户的结算条款 / those of all accounts
    List,
    /// 一个账户的结算条款 / those of an account
    Show {
        /// 编号 acc_… / id
        account: String,
    },
    /// 修改结算条款；省略的保持不变 / change them; what is left out stays
    Set {
        /// 编号 acc_… / id
        account: String,
        #[command(flatten)]
        change: Change,
    },
}

/// What is to be another.
#[derive(Args, Debug)]
pub(crate) struct Change {
    /// open：不设上限，后付费；bounded：只能用余额和信用额度 / open: on its bill; bounded: what it has, and its credit
    #[arg(long)]
    mode: Option<String>,
    /// 何时收费 submitted、refunded、delivered / when a message is paid for
    #[arg(long)]
    charge: Option<String>,
    /// 信用额度，如 500 / how far its funds may fall below zero
    #[arg(long)]
    credit: Option<String>,
    /// 日限额；none 为不限 / the day's limit, or none
    #[arg(long)]
    daily_limit: Option<String>,
    /// 月限额；none 为不限 / the month's limit, or none
    #[arg(long)]
    monthly_limit: Option<String>,
    /// 余额预警线；none 为不预警 / below this it is told that its balance is low, or none
    #[arg(long)]
    alert_below: Option<String>,
    /// 日、月从哪个时区的零点起算 / whose midnight begins its days and months
    #[arg(long)]
    zone: Option<String>,
}

/// 价格；代哪个账户用 --for-account / prices; of another account with --for-account
#[derive(Subcommand, Debug)]
pub(crate) enum PriceCommand {
    /// 价格表 / list them
    List,
    /// 一行价格：加入，或替换针对同样短信且同样起止的一行 / put a line in, in place of the one for the same messages and times
    Set {
        /// 每段的价格，如 0.045 / the price of a part, such as 0.045
        per_part: String,
        #[command(flatten)]
        of: Of,
    },
    /// 去掉一行价格 / take a line out
    Remove {
        #[command(flatten)]
        of: Of,
    },
}

/// For which messages, and when.
#[derive(Args, Debug)]
pub(crate) struct Of {
    /// 类别：otp、notice、marketing；省略为全部 / category; all when left out
    #[arg(long)]
    category: Option<String>,
    /// 运营商：mobile、unicom、telecom、broadnet、foreign；省略为全部 / carrier; all when left out
    #[arg(long)]
    carrier: Option<String>,
    /// 国家代码，如 JP / country, such as JP
    #[arg(long)]
    country: Option<String>,
    /// 起始时间，RFC 3339 / from then on
    #[arg(long)]
    from: Option<String>,
    /// 截止时间 / before then
    #[arg(long)]
    until: Option<String>,
}

pub(super) async fn terms(connection: &Connection, command: TermsCommand) -> Result<(), Failure> {
    match command {
        TermsCommand::List => {
            let accounts: Vec<api::json::Account> = super::access::all(connection, "/v1/accounts").await?;
            let mut all = Vec::new();
            for account in accounts {
                let terms: AccountTerms = connection.get(&path_of(&account.id)).await?;
                all.push((account, terms));
            }
            if connection.json {
                let rows = all.iter().map(|(account, terms)| {
                    serde_json::json!({"account": account.id, "name": account.name, "terms": terms})
                });
                return Ok(json(&rows.collect::<Vec<_>>())?);
            }
            for (account, terms) in &all {
                let credit = terms.credit.for_people();
                let said = format!("{} {}", word_of(&terms.mode), word_of(&terms.charge));
                connection.show.row(0, &account.id, &credit, &format!("{said}  {}", account.name));
            }
            Ok(())
        }
        TermsCommand::Show { account } => {
            let terms: AccountTerms = connection.get(&path_of(&account)).await?;
            tell(connection, &terms)
        }
        TermsCommand::Set { account, change } => {
            let path = path_of(&account);
            let (known, tag): (AccountTerms, _) = connection.get_tagged(&path).await?;
            let terms = changed(connection, known, change)?;
            let terms: AccountTerms = connection.put(&path, tag.as_deref(), &terms).await?;
            tell(connection, &terms)
        }
    }
}

fn path_of(account: &str) -> String {
    format!("/v1/accounts/{}/terms", super::codes::escaped(account))
}

fn word_of(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn changed(connection: &Connection, known: AccountTerms, change: Change) -> Result<AccountTerms, Failure> {
    let optional = |said: Option<String>, known: Option<Money>| match said.as_deref() {
        None => Ok(known),
        Some("none") => Ok(None),
        Some(text) => amount(connection, text).map(|money| Some(Money::unsaid(money))),
    };
    let mode = change.mode.map(|word| {
        let mode = domain::billing::Mode::from_word(&word).map(PayMode::from);
        mode.ok_or_else(|| Failure::Input("--mode: open, bounded".to_owned()))
    });
    let charge = change.charge.map(|word| {
        let charge = domain::billing::Charge::from_word(&word).map(Charge::from);
        charge.ok_or_else(|| Failure::Input("--charge: submitted, refunded, delivered".to_owned()))
    });
    let credit = change.credit.map(|text| amount(connection, &text)).transpose()?;
    Ok(AccountTerms {
        mode: mode.transpose()?.unwrap_or(known.mode),
        charge: charge.transpose()?.unwrap_or(known.charge),
        credit: credit.map_or(known.credit, Money::unsaid),
        daily_limit: optional(change.daily_limit, known.daily_limit)?,
        monthly_limit: optional(change.monthly_limit, known.monthly_limit)?,
        alert_below: optional(change.alert_below, known.alert_below)?,
        zone: change.zone.unwrap_or(known.zone),
    })
}

fn tell(connection: &Connection, terms: &AccountTerms) -> Result<(), Failure> {
    if connection.json {
        return Ok(json(terms)?);
    }
    let show = connection.show;
    show.row(0, show.of("结算方式", "mode"), &word_of(&terms.mode), "");
    show.row(0, show.of("收费时机", "charge"), &word_of(&terms.charge), "");
    show.row(0, show.of("信用额度", "credit"), &terms.credit.for_people(), "");
    for (label, bound) in [
        (show.of("日限额", "daily limit"), &terms.daily_limit),
        (show.of("月限额", "monthly limit"), &terms.monthly_limit),
        (show.of("预警线", "alert below"), &terms.alert_below),
    ] {
        let none = show.of("无", "none").to_owned();
        show.row(0, label, &bound.as_ref().map_or(none, Money::for_people), "");
    }
    show.row(0, show.of("时区", "zone"), &terms.zone, "");
    Ok(())
}

pub(super) async fn prices(connection: &Connection, command: PriceCommand) -> Result<(), Failure> {
    const PATH: &str = "/v1/prices";
    let (of, per_part) = match command {
        PriceCommand::List => {
            let prices: Prices = connection.get(PATH).await?;
            return tell_prices(connection, &prices);
        }
        PriceCommand::Set { per_part, of } => {
            let money = amount(connection, &per_part)?;
            (of, Some(Money::unsaid(money)))
        }
        PriceCommand::Remove { of } => (of, None),
    };
    let nothing = Money::unsaid(domain::money::Money::ZERO);
    let line = line(of, per_part.clone().unwrap_or(nothing))?;
    let (mut prices, tag): (Prices, _) = connection.get_tagged(PATH).await?;
    let before = prices.prices.len();
    prices.prices.retain(|known| !is_same(known, &line));
    if per_part.is_some() {
        prices.prices.push(line);
    } else if prices.prices.len() == before {
        let told = connection.show.of(
            "没有这样的一行：请用 hongyan price list 查看，起止时间也要一致",
            "there is no such line: see hongyan price list; from and until must be the same too",
        );
        return Err(Failure::Input(told.to_owned()));
    }
    let prices: Prices = connection.put(PATH, tag.as_deref(), &prices).await?;
    tell_prices(connection, &prices)
}

fn line(of: Of, per_part: Money) -> Result<Price, Failure> {
    let category = of.category.map(|word| {
        let known = domain::message::Category::from_word(&word).map(api::json::Category::from);
        known.ok_or_else(|| Failure::Input("--category: otp, notice, marketing".to_owned()))
    });
    let carrier = of.carrier.map(|word| {
        let known = domain::phone::Carrier::from_word(&word).map(api::json::Carrier::from);
        let told = || Failure::Input("--carrier: mobile, unicom, telecom, broadnet, foreign".to_owned());
        known.ok_or_else(told)
    });
    Ok(Price {
        category: category.transpose()?,
        carrier: carrier.transpose()?,
        country: of.country,
        from: of.from.map(Moment),
        until: of.until.map(Moment),
        per_part,
    })
}

/// Whether two lines are for the same messages at the same times, however the times are written.
fn is_same(one: &Price, other: &Price) -> bool {
    let same_time = |one: &Option<Moment>, other: &Option<Moment>| match (one, other) {
        (Some(one), Some(other)) => {
            one == other || one.instant().is_some_and(|at| other.instant() == Some(at))
        }
        (one, other) => one.is_none() && other.is_none(),
    };
    (&one.category, &one.carrier, &one.country) == (&other.category, &other.carrier, &other.country)
        && same_time(&one.from, &other.from)
        && same_time(&one.until, &other.until)
}

fn tell_prices(connection: &Connection, prices: &Prices) -> Result<(), Failure> {
    if connection.json {
        return Ok(json(prices)?);
    }
    let show = connection.show;
    for price in &prices.prices {
        let all = || show.of("全部", "all").to_owned();
        let category = price.category.as_ref().map_or_else(all, word_of);
        let carrier = price.carrier.as_ref().map(word_of).or_else(|| price.country.clone());
        let moment = |at: &Option<Moment>| at.as_ref().map_or("", |at| at.0.as_str()).to_owned();
        let (from, until) = (moment(&price.from), moment(&price.until));
        let times =
            if from.is_empty() && until.is_empty() { String::new() } else { format!("{from} – {until}") };
        let label = format!("{category} {}", carrier.unwrap_or_else(all));
        show.row(0, &label, &price.per_part.for_people(), &times);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_again_however_its_times_are_written() {
        let line = |from: Option<&str>, micros| Price {
            category: None,
            carrier: None,
            country: Some("JP".to_owned()),
            from: from.map(|at| Moment(at.to_owned())),
            until: None,
            per_part: Money::from(domain::money::Money::from_micros(micros)),
        };
        let noon = Some("2026-11-28T12:00:00+08:00");
        assert!(is_same(&line(noon, 1), &line(Some("2026-11-28T04:00:00Z"), 2)));
        assert!(!is_same(&line(noon, 1), &line(None, 1)));
        let other = Price { country: None, ..line(noon, 1) };
        assert!(!is_same(&line(noon, 1), &other));
    }
}
