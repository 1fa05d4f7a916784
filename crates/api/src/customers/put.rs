//! Add or change a customer.

use axum::extract::State;
use domain::control::{Conditions, ControlError, Edit, Editable, Secret};
use domain::downstream::{CallBack, Customer};
use domain::ids::{AccountId, CustomerId, RouteId};

use crate::auth::{Allowed, can};
use crate::channels;
use crate::context::Context;
use crate::etag::{IfMatch, Tag, Tagged};
use crate::json;
use crate::problem::{Kind, Problem, say};
use crate::request::{self, Body, Id};
use crate::state::ApiState;

/// 配置下游客户 · Add or change a customer
///
/// The customer's messages belong to the account of the key. Whatever is changed but its name closes its connections within
/// a second, with the protocol's own goodbye; it may log in again at once, under the new terms.
#[utoipa::path(
    put, path = "/v1/customers/{id}", tag = "customers", security(("key" = ["customers:write"])),
    params(
        ("id" = String, Path, description = "`cus_` and a number from 1 to 65535.", example = "cus_1"),
        ("If-Match" = Option<String>, Header, description = "Its `ETag`, to change nothing else."),
    ),
    request_body = json::CustomerPut,
    responses((status = 200, body = json::Customer, description = "Stored."))
)]
pub(crate) async fn put(
    caller: Allowed<can::WriteCustomers>,
    State(state): State<ApiState>,
    context: Context,
    if_match: IfMatch,
    Id(id): Id<CustomerId>,
    body: Body<json::CustomerPut>,
) -> Result<Tagged<json::Customer>, Problem> {
    let edition = state.control().edition(Editable::Customer(id)).await?;
    let customers = state.control().customers().await?;
    let known = customers.iter().find(|known| known.id == id);
    if_match.check_some(known.map(|known| Tag::of(&super::document(known))))?;
    let known = known.map(|known| known.secret.clone());
    let customer = customer(id, caller.account, body.value, known)?;
    let stored = Tagged::new(super::document(&customer));
    let line = context.line(&state, &caller, "customers.put", &id, Some(stored.1));
    let terms = Conditions { expected: if_match.expects(edition), line: Some(&line) };
    match state.engine().edit(Edit::Customer(&customer), terms).await {
        Ok(_) => Ok(stored),
        Err(ControlError::Exists(_)) => {
            let taken = say("该登录名已被其他客户使用", "Another customer has this login");
            Err(Problem::field("/login", taken))
        }
        Err(error) => Err(if_match.settle(error)),
    }
}

fn customer(
    id: CustomerId,
    account: AccountId,
    put: json::CustomerPut,
    known: Option<Secret>,
) -> Result<Customer, Problem> {
    if id.0 == 0 {
        return Err(Problem::new(Kind::NotFound));
    }
    let protocol = channels::protocol(&put.protocol, |protocol| !protocol.is_provider())?;
    let secret = put.secret.map(Secret).or(known).ok_or_else(|| {
        Problem::field("/secret", say("新客户需要密码", "A new customer needs its password"))
    })?;
    let network = |text: &String| {
        text.parse().map_err(|_| {
            let zh = "应为 10.0.0.0/8 形式的网段";
            Problem::field("/networks", say(zh, "Networks of the form 10.0.0.0/8"))
        })
    };
    let route = |text: String| {
        request::read::<RouteId>(&text, "/route", "应为 rte_1 形式的编号", "An id of the form rte_1")
    };
    let customer = Customer {
        id,
        account,
        name: put.name,
        protocol,
        login: put.login,
        secret,
        networks: put.networks.iter().map(network).collect::<Result<_, _>>()?,
        addresses: put.addresses,
        connections: put.connections,
        window: put.window,
        parts_per_second: put.parts_per_second,
        category: put.category.into(),
        signature: put.signature,
        signing: put.signing.into(),
        route: put.route.map(route).transpose()?,
        enabled: put.enabled,
        call_back: put.call_back.map(|to| CallBack { host: to.host, port: to.port }),
    };
    customer.check().map_err(|error| {
        let explained = error.explain();
        Problem::field(error.field(), say(explained.zh, explained.en))
    })?;
    Ok(customer)
}
