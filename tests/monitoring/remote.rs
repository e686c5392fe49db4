//! `run --remote-write`: what a server gets.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::exposition::CRASHING;
use crate::shell::Workshop;

/// Takes requests until the run is over, answers each with `status`, and returns their heads and bodies.
fn serve(listener: TcpListener, status: &'static str, requests: usize) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    for stream in listener.incoming().take(requests) {
        let mut stream = stream.unwrap();
        let (mut bytes, mut buffer) = (Vec::new(), [0; 65536]);
        loop {
            let count = stream.read(&mut buffer).unwrap();
            bytes.extend_from_slice(&buffer[..count]);
            let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .expect("a length")
                .trim()
                .parse()
                .unwrap();
            if bytes.len() >= end + 4 + length {
                found.push((head, bytes[end + 4..].to_vec()));
                break;
            }
        }
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 4\r\nconnection: close\r\n\r\nwhy?");
        stream.write_all(answer.as_bytes()).unwrap();
    }
    found
}

fn run(status: &'static str, requests: usize) -> (crate::shell::Said, Vec<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/api/v1/write", listener.local_addr().unwrap());
    let server = thread::spawn(move || serve(listener, status, requests));
    let shop = Workshop::new();
    std::fs::write(shop.path().join("s.yaml"), CRASHING).unwrap();
    let said = shop.run(&format!("windtunnel run s.yaml -q --no-plots --remote-write {url} --set duration=9m"));
    (said, server.join().unwrap())
}

#[test]
fn a_server_gets_every_series_with_its_samples() {
    let (said, requests) = run("204 No Content", 1);
    assert_eq!(said.code, 0, "{}", said.err);
    let (head, body) = &requests[0];
    for header in ["content-encoding: snappy", "x-prometheus-remote-write-version: 0.1.0", "post /api/v1/write"] {
        assert!(head.contains(header), "{head}");
    }
    let request = snap::raw::Decoder::new().decompress_vec(body).unwrap();
    let has = |text: &str| request.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("kube_pod_container_status_restarts_total") && has("greedy-0") && has("__name__"));
    // The container that was killed is marked as gone.
    assert!(
        request.windows(8).any(|part| part == 0x7ff0_0000_0000_0002_u64.to_le_bytes()) || !has("container_cpu_usage")
    );
}

#[test]
fn a_server_that_refuses_is_told_of() {
    let (said, _) = run("400 Bad Request", 1);
    assert!(said.code != 0 && said.err.contains("status 400") && said.err.contains("why?"), "{}", said.err);
    let shop = Workshop::new();
    std::fs::write(shop.path().join("s.yaml"), CRASHING).unwrap();
    let said = shop.run("windtunnel run s.yaml -q --no-plots --remote-write https://example.org");
    assert!(said.code == 2 && said.err.contains("TLS"), "{}", said.err);
}
