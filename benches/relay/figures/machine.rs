//! Owns the description of the machine that measures: processor, cores, memory, kernel.
//! Must never name a host, a user or a path.

/// What the machine is, as rows of the page.
pub fn described() -> Vec<(String, String)> {
    let line = |file: &str, name: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let found =
            text.lines().find_map(|line| line.strip_prefix(name).map(|rest| rest.trim_start_matches([' ', '\t', ':'])));
        found.map_or_else(|| "unknown".to_owned(), |found| found.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = line("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0);
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // Only the version proper: what follows names whoever built it.
    let kernel = release.trim().split('-').next().unwrap_or_default().to_owned();
    let rows = [
        ("processor", line("/proc/cpuinfo", "model name")),
        ("cores", cores.to_string()),
        ("memory", format!("{:.1} GiB", memory / 1_048_576.0)),
        ("kernel", format!("Linux {kernel}")),
        ("load", "client, gateway and operator share the cores; every network path is loopback".to_owned()),
    ];
    rows.into_iter().map(|(what, value)| (what.to_owned(), value)).collect()
}
