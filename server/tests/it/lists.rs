//! Pages, filters and directions (D43, D76, D77).

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;
use testkit::{Response, TestServer};

use crate::support::{
    CONNECTORS, GROUPS, MEMBERS, PERMISSION_GROUPS, RESOURCE_GROUPS, ROLES, group, refused_text, told,
};

fn names(answer: &Response) -> Vec<&str> {
    answer.list().iter().map(|item| item["name"].as_str().expect("a name")).collect()
}

fn info(answer: &Response) -> String {
    let info = &answer.body["result_info"];
    let field = |name: &str| info[name].to_string();
    format!(
        "page {} of {}, {} per page, {} here, {} in all",
        field("page"),
        field("total_pages"),
        field("per_page"),
        field("count"),
        field("total_count")
    )
}

async fn with_groups(names: &[&str]) -> TestServer {
    let server = TestServer::start().await;
    for name in names {
        group(&server, name, &[]).await;
    }
    server
}

#[tokio::test]
async fn a_page_past_the_end_is_empty_and_the_totals_stay_right() {
    let server = with_groups(&["a", "b", "c"]).await;
    let admin = server.admin();
    let page = admin.get(&format!("{GROUPS}?page=2&per_page=2")).await;
    assert_eq!(names(&page), ["c"]);
    assert_snapshot!(info(&page), @"page 2 of 2, 2 per page, 1 here, 3 in all");
    let past = admin.get(&format!("{GROUPS}?page=99&per_page=2")).await;
    assert_eq!(past.list().len(), 0);
    assert_snapshot!(info(&past), @"page 99 of 2, 2 per page, 0 here, 3 in all");
    let far = admin.get(&format!("{GROUPS}?page=18446744073709551615&per_page=500")).await;
    assert_eq!(far.list().len(), 0);
}

#[tokio::test]
async fn a_page_size_has_a_default_and_a_maximum() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for (path, default, most) in [
        (GROUPS, 100, 500),
        (MEMBERS, 20, 50),
        (ROLES, 20, 50),
        (PERMISSION_GROUPS, 20, 50),
        ("/zones", 20, 50),
        ("/accounts", 20, 50),
    ] {
        let per_page =
            async |query: &str| admin.get(&format!("{path}{query}")).await.body["result_info"]["per_page"].clone();
        assert_eq!(per_page("").await, default, "{path}");
        assert_eq!(per_page("?per_page=100000").await, most, "{path}");
        assert_eq!(per_page("?per_page=1").await, 1, "{path}");
    }
}

#[tokio::test]
async fn a_page_that_is_no_number_of_at_least_one_is_refused() {
    let server = TestServer::start().await;
    assert_snapshot!(refused_text(&server, &format!("GET {GROUPS}?per_page=0&page=x"), "").await, @r"
    400 1001 [?page] page must be an integer of at least 1, not `x`
    400 1001 [?per_page] per_page must be an integer of at least 1, not `0`
    ");
    for query in ["page=0", "page=-1", "per_page=1.5", "page=", "page=99999999999999999999999"] {
        for path in [GROUPS, MEMBERS, ROLES, PERMISSION_GROUPS, RESOURCE_GROUPS, "/zones", "/accounts"] {
            assert_eq!(server.admin().get(&format!("{path}?{query}")).await.status, 400, "{path}?{query}");
        }
    }
}

#[tokio::test]
async fn groups_are_listed_by_name_without_regard_to_case_in_either_direction() {
    let server = with_groups(&["beta", "Alpha", "\u{e9}clair", "gamma"]).await;
    let admin = server.admin();
    assert_eq!(names(&admin.get(GROUPS).await), ["Alpha", "beta", "gamma", "\u{e9}clair"]);
    assert_eq!(names(&admin.get(&format!("{GROUPS}?direction=DESC")).await), ["\u{e9}clair", "gamma", "beta", "Alpha"]);
    assert_eq!(names(&admin.get(&format!("{GROUPS}?direction=sideways")).await).first(), Some(&"Alpha"));
}

#[tokio::test]
async fn fuzzy_name_is_a_literal_part_of_the_name_in_any_case() {
    let server = with_groups(&["100% DNS", "100 dns", "a.b", "axb", "Caf\u{e9}"]).await;
    let admin = server.admin();
    let found = async |part: &str| {
        let answer = admin.get(&format!("{GROUPS}?fuzzyName={part}")).await;
        names(&answer).join(", ")
    };
    assert_eq!(found("DNS").await, "100 dns, 100% DNS");
    assert_eq!(found("100%25").await, "100% DNS");
    assert_eq!(found("a.b").await, "a.b");
    assert_eq!(found("*").await, "");
    assert_eq!(found("CAFE%CC%81").await, "Caf\u{e9}");
    assert_eq!(found("").await.split(", ").count(), 5, "an empty filter is none");
}

#[tokio::test]
async fn a_filter_by_name_or_id_is_exact_and_may_find_nothing() {
    let server = with_groups(&["staff", "staffing"]).await;
    let admin = server.admin();
    let all = admin.get(GROUPS).await;
    let id = all.list()[0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(names(&admin.get(&format!("{GROUPS}?name=staff")).await), ["staff"]);
    assert_eq!(names(&admin.get(&format!("{GROUPS}?id={id}")).await), ["staff"]);
    assert_eq!(names(&admin.get(&format!("{GROUPS}?id={id}&name=staffing")).await).len(), 0);
    let nothing = admin.get(&format!("{PERMISSION_GROUPS}?name=Account%2520Settings%2520Write")).await;
    assert_eq!(nothing.list().len(), 0);
    assert_eq!(nothing.body["result_info"]["total_count"], 0);
}

#[tokio::test]
async fn members_are_listed_by_address_and_by_status() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for email in ["zoe@example.com", "Bea@example.com"] {
        admin.post(MEMBERS, json!({ "email": email, "roles": [] })).await.id();
    }
    let emails = async |query: &str| {
        let answer = admin.get(&format!("{MEMBERS}?{query}")).await;
        let emails: Vec<&str> = answer.list().iter().filter_map(|member| member["email"].as_str()).collect();
        emails.join(" ")
    };
    assert_eq!(emails("").await, "admin@example.com Bea@example.com zoe@example.com");
    assert_eq!(emails("direction=desc").await, "zoe@example.com Bea@example.com admin@example.com");
    assert_eq!(emails("status=pending").await, "Bea@example.com zoe@example.com");
    assert_eq!(emails("status=rejected").await, "");
    assert_eq!(emails("order=status&direction=desc").await, "zoe@example.com Bea@example.com admin@example.com");
    assert_snapshot!(told(&admin.get(&format!("{MEMBERS}?status=gone")).await), @"400 1001 [?status] status `gone` must be one of `accepted`, `pending`, `rejected`");
    assert_snapshot!(told(&admin.get(&format!("{MEMBERS}?order=age")).await), @"400 1001 [?order] order `age` must be one of `user.email`, `user.first_name`, `user.last_name`, `status`");
}

#[tokio::test]
async fn lists_without_pages_come_whole_and_their_second_page_is_empty() {
    let server = TestServer::start().await;
    let admin = server.admin();
    for number in 0..60 {
        server.zone(&format!("z{number}.example.com")).await;
    }
    let whole = admin.get(&format!("{RESOURCE_GROUPS}?per_page=5")).await;
    assert_eq!(whole.list().len(), 61);
    assert_snapshot!(info(&whole), @"page 1 of 1, 61 per page, 61 here, 61 in all");
    assert_eq!(admin.get(&format!("{RESOURCE_GROUPS}?page=2")).await.list().len(), 0);
    let name = format!("com.cloudflare.api.account.{}", server.account);
    assert_eq!(names(&admin.get(&format!("{RESOURCE_GROUPS}?name={name}")).await), [name.as_str()]);
    assert_eq!(admin.get(CONNECTORS).await.list().len(), 0);
}

#[test]
fn the_pages_of_a_list_hold_each_item_once_in_one_order() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let names = ["b", "A", "\u{e4}", "z", "10", "9", "Z1", "straße", "aa"];
    let server = runtime.block_on(with_groups(&names));
    let admin = server.admin();
    let fetch = |query: String| -> Vec<String> {
        let answer = runtime.block_on(admin.get(&format!("{GROUPS}?{query}")));
        answer.list().iter().map(|item| item["name"].to_string()).collect()
    };
    let whole = fetch(String::new());
    assert_eq!(whole.len(), names.len());
    proptest!(ProptestConfig::with_cases(24), |(per_page in 1_usize..12, descending: bool)| {
        let direction = if descending { "desc" } else { "asc" };
        let mut paged = Vec::new();
        for page in 1.. {
            let items = fetch(format!("page={page}&per_page={per_page}&direction={direction}"));
            if items.is_empty() {
                break;
            }
            paged.extend(items);
        }
        if descending {
            paged.reverse();
        }
        prop_assert_eq!(&paged, &whole);
    });
}
