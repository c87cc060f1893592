//! `POST /access/v1/evaluation` and `/access/v1/evaluations`: one question, or many in one request.

use engine::decide::Decision;

use crate::access::asking::Asking;
use crate::access::body::{self, Given, Options, Question, Questions};
use crate::access::door::{Answer, Door, Refusal};
use crate::access::words::{Field, Place, Words, bad};

/// The most questions in one request.
const MOST_QUESTIONS: usize = 10_000;

/// Answers one question.
///
/// # Errors
/// A question that cannot be understood, or that the caller may not ask.
pub async fn one(door: &Door) -> Result<Answer, Refusal> {
    let question: Question<'_> = body::read(&door.body).map_err(Refusal::bad)?;
    let mut asking = Asking::new(door, &question.at).await?;
    single(door, &mut asking, &question).await
}

async fn single<'q>(door: &'q Door, asking: &mut Asking<'q>, question: &'q Question<'q>) -> Result<Answer, Refusal> {
    let asked = Words::new(door.app.runtime.engine.catalog()).understand(question, question, Place::Top)?;
    let decision = asking.answer(&asked).await?;
    let mut body = Vec::with_capacity(256);
    write_decision(&mut body, &decision);
    Ok(Answer { body, revision: asking.revision() })
}

/// When to stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Semantic {
    ExecuteAll,
    DenyOnFirstDeny,
    PermitOnFirstPermit,
}

impl Semantic {
    const NAMED: [(&str, Semantic); 3] = [
        ("execute_all", Semantic::ExecuteAll),
        ("deny_on_first_deny", Semantic::DenyOnFirstDeny),
        ("permit_on_first_permit", Semantic::PermitOnFirstPermit),
    ];

    fn of(options: &Given<Options<'_>>) -> Result<Semantic, Refusal> {
        let options = match options {
            Given::Absent => return Ok(Semantic::ExecuteAll),
            Given::Value(options) => options,
            Given::Wrong(kind) => {
                return Err(bad(Field::of(Place::Top, "options"), format_args!("must be an object, not {kind}")));
            }
        };
        let field = Field::of(Place::Top, "options").below("evaluations_semantic");
        match &options.evaluations_semantic {
            Given::Absent => Ok(Semantic::ExecuteAll),
            Given::Wrong(kind) => Err(bad(field, format_args!("must be a string, not {kind}"))),
            Given::Value(word) => {
                let known = Semantic::NAMED.iter().find(|(name, _)| name == word);
                let names = || Semantic::NAMED.map(|(name, _)| format!("`{name}`")).join(", ");
                known
                    .map(|(_, semantic)| *semantic)
                    .ok_or_else(|| bad(field, format_args!("`{word}` is not known; it is one of {}", names())))
            }
        }
    }

    fn stops_after(self, allowed: bool) -> bool {
        match self {
            Semantic::ExecuteAll => false,
            Semantic::DenyOnFirstDeny => !allowed,
            Semantic::PermitOnFirstPermit => allowed,
        }
    }
}

/// Answers many questions, in their order. Without any, the body is one question itself.
///
/// # Errors
/// A body that cannot be understood as a whole; what is wrong with one of the questions is told in its place.
pub async fn many(door: &Door) -> Result<Answer, Refusal> {
    let questions: Questions<'_> = body::read(&door.body).map_err(Refusal::bad)?;
    let (defaults, questions, options) = questions.apart();
    let semantic = Semantic::of(&options)?;
    let mut asking = Asking::new(door, &defaults.at).await?;
    let field = Field::of(Place::Top, "evaluations");
    let questions = match &questions {
        Given::Value(questions) if !questions.is_empty() => questions,
        Given::Value(_) | Given::Absent => return single(door, &mut asking, &defaults).await,
        Given::Wrong(kind) => return Err(bad(field, format_args!("must be an array, not {kind}"))),
    };
    if questions.len() > MOST_QUESTIONS {
        let what =
            format!("must have at most {MOST_QUESTIONS} questions, not {}; ask in several requests", questions.len());
        return Err(bad(field, what));
    }
    let mut words = Words::new(door.app.runtime.engine.catalog());
    let mut body = Vec::with_capacity(32 + 128 * questions.len());
    body.extend_from_slice(br#"{"evaluations":["#);
    for (index, question) in questions.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        let decision = match words.item(question, &defaults, index) {
            Ok(asked) => asking.answer(&asked).await,
            Err(refusal) => Err(refusal),
        };
        let allowed = match decision {
            Ok(decision) => {
                write_decision(&mut body, &decision);
                decision.allowed
            }
            Err(refusal) if refusal.is_of_one_question() => {
                write_refusal(&mut body, &refusal);
                false
            }
            Err(refusal) => return Err(refusal),
        };
        if semantic.stops_after(allowed) {
            break;
        }
    }
    body.extend_from_slice(b"]}");
    Ok(Answer { body, revision: asking.revision() })
}

fn write_decision(body: &mut Vec<u8>, decision: &Decision) {
    body.extend_from_slice(if decision.allowed { br#"{"decision":true"# } else { br#"{"decision":false"# });
    body.extend_from_slice(br#","context":{"reason":""#);
    body.extend_from_slice(decision.reason.as_str().as_bytes());
    body.extend_from_slice(br#"","policy_ids":["#);
    for (index, policy) in decision.policies.iter().enumerate() {
        body.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
        body.extend_from_slice(&policy.0.write_hex());
        body.push(b'"');
    }
    body.extend_from_slice(b"]}}");
}

/// What cannot be answered is denied, with the fault in place of the reason.
fn write_refusal(body: &mut Vec<u8>, refusal: &Refusal) {
    let message = serde_json::to_vec(&refusal.message).unwrap_or_else(|_| b"\"\"".to_vec());
    body.extend_from_slice(br#"{"decision":false,"context":{"error":{"status":"#);
    body.extend_from_slice(refusal.status.as_str().as_bytes());
    body.extend_from_slice(br#","message":"#);
    body.extend_from_slice(&message);
    body.extend_from_slice(b"}}}");
}
