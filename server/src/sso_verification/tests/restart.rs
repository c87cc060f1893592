use std::time::Duration;

use super::world::{DAY, HOUR, MINUTE, Reply, World, leap, pass};

#[tokio::test(start_paused = true)]
async fn a_search_goes_on_after_a_restart() {
    let mut world = World::start().await;
    let connector = world.create("example.com").await;
    pass(90).await;
    world.stop_verifier().await;
    pass(20).await;
    assert_eq!(world.asked("example.com"), [0, 60]);
    world.start_verifier();
    pass(3 * MINUTE + 10).await;
    assert_eq!(world.asked("example.com"), [0, 60, 120, 300]);
    assert_eq!(world.verification(connector).await, "pending");
}

#[tokio::test(start_paused = true)]
async fn what_came_due_while_nobody_looked_is_looked_for_at_the_start() {
    let mut world = World::without_verifier().await;
    let (early, late) = (world.create("early.example.com").await, world.create("late.example.com").await);
    leap(3 * DAY).await;
    world.publish(early).await;
    world.start_verifier();
    pass(1).await;
    // Even after the deadline there is one look.
    assert_eq!((world.verification(early).await, world.verification(late).await), ("verified", "failed"));
    assert_eq!(world.asked("late.example.com").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn shutdown_gives_up_look_ups_and_loses_none() {
    let mut world = World::start().await;
    let connector = world.create("example.com").await;
    world.reply("example.com", Reply::Hangs);
    pass(2).await;
    let stopping = tokio::time::Instant::now();
    world.stop_verifier().await;
    assert!(stopping.elapsed() < Duration::from_millis(10));
    world.publish(connector).await;
    world.start_verifier();
    pass(1).await;
    assert_eq!(world.verification(connector).await, "verified");
}

#[tokio::test(start_paused = true)]
async fn a_search_for_nothing_is_dropped() {
    let mut world = World::without_verifier().await;
    let now = world.runtime.clock.now();
    let lease = |stream: &str, key: &str| runtime::jobs::search(stream, key, now, Default::default());
    let (account, id) = (format!("account/{}", world.account), "0".repeat(32));
    let nobody = format!("account/{id}");
    let leases = vec![
        lease("nonsense", "a"),
        lease(&account, "b"),
        lease(&account, &"1".repeat(32)),
        lease(&nobody, &"2".repeat(32)),
    ];
    world.runtime.store.put_leases(leases).await.unwrap();
    world.start_verifier();
    pass(HOUR).await;
    let left = world.runtime.store.leases_due(runtime::jobs::SSO_RECORD, i64::MAX - 1, 10).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_panics_is_made_again_and_harms_no_other() {
    let world = World::start().await;
    world.reply("panics.example.com", Reply::Panics);
    let (panics, other) = (world.create("panics.example.com").await, world.create("other.example.com").await);
    world.publish(other).await;
    pass(2).await;
    assert_eq!(world.verification(other).await, "verified");
    world.publish(panics).await;
    pass(MINUTE).await;
    assert_eq!(world.verification(panics).await, "verified");
    assert_eq!(world.asked("panics.example.com"), [0, 60]);
}

#[tokio::test(start_paused = true)]
async fn two_verifiers_over_one_store_agree() {
    let mut world = World::start().await;
    let connector = world.create("example.com").await;
    world.publish(connector).await;
    let first = world.verifier().clone();
    world.start_verifier();
    first.wake();
    pass(5).await;
    assert_eq!(world.verification(connector).await, "verified");
    assert_eq!(world.revision().await, 3);
}
