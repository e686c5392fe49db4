//! `run --remote-write`: what a server gets.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::exposition::{CRASHING, read};
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

/// `(field, its bytes or number)` of a protobuf message.
fn fields(mut bytes: &[u8]) -> Vec<(u64, u64, &[u8])> {
    fn varint(bytes: &mut &[u8]) -> u64 {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = bytes[0];
            *bytes = &bytes[1..];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let (number, length) = match key & 7 {
            0 => (varint(&mut bytes), 0),
            1 => (u64::from_le_bytes(bytes[..8].try_into().unwrap()), 8),
            2 => (0, varint(&mut bytes) as usize),
            other => panic!("wire type {other}"),
        };
        found.push((key >> 3, number, &bytes[..length]));
        bytes = &bytes[length..];
    }
    found
}

/// What is written to a server is what the text says, point for point; beside it only marks of series that are gone.
#[test]
fn a_server_gets_what_the_text_says() {
    const STALE: u64 = 0x7ff0_0000_0000_0002;
    let (said, requests) = run("204 No Content", 1);
    assert_eq!(said.code, 0, "{}", said.err);
    let request = snap::raw::Decoder::new().decompress_vec(&requests[0].1).unwrap();
    let (mut points, mut gone) = (BTreeSet::new(), 0);
    for (_, _, series) in fields(&request) {
        let (mut name, mut labels) = (String::new(), BTreeSet::new());
        for (_, _, label) in fields(series).into_iter().filter(|(field, ..)| *field == 1) {
            let parts: Vec<String> =
                fields(label).iter().map(|(_, _, text)| String::from_utf8(text.to_vec()).unwrap()).collect();
            match &*parts[0] {
                "__name__" => name.clone_from(&parts[1]),
                _ => drop(labels.insert(format!("{}=\"{}\"", parts[0], parts[1]))),
            }
        }
        for (_, _, sample) in fields(series).into_iter().filter(|(field, ..)| *field == 2) {
            let parts = fields(sample);
            match parts[0].1 {
                STALE => gone += 1,
                bits => drop(points.insert((name.clone(), labels.clone(), parts[1].1, bits))),
            }
        }
    }
    let shop = Workshop::new();
    std::fs::write(shop.path().join("s.yaml"), CRASHING).unwrap();
    let said = shop.run("windtunnel run s.yaml -q --no-plots --openmetrics m.txt --set duration=9m");
    assert_eq!(said.code, 0, "{}", said.err);
    let mut expected = BTreeSet::new();
    for (series, told) in read(&std::fs::read_to_string(shop.path().join("m.txt")).unwrap()) {
        let (name, labels) = series.trim_end_matches('}').split_once('{').unwrap_or((&series, ""));
        let labels: BTreeSet<String> =
            labels.split_inclusive("\",").map(|one| one.trim_end_matches(',').to_owned()).collect();
        let labels: BTreeSet<String> = labels.into_iter().filter(|label| !label.is_empty()).collect();
        for (at, value) in told {
            expected.insert((name.to_owned(), labels.clone(), (at * 1000.0).round() as u64, value.to_bits()));
        }
    }
    assert!(gone > 0 && expected.len() > 1000, "{gone} gone, {} points", expected.len());
    let (more, fewer) = (points.difference(&expected).next(), expected.difference(&points).next());
    assert_eq!((more, fewer), (None, None));
}
