//! `/user`: what the caller says of itself.

use ::model::ids::UserId;
use ::model::users as model;
use ::model::users::{User, UserUpdate};
use serde::Serialize;

use crate::answer::{Envelope, Success};
use crate::call::Call;
use crate::error::{Error, Failure};
use crate::wire::json::{Field, Input};

/// A person. Of organizations and plans, which Portcullis does not have, the fields say so.
#[derive(Serialize, utoipa::ToSchema)]
pub struct UserView<'a> {
    #[schema(value_type = String)]
    id: UserId,
    email: &'a str,
    first_name: Option<&'a str>,
    last_name: Option<&'a str>,
    country: Option<&'a str>,
    telephone: Option<&'a str>,
    zipcode: Option<&'a str>,
    two_factor_authentication_enabled: bool,
    two_factor_authentication_locked: bool,
    suspended: bool,
    betas: [&'static str; 1],
    has_pro_zones: bool,
    has_business_zones: bool,
    has_enterprise_zones: bool,
    organizations: [&'static str; 0],
}

fn render(user: &User) -> UserView<'_> {
    UserView {
        id: user.id,
        email: user.email.as_str(),
        first_name: user.profile.first_name.as_deref(),
        last_name: user.profile.last_name.as_deref(),
        country: user.contact.country.as_deref(),
        telephone: user.contact.telephone.as_deref(),
        zipcode: user.contact.zipcode.as_deref(),
        two_factor_authentication_enabled: user.profile.two_factor,
        two_factor_authentication_locked: false,
        suspended: !user.enabled,
        // By this word clients know that roles can be scoped to domains.
        betas: ["zone_level_access_beta"],
        has_pro_zones: false,
        has_business_zones: false,
        has_enterprise_zones: false,
        organizations: [],
    }
}

/// What to change: what is absent stays, null clears.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "only describes the body; it is read by hand, to find every fault")]
pub struct UserBody {
    /// At most 60 characters.
    first_name: Option<String>,
    /// At most 60 characters.
    last_name: Option<String>,
    /// At most 30 characters.
    country: Option<String>,
    /// At most 20 characters.
    telephone: Option<String>,
    /// At most 20 characters.
    zipcode: Option<String>,
}

/// The user behind the credentials.
#[utoipa::path(get, path = "/user", operation_id = "user-user-details", tag = "User",
    responses((status = 200, body = Envelope<UserView>), (status = "4XX", body = Failure)))]
pub async fn get(call: Call) -> Result<Success, Error> {
    let access = call.own_user().await?;
    Ok(Success::object(&render(model::get(access.state())?))?.at(access.snapshot.revision()))
}

/// Changes what the user says of itself; its memberships follow.
#[utoipa::path(patch, path = "/user", operation_id = "user-edit-user", tag = "User", request_body = UserBody,
    responses((status = 200, body = Envelope<UserView>), (status = "4XX", body = Failure)))]
pub async fn update(call: Call) -> Result<Success, Error> {
    let access = call.own_user().await?;
    let change = call.read(|body, faults| {
        body.object(faults)?;
        let mut text = |name: &str| read(body, name, faults);
        Some(UserUpdate {
            first_name: text("first_name"),
            last_name: text("last_name"),
            country: text("country"),
            telephone: text("telephone"),
            zipcode: text("zipcode"),
        })
    })?;
    let answered = call
        .write_user_body(
            &access,
            &change,
            |state, _, change| {
                call.check_match(state.user.as_deref().map(render).as_ref())?;
                model::update(state, change)
            },
            |snapshot, ()| Success::object(&render(model::get(&snapshot.state)?)),
        )
        .await?;
    if !call.is_dry_run()?
        && let Err(error) = call.app.runtime.copy_profile(access.user(), &call.origin()).await
    {
        // The lease in the user's commit remembers it.
        tracing::warn!(%error, "a profile could not be copied to memberships; tried again later");
    }
    Ok(answered)
}

fn read(body: &Input<'_>, name: &str, faults: &mut ::model::problem::Faults) -> Option<Option<String>> {
    match body.field(name) {
        Field::Absent => None,
        Field::Null => Some(None),
        Field::Value(value) => Some(Some(value.text(faults).to_owned())),
    }
}
