//! Owns what the end-to-end benches stand on: children to be measured, the gateway among them, its directories, loads.
//! Must never leave a process or a directory behind: both go when their owner is dropped.

pub mod child;
pub mod gateway;
pub mod home;
pub mod load;

/// A number from the environment.
pub fn environment(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// The middle one; zero of none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

/// The value that a share (0 to 1) of them does not exceed; zero of none.
pub fn share(values: &mut [f64], of: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * of).round() as usize).copied().unwrap_or(0.0)
}

/// A whole number with commas, as people read it.
pub fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
