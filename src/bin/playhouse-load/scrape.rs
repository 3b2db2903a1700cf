//! The server's own counters, from `/metrics`: read before and after, reported as differences.

use std::collections::BTreeMap;

use crate::target::Target;

/// Name with labels → value.
pub type Metrics = BTreeMap<String, f64>;

/// Reads `/metrics`; empty where there is none, because a load test must not fail by it.
pub async fn scrape(target: &Target) -> Metrics {
    let Some(admin) = &target.admin else { return Metrics::new() };
    match target.http.get(format!("{admin}/metrics")).send().await {
        Ok(answer) if answer.status().is_success() => parse(&answer.text().await.unwrap_or_default()),
        _ => Metrics::new(),
    }
}

/// What has changed between two readings, histogram buckets left out.
pub fn changes(before: &Metrics, after: &Metrics) -> Metrics {
    let delta = |name: &String| after[name] - before.get(name).copied().unwrap_or_default();
    after
        .keys()
        .filter(|name| !name.contains("_bucket"))
        .map(|name| (name.clone(), delta(name)))
        .filter(|(_, delta)| *delta != 0.0)
        .collect()
}

fn parse(text: &str) -> Metrics {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.rsplit_once(' '))
        .filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_reported() {
        let before = parse("# HELP x\na 1\nb{room=\"x y\"} 2\n");
        let after = parse("a 1\nb{room=\"x y\"} 5\nc 7\nd_bucket{le=\"1\"} 3\n");
        let changed = changes(&before, &after);
        assert_eq!(changed, Metrics::from([("b{room=\"x y\"}".into(), 3.0), ("c".into(), 7.0)]));
    }
}
