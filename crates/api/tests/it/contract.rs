//! The checked-in OpenAPI document is what the code says, and it is complete.

use std::path::Path;

use crate::house::House;

/// Set to anything, the document is written instead of compared.
const UPDATE: &str = "UPDATE_OPENAPI";

#[test]
fn the_checked_in_document_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let mut current = api::openapi().to_pretty_json().unwrap();
    current.push('\n');
    if std::env::var_os(UPDATE).is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == current,
        "docs/openapi.json is stale: run this test with {UPDATE}=1 and look at the difference"
    );
}

#[test]
fn every_operation_is_described_in_both_languages_with_an_example() {
    let document = serde_json::to_value(api::openapi()).unwrap();
    let has_example = |content: &serde_json::Value| {
        let (_, media) = content.as_object().unwrap().iter().next().unwrap();
        let schema = &media["schema"];
        let pointer = schema["$ref"].as_str().unwrap_or("").trim_start_matches('#');
        let named = document.pointer(pointer).unwrap_or(schema);
        // A page's example is that of its items, whose schema stands in the page's.
        let items = &named["properties"]["items"]["items"];
        media.get("example").is_some() || named.get("example").is_some() || items.get("example").is_some()
    };
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let summary = operation["summary"].as_str().unwrap_or("");
            assert!(!summary.is_ascii() && summary.contains(" · "), "{method} {path}: {summary}");
            assert!(
                operation["description"].as_str().is_some_and(|words| !words.is_empty()),
                "{method} {path}"
            );
            for status in ["500", "503", "504"] {
                assert!(operation["responses"][status].is_object(), "{method} {path} is silent on {status}");
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                if let Some(named) = response["$ref"].as_str() {
                    let refusal = document.pointer(named.trim_start_matches('#')).unwrap();
                    assert!(
                        refusal["content"][api::PROBLEM_MEDIA_TYPE].is_object(),
                        "{method} {path} {status}"
                    );
                // 204 has nothing to show, and 303 leads elsewhere.
                } else if !["204", "303"].contains(&status.as_str()) {
                    assert!(has_example(&response["content"]), "{method} {path} {status} has no example");
                }
            }
            if let Some(content) = operation["requestBody"].get("content") {
                let is_file = content.get("application/octet-stream").is_some();
                assert!(is_file || has_example(content), "{method} {path}: its body has no example");
            }
        }
    }
}

/// The examples of these documents, read as what they are examples of.
macro_rules! examples_are_read {
    ($($name:ident),+ $(,)?) => {$(
        let schema = serde_json::to_value(<api::json::$name as utoipa::PartialSchema>::schema()).unwrap();
        let read = serde_json::from_value::<api::json::$name>(schema["example"].clone());
        assert!(read.is_ok(), "the example of {}: {}", stringify!($name), read.err().unwrap());
    )+};
}

#[test]
fn examples_are_what_they_claim_to_be() {
    examples_are_read!(
        Campaign,
        CampaignDraft,
        CampaignProgress,
        CampaignReport,
        Channel,
        ChannelPut,
        Channels,
        CleaningReport,
        CodeMeaning,
        Codes,
        Column,
        Contact,
        ContactUpsert,
        ContactsUpsert,
        ContactsUpserted,
        Event,
        EventRecording,
        Export,
        ExportCreate,
        Events,
        ContactEdit,
        Import,
        ImportSource,
        ImportSourceCreate,
        ImportSourceEdit,
        ImportSources,
        SourceRun,
        ImportStart,
        ImportUploaded,
        Inbound,
        MessageReport,
        Message,
        MessageSend,
        MessagesAccepted,
        MessagesSend,
        Money,
        NumberQuestion,
        NumberShown,
        NumberTable,
        NumbersImported,
        Preview,
        PreviewRequest,
        Prices,
        ProblemDocument,
        Route,
        RoutePut,
        Routes,
        SuggestedTimes,
        Suppression,
        SuppressionCreate,
        SuppressionLifted,
        Tags,
        Template,
        TemplateCreate,
        UnknownCodes,
    );
}

#[test]
fn examples_of_money_are_what_they_claim_to_be() {
    examples_are_read!(
        AccountBalance,
        AccountTerms,
        Margins,
        PaymentCreate,
        Statement,
        StatementMonths,
        Transfer
    );
}

#[test]
fn examples_of_access_are_what_they_claim_to_be() {
    examples_are_read!(
        Account,
        AccountChange,
        AccountCreate,
        AuditLine,
        Done,
        Key,
        KeyCreate,
        KeyCreated,
        Me,
        PasswordChange,
        PasswordCreate,
        Role,
        RoleCreate,
        RoleEdit,
        Roles,
        SessionCreate,
        TotpBegun,
        TotpConfirm,
        TotpConfirmed,
        TotpRemove,
        User,
        UserEdit,
        UserInvite,
        UserInvited,
        UserReset,
    );
}

#[tokio::test]
async fn document_and_reference_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let served = house.get("/v1/openapi.json").await.ok(200);
    assert_eq!(served, serde_json::to_value(api::openapi()).unwrap());
    let page = house.get("/docs").await;
    let html = page.text();
    assert!(html.contains("/v1/campaigns/{id}/preflight") && html.contains("urn:hongyan:problem:disk_full"));
    for path in served["paths"].as_object().unwrap().keys() {
        assert!(html.contains(path.as_str()), "{path} is not on the page");
    }
    assert!(!html.contains("<script") && !html.contains("src="), "the page needs nothing from elsewhere");
    assert_eq!(house.get("/healthz").await.text(), "ok");
    assert_eq!(house.get("/readyz").await.text(), "ready");
}

#[tokio::test]
async fn a_node_that_drains_says_so_and_still_answers() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    assert_eq!(house.engine.drain(std::time::Duration::from_secs(5)).await, []);
    let ready = house.get("/readyz").await;
    assert_eq!((ready.status.as_u16(), ready.text()), (503, "draining"));
    assert_eq!(house.get("/healthz").await.text(), "ok");
    assert_eq!(house.get("/v1/openapi.json").await.status.as_u16(), 200);
}
