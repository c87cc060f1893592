use std::time::Duration;

use super::world::{HOUR, Reply, World, pass};

#[tokio::test(start_paused = true)]
async fn five_hundred_connectors_are_looked_up_sixteen_at_a_time() {
    let mut world = World::without_verifier().await;
    *world.script.takes.lock().unwrap() = Duration::from_millis(200);
    let mut connectors = vec![];
    for number in 0..500 {
        let connector = world.create(&format!("n{number}.example.com")).await;
        world.publish(connector).await;
        connectors.push(connector);
    }
    world.start_verifier();
    // 500 / 16 * 200 ms = 6.4 s.
    pass(7).await;
    for connector in connectors {
        assert_eq!(world.verification(connector).await, "verified");
    }
    assert_eq!(*world.script.most_at_once.lock().unwrap(), 16);
    assert!((0..500).all(|number| world.asked(&format!("n{number}.example.com")).len() == 1));
}

#[tokio::test(start_paused = true)]
async fn slow_domains_do_not_starve_a_quick_one() {
    let mut world = World::without_verifier().await;
    for number in 0..40 {
        let domain = format!("n{number}.example.com");
        world.reply(&domain, Reply::Hangs);
        world.create(&domain).await;
    }
    let quick = world.create("quick.example.com").await;
    world.publish(quick).await;
    world.start_verifier();
    pass(HOUR / 60 + 1).await;
    assert_eq!(world.verification(quick).await, "verified");
}

#[tokio::test(start_paused = true)]
async fn pending_connectors_are_not_looked_up_twice_at_the_same_time() {
    let world = World::start().await;
    *world.script.takes.lock().unwrap() = Duration::from_secs(3);
    let connector = world.create("example.com").await;
    // The script fails the test on a second look-up at the same time.
    for _ in 0..50 {
        world.verifier().recheck_now(world.account, connector).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(world.asked("example.com").len() <= 5, "{:?}", world.asked("example.com"));
}
