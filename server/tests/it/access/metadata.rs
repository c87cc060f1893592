//! `GET /.well-known/authzen-configuration`: where the endpoints are.

use serde_json::{Value, json};
use testkit::{Method, TestServer};

use crate::support::UNKNOWN;

const WELL_KNOWN: &str = "/.well-known/authzen-configuration";

fn metadata(point: &str) -> Value {
    json!({
        "policy_decision_point": point,
        "access_evaluation_endpoint": format!("{point}/access/v1/evaluation"),
        "access_evaluations_endpoint": format!("{point}/access/v1/evaluations"),
        "search_subject_endpoint": format!("{point}/access/v1/search/subject"),
        "search_resource_endpoint": format!("{point}/access/v1/search/resource"),
        "search_action_endpoint": format!("{point}/access/v1/search/action"),
    })
}

#[tokio::test]
async fn anybody_may_read_where_the_endpoints_are() {
    let server = TestServer::start().await;
    let nobody = server.anonymous();
    let account = format!("/accounts/{}", server.account);
    for path in ["", "/client/v4", &account, &format!("/client/v4{account}")] {
        let answer = nobody.get(&format!("{WELL_KNOWN}{path}")).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        assert_eq!(answer.body, metadata(&format!("{}{path}", server.origin)));
    }
    for path in ["/", "/accounts", "/accounts/mine", "/elsewhere", &format!("{account}/"), &format!("{account}/x")] {
        assert_eq!(nobody.get(&format!("{WELL_KNOWN}{path}")).await.status, 404, "{path}");
    }
    assert_eq!(nobody.send(Method::POST, WELL_KNOWN, None).await.status, 405);
}

#[tokio::test]
async fn an_account_that_is_not_there_has_the_same_document() {
    let server = TestServer::start().await;
    let answer = server.anonymous().get(&format!("{WELL_KNOWN}/accounts/{UNKNOWN}")).await;
    assert_eq!(answer.body, metadata(&format!("{}/accounts/{UNKNOWN}", server.origin)));
}

#[tokio::test]
async fn every_endpoint_of_the_document_answers() {
    let server = TestServer::start().await;
    for path in ["", "/client/v4", &format!("/accounts/{}", server.account)] {
        let document = server.anonymous().get(&format!("{WELL_KNOWN}{path}")).await.body;
        for (name, url) in document.as_object().expect("an object") {
            if name == "policy_decision_point" {
                continue;
            }
            let path = url.as_str().and_then(|url| url.strip_prefix(&server.origin)).expect("a URL of this server");
            let request = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            let answer = crate::support::http(&server.origin, &request).await;
            assert!(answer.starts_with("HTTP/1.1 401"), "{url}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_urls_are_the_operators_and_never_those_of_a_request() {
    let url = "https://iam.example.com/iam";
    let server =
        TestServer::builder().settings(|settings| settings.public_url = url.parse().expect("a URL")).start().await;
    let account = format!("/accounts/{}", server.account);
    for path in ["", "/client/v4", &account] {
        let answer = server.anonymous().get(&format!("{WELL_KNOWN}/iam{path}")).await;
        assert_eq!(answer.body, metadata(&format!("{url}{path}")));
    }
    assert_eq!(server.anonymous().get(WELL_KNOWN).await.status, 404, "the decision point has a path");
    let plain = TestServer::start().await;
    for header in ["x-forwarded-host", "forwarded", "host"] {
        let caller = plain.anonymous().header(header, "evil.example");
        assert_eq!(caller.get(WELL_KNOWN).await.body, metadata(&plain.origin), "{header}");
    }
}
