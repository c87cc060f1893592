use model::ids::SsoConnectorId;

use super::world::{DAY, HOUR, Reply, WEEK, World, leap, pass};

async fn verified(world: &World) -> SsoConnectorId {
    let connector = world.create("example.com").await;
    world.publish(connector).await;
    pass(2).await;
    assert_eq!(world.verification(connector).await, "verified");
    connector
}

fn unpublish(world: &World) {
    world.reply("example.com", Reply::Records(vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_verified_domain_is_checked_once_a_week_without_commits() {
    let world = World::start().await;
    verified(&world).await;
    let revision = world.revision().await;
    pass(WEEK - 10).await;
    assert_eq!(world.asked("example.com").len(), 1);
    for week in 1..4 {
        pass(20).await;
        assert_eq!(world.asked("example.com").len(), 1 + week);
        leap(WEEK - 20).await;
    }
    assert_eq!(world.revision().await, revision);
}

#[tokio::test(start_paused = true)]
async fn it_lapses_when_two_checks_in_a_row_miss_the_record() {
    let world = World::start().await;
    let connector = verified(&world).await;
    unpublish(&world);
    leap(WEEK).await;
    assert!(!world.connector(connector).await.lapsed);
    leap(WEEK).await;
    assert!(world.connector(connector).await.lapsed);
    assert_eq!(world.verification(connector).await, "verified", "verified is sticky");
    let revision = world.revision().await;
    for _ in 0..4 {
        leap(WEEK).await;
    }
    assert_eq!(world.revision().await, revision, "it lapses once");
    assert_eq!(world.asked("example.com").len(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_back_in_time_is_as_if_never_missed() {
    let world = World::start().await;
    let connector = verified(&world).await;
    for _ in 0..3 {
        unpublish(&world);
        leap(WEEK).await;
        world.publish(connector).await;
        leap(WEEK).await;
    }
    assert!(!world.connector(connector).await.lapsed);
}

#[tokio::test(start_paused = true)]
async fn one_that_lapsed_is_mended_by_the_weekly_check_or_at_once_when_asked() {
    let world = World::start().await;
    let connector = verified(&world).await;
    for asked in [true, false] {
        unpublish(&world);
        leap(WEEK).await;
        leap(WEEK).await;
        assert!(world.connector(connector).await.lapsed);
        world.publish(connector).await;
        if asked {
            world.verifier().recheck_now(world.account, connector).await.unwrap();
            pass(1).await;
        } else {
            leap(WEEK).await;
        }
        assert!(!world.connector(connector).await.lapsed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_weekly_check_without_an_answer_is_no_miss_and_is_made_again_in_an_hour() {
    let world = World::start().await;
    let connector = verified(&world).await;
    world.reply("example.com", Reply::Fails);
    leap(WEEK).await;
    let times = world.asked("example.com").len();
    pass(5 * HOUR).await;
    assert_eq!(world.asked("example.com").len(), times + 5);
    pass(2 * DAY).await;
    assert!(!world.connector(connector).await.lapsed);

    // A miss, then no answer, then a miss: two in a row.
    unpublish(&world);
    pass(HOUR).await;
    world.reply("example.com", Reply::Fails);
    leap(WEEK).await;
    assert!(!world.connector(connector).await.lapsed);
    unpublish(&world);
    leap(HOUR).await;
    assert!(world.connector(connector).await.lapsed);
}

#[tokio::test(start_paused = true)]
async fn a_verified_domain_cannot_be_made_to_lapse_by_asking_for_checks() {
    let world = World::start().await;
    let connector = verified(&world).await;
    unpublish(&world);
    for _ in 0..5 {
        world.verifier().recheck_now(world.account, connector).await.unwrap();
        pass(1).await;
    }
    assert!(!world.connector(connector).await.lapsed);
    assert_eq!(world.asked("example.com").len(), 1);
}
