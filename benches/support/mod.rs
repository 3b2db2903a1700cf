//! What benches share: medians, and who pays for what.
#![allow(dead_code, reason = "each bench uses some of it")]

/// The middle one.
pub fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The one below which so many of a hundred are.
pub fn percentile(times: &mut [f64], of_a_hundred: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() * of_a_hundred / 100]
}

/// CPU time of a process and of all its children, also of those that have ended.
pub fn cpu_s(pid: u32) -> f64 {
    let fields = |pid: u32| -> Option<Vec<u64>> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, fields) = stat.rsplit_once(')')?;
        Some(fields.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect())
    };
    const TICKS_A_SECOND: f64 = 100.0;
    const PARENT: usize = 1;
    let own = |f: &[u64]| f[11] + f[12]; // user and system
    let ended = |f: &[u64]| f[13] + f[14];
    let me = pid == std::process::id();
    let mine = fields(pid).map_or(0, |f| own(&f) + if me { 0 } else { ended(&f) });
    let living = std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| {
        let child: u32 = entry.file_name().to_str()?.parse().ok()?;
        fields(child).filter(|f| f[PARENT] == u64::from(pid)).map(|f| own(&f))
    });
    // A client's own children are the servers, which are counted for themselves.
    let children: u64 = if me { 0 } else { living.sum() };
    (mine + children) as f64 / TICKS_A_SECOND
}
