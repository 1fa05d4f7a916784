//! SMPP: a message centre that calls its client (SMPP 3.4, 2.2.1).

use wire::session::{Event, Protocol as _};
use wire::smpp::{
    BindKind, BindResp, ClientConfig, Outbind, Pdu, ServerConfig, Session, Smpp, decode, encode, status,
};
use wire::tlv::Tlvs;
use wire::{Hidden, Millis, Octets, Secret};

/// What a session wants written.
fn written(session: &mut Session) -> Vec<u8> {
    let mut out = Vec::new();
    session.take_output(&mut out);
    out
}

#[test]
fn an_outbind_is_answered_by_a_bind_over_the_same_connection() {
    let secret = Secret::new("secret");
    let config = ClientConfig {
        kind: BindKind::Receiver,
        ..ClientConfig::new(Octets::new("esme").unwrap(), Hidden(Octets::new("secret").unwrap()))
    };
    let outbind = |password: &str| {
        let outbind = Outbind {
            system_id: Octets::new("smsc").unwrap(),
            password: Hidden(Octets::new(password).unwrap()),
        };
        let mut octets = Vec::new();
        encode(&Pdu::Outbind(outbind), 1, &mut octets).unwrap();
        octets
    };
    let mut session = Session::called(&config, Millis(0));
    assert!(session.output().is_empty(), "it waits to be called");
    session.feed(Millis(1), &outbind("secret"));
    let Some(Event::ConnectRequested { log_in, .. }) = session.poll_event() else { panic!("no call") };
    assert!(log_in.system_id.as_str() == Some("smsc") && Smpp::verify(&log_in, &secret));
    session.accept(&secret);
    assert!(!session.is_connected(), "not before the bind is answered");
    let octets = written(&mut session);
    let (_, Pdu::Bind(bind)) = decode(&octets).unwrap() else { panic!("no bind") };
    assert_eq!((bind.kind, bind.system_id.as_str()), (BindKind::Receiver, Some("esme")));
    let answer = BindResp { kind: BindKind::Receiver, status: 0, system_id: Octets::EMPTY, tlvs: Tlvs::NONE };
    let mut octets = Vec::new();
    encode(&Pdu::BindResp(answer), 1, &mut octets).unwrap();
    session.feed(Millis(2), &octets);
    assert!(matches!(session.poll_event(), Some(Event::Connected { .. })));

    // Whoever does not know the password gets no bind, which would tell it.
    let mut session = Session::called(&config, Millis(0));
    session.feed(Millis(1), &outbind("guess"));
    let Some(Event::ConnectRequested { log_in, .. }) = session.poll_event() else { panic!("no call") };
    assert!(!Smpp::verify(&log_in, &secret));
    session.refuse(status::BAD_PASSWORD);
    assert!(written(&mut session).is_empty() && session.is_closed());
    // A session that logs in itself, and a server, are not called.
    for mut session in
        [Session::client(&config, Millis(0)), Session::server(&ServerConfig::default(), Millis(0))]
    {
        written(&mut session);
        session.feed(Millis(1), &outbind("secret"));
        assert!(!matches!(session.poll_event(), Some(Event::ConnectRequested { .. })));
    }
}
