//! `/access/v1/…`: the OpenID AuthZEN Authorization API 1.0, at the root for all accounts that the caller is known to, and
//! below each account for that one. Callers of it are programs that let others in or not; what they ask is in
//! `docs/authzen.md`.
//!
//! A request comes through the [`door`]; [`body`] reads it, [`words`] makes out what it means, [`asking`] answers.

pub mod asking;
pub mod body;
pub mod door;
pub mod evaluation;
pub mod memo;
pub mod metadata;
pub mod page_token;
pub mod search;
pub mod words;

use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::access::door::Door;

/// Who is asked about, or what.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the body; see `body`")]
pub struct AccessEntity {
    /// Of a subject: `user`, `member`, `token` or `user_group`. Of a resource: its short name or key, such as `zone`.
    #[schema(rename = "type")]
    kind: String,
    /// Its id; of a user also its address; of a resource also its full key.
    id: String,
}

/// What is asked to be done.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the body; see `body`")]
pub struct AccessAction {
    /// The name or id of a permission group, an operation id, or `METHOD /path`.
    name: String,
}

/// Under what circumstances.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the body; see `body`")]
pub struct AccessContext {
    /// The address of the client, for the conditions of a token.
    ip: Option<String>,
    /// The time, as RFC 3339 writes it, for the conditions of a token.
    time: Option<String>,
}

/// A question.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the body; see `body`")]
pub struct AccessQuestion {
    subject: AccessEntity,
    action: AccessAction,
    resource: AccessEntity,
    context: Option<AccessContext>,
}

/// How several questions are answered.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the body; see `body`")]
pub struct AccessOptions {
    /// `execute_all`, `deny_on_first_deny` or `permit_on_first_permit`.
    evaluations_semantic: Option<String>,
}

/// Several questions. The fields of each that are left out are those of the whole.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the body; see `body`")]
pub struct AccessQuestions {
    subject: Option<AccessEntity>,
    action: Option<AccessAction>,
    resource: Option<AccessEntity>,
    context: Option<AccessContext>,
    evaluations: Option<Vec<AccessQuestion>>,
    options: Option<AccessOptions>,
}

/// Why a decision is what it is.
#[derive(Serialize, ToSchema)]
pub struct AccessReason {
    /// `allow`, `explicit_deny`, `implicit_deny`, `condition`, `unknown_subject` or `unknown_resource`.
    reason: &'static str,
    /// The policies that allowed it, or those that denied it.
    policy_ids: Vec<String>,
}

/// A decision.
#[derive(Serialize, ToSchema)]
pub struct AccessDecision {
    decision: bool,
    context: AccessReason,
}

/// Decisions, in the order of the questions.
#[derive(Serialize, ToSchema)]
pub struct AccessDecisions {
    evaluations: Vec<AccessDecision>,
}

/// Which part of the results.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the body; see `body`")]
pub struct AccessPage {
    /// The `next_token` of the page before.
    token: Option<String>,
    /// The most results: 100 where it is left out, at most 1,000.
    limit: Option<u16>,
}

/// A question with one of its parts left out, which is sought.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the body; see `body`")]
pub struct AccessSearch {
    subject: AccessEntity,
    action: Option<AccessAction>,
    resource: AccessEntity,
    context: Option<AccessContext>,
    page: Option<AccessPage>,
}

/// What comes after this page.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the answer")]
pub struct AccessNext {
    /// For the next page; empty on the last.
    next_token: String,
    /// How many results this page has.
    count: u16,
}

/// What was found.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the answer")]
pub struct AccessResults {
    page: AccessNext,
    results: Vec<AccessEntity>,
}

/// Actions that were found.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only describes the answer")]
pub struct AccessActions {
    page: AccessNext,
    results: Vec<AccessAction>,
}

/// Answers one question.
#[utoipa::path(post, path = "/access/v1/evaluation", operation_id = "portcullis-access-evaluation", tag = "Decisions",
    request_body = AccessQuestion,
    responses((status = 200, body = AccessDecision), (status = "4XX", body = String)))]
pub async fn evaluation(door: Door) -> Response {
    door.respond(evaluation::one(&door).await)
}

/// Answers one question about an account.
#[utoipa::path(post, path = "/accounts/{account_id}/access/v1/evaluation",
    operation_id = "portcullis-account-access-evaluation", tag = "Decisions",
    params(("account_id" = String, Path)), request_body = AccessQuestion,
    responses((status = 200, body = AccessDecision), (status = "4XX", body = String)))]
pub async fn account_evaluation(door: Door) -> Response {
    door.respond(evaluation::one(&door).await)
}

/// Answers many questions in one request.
#[utoipa::path(post, path = "/access/v1/evaluations", operation_id = "portcullis-access-evaluations", tag = "Decisions",
    request_body = AccessQuestions,
    responses((status = 200, body = AccessDecisions), (status = "4XX", body = String)))]
pub async fn evaluations(door: Door) -> Response {
    door.respond(evaluation::many(&door).await)
}

/// Answers many questions about an account in one request.
#[utoipa::path(post, path = "/accounts/{account_id}/access/v1/evaluations",
    operation_id = "portcullis-account-access-evaluations", tag = "Decisions",
    params(("account_id" = String, Path)), request_body = AccessQuestions,
    responses((status = 200, body = AccessDecisions), (status = "4XX", body = String)))]
pub async fn account_evaluations(door: Door) -> Response {
    door.respond(evaluation::many(&door).await)
}

/// Finds who may do something.
#[utoipa::path(post, path = "/access/v1/search/subject", operation_id = "portcullis-access-search-subject", tag = "Decisions",
    request_body = AccessSearch,
    responses((status = 200, body = AccessResults), (status = "4XX", body = String)))]
pub async fn search_subjects(door: Door) -> Response {
    door.respond(search::subjects(&door).await)
}

/// Finds who may do something, in an account.
#[utoipa::path(post, path = "/accounts/{account_id}/access/v1/search/subject",
    operation_id = "portcullis-account-access-search-subject", tag = "Decisions",
    params(("account_id" = String, Path)), request_body = AccessSearch,
    responses((status = 200, body = AccessResults), (status = "4XX", body = String)))]
pub async fn account_search_subjects(door: Door) -> Response {
    door.respond(search::subjects(&door).await)
}

/// Finds on what somebody may do something.
#[utoipa::path(post, path = "/access/v1/search/resource", operation_id = "portcullis-access-search-resource", tag = "Decisions",
    request_body = AccessSearch,
    responses((status = 200, body = AccessResults), (status = "4XX", body = String)))]
pub async fn search_resources(door: Door) -> Response {
    door.respond(search::resources(&door).await)
}

/// Finds on what somebody may do something, in an account.
#[utoipa::path(post, path = "/accounts/{account_id}/access/v1/search/resource",
    operation_id = "portcullis-account-access-search-resource", tag = "Decisions",
    params(("account_id" = String, Path)), request_body = AccessSearch,
    responses((status = 200, body = AccessResults), (status = "4XX", body = String)))]
pub async fn account_search_resources(door: Door) -> Response {
    door.respond(search::resources(&door).await)
}

/// Finds what somebody may do on something.
#[utoipa::path(post, path = "/access/v1/search/action", operation_id = "portcullis-access-search-action", tag = "Decisions",
    request_body = AccessSearch,
    responses((status = 200, body = AccessActions), (status = "4XX", body = String)))]
pub async fn search_actions(door: Door) -> Response {
    door.respond(search::actions(&door).await)
}

/// Finds what somebody may do on something, in an account.
#[utoipa::path(post, path = "/accounts/{account_id}/access/v1/search/action",
    operation_id = "portcullis-account-access-search-action", tag = "Decisions",
    params(("account_id" = String, Path)), request_body = AccessSearch,
    responses((status = 200, body = AccessActions), (status = "4XX", body = String)))]
pub async fn account_search_actions(door: Door) -> Response {
    door.respond(search::actions(&door).await)
}
