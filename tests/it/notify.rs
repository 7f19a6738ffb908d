//! Messages over real sockets and to real programs.

use drctl::{
    notify::{Address, Channel, Clock, Courier, Deliver, Message, NotifyError, Outbox, run},
    program::Program,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

/// Longer than any answer takes that is not late on purpose.
const LONG: Duration = Duration::from_secs(60);
/// How long is waited for what never comes.
const SHORT: Duration = Duration::from_millis(300);

fn message(id: &str) -> Message {
    Message {
        id: id.to_owned(),
        at: "2026-03-14T02:59:07Z".parse().unwrap(),
        service: "shop".to_owned(),
        kind: "outage".to_owned(),
        title: "`shop` is down".to_owned(),
        text: "3 of 4 probes are down".to_owned(),
        facts: [("down".to_owned(), json!(3))].into(),
        link: None,
    }
}

/// A server that answers each request in turn, the last answer for ever; and what it was sent.
async fn receiver(answers: &'static [&'static str]) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks/hunter2", listener.local_addr().unwrap());
    let (tx, rx) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut answers = answers.iter().cycle();
        while let Ok((mut stream, _)) = listener.accept().await {
            let request = request(&mut stream).await;
            let _ = tx.send(request);
            let status = answers.next().unwrap();
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (url, rx)
}

async fn request(stream: &mut TcpStream) -> String {
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    loop {
        let length = stream.read(&mut piece).await.unwrap();
        text += std::str::from_utf8(&piece[..length]).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let wanted = head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap();
        if body.len() >= wanted.parse().unwrap() {
            return text;
        }
    }
}

fn webhook(url: &str, key: Option<&str>) -> Channel {
    Channel::Webhook { url: Address::new(url).unwrap(), key: key.map(str::to_owned) }
}

async fn deliver(channel: &Channel) -> Result<(), NotifyError> {
    Courier::default().deliver(channel, &message("m1"), LONG).await
}

#[tokio::test]
async fn a_webhook_gets_signed_json_with_an_id() {
    let (url, mut sent) = receiver(&["204 No Content"]).await;
    deliver(&webhook(&url, Some("k3y"))).await.unwrap();
    let sent = sent.recv().await.unwrap();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /hooks/hunter2 HTTP/1.1\r\n"), "{head}");
    let header = |name: &str| head.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_default();
    assert_eq!(header("content-type: "), "application/json");
    assert_eq!(header("drctl-id: "), "m1");
    let key = openssl::pkey::PKey::hmac(b"k3y").unwrap();
    let mut signer =
        openssl::sign::Signer::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
    signer.update(body.as_bytes()).unwrap();
    let hex: String = signer.sign_to_vec().unwrap().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(header("drctl-signature: "), format!("sha256={hex}"));
    insta::assert_snapshot!(body, @r#"{"schema":"drctl/notice/v1","id":"m1","at":"2026-03-14T02:59:07Z","service":"shop","kind":"outage","title":"`shop` is down","text":"3 of 4 probes are down","facts":{"down":3}}"#);
}

#[tokio::test]
async fn slack_gets_text_and_blocks_and_no_signature() {
    let (url, mut sent) = receiver(&["200 OK"]).await;
    deliver(&Channel::Slack { url: Address::new(&url).unwrap() }).await.unwrap();
    let sent = sent.recv().await.unwrap();
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(!head.contains("drctl-signature"), "{head}");
    let body: Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["text"], "`shop` is down");
    assert!(body["blocks"].as_array().unwrap().len() > 1);
}

#[tokio::test]
async fn why_it_was_not_delivered_never_names_the_address() {
    let mut lines = Vec::new();
    for answers in [
        &["429 Too Many Requests\r\nRetry-After: 30"][..],
        &["503 Service Unavailable"],
        &["404 Not Found"],
        &["307 Temporary Redirect\r\nLocation: /elsewhere"],
        &["garbage\u{1}"],
    ] {
        let (url, _sent) = receiver(answers).await;
        lines.push(deliver(&webhook(&url, None)).await.unwrap_err());
    }
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = webhook(&format!("http://op:hunter2@{nobody}/hunter2"), None);
    lines.push(deliver(&nobody).await.unwrap_err());
    lines.push(deliver(&webhook("http://hunter2.invalid/", None)).await.unwrap_err());
    let lines: Vec<_> =
        lines.iter().map(|e| format!("{e}, {}, {:?}", e.is_retryable(), e.retry_after())).collect();
    assert!(!lines.join("\n").contains("hunter2"), "{lines:?}");
    insta::assert_snapshot!(lines[..6].join("\n"), @r"
    it answered with status 429, true, Some(30s)
    it answered with status 503, true, None
    it answered with status 404, false, None
    it answered with status 307, false, None
    invalid HTTP status-code parsed, true, None
    Connection refused (os error 111), true, None
    ");
    assert!(lines[6].ends_with(", true, None"), "{}", lines[6]);
}

#[tokio::test]
async fn one_that_never_answers_is_late() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let channel = webhook(&format!("http://{}/", silent.local_addr().unwrap()), None);
    let late = Courier::default().deliver(&channel, &message("m1"), SHORT).await;
    assert_eq!(late, Err(NotifyError::Late(SHORT)));
}

#[tokio::test]
async fn an_id_that_is_no_header_is_no_reason_to_try_again() {
    let (url, _sent) = receiver(&["200 OK"]).await;
    let failed = Courier::default().deliver(&webhook(&url, None), &message("a\nb"), LONG).await;
    assert!(!failed.unwrap_err().is_retryable());
}

#[tokio::test]
async fn a_command_gets_the_json_and_is_killed_when_it_is_late() {
    let dir = tempfile::tempdir().unwrap();
    let sh = |script: &str| {
        let argv = ["sh", "-c", script].map(str::to_owned).into();
        Channel::Command(Program { argv, dir: dir.path().to_owned(), env: BTreeMap::new() })
    };
    deliver(&sh("cat > got")).await.unwrap();
    let got: Value = serde_json::from_slice(&fs::read(dir.path().join("got")).unwrap()).unwrap();
    assert_eq!((&got["schema"], &got["id"]), (&json!("drctl/notice/v1"), &json!("m1")));
    let failed = deliver(&sh("echo 'no modem' >&2; exit 3")).await.unwrap_err();
    assert_eq!(failed.to_string(), "`sh`: exit code 3: no modem");
    assert!(failed.is_retryable());
    let late = Courier::default().deliver(&sh("sleep 100"), &message("m1"), SHORT).await;
    assert_eq!(late, Err(NotifyError::Late(SHORT)));
}

#[tokio::test]
async fn a_receiver_that_comes_back_gets_everything_once_and_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let (url, mut sent) = receiver(&["503 Oh", "200 OK"]).await;
    let outbox = Arc::new(Outbox::open(dir.path()).unwrap());
    outbox.put(&message("m1"), ["hook"], jiff::Timestamp::now()).unwrap();
    let clock: Clock = Arc::new(jiff::Timestamp::now);
    let stop = CancellationToken::new();
    let running = tokio::spawn(run(
        Arc::clone(&outbox),
        [("hook".to_owned(), webhook(&url, None))].into(),
        Arc::new(Courier::default()),
        clock,
        Arc::new(|_| {}),
        stop.clone(),
    ));
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(id(&sent.recv().await.unwrap()));
    }
    outbox.put(&message("m2"), ["hook"], jiff::Timestamp::now()).unwrap();
    for _ in 0..2 {
        ids.push(id(&sent.recv().await.unwrap()));
    }
    assert_eq!(ids, ["m1", "m1", "m2", "m2"]);
    while !outbox.waiting().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.cancel();
    running.await.unwrap();
}

fn id(request: &str) -> String {
    request.lines().find_map(|l| l.strip_prefix("drctl-id: ")).unwrap().to_owned()
}
