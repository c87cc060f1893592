//! Against a real DNS server, on a free port of the loopback interface.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hickory_server::Server;
use hickory_server::net::runtime::TokioRuntimeProvider;
use hickory_server::proto::rr::rdata::TXT;
use hickory_server::proto::rr::{Name, RData, Record};
use hickory_server::proto::serialize::txt::Parser;
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneType};
use tokio::net::{TcpListener, UdpSocket};

use crate::sso_verification::{DnsTxtRecords, TxtRecords};

/// A port that is free for both protocols.
async fn sockets() -> (UdpSocket, TcpListener, SocketAddr) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = udp.local_addr().unwrap();
        match TcpListener::bind(address).await {
            Ok(tcp) => return (udp, tcp, address),
            Err(error) => assert_eq!(error.kind(), ErrorKind::AddrInUse),
        }
    }
}

/// Serves a zone `example.com`. It ends when the server is dropped.
async fn serve(records: &str) -> (Server<Catalog>, SocketAddr) {
    let (server, address, _) = serve_zone(records).await;
    (server, address)
}

async fn serve_zone(records: &str) -> (Server<Catalog>, SocketAddr, Arc<InMemoryZoneHandler>) {
    let origin = Name::from_ascii("example.com.").unwrap();
    let text = format!("@ 3600 IN SOA ns admin 1 3600 600 86400 3600\n@ 3600 IN NS ns\n{records}\n");
    let (origin, records) = Parser::new(text, None, Some(origin)).parse().unwrap();
    let zone =
        InMemoryZoneHandler::<TokioRuntimeProvider>::new(origin.clone(), records, ZoneType::Primary, AxfrPolicy::Deny);
    let zone = Arc::new(zone.unwrap());
    let mut catalog = Catalog::new();
    catalog.upsert(origin.into(), vec![zone.clone()]);
    let (udp, tcp, address) = sockets().await;
    let mut server = Server::new(catalog);
    server.register_socket(udp);
    server.register_listener(tcp, Duration::from_secs(5), 64);
    (server, address, zone)
}

/// Answers every question over UDP with that response code, and counts them.
async fn refuse(code: u8) -> (SocketAddr, Arc<AtomicUsize>) {
    let (udp, tcp, address) = sockets().await;
    let counted = Arc::new(AtomicUsize::new(0));
    let counter = counted.clone();
    tokio::spawn(async move {
        let _tcp = tcp;
        let mut buffer = [0; 1500];
        while let Ok((length, client)) = udp.recv_from(&mut buffer).await {
            counter.fetch_add(1, Ordering::SeqCst);
            // A response, with recursion available.
            buffer[2] |= 0x80;
            buffer[3] = 0x80 | code;
            udp.send_to(&buffer[..length], client).await.unwrap();
        }
    });
    (address, counted)
}

async fn look_up(server: SocketAddr, domain: &str) -> Result<Vec<String>, String> {
    let records = DnsTxtRecords::new(Some(server)).unwrap();
    let mut found = records.look_up(domain).await.map_err(|error| error.to_string())?;
    found.sort();
    Ok(found)
}

#[tokio::test]
async fn each_record_is_one_string_made_of_its_parts() {
    let (_server, address) = serve(
        r#"
@       60 IN TXT "cloudflare_dashboard_" "sso=0123456789abcdef" "0123456789abcdef"
@       60 IN TXT "v=spf1 -all"
@       60 IN TXT " spaces stay "
@       60 IN A   192.0.2.1
"#,
    )
    .await;
    let found = look_up(address, "example.com").await.unwrap();
    assert_eq!(found, [" spaces stay ", "cloudflare_dashboard_sso=0123456789abcdef0123456789abcdef", "v=spf1 -all"]);
}

#[tokio::test]
async fn aliases_are_followed() {
    let (_server, address) =
        serve("a 60 IN CNAME b\nb 60 IN CNAME c\nc 60 IN TXT \"here\"\nd 60 IN CNAME nowhere").await;
    assert_eq!(look_up(address, "a.example.com").await.unwrap(), ["here"]);
    assert!(look_up(address, "d.example.com").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_name_without_txt_records_or_that_does_not_exist_has_none() {
    let (_server, address) = serve("a 60 IN A 192.0.2.1\nb.c 60 IN TXT \"below\"").await;
    for domain in ["a.example.com", "nowhere.example.com", "c.example.com"] {
        assert!(look_up(address, domain).await.unwrap().is_empty(), "{domain}");
    }
}

#[tokio::test]
async fn an_answer_too_long_for_udp_comes_by_tcp() {
    let records: Vec<String> = (0..100).map(|n| format!("@ 60 IN TXT \"{n:03}{}\"", "x".repeat(200))).collect();
    let (_server, address) = serve(&records.join("\n")).await;
    let found = look_up(address, "example.com").await.unwrap();
    assert_eq!(found.len(), 100);
    assert!(found[99].starts_with("099x"));
}

#[tokio::test]
async fn a_server_that_fails_or_refuses_tells_nothing() {
    for (code, name) in [(2, "Server Failure"), (5, "Query Refused")] {
        let (address, counted) = refuse(code).await;
        let error = look_up(address, "example.com").await.unwrap_err();
        assert!(error.contains(name), "{error}");
        assert!((1..=4).contains(&counted.load(Ordering::SeqCst)));
    }
}

#[tokio::test]
async fn an_answer_that_the_name_does_not_exist_is_an_answer() {
    let (address, _) = refuse(3).await;
    assert!(look_up(address, "example.com").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_closed_port_tells_nothing_and_not_for_long() {
    let (udp, tcp, address) = sockets().await;
    drop((udp, tcp));
    let began = Instant::now();
    look_up(address, "example.com").await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(15));
}

#[tokio::test]
async fn a_server_that_is_silent_tells_nothing_and_not_for_long() {
    let (_udp, _tcp, address) = sockets().await;
    let began = Instant::now();
    look_up(address, "example.com").await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn no_answer_is_remembered() {
    let (_server, address, zone) = serve_zone("").await;
    let records = DnsTxtRecords::new(Some(address)).unwrap();
    assert!(records.look_up("new.example.com").await.unwrap().is_empty());
    for known in 1..3 {
        let record = Record::from_rdata(
            Name::from_ascii("new.example.com.").unwrap(),
            3600,
            RData::TXT(TXT::new(vec![format!("record {known}")])),
        );
        assert!(zone.upsert(record, 0).await);
        assert_eq!(records.look_up("new.example.com").await.unwrap().len(), known);
    }
}

#[tokio::test]
async fn a_name_that_is_none_is_not_asked_for() {
    let (address, counted) = refuse(3).await;
    for domain in ["a..b", &"a".repeat(64), "a b\\"] {
        let _ = look_up(address, domain).await;
    }
    assert!(look_up(address, "a..b").await.is_err());
    assert!(counted.load(Ordering::SeqCst) <= 1);
}
