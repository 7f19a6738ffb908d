//! A message in the form of Slack's incoming webhooks.
//!
//! Sources: <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks>, and for the
//! limits <https://docs.slack.dev/reference/block-kit/blocks>.

use super::Message;
use serde_json::{Value, json};

/// The longest header, section and field, in characters.
const HEADER: usize = 150;
const SECTION: usize = 3_000;
const FIELD: usize = 2_000;
/// The most fields of a section.
const FIELDS: usize = 10;

/// Returns the payload: a line for notifications, and blocks for the conversation.
pub(super) fn payload(message: &Message) -> Value {
    let Message { title, text, service, kind, at, .. } = message;
    let mut blocks = vec![json!({
        "type": "header",
        "text": { "type": "plain_text", "text": cut(title, HEADER), "emoji": false },
    })];
    let section = |text: String| json!({ "type": "section", "text": mrkdwn(&text, SECTION) });
    if !text.is_empty() {
        blocks.push(section(escaped(text)));
    }
    let facts = message.facts.iter().take(FIELDS);
    let fields: Vec<_> = facts
        .map(|(name, value)| format!("*{}*\n{}", escaped(name), escaped(&shown(value))))
        .map(|field| mrkdwn(&field, FIELD))
        .collect();
    if !fields.is_empty() {
        blocks.push(json!({ "type": "section", "fields": fields }));
    }
    if let Some(link) = &message.link {
        // In a link, `|` would begin its label.
        blocks.push(section(format!("<{}>", escaped(link).replace('|', "%7C"))));
    }
    let about = format!("{} · {} · {at}", escaped(service), escaped(kind));
    blocks.push(json!({ "type": "context", "elements": [mrkdwn(&about, SECTION)] }));
    json!({ "text": cut(&escaped(title), SECTION), "blocks": blocks })
}

fn mrkdwn(text: &str, most: usize) -> Value {
    json!({ "type": "mrkdwn", "text": cut(text, most) })
}

/// Writes the three characters out that Slack gives a meaning to:
/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most - 1).collect();
    // Half of `&amp;` would be shown as it is.
    let whole = match kept.rfind('&') {
        Some(at) if !kept[at..].contains(';') => &kept[..at],
        _ => &kept,
    };
    format!("{whole}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_what_slack_takes_and_nothing_that_it_would_read_as_its_own() {
        let message = Message {
            id: "1".to_owned(),
            at: "2026-03-14T02:59:07Z".parse().unwrap(),
            service: "shop".to_owned(),
            kind: "outage".to_owned(),
            title: "`shop` is down <!channel>".to_owned(),
            text: "a & b".to_owned(),
            facts: [("down".to_owned(), json!(3)), ("region".to_owned(), json!("<b>"))].into(),
            link: Some("https://ops.example.com/a?b=1&c=2|d".to_owned()),
        };
        insta::assert_snapshot!(format!("{:#}", payload(&message)), @r#"
        {
          "blocks": [
            {
              "text": {
                "emoji": false,
                "text": "`shop` is down <!channel>",
                "type": "plain_text"
              },
              "type": "header"
            },
            {
              "text": {
                "text": "a &amp; b",
                "type": "mrkdwn"
              },
              "type": "section"
            },
            {
              "fields": [
                {
                  "text": "*down*\n3",
                  "type": "mrkdwn"
                },
                {
                  "text": "*region*\n&lt;b&gt;",
                  "type": "mrkdwn"
                }
              ],
              "type": "section"
            },
            {
              "text": {
                "text": "<https://ops.example.com/a?b=1&amp;c=2%7Cd>",
                "type": "mrkdwn"
              },
              "type": "section"
            },
            {
              "elements": [
                {
                  "text": "shop · outage · 2026-03-14T02:59:07Z",
                  "type": "mrkdwn"
                }
              ],
              "type": "context"
            }
          ],
          "text": "`shop` is down &lt;!channel&gt;"
        }
        "#);
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut("ab&amp;cd", 6), "ab…");
        assert_eq!(cut("ab&amp;cd", 8), "ab&amp;…");
    }
}
