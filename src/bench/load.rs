//! Connections that send ready requests and time the answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::BenchError;

/// Largest answer in bytes.
const MAX_ANSWER: usize = 4_096;

/// A load to be applied.
#[derive(Clone)]
pub struct Load {
    pub address: SocketAddr,
    pub requests: Arc<[Vec<u8>]>,
    pub connections: usize,
    pub length: Duration,
    /// Requests a second in total, sent on time whatever the answers do (open loop); `None` sends
    /// the next as soon as the last is answered (closed loop).
    pub rate: Option<f64>,
}

/// What was measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Microseconds; in the open loop from when the request was due.
    pub latency: Histogram<u64>,
    pub length: Duration,
}

impl Measured {
    /// Returns answers a second.
    pub fn per_second(&self) -> f64 {
        self.latency.len() as f64 / self.length.as_secs_f64()
    }

    /// Returns a quantile in microseconds.
    pub fn quantile(&self, q: f64) -> f64 {
        self.latency.value_at_quantile(q) as f64
    }
}

impl Load {
    /// Applies the load and returns what was measured.
    pub async fn run(&self) -> Result<Measured, BenchError> {
        let next = Arc::new(AtomicUsize::new(0));
        let began = Instant::now();
        let mut connections = tokio::task::JoinSet::new();
        for index in 0..self.connections {
            let (load, next) = (self.clone(), Arc::clone(&next));
            connections.spawn(async move { load.connection(index, began, &next).await });
        }
        let mut latency = histogram();
        for one in connections.join_all().await {
            let one = one?;
            if latency.add(&one).is_err() {
                return Err(BenchError::Refused);
            }
        }
        Ok(Measured { latency, length: began.elapsed() })
    }

    async fn connection(
        &self,
        index: usize,
        began: Instant,
        next: &AtomicUsize,
    ) -> Result<Histogram<u64>, BenchError> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let gap = self.rate.map(|rate| Duration::from_secs_f64(self.connections as f64 / rate));
        // Connections share the rate evenly, each a little after the other.
        let first = gap.map(|gap| began + gap.mul_f64(index as f64 / self.connections as f64));
        let mut latency = histogram();
        let mut buffer = Vec::with_capacity(MAX_ANSWER);
        let mut sent = 0u32;
        while began.elapsed() < self.length {
            let due = match (first, gap) {
                (Some(first), Some(gap)) => {
                    let due = first + gap * sent;
                    sleep_until(due).await;
                    due
                }
                _ => Instant::now(),
            };
            let number = next.fetch_add(1, Ordering::Relaxed) % self.requests.len();
            stream.write_all(&self.requests[number]).await?;
            answer(&mut stream, &mut buffer).await?;
            latency.saturating_record(due.elapsed().as_micros() as u64);
            sent += 1;
        }
        Ok(latency)
    }
}

/// Sends one request and returns the body of its answer.
///
/// # Errors
/// When it is neither 200 nor 202.
pub async fn body(address: SocketAddr, request: &[u8]) -> Result<Vec<u8>, BenchError> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let mut buffer = Vec::new();
    let start = answer(&mut stream, &mut buffer).await?;
    Ok(buffer.split_off(start))
}

/// Reads one answer to its end, checks that it is 200 or 202, and returns where its body begins.
async fn answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Result<usize, BenchError> {
    buffer.clear();
    loop {
        if let Some(head) = memchr::memmem::find(buffer, b"\r\n\r\n") {
            let length = content_length(&buffer[..head]).ok_or(BenchError::Refused)?;
            if buffer.len() >= head + 4 + length {
                let ok = [&b"HTTP/1.1 200"[..], b"HTTP/1.1 202"]
                    .iter()
                    .any(|line| buffer.starts_with(line));
                return if ok { Ok(head + 4) } else { Err(BenchError::Refused) };
            }
        }
        if stream.read_buf(buffer).await? == 0 || buffer.len() > MAX_ANSWER {
            return Err(BenchError::Refused);
        }
    }
}

fn content_length(head: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"content-length: ";
    let mut lines = head.split(|byte| *byte == b'\n');
    let digits = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    })?;
    std::str::from_utf8(digits).ok()?.trim_end().parse().ok()
}

/// Three digits up to a minute; larger values count as a minute.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_max(60_000_000, 3).expect("the bounds are constants that it accepts")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_found_in_any_case() {
        let head = |name: &str| format!("HTTP/1.1 200 OK\r\nServer: x\r\n{name}: 12\r\nA: b");
        for name in ["content-length", "Content-Length"] {
            assert_eq!(content_length(head(name).as_bytes()), Some(12));
        }
        assert_eq!(content_length(head("x").as_bytes()), None);
    }
}
