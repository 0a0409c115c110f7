//! Every command of the README does what the README says: it ends well.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use super::support::{Folder, root, skip};

/// The commands of the blocks that are marked `sh`, in order.
fn commands(readme: &str) -> Vec<&str> {
    let blocks = readme.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    lines
        .map(|line| line.split(" #").next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .collect()
}

/// A shell in the folder, with the binary under test on its path.
fn shell(folder: &Folder, command: &str) -> Command {
    let binary = Path::new(env!("CARGO_BIN_EXE_weighbridge"));
    let mut shell = Command::new("sh");
    shell
        .current_dir(folder.at(""))
        .args(["-c", &format!("PATH=\"$0:$PATH\"; exec {command}")])
        .arg(binary.parent().expect("a binary is in a folder"))
        .stdin(Stdio::null());
    shell
}

/// Ends when the test does, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Start a server, and wait until it takes connections.
fn started(folder: &Folder, command: &str, address: &str) -> Running {
    let mut child = shell(folder, command);
    let mut server = Running(child.spawn().expect("there is a shell"));
    for _ in 0..200 {
        if TcpStream::connect(address).is_ok() {
            return server;
        }
        assert_eq!(server.0.try_wait().unwrap(), None, "{command} has ended");
        sleep(Duration::from_millis(50));
    }
    panic!("{command} does not listen on {address}");
}

fn is_installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output();
    let there = found.is_ok_and(|output| output.status.success());
    if !there {
        skip(program, "it is not installed");
    }
    there
}

#[test]
fn every_command_of_the_readme_ends_well() {
    let folder = Folder::new();
    for name in ["policies", "models", "traces", "gateways"] {
        std::os::unix::fs::symlink(root().join(name), folder.at(name)).unwrap();
    }
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let readme = readme.replace("127.0.0.1:8787", &free);
    let mut servers = Vec::new();
    let mut run = 0;
    for command in commands(&readme) {
        let command = command.replace("cargo run --release --", "weighbridge");
        let program = command.split(' ').next().unwrap_or_default();
        match program {
            // The tests that this is one of; the path that the shell sets anyway.
            "cargo" | "export" => continue,
            "python3" | "curl" if !is_installed(program) => continue,
            "weighbridge" | "python3" | "curl" => {}
            _ => panic!("{command}: this test knows no `{program}`"),
        }
        if command.starts_with("weighbridge serve") {
            servers.push(started(&folder, &command, &free));
        } else {
            let output = shell(&folder, &command).output().unwrap();
            assert!(
                output.status.success(),
                "{command}\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        run += 1;
    }
    assert!(run >= 10, "{run} commands");
    // What the tour made by two loaders is the same decision by decision.
    let choices = |name: &str| -> Vec<String> {
        let text = folder.read(name);
        text.lines()
            .map(|line| {
                line.split("\"predictions\"")
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            })
            .collect()
    };
    if folder.names().contains(&"python.jsonl".to_owned()) {
        assert!(choices("rust.jsonl") == choices("python.jsonl"));
    }
}
