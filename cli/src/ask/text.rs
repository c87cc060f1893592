//! Answers as lines of text. Scripts have `--json`; these are for people.

use serde_json::Value;

/// Escapes what stands for a value in a query.
pub fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn joined(values: &[Value], show: impl Fn(&Value) -> String) -> String {
    values.iter().map(show).collect::<Vec<_>>().join(", ")
}

fn lines(lines: impl IntoIterator<Item = String>, if_none: &str) -> String {
    let text: String = lines.into_iter().map(|line| line + "\n").collect();
    if text.is_empty() { format!("{if_none}\n") } else { text }
}

/// Why a decision is what it is, in words.
fn because(reason: &str, policies: &[Value], by_membership: bool) -> String {
    let policies = joined(policies, |policy| text(policy).to_owned());
    match reason {
        "allow" if by_membership || policies.is_empty() => "yes: every member may".to_owned(),
        "allow" => format!("yes: allowed by policy {policies}"),
        "explicit_deny" => format!("no: denied by policy {policies}"),
        "implicit_deny" => "no: nothing grants it".to_owned(),
        "condition" => "no: the token may not be used then, or from there".to_owned(),
        "unknown_subject" => "no: there is nobody of that name, or not an accepted member".to_owned(),
        "unknown_resource" => "no: the account has no such resource".to_owned(),
        other => format!("no: {other}"),
    }
}

/// Of `may`.
pub fn decision(answer: &Value) -> String {
    let context = &answer["context"];
    because(text(&context["reason"]), items(&context["policy_ids"]), false) + "\n"
}

/// Of `why`.
pub fn explanation(answer: &Value) -> String {
    let chain = items(&answer["chain"]);
    let effect = if answer["allowed"] == true { "allow" } else { "deny" };
    let decisive: Vec<Value> =
        chain.iter().filter(|link| link["effect"] == effect).map(|link| link["policy_id"].clone()).collect();
    let mut told = vec![because(text(&answer["reason"]), &decisive, answer["by_membership"] == true)];
    told.extend(chain.iter().map(|link| format!("  {}", link_line(link))));
    let remedies = items(&answer["remedies"]);
    if !remedies.is_empty() {
        told.push("what would allow it, one of:".to_owned());
    }
    told.extend(remedies.iter().map(|remedy| format!("  {}", remedy_line(remedy))));
    lines(told, "")
}

fn link_line(link: &Value) -> String {
    let groups = joined(items(&link["permission_groups"]), name);
    let places = match link.get("resources") {
        Some(keys) => joined(items(keys), |key| text(&key["key"]).to_owned()),
        None => joined(items(&link["resource_groups"]), name),
    };
    let origin = origin(&link["origin"]);
    let since = since(link);
    format!("{} {groups} on {places}: policy {} of {origin}{since}", says(&link["effect"]), text(&link["policy_id"]))
}

/// What a policy of that effect does.
fn says(effect: &Value) -> &'static str {
    if *effect == "allow" { "allows" } else { "denies" }
}

fn name(value: &Value) -> String {
    match value["name"].as_str() {
        Some(name) => format!("\"{name}\""),
        None => text(&value["id"]).to_owned(),
    }
}

fn origin(origin: &Value) -> String {
    let kind = match text(&origin["type"]) {
        "direct" => "member",
        "owner" => "owner",
        "group" => "user group",
        other => other,
    };
    let via = origin.get("via").map(|via| format!(" by {}", self::origin(via))).unwrap_or_default();
    format!("{kind} {}{via}", name(origin))
}

fn since(link: &Value) -> String {
    let granted = link.get("granted").map(|commit| format!("; granted {}", commit_words(commit)));
    let joined = link.get("joined").map(|commit| format!("; joined {}", commit_words(commit)));
    granted.unwrap_or_default() + &joined.unwrap_or_default()
}

/// `at TIME by WHOM (revision N)`.
fn commit_words(commit: &Value) -> String {
    format!("{} by {} (revision {})", text(&commit["at"]), by(&commit["by"]), commit["revision"])
}

fn by(actor: &Value) -> String {
    match text(&actor["type"]) {
        "user" => text(&actor["email"]).to_owned(),
        "account" => format!("account token {}", text(&actor["token"])),
        _ => text(&actor["reason"]).to_owned(),
    }
}

fn remedy_line(remedy: &Value) -> String {
    let requires = items(&remedy["requires"]).iter().map(|requirement| match text(&requirement["type"]) {
        "membership" => "make the user a member".to_owned(),
        "acceptance" => format!("let {} accept the invitation", text(&requirement["email"])),
        "registration" => format!("register {}", text(&requirement["key"])),
        _ => format!(
            "use the token as its conditions ask, or change its {}",
            joined(items(&requirement["unmet"]), |part| text(part).to_owned())
        ),
    });
    let lifts = items(&remedy["lifts"])
        .iter()
        .map(|lift| format!("take policy {} from {}", text(&lift["policy_id"]), origin(&lift["origin"])));
    let grants = items(&remedy["grants"]).iter().map(|grant| {
        let to = match grant["to"]["name"].as_str() {
            Some(name) => format!(" to {name}"),
            None => String::new(),
        };
        format!("grant {}{to} on {}", name(&grant["permission_group"]), text(&grant["resource"]))
    });
    requires.chain(lifts).chain(grants).collect::<Vec<_>>().join(", and ")
}

/// Of `who`, `where` and `what`: an id or a name a line.
pub fn found(answer: &Value) -> String {
    lines(items(answer).iter().map(|one| text(one.get("id").unwrap_or(&one["name"])).to_owned()), "none")
}

/// Of `effective`.
pub fn effective(answer: &Value) -> String {
    let mut told = Vec::new();
    if answer["in_effect"] == false {
        told.push("not in effect: it would have these policies".to_owned());
    }
    for policy in items(&answer["policies"]) {
        let effect = says(policy.get("access").unwrap_or(&policy["effect"]));
        let groups = joined(items(&policy["permission_groups"]), name);
        let origin = origin(&policy["origin"]);
        told.push(format!("policy {} of {origin} {effect} {groups}{}", text(&policy["id"]), since(policy)));
    }
    for row in items(&answer["resources"]) {
        told.push(format!("on {}", resources(&row["resources"])));
        told.push(format!("  {}", permissions(&row["permissions"])));
    }
    lines(told, "nothing")
}

fn resources(value: &Value) -> String {
    joined(items(value), |resource| {
        let except = joined(items(&resource["except"]), |key| text(key).to_owned());
        let except = if except.is_empty() { except } else { format!(" except {except}") };
        text(&resource["key"]).to_owned() + &except
    })
}

fn permissions(value: &Value) -> String {
    joined(items(value), |permission| text(&permission["name"]).to_owned())
}

/// Of `history`.
pub fn history(answer: &Value) -> String {
    let spans = items(answer).iter().map(|span| {
        let subject = &span["subject"];
        let who = subject["name"].as_str().unwrap_or(text(&subject["id"]));
        let until = match &span["until"] {
            Value::Null => "still".to_owned(),
            commit => format!("until {}", commit_words(commit)),
        };
        format!("{} {who}: from {}, {until}", text(&subject["type"]), commit_words(&span["from"]))
    });
    lines(spans, "nobody, ever")
}

/// Of `change`.
pub fn change(answer: &Value) -> String {
    let told = &answer["dry_run"];
    let rows = [("gain", "gains"), ("lose", "losses")].into_iter().flat_map(|(verb, rows)| {
        items(&told[rows]).iter().map(move |row| {
            let principals = joined(items(&row["principals"]), |one| {
                one["email"].as_str().or(one["name"].as_str()).unwrap_or_default().to_owned()
            });
            format!("{verb} {} on {}: {principals}", permissions(&row["permissions"]), resources(&row["resources"]))
        })
    });
    let if_none = match told["changes"] == true {
        true => "nobody gains or loses anything",
        false => "nothing would change",
    };
    lines(rows, if_none)
}

/// Of `least`.
pub fn least(answer: &Value) -> String {
    let policies = items(&answer["policies"]).iter().map(|policy| {
        let keys = policy["resources"].as_object().into_iter().flatten().map(|(key, inside)| match inside {
            Value::Object(inside) => inside.keys().map(String::as_str).collect::<Vec<_>>().join(", "),
            _ => key.clone(),
        });
        format!(
            "{} {} on {}",
            text(&policy["effect"]),
            permissions(&policy["permission_groups"]),
            keys.collect::<Vec<_>>().join(", ")
        )
    });
    let unknown = items(&answer["unknown"])
        .iter()
        .map(|call| format!("not served: {}: {}", text(&call["call"]), text(&call["message"])));
    lines(policies.chain(unknown), "no permission is needed")
}

/// Of `unused`.
pub fn unused(answer: &Value) -> String {
    let grants = items(&answer["grants"]).iter().map(|grant| {
        let last = grant["last_used_on"].as_str().unwrap_or("never");
        let status = text(&grant["status"]).replace('_', " ");
        format!(
            "{status}: {} of policy {}, written {}, last used {last}",
            name(&grant["permission_group"]),
            text(&grant["policy_id"]),
            text(&grant["granted_on"])
        )
    });
    let since = format!("uses are recorded since {}", text(&answer["recording_since"]));
    lines(grants.chain([since]), "")
}
