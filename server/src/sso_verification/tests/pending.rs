use std::time::Duration;

use model::sso_connectors;

use super::world::{DAY, HOUR, MINUTE, Reply, World, leap, pass};

#[tokio::test(start_paused = true)]
async fn a_record_that_is_there_is_found_at_once() {
    let world = World::start().await;
    let connector = world.create_as("example.com", false).await;
    world.publish(connector).await;
    world.begin_verification(connector).await;
    world.verifier().wake();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(world.verification(connector).await, "verified");
    assert_eq!(world.asked("example.com"), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_new_connector_is_found_without_being_woken() {
    let world = World::start().await;
    pass(10).await;
    let connector = world.create("example.com").await;
    world.publish(connector).await;
    pass(1).await;
    assert_eq!(world.verification(connector).await, "verified");
}

#[tokio::test(start_paused = true)]
async fn one_that_awaits_is_not_looked_for() {
    let world = World::start().await;
    let connector = world.create_as("example.com", false).await;
    pass(HOUR).await;
    assert!(world.asked("example.com").is_empty());
    assert_eq!(world.verification(connector).await, "awaiting");
    assert_eq!(world.lease(connector).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_pending_record_is_looked_for_early_and_then_every_quarter_of_an_hour() {
    let world = World::start().await;
    let connector = world.create("example.com").await;
    pass(2 * DAY + MINUTE).await;
    let asked = world.asked("example.com");
    assert_eq!(asked[..5], [0, 60, 120, 300, 600]);
    for pair in asked[4..].windows(2) {
        let is_last = pair[1] == 2 * DAY;
        assert!((12 * MINUTE..=18 * MINUTE + 1).contains(&(pair[1] - pair[0])) || is_last, "{pair:?}");
    }
    assert_eq!(*asked.last().unwrap(), 2 * DAY, "the last look-up is at the deadline");
    assert_eq!(world.verification(connector).await, "failed");
    assert_eq!(world.lease(connector).await, None);
    assert_eq!(world.revision().await, 3, "of many look-ups one made a commit");
}

#[tokio::test(start_paused = true)]
async fn one_that_failed_begins_anew_with_the_same_code() {
    let world = World::start().await;
    let connector = world.create("example.com").await;
    leap(2 * DAY).await;
    assert_eq!(world.verification(connector).await, "failed");
    let code = world.connector(connector).await.code;
    let times = world.asked("example.com").len();
    pass(DAY).await;
    assert_eq!(world.asked("example.com").len(), times, "what has failed is not looked for");

    world.begin_verification(connector).await;
    pass(5 * MINUTE).await;
    let asked = world.asked("example.com");
    let began = asked[times];
    assert_eq!(asked[times..].iter().map(|at| at - began).collect::<Vec<_>>(), [0, 60, 120, 300]);
    world.publish(connector).await;
    pass(5 * MINUTE).await;
    assert_eq!(world.verification(connector).await, "verified");
    assert_eq!(world.connector(connector).await.code, code);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_appears_at_the_deadline_counts() {
    let world = World::start().await;
    let connector = world.create("example.com").await;
    pass(2 * DAY - 1).await;
    world.publish(connector).await;
    assert_eq!(world.verification(connector).await, "pending");
    pass(2).await;
    assert_eq!(world.verification(connector).await, "verified");
}

#[tokio::test(start_paused = true)]
async fn a_re_check_is_made_at_once_and_without_a_commit() {
    let world = World::start().await;
    let connector = world.create("example.com").await;
    pass(20 * MINUTE).await;
    let (times, revision) = (world.asked("example.com").len(), world.revision().await);
    for _ in 0..3 {
        world.begin_verification(connector).await;
        world.verifier().recheck_now(world.account, connector).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(world.asked("example.com").len(), times + 3);
    assert_eq!(world.revision().await, revision);
    world.publish(connector).await;
    world.verifier().recheck_now(world.account, connector).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(world.verification(connector).await, "verified");
}

#[tokio::test(start_paused = true)]
async fn re_checks_do_not_use_up_the_early_look_ups() {
    let world = World::start().await;
    let connector = world.create("example.com").await;
    pass(5).await;
    for _ in 0..5 {
        world.verifier().recheck_now(world.account, connector).await.unwrap();
        pass(1).await;
    }
    pass(10 * MINUTE).await;
    let asked = world.asked("example.com");
    assert_eq!(asked[asked.len() - 4..], [60, 120, 300, 600]);
}

#[tokio::test(start_paused = true)]
async fn a_re_check_during_a_look_up_is_another_look_up() {
    let world = World::start().await;
    *world.script.takes.lock().unwrap() = Duration::from_secs(5);
    let connector = world.create("example.com").await;
    pass(2).await;
    // The look-up under way was answered before this.
    world.publish(connector).await;
    world.verifier().recheck_now(world.account, connector).await.unwrap();
    pass(10).await;
    assert_eq!(world.asked("example.com").len(), 2);
    assert_eq!(world.verification(connector).await, "verified");
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_a_retry_until_the_deadline() {
    let world = World::start().await;
    world.reply("fails.example.com", Reply::Fails);
    world.reply("hangs.example.com", Reply::Hangs);
    let (fails, hangs) = (world.create("fails.example.com").await, world.create("hangs.example.com").await);
    pass(11 * MINUTE).await;
    assert_eq!(world.asked("fails.example.com"), [0, 60, 120, 300, 600]);
    assert_eq!(world.asked("hangs.example.com"), [0, 60, 120, 300, 600]);
    pass(2 * DAY - 12 * MINUTE).await;
    assert_eq!((world.verification(fails).await, world.verification(hangs).await), ("pending", "pending"));
    world.publish(fails).await;
    pass(2 * MINUTE).await;
    assert_eq!((world.verification(fails).await, world.verification(hangs).await), ("verified", "failed"));
}

#[tokio::test(start_paused = true)]
async fn a_record_is_compared_exactly_but_for_white_space_around_it() {
    let world = World::start().await;
    let connector = world.create("example.com").await;
    let record = world.connector(connector).await.record();
    let code = world.connector(connector).await.code.to_string();
    let near = [
        record.to_uppercase(),
        format!("\"{record}\""),
        format!("{record} x"),
        format!("{record}0"),
        code,
        String::new(),
    ];
    for near in near {
        world.reply("example.com", Reply::Records(vec![near]));
        world.verifier().recheck_now(world.account, connector).await.unwrap();
        pass(1).await;
        assert_eq!(world.verification(connector).await, "pending");
    }
    world.reply("example.com", Reply::Records(vec![format!("\n {record}  ")]));
    world.verifier().recheck_now(world.account, connector).await.unwrap();
    pass(1).await;
    assert_eq!(world.verification(connector).await, "verified");
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_is_gone_is_not_looked_for() {
    let world = World::start().await;
    let connector = world.create("example.com").await;
    pass(90).await;
    world.delete(connector).await;
    world.verifier().recheck_now(world.account, connector).await.unwrap();
    pass(HOUR).await;
    assert_eq!(world.asked("example.com"), [0, 60]);
    assert_eq!(world.lease(connector).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_connector_that_goes_during_its_look_up_leaves_nothing() {
    let world = World::start().await;
    *world.script.takes.lock().unwrap() = Duration::from_secs(5);
    let (missing, found) = (world.create("missing.example.com").await, world.create("found.example.com").await);
    world.publish(found).await;
    pass(2).await;
    world.delete(missing).await;
    world.delete(found).await;
    pass(3 * MINUTE).await;
    assert_eq!(world.lease(missing).await, None);
    assert_eq!(world.lease(found).await, None);
    assert_eq!(world.asked("found.example.com"), [0]);
}

#[tokio::test(start_paused = true)]
async fn another_change_of_a_pending_connector_does_not_move_its_deadline() {
    let world = World::start().await;
    let connector = world.create("example.com").await;
    pass(DAY).await;
    world
        .commit(|state, environment| Ok(sso_connectors::update(state, environment, connector, None, Some(true))?.0))
        .await;
    pass(DAY).await;
    assert_eq!(world.asked("example.com").last(), Some(&(2 * DAY)));
    assert_eq!(world.verification(connector).await, "failed");
}
