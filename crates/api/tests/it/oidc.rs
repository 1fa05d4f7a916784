//! Signing in over a provider of identities, against a small one of this test's own, with its own key.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::Admission;
use api::Oidc;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use domain::control::Secret;
use domain::time::Clock;
use gateway::DocumentsHttp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::house::{Answer, House, Who, request};

const CLIENT: &str = "hongyan";
const SECRET: &str = "client secret/1";

/// What the provider is told to do wrong, and what it saw.
#[derive(Default)]
struct Mood {
    /// Claims in the place of the right ones; null takes one away.
    claims: Value,
    /// Fields of the token's header likewise.
    header: Value,
    /// The signature is of something else.
    forged: bool,
    /// By code: the question that it answers.
    asked: HashMap<String, HashMap<String, String>>,
}

struct Provider {
    issuer: String,
    key: EcdsaKeyPair,
    mood: Mutex<Mood>,
    clock: Arc<dyn Clock>,
}

impl Provider {
    async fn open(house: &House) -> Arc<Self> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let provider = Arc::new(Self { issuer, key, mood: Mutex::default(), clock: house.clock() });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&provider));
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    fn set(&self, change: impl FnOnce(&mut Mood)) {
        change(&mut self.mood.lock().unwrap());
    }

    /// Somebody signs in at the provider's page: the code that leads back.
    fn sign_in(&self, address: &str) -> (String, String) {
        let query = address.split_once('?').unwrap().1;
        let asked: HashMap<String, String> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", CLIENT));
        assert_eq!(asked["code_challenge_method"], "S256");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"));
        let (code, state) = (format!("code-{}", asked["nonce"]), asked["state"].clone());
        self.set(|mood| {
            mood.asked.insert(code.clone(), asked);
        });
        (code, state)
    }

    fn token(&self, nonce: &str) -> String {
        let (mood, now) = (self.mood.lock().unwrap(), self.clock.now().millis() / 1_000);
        let mut header = json!({"alg": "ES256", "kid": "one"});
        let mut claims = json!({"iss": self.issuer, "aud": CLIENT, "sub": "248289761001", "nonce": nonce,
            "iat": now, "exp": now + 300, "email": "Zhang@Example.com", "email_verified": true, "name": "张伟"});
        for (into, change) in [(&mut header, &mood.header), (&mut claims, &mood.claims)] {
            for (name, value) in change.as_object().into_iter().flatten() {
                into[name] = value.clone();
            }
            into.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(&header), part(&claims));
        let signed = if mood.forged { b"something else".as_slice() } else { text.as_bytes() };
        let signature = self.key.sign(&SystemRandom::new(), signed).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

async fn discovery(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let at = |path: &str| format!("{}/{path}", provider.issuer);
    Json(json!({"issuer": provider.issuer, "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"), "jwks_uri": at("keys")}))
}

async fn keys(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let point = provider.key.public_key().as_ref();
    let half = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
    Json(
        json!({"keys": [{"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "x": half(1), "y": half(33)}]}),
    )
}

/// Takes a code once, from whom it was given to, with the verifier of the question.
async fn token(
    State(provider): State<Arc<Provider>>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Json<Value>) {
    let form: HashMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
    let expected = format!("Basic {}", STANDARD.encode("hongyan:client+secret%2F1"));
    let is_ours = headers.get("authorization").is_some_and(|shown| *shown == *expected);
    let asked = provider.mood.lock().unwrap().asked.remove(&form["code"]);
    let asked = asked.filter(|asked| {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
        challenge == asked["code_challenge"] && form["redirect_uri"] == asked["redirect_uri"] && is_ours
    });
    match asked {
        Some(asked) => {
            let token = provider.token(&asked["nonce"]);
            (StatusCode::OK, Json(json!({"access_token": "a", "token_type": "Bearer", "id_token": token})))
        }
        None => (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))),
    }
}

async fn with_provider(house: &House, admission: Admission) -> Arc<Provider> {
    let provider = Provider::open(house).await;
    let settings = oidc::Settings {
        issuer: provider.issuer.clone(),
        client_id: CLIENT.to_owned(),
        client_secret: Some(Secret(SECRET.to_owned())),
        redirect_uri: "https://sms.example.com/v1/session/oidc/callback".to_owned(),
        scopes: vec!["email".to_owned(), "profile".to_owned()],
    };
    let fetch = Arc::new(DocumentsHttp::new().unwrap());
    let client = oidc::Client::new(settings, fetch, house.clock()).unwrap();
    house.state.set_oidc(Oidc { client, issuer: provider.issuer.clone(), admission });
    provider
}

/// Begins: where the browser is sent, and what it keeps.
async fn begin(house: &House) -> (String, String) {
    let answer = house.send(Who::Nobody, request("GET", "/v1/session/oidc", Body::empty())).await;
    assert_eq!(answer.status, 303, "{}", answer.text());
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    for attribute in ["__Host-hongyan-oidc=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    (answer.headers["location"].to_str().unwrap().to_owned(), cookie.split(';').next().unwrap().to_owned())
}

async fn come_back(house: &House, cookie: &str, code: &str, state: &str) -> Answer {
    // Providers add words of their own.
    let path = format!("/v1/session/oidc/callback?code={code}&state={state}&session_state=x");
    let mut back = request("GET", &path, Body::empty());
    back.headers_mut().insert("cookie", cookie.parse().unwrap());
    house.send(Who::Nobody, back).await
}

async fn sign_in(house: &House, provider: &Provider) -> Answer {
    let (address, cookie) = begin(house).await;
    let (code, state) = provider.sign_in(&address);
    come_back(house, &cookie, &code, &state).await
}

/// Who is signed in by an answer's cookie.
async fn me(house: &House, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let cookies = answer.headers.get_all("set-cookie").iter().map(|cookie| cookie.to_str().unwrap());
    let cookie = cookies.into_iter().find(|cookie| cookie.starts_with("__Host-hongyan=")).unwrap();
    assert!(cookie.contains("SameSite=Strict"));
    let mut asked = request("GET", "/v1/me", Body::empty());
    asked.headers_mut().insert("cookie", cookie.split(';').next().unwrap().parse().unwrap());
    house.send_as_is(asked).await.ok(200)["user"].clone()
}

async fn invite(house: &House, login: &str) -> String {
    let user = json!({"login": login, "name": "张", "roles": ["support"]});
    house.post("/v1/users", user).await.ok(201)["user"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn somebody_is_found_by_a_verified_address_or_by_the_subject_that_an_owner_linked() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let provider = with_provider(&house, Admission { by_email: true, create_as: None }).await;
    sign_in(&house, &provider).await.problem(403, "not_invited");
    let zhang = invite(&house, "zhang@example.com").await;
    assert_eq!(me(&house, &sign_in(&house, &provider).await).await["id"], zhang);
    provider.set(|mood| mood.claims = json!({"email_verified": false}));
    sign_in(&house, &provider).await.problem(403, "not_invited");

    // Without any address, by the subject; and then no other subject has this person by an address.
    let link = json!({"subject": "248289761001"});
    house.ask("PUT", &format!("/v1/users/{zhang}/oidc"), link.clone()).await.ok(200);
    provider.set(|mood| mood.claims = json!({"email": null}));
    assert_eq!(me(&house, &sign_in(&house, &provider).await).await["id"], zhang);
    provider.set(|mood| mood.claims = json!({"sub": "another"}));
    sign_in(&house, &provider).await.problem(403, "not_invited");
    let other = invite(&house, "li@example.com").await;
    let taken = house.ask("PUT", &format!("/v1/users/{other}/oidc"), link).await;
    assert_eq!(taken.problem(422, "invalid_field")["pointer"], "/subject");
    house.ask("DELETE", &format!("/v1/users/{zhang}/oidc"), json!({})).await.ok(200);
    assert_eq!(me(&house, &sign_in(&house, &provider).await).await["id"], zhang, "by the address again");

    provider.set(|mood| mood.claims = Value::Null);
    house.ask("PATCH", &format!("/v1/users/{zhang}"), json!({"disabled": true})).await.ok(200);
    sign_in(&house, &provider).await.problem(403, "not_invited");
    let log = house.get("/v1/audit?limit=100").await.ok(200).to_string();
    assert!(
        log.contains("users.oidc.put") && log.contains("session.refused") && !log.contains("248289761001")
    );
}

#[tokio::test]
async fn nobody_comes_into_being_unless_the_operator_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let role = "read_only".parse().unwrap();
    let provider = with_provider(&house, Admission { by_email: false, create_as: Some(role) }).await;
    let made = me(&house, &sign_in(&house, &provider).await).await;
    assert_eq!((&made["login"], &made["roles"]), (&json!("zhang@example.com"), &json!(["read_only"])));
    let again = me(&house, &sign_in(&house, &provider).await).await;
    assert_eq!(again["id"], made["id"], "found by the subject");
    provider.set(|mood| mood.claims = json!({"sub": "2", "email": "owner"}));
    sign_in(&house, &provider).await.problem(403, "not_invited");
    provider
        .set(|mood| mood.claims = json!({"sub": "3", "email": "li@example.com", "email_verified": false}));
    sign_in(&house, &provider).await.problem(403, "not_invited");
}

#[tokio::test]
async fn a_token_that_is_not_right_in_everything_lets_nobody_in() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let provider = with_provider(&house, Admission { by_email: true, create_as: None }).await;
    invite(&house, "zhang@example.com").await;
    // Each case is a minute after the one before, so that nobody asks too often; what is compared with now leaves room for that.
    let now = house.seconds() + 16 * 60;
    let cases = [
        (json!({"nonce": "another"}), json!({}), "nonce"),
        (json!({"nonce": null}), json!({}), "nonce"),
        (json!({"aud": "another"}), json!({}), "another client"),
        (json!({"aud": [CLIENT, "another"]}), json!({}), "another client"),
        (json!({"aud": CLIENT, "azp": "another"}), json!({}), "another client"),
        (json!({"iss": "https://evil.example.com"}), json!({}), "issuer"),
        (json!({"exp": now - 3_600}), json!({}), "expired"),
        (json!({"iat": now + 120, "exp": now + 6_000}), json!({}), "clocks"),
        (json!({"iat": now - 3_600}), json!({}), "too long ago"),
        (json!({"sub": ""}), json!({}), "subject"),
        (json!({"exp": null}), json!({}), "claim"),
        (json!({}), json!({"alg": "none"}), "signed"),
        (json!({}), json!({"alg": "HS256"}), "signed"),
        (json!({}), json!({"alg": "RS256"}), "signed"),
        (json!({}), json!({"kid": "unknown"}), "signed"),
        (json!({}), json!({"crit": ["b64"]}), "signed"),
    ];
    for (claims, header, told) in cases {
        let case = format!("{claims} {header}");
        provider.set(|mood| (mood.claims, mood.header) = (claims, header));
        house.pass(Duration::from_secs(60));
        let problem = sign_in(&house, &provider).await.problem(401, "sign_in_refused");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(told), "{case}: {detail}");
    }
    provider.set(|mood| (mood.claims, mood.header, mood.forged) = (Value::Null, Value::Null, true));
    sign_in(&house, &provider).await.problem(401, "sign_in_refused");
    provider.set(|mood| mood.forged = false);
    me(&house, &sign_in(&house, &provider).await).await;
}

#[tokio::test]
async fn an_answer_belongs_to_the_browser_that_asked_and_is_taken_once() {
    let folder = tempfile::tempdir().unwrap();
    let house = House::open(folder.path()).await;
    let provider = with_provider(&house, Admission { by_email: true, create_as: None }).await;
    invite(&house, "zhang@example.com").await;
    let (address, cookie) = begin(&house).await;
    let (code, state) = provider.sign_in(&address);
    let (_, others) = begin(&house).await;
    let told = come_back(&house, &others, &code, &state).await.problem(401, "sign_in_refused");
    assert!(told["detail"].as_str().unwrap().contains("this browser"), "another browser's answer: {told}");
    come_back(&house, "x=y", &code, &state).await.problem(401, "sign_in_refused");
    come_back(&house, &cookie, &code, "").await.problem(401, "sign_in_refused");
    assert_eq!(come_back(&house, &cookie, &code, &state).await.status, 200);
    let told = come_back(&house, &cookie, &code, &state).await.problem(401, "sign_in_refused");
    assert!(told["detail"].as_str().unwrap().contains("used before"), "{told}");

    // A code that the provider never gave, and a refusal in its word.
    let (_, cookie) = begin(&house).await;
    let state = cookie.split_once('=').unwrap().1.split('.').next().unwrap().to_owned();
    let told = come_back(&house, &cookie, "guessed", &state).await.problem(401, "sign_in_refused");
    assert!(told["detail"].as_str().unwrap().contains("400"), "{told}");
    let (_, cookie) = begin(&house).await;
    let state = cookie.split_once('=').unwrap().1.split('.').next().unwrap().to_owned();
    let path = format!("/v1/session/oidc/callback?error=access_denied&state={state}");
    let mut back = request("GET", &path, Body::empty());
    back.headers_mut().insert("cookie", cookie.parse().unwrap());
    let told = house.send(Who::Nobody, back).await.problem(401, "sign_in_refused");
    assert!(told["detail"].as_str().unwrap().contains("access_denied"), "{told}");
}
