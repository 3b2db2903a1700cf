//! What the kernel knows of the server: CPU time and memory, from `/proc`.
//!
//! Also how busy the rest of the machine was, since a figure taken beside a compiler is none.

use std::fs::read_to_string;

use anyhow::{Context, Result};

/// The kernel reports CPU time in these, whatever its own tick is (`USER_HZ`, an ABI constant).
const TICKS_PER_S: f64 = 100.0;
const KIB: u64 = 1024;
/// Fields of `/proc/PID/stat` after the command name: user and system time.
const UTIME: usize = 11;
const STIME: usize = 12;
/// Fields of the `cpu` line of `/proc/stat` that are not work: idle and iowait.
const IDLE_FIELDS: std::ops::RangeInclusive<usize> = 3..=4;
/// The fields that are counted; `guest` time is already part of `user`.
const CPU_FIELDS: usize = 8;

/// One reading of a process.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process {
    /// CPU seconds used since its start, user and system.
    pub cpu_s: f64,
    /// Resident memory now, bytes.
    pub rss: u64,
}

/// Reads the figures of a process.
pub fn process(pid: u32) -> Result<Process> {
    let stat = read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("no process {pid}"))?;
    let status = read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Process { cpu_s: cpu_s(&stat), rss: kib(&status, "VmRSS:") })
}

/// How many entries `/proc/PID` has there: `fd` are open files, sockets among them, `task` are threads.
pub fn entries(pid: u32, of: &str) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/{of}")).map_or(0, Iterator::count)
}

/// CPU seconds that all processes of this machine have used since its start.
pub fn machine_cpu_s() -> f64 {
    let stat = read_to_string("/proc/stat").unwrap_or_default();
    busy_s(stat.lines().next().unwrap_or_default())
}

fn cpu_s(stat: &str) -> f64 {
    // The command name stands in brackets and may hold anything, spaces and brackets too.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = |field| fields.split_whitespace().nth(field).and_then(|t| t.parse::<f64>().ok());
    (ticks(UTIME).unwrap_or_default() + ticks(STIME).unwrap_or_default()) / TICKS_PER_S
}

fn busy_s(line: &str) -> f64 {
    let fields = line.split_whitespace().skip(1).take(CPU_FIELDS).enumerate();
    let busy = fields.filter(|(at, _)| !IDLE_FIELDS.contains(at));
    busy.filter_map(|(_, ticks)| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_S
}

fn kib(status: &str, field: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let value = line.and_then(|rest| rest.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
    value.unwrap_or_default() * KIB
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_a_strange_name() {
        let stat = "42 (a ) b) S 1 42 42 0 -1 4194560 100 0 0 0 150 50 0 0 20 0 3 0 1000 1 1";
        assert_eq!(cpu_s(stat), 2.0);
    }

    #[test]
    fn idle_time_is_no_work() {
        assert_eq!(busy_s("cpu  100 20 30 9999 8888 5 5 40 7 7"), 2.0);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(kib("Name:\tx\nVmHWM:\t  12 kB\nVmRSS:\t   8 kB\n", "VmRSS:"), 8192);
    }
}
