//! Ways in which somebody might gain what it does not hold, each tried as a real request: it is refused, and nothing is written.

use model::ids::Revision;
use model::members::Grants;
use serde_json::{Value, json};
use testkit::{Caller, Method, Owner, TestServer, allow, deny};

use crate::support::{MEMBERS, account_key, another_account, group, resource_group, revision, token_of, zone_key};

/// Everybody who tries, and the ids of what there is.
struct World {
    server: TestServer,
    names: Vec<(&'static str, String)>,
    minter: Caller,
    provisioner: Caller,
    administrator: Caller,
    reader: Caller,
    bare: Caller,
    invited: Caller,
    stranger: Caller,
    narrow: Caller,
    dns_editor: Caller,
}

impl World {
    async fn new() -> World {
        let server = TestServer::builder().settings(|settings| settings.failure_limit = None).start().await;
        let admin = server.admin();
        let (held, other) = (server.zone("held.example").await, server.zone("other.example").await);
        let (held_key, other_key, account) = (zone_key(held), zone_key(other), account_key(&server));
        let administrator = server.member("administrator@example.com", server.roles(&["Administrator"])).await;
        let reader = server.member("reader@example.com", server.roles(&["Administrator Read Only"])).await;
        let bare = server.member("bare@example.com", Grants::Policies(vec![])).await;
        let provisioner =
            server.member("provisioner@example.com", server.roles(&["API Token Provisioning", "DNS"])).await;
        let (_, invited) = server.user("invited@example.com").await;
        let invite = admin.post(MEMBERS, json!({ "email": "other@example.com", "roles": [] })).await.id();
        let (stranger, stranger_caller) = server.user("stranger@example.com").await;
        let elsewhere = another_account(&server, &stranger).await;
        let all = &server.permission_group("all_privileges");
        let whole = server.whole_account().await;
        let supers = group(&server, "supers", &[]).await;
        let policy =
            json!([{ "access": "allow", "permission_groups": [{ "id": all }], "resource_groups": [{ "id": whole }] }]);
        admin
            .put(&format!("/accounts/{{account}}/iam/user_groups/{supers}"), json!({ "policies": policy }))
            .await
            .result();
        let banned = group(&server, "banned", &[]).await;
        let dns = server.permission_group("domain_dns");
        let domains = resource_group(&server, "domains", &[&held_key]).await;
        let denies =
            json!([{ "access": "deny", "permission_groups": [{ "id": dns }], "resource_groups": [{ "id": domains }] }]);
        admin
            .put(&format!("/accounts/{{account}}/iam/user_groups/{banned}"), json!({ "policies": denies }))
            .await
            .result();
        admin
            .post(
                &format!("/accounts/{{account}}/iam/user_groups/{banned}/members"),
                json!([{ "id": bare.id.to_string() }]),
            )
            .await
            .result();
        let strong =
            server.token(Owner::Account, &[allow(&["Zone Write", "Account Settings Write"], &[&account])]).await;
        let idle = server
            .token_that(Owner::Account, &[allow(&["Zone Write"], &[&account])], |token| {
                token.status = model::tokens::TokenStatus::Disabled;
            })
            .await;
        let of_owner =
            server.token(Owner::Admin, &[allow(&["Account Settings Write"], &["com.cloudflare.api.account.*"])]).await;
        let own = format!("com.cloudflare.api.user.{}", server.user.id);
        let narrow =
            server.token(Owner::Admin, &[allow(&["API Tokens Write", "Memberships Write"], &[&own])]).await.caller;
        let minter = server
            .token(
                Owner::Account,
                &[
                    allow(&["Account API Tokens Write", "DNS Read"], &[&account]),
                    allow(&["DNS Write"], &[&held_key]),
                    deny(&["DNS Read"], &[&other_key]),
                ],
            )
            .await
            .caller;
        let dns_editor = server.token(Owner::Account, &[allow(&["DNS Write"], &[&held_key])]).await.caller;
        // A commit that gave something, and one that took it back.
        let given = admin.put(&format!("{MEMBERS}/{}", bare.id), json!({ "policies": policy })).await;
        assert_eq!(given.status, 200, "{}", given.text);
        admin.put(&format!("{MEMBERS}/{}", bare.id), json!({ "policies": [] })).await.result();
        let taken = revision(&server).await;
        let catalog = server.runtime.engine.catalog();
        let permission = |name: &str| catalog.permissions_named(name).next().expect("a permission").id.to_string();
        let role = |name: &str| catalog.roles().iter().find(|role| *role.name == *name).expect("a role").id.to_string();
        let names = vec![
            ("held_id", held.to_string()),
            ("held", held_key),
            ("other", other_key),
            ("account_key", account),
            ("elsewhere", elsewhere.to_string()),
            ("administrator", administrator.id.to_string()),
            ("reader", reader.id.to_string()),
            ("bare", bare.id.to_string()),
            ("admin", server.member.to_string()),
            ("admin_user", server.user.id.to_string()),
            ("invite", invite),
            ("supers", supers),
            ("banned", banned),
            ("domains", domains),
            ("whole", whole),
            ("strong", strong.id.to_string()),
            ("idle", idle.id.to_string()),
            ("of_owner", of_owner.id.to_string()),
            ("all", all.clone()),
            ("dns_group", dns),
            ("admin_group", server.permission_group("admin")),
            ("super_role", role("Super Administrator - All Privileges")),
            ("admin_role", role("Administrator")),
            ("dns_read", permission("DNS Read")),
            ("dns_write", permission("DNS Write")),
            ("zone_write", permission("Zone Write")),
            ("settings_write", permission("Account Settings Write")),
            ("tokens_write", permission("Account API Tokens Write")),
            ("billing", permission("Billing Write")),
            ("user_tokens_write", permission("API Tokens Write")),
            ("user_details_write", permission("User Details Write")),
            ("taken", taken.to_string()),
        ];
        World {
            server,
            names,
            minter,
            provisioner: provisioner.caller,
            administrator: administrator.caller,
            reader: reader.caller,
            bare: bare.caller,
            invited,
            stranger: stranger_caller,
            narrow,
            dns_editor,
        }
    }

    fn fill(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (name, id)| text.replace(&format!("<{name}>"), id))
    }

    async fn caller(&self, who: &str) -> Caller {
        match who {
            "minter" => self.minter.clone(),
            "provisioner" => self.provisioner.clone(),
            "administrator" => self.administrator.clone(),
            "reader" => self.reader.clone(),
            "bare" => self.bare.clone(),
            "invited" => self.invited.clone(),
            "stranger" => self.stranger.clone(),
            "narrow" => self.narrow.clone(),
            "dns" => self.dns_editor.clone(),
            "settings" => token_of(&self.server, self.server.account, &["Account Settings Write"]).await,
            "scim" => token_of(&self.server, self.server.account, &["SCIM Provisioning"]).await,
            "scim reader" => {
                token_of(&self.server, self.server.account, &["SCIM Provisioning", "Account Settings Read"]).await
            }
            other => panic!("nobody is called `{other}`"),
        }
    }
}

async fn attempt(who: &str, method: Method, path: &str, body: Value, expected: &str) {
    let world = World::new().await;
    let caller = world.caller(who).await;
    let (path, body) = (world.fill(path), world.fill(&body.to_string()));
    let before = written(&world).await;
    // A dry run tells no more than the write would do, and is no way around it.
    let rehearsed =
        caller.clone().header("portcullis-dry-run", "true").send(method.clone(), &path, Some(body.clone())).await;
    let answer = caller.send(method, &path, Some(body)).await;
    let told = answer.status_and_error();
    assert!(told.starts_with(expected), "{told}, not {expected}");
    assert!(answer.status >= 400 && rehearsed.status == answer.status, "{}: {}", rehearsed.status, rehearsed.text);
    assert_eq!(written(&world).await, before, "something was written");
}

/// How much is in the streams that might have been written.
async fn written(world: &World) -> (Revision, Revision) {
    let user = world.server.runtime.user(world.server.user.id).await.unwrap().unwrap();
    (revision(&world.server).await, user.revision())
}

const FAILED: &str = "400 1001 Failed common permission check";
const ONLY_SUPER: &str = "400 1001 only a super administrator may grant or revoke";
const FORBIDDEN: &str = "403 10000";

/// Each line a test: who, what it sends, and what it hears.
macro_rules! attempts {
    ($($name:ident: $who:literal $method:ident $path:literal $body:tt => $expected:expr;)*) => {
        $(
            #[tokio::test]
            async fn $name() {
                attempt($who, Method::$method, $path, json!($body), $expected).await;
            }
        )*
    };
}

attempts! {
    // By a token, on every shape of resource.
    a_token_on_a_zone_beyond_its_maker: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_write>" }], "resources": { "<other>": "*" } }] } => FAILED;
    a_token_on_a_zone_that_its_maker_is_denied: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_read>" }], "resources": { "<other>": "*" } }] } => FAILED;
    a_token_on_the_account_with_a_deny_inside: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_read>" }], "resources": { "<account_key>": "*" } }] } => FAILED;
    a_token_on_every_account: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_write>" }], "resources": { "com.cloudflare.api.account.*": "*" } }] } => FAILED;
    a_token_on_every_zone: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_write>" }], "resources": { "com.cloudflare.api.account.zone.*": "*" } }] } => FAILED;
    a_token_on_all_zones_of_the_account: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_write>" }], "resources": { "<account_key>": { "com.cloudflare.api.account.zone.*": "*" } } }] } => FAILED;
    a_token_on_two_zones_of_which_one_is_held: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_write>" }], "resources": { "<account_key>": { "<held>": "*", "<other>": "*" } } }] } => FAILED;
    a_token_with_one_permission_too_many: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_read>" }, { "id": "<billing>" }], "resources": { "<account_key>": "*" } }] } => FAILED;
    a_token_whose_second_policy_is_too_wide: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_write>" }], "resources": { "<held>": "*" } }, { "effect": "allow", "permission_groups": [{ "id": "<zone_write>" }], "resources": { "<held>": "*" } }] } => FAILED;
    a_token_that_denies_itself_what_it_should_not_have: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_write>" }], "resources": { "<account_key>": "*" } }, { "effect": "deny", "permission_groups": [{ "id": "<dns_write>" }], "resources": { "<other>": "*" } }] } => FAILED;
    a_token_that_starts_later: "minter" POST "/accounts/{account}/tokens" { "name": "t", "not_before": "2098-01-01T00:00:00Z", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<zone_write>" }], "resources": { "<account_key>": "*" } }] } => FAILED;
    a_token_that_is_made_disabled: "minter" POST "/accounts/{account}/tokens" { "name": "t", "status": "disabled", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<zone_write>" }], "resources": { "<account_key>": "*" } }] } => FAILED;
    a_token_that_manages_members: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<settings_write>" }], "resources": { "<account_key>": "*" } }] } => FAILED;
    a_token_that_makes_tokens_by_one_who_may_not: "settings" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<tokens_write>" }], "resources": { "<account_key>": "*" } }] } => FORBIDDEN;
    a_token_by_an_administrator: "administrator" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_read>" }], "resources": { "<account_key>": "*" } }] } => FORBIDDEN;
    a_token_by_a_reader: "reader" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_read>" }], "resources": { "<account_key>": "*" } }] } => FORBIDDEN;
    a_token_wider_than_who_provisions_it: "provisioner" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<zone_write>" }], "resources": { "<account_key>": "*" } }] } => FAILED;
    a_token_that_makes_tokens_by_who_provisions: "provisioner" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<tokens_write>" }], "resources": { "<account_key>": "*" } }] } => FAILED;
    a_token_of_a_user_in_a_token_of_an_account: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<user_tokens_write>" }], "resources": { "com.cloudflare.api.user.<admin_user>": "*" } }] } => "400 1001";
    a_token_on_an_account_of_others: "minter" POST "/accounts/{account}/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_read>" }], "resources": { "com.cloudflare.api.account.<elsewhere>": "*" } }] } => "400 1001";
    // By changing, enabling or rolling one that there is.
    the_secret_of_a_stronger_token: "minter" PUT "/accounts/{account}/tokens/<strong>/value" {} => FAILED;
    the_secret_of_an_idle_token: "minter" PUT "/accounts/{account}/tokens/<idle>/value" {} => FAILED;
    an_idle_token_put_back_in_use: "minter" PUT "/accounts/{account}/tokens/<idle>" { "name": "t", "status": "active", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<zone_write>" }], "resources": { "<account_key>": "*" } }] } => FAILED;
    a_stronger_token_made_stronger: "minter" PUT "/accounts/{account}/tokens/<strong>" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<billing>" }], "resources": { "<account_key>": "*" } }] } => FAILED;
    the_token_of_somebody_else_by_who_provisions: "provisioner" PUT "/accounts/{account}/tokens/<strong>/value" {} => "404 1002";
    a_token_of_the_account_through_another_account: "stranger" PUT "/accounts/{account}/tokens/<strong>/value" {} => FORBIDDEN;
    // By a token of a user.
    a_wider_token_by_a_narrow_one_of_the_same_user: "narrow" POST "/user/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_read>" }], "resources": { "com.cloudflare.api.account.*": "*" } }] } => FAILED;
    more_about_the_user_by_a_narrow_token: "narrow" POST "/user/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<user_details_write>" }], "resources": { "com.cloudflare.api.user.<admin_user>": "*" } }] } => FAILED;
    the_secret_of_a_wider_token_of_the_same_user: "narrow" PUT "/user/tokens/<of_owner>/value" {} => FAILED;
    a_token_for_an_account_that_one_does_not_reach: "stranger" POST "/user/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_read>" }], "resources": { "<account_key>": "*" } }] } => "400 1001";
    a_token_in_the_name_of_another_user: "stranger" POST "/user/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<user_tokens_write>" }], "resources": { "com.cloudflare.api.user.<admin_user>": "*" } }] } => "400 1001";
    a_token_of_a_reader_that_writes: "reader" POST "/user/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_write>" }], "resources": { "<account_key>": "*" } }] } => FAILED;
    a_token_of_an_administrator_that_manages_members: "administrator" POST "/user/tokens" { "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<settings_write>" }], "resources": { "com.cloudflare.api.account.*": "*" } }] } => FAILED;
    the_token_of_another_user: "stranger" PUT "/user/tokens/<of_owner>/value" {} => "404 1002";
    // By roles and policies of members.
    a_super_administrator_by_a_token_that_manages_members: "settings" POST "/accounts/{account}/members" { "email": "eve@example.com", "roles": ["<super_role>"] } => ONLY_SUPER;
    a_super_administrator_by_policies: "settings" PUT "/accounts/{account}/members/<bare>" { "policies": [{ "access": "allow", "permission_groups": [{ "id": "<all>" }], "resource_groups": [{ "id": "<whole>" }] }] } => ONLY_SUPER;
    a_super_administrator_no_more_by_a_token: "settings" PUT "/accounts/{account}/members/<admin>" { "roles": [] } => "400";
    a_super_administrator_removed_by_a_token: "settings" DELETE "/accounts/{account}/members/<admin>" {} => "400";
    an_administrator_who_promotes_itself: "administrator" PUT "/accounts/{account}/members/<administrator>" { "roles": ["<super_role>"] } => FORBIDDEN;
    a_reader_who_promotes_itself: "reader" PUT "/accounts/{account}/members/<reader>" { "roles": ["<admin_role>"] } => FORBIDDEN;
    a_member_without_policies_who_promotes_itself: "bare" PUT "/accounts/{account}/members/<bare>" { "roles": ["<admin_role>"] } => FORBIDDEN;
    a_role_by_provisioning: "scim" PUT "/accounts/{account}/members/<bare>" { "roles": ["<admin_role>"] } => FAILED;
    a_new_member_with_a_role_by_provisioning: "scim" POST "/accounts/{account}/members" { "email": "eve@example.com", "roles": ["<admin_role>"] } => FAILED;
    a_super_administrator_by_provisioning: "scim" POST "/accounts/{account}/members" { "email": "eve@example.com", "roles": ["<super_role>"] } => ONLY_SUPER;
    // By groups.
    a_place_among_the_super_administrators_by_a_token: "settings" POST "/accounts/{account}/iam/user_groups/<supers>/members" [{ "id": "<bare>" }] => ONLY_SUPER;
    a_place_among_the_super_administrators_by_replacing: "settings" PUT "/accounts/{account}/iam/user_groups/<supers>/members" [{ "id": "<bare>" }] => ONLY_SUPER;
    a_place_among_the_super_administrators_by_provisioning: "scim" POST "/accounts/{account}/iam/user_groups/<supers>/members" [{ "id": "<bare>" }] => ONLY_SUPER;
    a_group_of_super_administrators: "settings" POST "/accounts/{account}/iam/user_groups" { "name": "more", "policies": [{ "access": "allow", "permission_groups": [{ "id": "<all>" }], "resource_groups": [{ "id": "<whole>" }] }] } => ONLY_SUPER;
    a_policy_of_a_group_by_provisioning: "scim" PUT "/accounts/{account}/iam/user_groups/<banned>" { "policies": [] } => FAILED;
    out_of_a_group_that_denies_by_provisioning: "scim" DELETE "/accounts/{account}/iam/user_groups/<banned>/members/<bare>" {} => FAILED;
    the_end_of_a_group_that_denies_by_provisioning: "scim" DELETE "/accounts/{account}/iam/user_groups/<banned>" {} => FAILED;
    out_of_a_group_that_denies_by_oneself: "bare" DELETE "/accounts/{account}/iam/user_groups/<banned>/members/<bare>" {} => FORBIDDEN;
    into_a_group_by_oneself: "bare" POST "/accounts/{account}/iam/user_groups/<supers>/members" [{ "id": "<bare>" }] => FORBIDDEN;
    // By resource groups.
    a_deny_narrowed_by_its_resource_group: "scim" PUT "/accounts/{account}/iam/resource_groups/<domains>" { "scope": { "key": "<account_key>", "objects": [{ "key": "<other>" }] } } => FAILED;
    a_resource_group_by_a_reader: "reader" PUT "/accounts/{account}/iam/resource_groups/<domains>" { "scope": { "key": "<account_key>", "objects": [{ "key": "*" }] } } => FORBIDDEN;
    the_built_in_resource_group: "settings" PUT "/accounts/{account}/iam/resource_groups/<whole>" { "scope": { "key": "<account_key>", "objects": [{ "key": "<held>" }] } } => "403 1011";
    the_end_of_a_resource_group_that_a_deny_uses: "settings" DELETE "/accounts/{account}/iam/resource_groups/<domains>" {} => "400 1010";
    // By the document of the whole account.
    a_super_administrator_by_a_document: "settings" PUT "/accounts/{account}/iam/state" { "version": 1, "user_groups": [{ "name": "banned", "members": ["bare@example.com"], "policies": [{ "access": "allow", "permission_groups": ["all_privileges"], "resource_groups": [{ "account": true }] }] }] } => ONLY_SUPER;
    a_document_by_an_administrator: "administrator" PUT "/accounts/{account}/iam/state" { "version": 1, "members": [] } => FORBIDDEN;
    a_document_by_provisioning: "scim reader" PUT "/accounts/{account}/iam/state" { "version": 1, "user_groups": [] } => FORBIDDEN;
    // By undoing.
    what_was_taken_back_given_again_by_undoing: "settings" POST "/accounts/{account}/iam/commits/<taken>/revert" {} => ONLY_SUPER;
    undoing_by_an_administrator: "administrator" POST "/accounts/{account}/iam/commits/<taken>/revert" {} => FORBIDDEN;
    undoing_by_provisioning: "scim" POST "/accounts/{account}/iam/commits/<taken>/revert" {} => FORBIDDEN;
    // By invitations and memberships.
    the_invitation_of_somebody_else: "invited" PATCH "/user/invites/<invite>" { "status": "accepted" } => "404 1002";
    the_membership_of_somebody_else: "invited" PUT "/memberships/<admin>" { "status": "accepted" } => "404 1002";
    a_super_administrator_thrown_out_by_leaving_for_him: "stranger" DELETE "/memberships/<admin>" {} => "404 1002";
    a_link_that_was_made_up: "invited" POST "/user/invites/redeem" { "token": "pcin_00000000000000000000000000000002<invite>0000000000000000000000000000000000000000000000000000000000000000" } => "400 1001";
    an_accepted_member_without_asking_the_person: "settings" POST "/accounts/{account}/members" { "email": "stranger@example.com", "roles": ["<admin_role>"], "status": "accepted" } => "400 1001";
    a_pending_member_declared_accepted: "settings" PUT "/accounts/{account}/members/<invite>" { "roles": [], "status": "accepted" } => "400 1001";
    // By accounts and zones.
    an_account_of_ones_own: "bare" POST "/accounts" { "name": "mine" } => "403 1002";
    the_end_of_an_account_by_a_token: "settings" DELETE "/accounts/{account}" {} => FORBIDDEN;
    the_settings_of_an_account_by_a_reader: "reader" PUT "/accounts/{account}" { "name": "x", "settings": { "api_access_enabled": true } } => FORBIDDEN;
    a_zone_in_an_account_of_others: "stranger" POST "/zones" { "name": "new.example", "account": { "id": "00000000000000000000000000000002" } } => FORBIDDEN;
    a_zone_by_who_edits_one_zone: "dns" POST "/zones" { "name": "new.example", "account": { "id": "00000000000000000000000000000002" } } => FORBIDDEN;
    the_end_of_a_zone_by_a_reader: "reader" DELETE "/zones/<held_id>" {} => FORBIDDEN;
    a_connector_by_a_token_that_manages_members: "settings" POST "/accounts/{account}/sso_connectors" { "email_domain": "example.org" } => FORBIDDEN;
}

/// A zone that comes back under the same name is another one: what was granted on the first is not on the second.
#[tokio::test]
async fn a_zone_that_is_made_again_is_nobodys_by_old_grants() {
    let world = World::new().await;
    let admin = world.server.admin();
    let old = world.fill("/zones/<held_id>");
    assert_eq!(world.dns_editor.get(&old).await.status, 200);
    admin.delete(&old).await.result();
    let new = admin
        .post("/zones", json!({ "name": "held.example", "account": { "id": world.server.account.to_string() } }))
        .await
        .id();
    assert_ne!(old, format!("/zones/{new}"));
    assert_eq!(world.dns_editor.get(&old).await.status, 404);
    assert_eq!(world.dns_editor.get(&format!("/zones/{new}")).await.status, 403);
}

/// A user that loses its membership loses by its tokens too, and gets nothing back by being invited again.
#[tokio::test]
async fn a_member_who_comes_back_has_nothing_from_before() {
    let world = World::new().await;
    let admin = world.server.admin();
    let new = json!({ "name": "t", "policies": [{ "effect": "allow", "permission_groups": [{ "id": "<dns_read>" }], "resources": { "<account_key>": "*" } }] });
    let made = world.reader.post("/user/tokens", serde_json::from_str(&world.fill(&new.to_string())).unwrap()).await;
    let token = Caller::with_token(
        &world.server.origin,
        &world.server.account.to_string(),
        made.result()["value"].as_str().unwrap(),
    );
    let zone = world.fill("/zones/<held_id>");
    assert_eq!(token.get(&zone).await.status, 200);
    admin.delete(&world.fill(&format!("{MEMBERS}/<reader>"))).await.result();
    assert_eq!(token.get(&zone).await.status, 404);
    let again = admin.post(MEMBERS, json!({ "email": "reader@example.com", "roles": [] })).await.id();
    world.reader.put(&format!("/memberships/{again}"), json!({ "status": "accepted" })).await.result();
    assert_eq!(token.get(&zone).await.status, 403);
}
