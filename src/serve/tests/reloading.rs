//! Other files while requests come in.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use weighbridge_router::Router;

use super::{Client, DRIVER, Running, SPECIALIST, active, quick, router};
use crate::serve::app::App;
use crate::serve::log::Log;
use crate::serve::record::Recorder;
use crate::serve::{AccessTokens, Active, Files, Limits, ServeOptions, Source, run};

const ADMIN: &str = "a-token-for-administration";

/// A file that the test writes.
#[derive(Default)]
struct Disk {
    stamp: AtomicU64,
    text: Mutex<Option<Router>>,
    /// Whether reading hangs.
    stuck: AtomicBool,
    /// Reads that hang.
    hanging: AtomicU64,
}

impl Disk {
    fn write(&self, text: Option<Router>) {
        *self.text.lock().unwrap() = text;
        self.stamp.fetch_add(1, Ordering::SeqCst);
    }
}

impl Source for Disk {
    fn stamp(&self) -> u64 {
        self.stamp.load(Ordering::SeqCst)
    }

    fn load(&self) -> Result<Active, String> {
        if self.stuck.load(Ordering::SeqCst) {
            self.hanging.fetch_add(1, Ordering::SeqCst);
            while self.stuck.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(5));
            }
        }
        let router = self.text.lock().unwrap().clone();
        router
            .map(active)
            .ok_or_else(|| "x.router.json: garbage".to_owned())
    }
}

fn always(id: &str) -> Router {
    router(&format!(r#"{{"kind":"always","to":"{id}"}}"#))
}

fn app(disk: &Arc<Disk>) -> App {
    app_with(disk, quick())
}

fn app_with(disk: &Arc<Disk>, limits: Limits) -> App {
    let files = Files {
        active: active(always(DRIVER)),
        stamp: 0,
        source: Some(disk.clone()),
    };
    let options = ServeOptions {
        limits,
        admin_tokens: Some(AccessTokens::parse(ADMIN).unwrap()),
        ..ServeOptions::default()
    };
    App::with_log(files, Recorder::off(), Log::off(), &options).unwrap()
}

fn order(client: &mut Client) -> super::Reply {
    let head = format!(
        "POST /admin/reload HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN}\r\ncontent-length: 0\r\n\r\n"
    );
    client.send(&head, b"");
    client.read()
}

fn endpoint(client: &mut Client) -> String {
    let reply = client.post("/v1/route", br#"{"request":{}}"#);
    assert_eq!(reply.status, 200);
    reply.body["endpoint"].as_str().unwrap().to_owned()
}

#[test]
fn a_fit_file_is_taken_on_order_and_an_unfit_one_refused() {
    let disk = Arc::new(Disk::default());
    let server = Running::of(app(&disk));
    let mut client = server.client();
    assert_eq!(endpoint(&mut client), DRIVER);
    disk.write(Some(always(SPECIALIST)));
    let reply = order(&mut client);
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(endpoint(&mut client), SPECIALIST);
    disk.write(None);
    let reply = order(&mut client);
    assert_eq!(reply.status, 422);
    assert_eq!(reply.body["error"]["code"], "unfit_file");
    let message = reply.body["error"]["message"].as_str().unwrap();
    assert!(
        message.ends_with("stays: x.router.json: garbage"),
        "{message}"
    );
    assert_eq!(endpoint(&mut client), SPECIALIST);
    let head = format!(
        "GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {ADMIN}\r\n\r\n"
    );
    client.send(&head, b"");
    let text = String::from_utf8(client.read_raw().1).unwrap();
    for line in [
        r#"weighbridge_reloads_total{outcome="ok"} 1"#,
        r#"weighbridge_reloads_total{outcome="refused"} 1"#,
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[test]
fn who_has_no_tokens_takes_no_orders() {
    let server = Running::start(always(DRIVER));
    let reply = server.client().post("/admin/reload", b"");
    assert_eq!(reply.status, 403);
    assert!(reply.body.to_string().contains("--admin-token-file"));
}

/// Tells when it is dropped, by a panic too.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_change_is_seen_and_no_request_is_lost_meanwhile() {
    let disk = Arc::new(Disk::default());
    let app = Arc::new(app(&disk));
    let watched = Arc::clone(&app);
    let server = Running::of_shared(app, async move { watched.watch().await });
    let done = AtomicBool::new(false);
    let asked = AtomicU64::new(0);
    thread::scope(|scope| {
        // Whatever happens below, those who ask come to an end.
        let _last = Done(&done);
        for _ in 0..4 {
            scope.spawn(|| {
                let mut client = server.client();
                while !done.load(Ordering::SeqCst) {
                    // Panics where a request is lost.
                    endpoint(&mut client);
                    asked.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        let wait_for = |expected: &str| {
            let mut client = server.client();
            let mut tries = 0;
            while endpoint(&mut client) != expected {
                tries += 1;
                assert!(tries < 6000, "{expected} never decides");
                thread::sleep(Duration::from_millis(5));
            }
        };
        disk.write(Some(always(SPECIALIST)));
        wait_for(SPECIALIST);
        disk.write(None);
        // Long enough for two looks.
        thread::sleep(Duration::from_millis(2500));
        wait_for(SPECIALIST);
        disk.write(Some(always(DRIVER)));
        wait_for(DRIVER);
    });
    assert!(asked.load(Ordering::SeqCst) > 100);
}

#[test]
fn a_file_that_hangs_is_given_up_and_the_next_one_taken() {
    let disk = Arc::new(Disk::default());
    let limits = Limits {
        load: Duration::from_millis(50),
        ..quick()
    };
    let app = Arc::new(app_with(&disk, limits));
    let watched = Arc::clone(&app);
    let server = Running::of_shared(app, async move { watched.watch().await });
    let mut client = server.client();
    disk.stuck.store(true, Ordering::SeqCst);
    disk.write(Some(always(SPECIALIST)));
    // Whoever orders it is answered, however many hang.
    for _ in 0..10 {
        let reply = order(&mut client);
        assert_eq!(reply.status, 422);
        let message = reply.body["error"]["message"].as_str().unwrap();
        let says = ["not loaded within 0.05 seconds", "8 loads hang already"];
        assert!(says.iter().any(|says| message.contains(says)), "{message}");
        assert_eq!(endpoint(&mut client), DRIVER);
    }
    assert_eq!(disk.hanging.load(Ordering::SeqCst), 8);
    // What comes in the end, too late, is not what is taken.
    disk.write(None);
    disk.stuck.store(false, Ordering::SeqCst);
    let mut tries = 0;
    while order(&mut client).body["error"]["message"]
        != "not reloaded, what was in force stays: x.router.json: garbage"
    {
        tries += 1;
        assert!(tries < 3000, "the threads never come back");
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(endpoint(&mut client), DRIVER);
    disk.write(Some(always(SPECIALIST)));
    assert_eq!(order(&mut client).status, 200);
    assert_eq!(endpoint(&mut client), SPECIALIST);
}

#[test]
#[cfg(unix)]
fn a_signal_ends_the_server_while_a_file_hangs() {
    let disk = Arc::new(Disk::default());
    disk.stuck.store(true, Ordering::SeqCst);
    disk.write(Some(always(SPECIALIST)));
    let files = Files {
        active: active(always(DRIVER)),
        stamp: 0,
        source: Some(disk.clone()),
    };
    let options = ServeOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        limits: quick(),
        ..ServeOptions::default()
    };
    let hangs = Arc::clone(&disk);
    // Ends where it may not wait for the thread that hangs for ever.
    let ended = run(files, options, move |_| {
        thread::spawn(move || {
            while hangs.hanging.load(Ordering::SeqCst) == 0 {
                thread::sleep(Duration::from_millis(5));
            }
            let kill = format!("kill -TERM {}", std::process::id());
            let told = std::process::Command::new("sh")
                .args(["-c", &kill])
                .status();
            assert!(told.unwrap().success());
        });
    });
    assert!(ended.is_ok(), "{ended:?}");
    disk.stuck.store(false, Ordering::SeqCst);
}
