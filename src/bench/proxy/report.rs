//! What was measured, as ratios and differences.

use super::{NAMES, Round};
use crate::bench::load::Measured;
use crate::bench::report::median;

const DIRECT: usize = 0;
const NGINX: usize = 1;
const ISOMER: usize = 2;

/// Prints the closed loop.
pub fn closed(connections: usize, seconds: u64, rounds: &[Round]) {
    println!("closed loop: {connections} connections, {} rounds of {seconds} s", rounds.len());
    head();
    row("messages/s", rounds, Measured::per_second);
    latencies(rounds);
    for beside in [DIRECT, NGINX] {
        let ratios = rounds.iter().map(|r| r[ISOMER].per_second() / r[beside].per_second());
        let (low, high) = ratios.fold((f64::MAX, 0.0_f64), |(l, h), r| (l.min(r), h.max(r)));
        println!("messages/s, isomer to {}, by round: {low:.2} to {high:.2}", NAMES[beside]);
    }
}

/// Prints the open loop.
pub fn open(rate: f64, rounds: &[Round]) {
    println!("open loop: {rate:.0} messages/s each, latency from when each was due");
    head();
    latencies(rounds);
}

fn latencies(rounds: &[Round]) {
    for (name, q) in [("p50 µs", 0.5), ("p99 µs", 0.99)] {
        row(name, rounds, |m| m.quantile(q));
        let added =
            |way: usize| median(rounds.iter().map(|r| r[way].quantile(q) - r[DIRECT].quantile(q)));
        println!(
            "{:<24} {:>10} {:>10.0} {:>10.0}",
            "  added to direct",
            "",
            added(NGINX),
            added(ISOMER)
        );
    }
}

fn head() {
    let [direct, nginx, isomer] = NAMES;
    println!(
        "{:<24} {direct:>10} {nginx:>10} {isomer:>10} {:>14} {:>14} {:>14}",
        "median", "isomer/direct", "isomer/nginx", "nginx/direct"
    );
}

fn row(name: &str, rounds: &[Round], value: impl Fn(&Measured) -> f64) {
    let of = |way: usize| median(rounds.iter().map(|r| value(&r[way])));
    let ratio = |a: usize, b: usize| median(rounds.iter().map(|r| value(&r[a]) / value(&r[b])));
    println!(
        "{name:<24} {:>10.0} {:>10.0} {:>10.0} {:>14.2} {:>14.2} {:>14.2}",
        of(DIRECT),
        of(NGINX),
        of(ISOMER),
        ratio(ISOMER, DIRECT),
        ratio(ISOMER, NGINX),
        ratio(NGINX, DIRECT),
    );
}
