//! Owns the way from a command to the daemon: the admin API's address, the token, requests and what went wrong.
//! Must never put a number into an address: addresses end up in logs.

use super::exit::{Exit, Failure};
use super::global::Global;
use crate::admin::problem::Problem;
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;

/// A daemon one may ask.
pub struct Client {
    agent: Agent,
    base: String,
    token: String,
}

/// What was answered.
pub struct Answered {
    pub status: u16,
    pub body: Value,
}

impl Client {
    /// By `--admin` and `--token-file`, else by the configuration.
    pub fn new(global: &Global) -> Result<Self, Failure> {
        let door = if global.admin.is_some() && global.token_file.is_some() { None } else { Some(global.door()?) };
        let base = match (&global.admin, &door) {
            (Some(url), _) if url.starts_with("http://") => url.trim_end_matches('/').to_owned(),
            (Some(url), _) => {
                return Err(Failure::usage(
                    format!("--admin {url}: no http:// address"),
                    "write --admin http://127.0.0.1:9464",
                ));
            }
            (None, Some(door)) => format!("http://{}", door.admin.listen),
            (None, None) => unreachable!("the door is read when there is no --admin"),
        };
        let token = match (&global.token_file, &door) {
            (Some(file), _) => read_token(file)?,
            (None, Some(door)) => read_token(&door.admin.local_token)?,
            (None, None) => unreachable!("the door is read when there is no --token-file"),
        };
        Ok(Self { agent: agent(), base, token })
    }

    /// Without a token: for what needs none.
    pub fn without_token(global: &Global) -> Result<Self, Failure> {
        let base = match &global.admin {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("http://{}", global.door()?.admin.listen),
        };
        Ok(Self { agent: agent(), base, token: String::new() })
    }

    /// Asks; an error of the API becomes a failure.
    pub fn get(&self, path: &str) -> Result<Value, Failure> {
        good(self.get_any(path)?)
    }

    /// Asks, whatever the status.
    pub fn get_any(&self, path: &str) -> Result<Answered, Failure> {
        let request = self.agent.get(format!("{}{path}", self.base)).header("authorization", &self.bearer());
        self.read(request.call())
    }

    /// Sends; an error of the API becomes a failure.
    pub fn post<T: Serialize>(&self, path: &str, body: &T) -> Result<Value, Failure> {
        let octets =
            serde_json::to_vec(body).map_err(|error| Failure::new(format!("cannot write JSON: {error}"), "tell us"))?;
        self.post_octets(path, &octets)
    }

    /// Sends what is JSON already.
    pub fn post_octets(&self, path: &str, octets: &[u8]) -> Result<Value, Failure> {
        let request = self.agent.post(format!("{}{path}", self.base)).header("authorization", &self.bearer());
        good(self.read(request.header("content-type", "application/json").send(octets))?)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.token)
    }

    fn read(&self, response: Result<Response<ureq::Body>, ureq::Error>) -> Result<Answered, Failure> {
        let unreachable = |error: ureq::Error| {
            Failure::unavailable(
                format!("no daemon answers at {}: {error}", self.base),
                "start it with `stopgate run`, or say where it is with --admin URL",
            )
        };
        let mut response = response.map_err(unreachable)?;
        let status = response.status().as_u16();
        let octets = response.body_mut().with_config().limit(256 << 20).read_to_vec().map_err(unreachable)?;
        let body = serde_json::from_slice(&octets)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&octets).trim().to_owned()));
        Ok(Answered { status, body })
    }
}

fn agent() -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .proxy(None)
        .timeout_connect(Some(Duration::from_secs(5)))
        .timeout_global(Some(Duration::from_secs(120)))
        .build();
    config.new_agent()
}

fn read_token(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::unavailable(
            format!("cannot read the token in {}: {error}", file.display()),
            "the daemon makes it at its first start; run as its user, or give your own with --token-file FILE",
        )
    })?;
    Ok(text.trim().to_owned())
}

fn good(answered: Answered) -> Result<Value, Failure> {
    if answered.status < 400 {
        return Ok(answered.body);
    }
    match serde_json::from_value::<Problem>(answered.body.clone()) {
        Ok(problem) => Err(problem.into()),
        Err(_) => Err(Failure {
            exit: Exit::Failure,
            error: format!("the daemon answered {}: {}", answered.status, answered.body),
            next: "is this the admin API of stopgate? see --admin".to_owned(),
        }),
    }
}
