//! What was measured, as ratios.

use super::HeartbeatArgs;
use super::load::Measured;

/// Prints the closed loop.
pub fn closed(args: &HeartbeatArgs, pairs: &[(Measured, Measured)]) {
    println!(
        "closed loop: {} connections, {} workspaces, {} rounds of {} s",
        args.connections, args.workspaces, args.rounds, args.seconds
    );
    println!("{:<28} {:>12} {:>12} {:>8}", "median", "isomer", "bare", "ratio");
    let rate = |m: &Measured| m.per_second();
    row("heartbeats/s", pairs, rate);
    row("p50 µs", pairs, |m| m.quantile(0.5));
    row("p99 µs", pairs, |m| m.quantile(0.99));
    let ratios = pairs.iter().map(|(a, b)| rate(a) / rate(b));
    let (low, high) = ratios.fold((f64::MAX, 0.0_f64), |(l, h), r| (l.min(r), h.max(r)));
    println!("heartbeats/s ratio by round: {low:.2} to {high:.2}");
}

/// Prints the open loop.
pub fn open(rate: f64, pair: &(Measured, Measured)) {
    println!("open loop: {rate:.0} requests/s, latency from when each was due");
    println!("{:<28} {:>12} {:>12} {:>8}", "", "isomer", "bare", "ratio");
    let pairs = std::slice::from_ref(pair);
    for (name, q) in [("p50 µs", 0.5), ("p99 µs", 0.99), ("p99.9 µs", 0.999)] {
        row(name, pairs, |m| m.quantile(q));
    }
}

fn row(name: &str, pairs: &[(Measured, Measured)], value: impl Fn(&Measured) -> f64) {
    let server = median(pairs.iter().map(|(server, _)| value(server)));
    let bare = median(pairs.iter().map(|(_, bare)| value(bare)));
    let ratio = median(pairs.iter().map(|(server, bare)| value(server) / value(bare)));
    println!("{name:<28} {server:>12.0} {bare:>12.0} {ratio:>8.2}");
}

/// Returns the middle value, the lower of two.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_a_measured_value() {
        assert_eq!(median([3.0, 1.0, 2.0].into_iter()), 2.0);
        assert_eq!(median([4.0, 1.0].into_iter()), 1.0);
        assert_eq!(median(std::iter::empty()), 0.0);
    }
}
