//! The examples of `docs/authzen.md`, each sent and compared.

use serde_json::Value;
use testkit::{Method, Owner, allow};

use super::{World, world};
use crate::support::account_key;

/// A command and what comes back.
struct Example {
    command: String,
    answer: String,
}

fn examples(page: &str) -> Vec<Example> {
    let mut blocks = page.split("```").skip(1).step_by(2);
    let mut examples = Vec::new();
    while let Some(block) = blocks.next() {
        if let Some(command) = block.strip_prefix("sh\n") {
            let answer =
                blocks.next().and_then(|block| block.strip_prefix("json\n")).expect("an answer after a command");
            examples.push(Example { command: command.to_owned(), answer: answer.to_owned() });
        }
    }
    examples
}

/// Whether it is as documented; `…` stands for any text but an empty one.
fn is_like(real: &Value, shown: &Value) -> bool {
    match (real, shown) {
        (Value::String(real), Value::String(shown)) if shown == "…" => !real.is_empty(),
        (Value::Array(real), Value::Array(shown)) => {
            real.len() == shown.len() && real.iter().zip(shown).all(|(real, shown)| is_like(real, shown))
        }
        (Value::Object(real), Value::Object(shown)) => {
            real.len() == shown.len()
                && shown.iter().all(|(key, shown)| real.get(key).is_some_and(|real| is_like(real, shown)))
        }
        (real, shown) => real == shown,
    }
}

#[tokio::test]
async fn the_examples_of_the_documentation_are_answered_as_it_says() {
    let World { server, bea, zones: [zone, ..], .. } = world().await;
    let token = server.token(Owner::Account, &[allow(&["Account Settings Read"], &[&account_key(&server)])]).await;
    let fill = |text: &str| {
        text.replace("$ACCOUNT", &server.account.to_string())
            .replace("$ZONE", &zone)
            .replace("$MEMBER", &bea.id.to_string())
            .replace("$TOKEN", &token.secret)
            .replace("http://127.0.0.1:8787", &server.origin)
    };
    let examples = examples(include_str!("../../../../docs/authzen.md"));
    assert!(examples.len() >= 6, "{}", examples.len());
    for Example { command, answer } in examples {
        let command = fill(&command);
        let url = command.strip_prefix("curl ").and_then(|rest| rest.split_whitespace().next()).expect("a URL");
        let path = url.strip_prefix(&server.origin).expect("a path of the server");
        let caller = match command.contains("Authorization: Bearer ") {
            true => token.caller.clone(),
            false => server.anonymous(),
        };
        let body = command.split_once("-d @- <<END\n").and_then(|(_, rest)| rest.strip_suffix("\nEND\n"));
        let body = body.map(str::to_owned);
        let method = if body.is_some() { Method::POST } else { Method::GET };
        let real = caller.send(method, path, body).await;
        let shown: Value = serde_json::from_str(&fill(&answer)).expect("JSON");
        assert!(is_like(&real.body, &shown), "{command}\nis answered\n{}", real.text);
    }
}
