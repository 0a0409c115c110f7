//! Clients that leave, and clients that are slow.

use super::fake::{Act, Fake, WORD, chunked, data, head};
use super::*;

async fn read_until(stream: &mut TcpStream, mark: &str) {
    let mut got = Vec::new();
    while !String::from_utf8_lossy(&got).contains(mark) {
        assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_cancels_its_upstream() {
    let told = WORD.replace(
        r#""usage":null"#,
        r#""usage":{"prompt_tokens":12,"completion_tokens":1,"total_tokens":13}"#,
    );
    for (id, word, tokens) in [("g-1", WORD, None), ("g-2", told.as_str(), Some(1))] {
        let (specialist, driver) = (
            Fake::always([head(), data(word), Act::Hang]).await,
            Fake::unused().await,
        );
        let world = World::start(&driver, &specialist).await;
        let mut stream = world.send(&post(id, &ask("math", true).to_string())).await;
        read_until(&mut stream, "data: ").await;
        drop(stream);
        specialist.left(1).await;
        let attempts = recorded(id).await;
        assert_eq!(outline(&attempts), [(SPECIALIST, "cancelled")]);
        assert_eq!(attempts[0].output_tokens, tokens, "{id}");
        assert!(attempts[0].ttft_ms.is_some() && attempts[0].latency_ms.is_some());
        assert_eq!((specialist.count(), driver.count()), (1, 0));
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_cancels_its_upstream() {
    for streams in [false, true] {
        let (specialist, driver) = (Fake::always([Act::Hang]).await, Fake::unused().await);
        let world = World::start(&driver, &specialist).await;
        let id = format!("q-{streams}");
        let stream = world
            .send(&post(&id, &ask("math", streams).to_string()))
            .await;
        while specialist.count() == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        drop(stream);
        specialist.left(1).await;
        let attempts = recorded(&id).await;
        assert_eq!(outline(&attempts), [(SPECIALIST, "cancelled")]);
        assert_eq!(attempts[0].ttft_ms, None);
        assert_eq!((specialist.count(), driver.count()), (1, 0));
    }
}

#[tokio::test]
async fn an_endless_stream_goes_no_faster_than_its_client_takes_it() {
    let events = chunked(&format!("data: {WORD}\n\n")).repeat(1000);
    let specialist = Fake::always([head(), Act::Forever(events)]).await;
    let driver = Fake::unused().await;
    let world = World::start(&driver, &specialist).await;
    let mut stream = world
        .send(&post("z-1", &ask("math", true).to_string()))
        .await;
    read_until(&mut stream, "data: ").await;
    // Once every buffer on the way is full the upstream is held.
    let mut written = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = specialist.written();
        if now == written && now > 0 {
            break;
        }
        written = now;
        assert!(written < 256 << 20, "the stream is not held");
    }
    drop(stream);
    specialist.left(1).await;
    assert_eq!(outline(&recorded("z-1").await), [(SPECIALIST, "cancelled")]);
}
