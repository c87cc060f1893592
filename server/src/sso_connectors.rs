//! `/accounts/{account_id}/sso_connectors`

use ::model::account_state::AccountState;
use ::model::ids::SsoConnectorId;
use ::model::sso_connectors as model;
use ::model::sso_connectors::{NewSsoConnector, SsoConnector, Verification};
use ::model::time::Timestamp;
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::resource_groups::Deleted;

/// The claim of an account to an e-mail domain.
#[derive(Serialize, utoipa::ToSchema)]
pub struct SsoConnectorView<'a> {
    #[schema(value_type = String)]
    id: SsoConnectorId,
    email_domain: &'a str,
    enabled: bool,
    use_fedramp_language: bool,
    verification: VerificationView,
    #[schema(value_type = String)]
    created_on: Timestamp,
    #[schema(value_type = String)]
    updated_on: Timestamp,
}

/// How far the proof of the domain has come.
#[derive(Serialize, utoipa::ToSchema)]
pub struct VerificationView {
    /// What the TXT record of the domain must hold, whole.
    code: String,
    status: &'static str,
}

fn render(connector: &SsoConnector) -> SsoConnectorView<'_> {
    SsoConnectorView {
        id: connector.id,
        email_domain: &connector.email_domain,
        enabled: connector.enabled,
        use_fedramp_language: connector.use_fedramp_language,
        verification: VerificationView { code: connector.record(), status: connector.verification.as_str() },
        created_on: connector.created_on,
        updated_on: connector.updated_on,
    }
}

fn shown(state: &AccountState, id: SsoConnectorId) -> Result<Success, Error> {
    Success::object(&render(model::get(state, id)?))
}

/// A connector to make.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct NewSsoConnectorBody {
    email_domain: String,
    begin_verification: Option<bool>,
    use_fedramp_language: Option<bool>,
}

/// What may be changed of a connector.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct SsoConnectorBody {
    enabled: Option<bool>,
    use_fedramp_language: Option<bool>,
}

/// Lists the connectors of an account, all in one answer.
#[utoipa::path(get, path = "/accounts/{account_id}/sso_connectors", operation_id = "get-all-sso-connectors", tag = "SSO connectors",
    params(("account_id" = String, Path)),
    responses((status = 200, body = Envelope<Vec<SsoConnectorView>>), (status = "4XX", body = Failure)))]
pub async fn list(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let mut connectors: Vec<&SsoConnector> = access.state().sso_connectors().collect();
    connectors.sort_by_key(|connector| (&connector.email_domain, connector.id));
    let views: Vec<SsoConnectorView<'_>> = connectors.into_iter().map(render).collect();
    Ok(Success::list(&views)?.at(access.revision()))
}

/// Makes a connector, and looks for its record unless told otherwise.
#[utoipa::path(post, path = "/accounts/{account_id}/sso_connectors", operation_id = "init-new-sso-connector", tag = "SSO connectors",
    params(("account_id" = String, Path)), request_body = NewSsoConnectorBody,
    responses((status = 200, body = Envelope<SsoConnectorView>), (status = "4XX", body = Failure)))]
pub async fn create(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let new = call.read(|body, faults| {
        let email_domain = body.required_text("email_domain", faults);
        let mut flag = |name, default| body.optional(name).map_or(default, |value| value.boolean(faults));
        let begin_verification = flag("begin_verification", true);
        let (use_fedramp_language, enabled) = (flag("use_fedramp_language", false), flag("enabled", false));
        Some(NewSsoConnector { email_domain, begin_verification, use_fedramp_language, enabled })
    })?;
    let created = call
        .write_body(
            &access,
            &new,
            |state, environment, new| model::create(state, environment, new, SsoConnectorId(environment.next_id())),
            |snapshot, id| shown(&snapshot.state, *id),
        )
        .await?;
    wake(&call);
    Ok(created)
}

/// Starts the search for records without waiting for its next turn.
fn wake(call: &Call) {
    if let Some(verifier) = &call.app.verifier {
        verifier.wake();
    }
}

/// One connector.
#[utoipa::path(get, path = "/accounts/{account_id}/sso_connectors/{sso_connector_id}", operation_id = "get-sso-connector", tag = "SSO connectors",
    params(("account_id" = String, Path), ("sso_connector_id" = String, Path)),
    responses((status = 200, body = Envelope<SsoConnectorView>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    Ok(shown(access.state(), call.id("sso_connector_id")?)?.at(access.revision()))
}

/// Switches a connector on or off, or its language.
#[utoipa::path(patch, path = "/accounts/{account_id}/sso_connectors/{sso_connector_id}", operation_id = "update-sso-connector-state", tag = "SSO connectors",
    params(("account_id" = String, Path), ("sso_connector_id" = String, Path)), request_body = SsoConnectorBody,
    responses((status = 200, body = Envelope<SsoConnectorView>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id = call.id("sso_connector_id")?;
    let change = call.read(|body, faults| {
        body.object(faults)?;
        let mut flag = |name| body.optional(name).map(|value| value.boolean(faults));
        Some((flag("enabled"), flag("use_fedramp_language")))
    })?;
    call.write_body(
        &access,
        &change,
        |state, environment, (enabled, use_fedramp_language)| {
            call.check_match(state.sso_connector(&id).map(render).as_ref())?;
            model::update(state, environment, id, *enabled, *use_fedramp_language)
        },
        |snapshot, id| shown(&snapshot.state, *id),
    )
    .await
}

/// Removes a disabled connector.
#[utoipa::path(delete, path = "/accounts/{account_id}/sso_connectors/{sso_connector_id}", operation_id = "delete-sso-connector", tag = "SSO connectors",
    params(("account_id" = String, Path), ("sso_connector_id" = String, Path)),
    responses((status = 200, body = Envelope<Deleted>), (status = "4XX", body = Failure)))]
pub async fn delete(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id = call.id("sso_connector_id")?;
    call.write(
        &access,
        |state, _| {
            call.check_match(state.sso_connector(&id).map(render).as_ref())?;
            model::delete(state, id)
        },
        |_, id| Success::object(&Deleted { id: id.to_string() }),
    )
    .await
}

/// Starts or hastens the search for the record. The answer has no result (D65).
#[utoipa::path(post, path = "/accounts/{account_id}/sso_connectors/{sso_connector_id}/begin_verification", operation_id = "begin-sso-connector-verification", tag = "SSO connectors",
    params(("account_id" = String, Path), ("sso_connector_id" = String, Path)),
    responses((status = 200, body = Envelope<String>), (status = "4XX", body = Failure)))]
pub async fn begin_verification(call: Call) -> Result<Success, Error> {
    let access = call.account().await?;
    let id = call.id("sso_connector_id")?;
    let before = model::get(access.state(), id)?.verification;
    let begun = call
        .write(&access, |state, environment| model::begin_verification(state, environment, id), |_, _| Success::empty())
        .await?;
    if let (Verification::Pending { .. } | Verification::Verified { .. }, Some(verifier)) = (before, &call.app.verifier)
    {
        verifier.recheck_now(access.permit.account(), id).await?;
    }
    wake(&call);
    Ok(begun)
}
