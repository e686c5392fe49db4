//! Prometheus' remote write, version 0.1.0: snappy-compressed protobuf, written by hand.
//!
//! Series that are gone are marked stale, which a file of text can't do.

use std::thread::sleep;
use std::time::Duration;

use thiserror::Error;

use super::series::{Series, SeriesId, Sink};
use crate::units::SimTime;

/// Samples in one request, about.
const BATCH: usize = 50_000;

/// A request spans less than so many milliseconds: a server refuses what is much older than what it has.
const LONGEST: i64 = 10 * 60 * 1000;

/// How often a request is made before its failure counts.
const TRIES: u32 = 3;

const STALE: u64 = 0x7ff0_0000_0000_0002;

#[derive(Debug, Error)]
pub enum RemoteError {
    #[error("{0:?} is no address to write to; give one such as http://localhost:9090/api/v1/write")]
    Address(String),
    #[error(
        "{0} asks for TLS, which is not built in; give an http:// address, such as that of a proxy on this machine"
    )]
    Tls(String),
    #[error("{url} can't be written to: {problem}")]
    Unreachable { url: String, problem: String },
    #[error("{url} refuses the samples (status {status}): {message}")]
    Refused { url: String, status: u16, message: String },
}

/// Sends what a run exposes to a server. Memory is bounded by the series and one request.
pub struct RemoteWrite {
    url: String,
    agent: ureq::Agent,
    /// Milliseconds since the Unix epoch at the run's zero.
    start: i64,
    now: i64,
    series: Vec<Sent>,
    /// Samples that wait, and the time of the first.
    waiting: usize,
    since: i64,
    error: Option<RemoteError>,
}

#[derive(Default)]
struct Sent {
    /// Its labels as a request has them.
    labels: Vec<u8>,
    value: Option<f64>,
    samples: Vec<(i64, f64)>,
}

impl RemoteWrite {
    /// To `url`, of a run whose zero is `start` seconds after the Unix epoch.
    ///
    /// # Errors
    /// An address that can't be written to.
    pub fn new(url: &str, start: i64) -> Result<RemoteWrite, RemoteError> {
        if url.starts_with("https://") {
            return Err(RemoteError::Tls(url.to_owned()));
        }
        if url.strip_prefix("http://").is_none_or(str::is_empty) {
            return Err(RemoteError::Address(url.to_owned()));
        }
        let config =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(60)));
        Ok(RemoteWrite {
            url: url.to_owned(),
            agent: ureq::Agent::new_with_config(config.build()),
            start: start * 1000,
            now: start * 1000,
            series: Vec::new(),
            waiting: 0,
            since: start * 1000,
            error: None,
        })
    }

    /// Sends what waits.
    ///
    /// # Errors
    /// What went wrong first; nothing was sent after that.
    pub fn finish(mut self) -> Result<(), RemoteError> {
        self.flush();
        self.error.map_or(Ok(()), Err)
    }

    fn push(&mut self, id: SeriesId, value: f64) {
        if self.waiting == 0 {
            self.since = self.now;
        }
        self.series[id.index()].samples.push((self.now, value));
        self.waiting += 1;
    }

    fn flush(&mut self) {
        if self.waiting == 0 || self.error.is_some() {
            return;
        }
        let mut request = Vec::new();
        for series in self.series.iter_mut().filter(|series| !series.samples.is_empty()) {
            let mut body = series.labels.clone();
            for (at, value) in series.samples.drain(..) {
                let mut sample = vec![0x09];
                sample.extend_from_slice(&value.to_le_bytes());
                sample.push(0x10);
                varint(at as u64, &mut sample);
                field(2, &sample, &mut body);
            }
            field(1, &body, &mut request);
        }
        self.error = self.send(&request).err();
        self.waiting = 0;
    }

    fn send(&self, request: &[u8]) -> Result<(), RemoteError> {
        let packed = snap::raw::Encoder::new().compress_vec(request).unwrap_or_default();
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = self
                .agent
                .post(&self.url)
                .header("Content-Type", "application/x-protobuf")
                .header("Content-Encoding", "snappy")
                .header("X-Prometheus-Remote-Write-Version", "0.1.0")
                .send(&packed[..]);
            let error = match answer {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(mut answer) => RemoteError::Refused {
                    url: self.url.clone(),
                    status: answer.status().as_u16(),
                    message: answer.body_mut().read_to_string().unwrap_or_default().trim().to_owned(),
                },
                Err(problem) => RemoteError::Unreachable { url: self.url.clone(), problem: problem.to_string() },
            };
            // What the server does not take at once it may take later, but what it calls wrong stays wrong.
            let may_help = !matches!(error, RemoteError::Refused { status: 400..=499, .. });
            if tries == TRIES || !may_help {
                return Err(error);
            }
            sleep(Duration::from_secs(1));
        }
    }
}

impl Sink for RemoteWrite {
    fn begin(&mut self, at: SimTime) {
        self.now = self.start + at.nanos() / 1_000_000;
    }

    fn opened(&mut self, _id: SeriesId, series: &Series<'_>) {
        let mut labels = Vec::new();
        let mut pairs: Vec<(&str, &str)> = series.labels.to_vec();
        pairs.push(("__name__", series.name));
        pairs.sort_unstable();
        for (name, value) in pairs {
            let mut label = Vec::new();
            field(1, name.as_bytes(), &mut label);
            field(2, value.as_bytes(), &mut label);
            field(1, &label, &mut labels);
        }
        self.series.push(Sent { labels, ..Sent::default() });
    }

    fn set(&mut self, id: SeriesId, value: f64) {
        self.series[id.index()].value = Some(value);
    }

    fn absent(&mut self, id: SeriesId) {
        if self.series[id.index()].value.take().is_some() {
            self.push(id, f64::from_bits(STALE));
        }
    }

    fn end(&mut self) {
        for index in 0..self.series.len() {
            if let Some(value) = self.series[index].value {
                self.push(SeriesId(index as u32), value);
            }
        }
        if self.waiting >= BATCH || self.now - self.since >= LONGEST {
            self.flush();
        }
    }
}

/// A protobuf field of bytes.
fn field(number: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(number << 3 | 2);
    varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_fields_are_as_protobuf_has_them() {
        let mut out = Vec::new();
        varint(300, &mut out);
        field(2, b"ab", &mut out);
        assert_eq!(out, [0xac, 0x02, 0x12, 2, b'a', b'b']);
    }

    #[test]
    fn addresses_that_can_t_be_written_to_are_refused() {
        for address in ["localhost:9090", "https://example.org/write", "http://"] {
            assert!(RemoteWrite::new(address, 0).is_err(), "{address}");
        }
    }

    /// Seven bits a byte, the lowest first; the top bit says that more follow.
    #[test]
    fn numbers_are_written_in_sevens() {
        for (value, wanted) in
            [(0, &[0][..]), (127, &[127]), (128, &[0x80, 1]), (300, &[0xac, 2]), (16_384, &[0x80, 0x80, 1])]
        {
            let mut out = Vec::new();
            varint(value, &mut out);
            assert_eq!(out, wanted, "{value}");
        }
    }
}
