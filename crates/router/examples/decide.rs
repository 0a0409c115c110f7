//! Decide each request of standard input, a `request` object a line:
//!
//! ```text
//! cargo run -p weighbridge-router --example decide -- FILE.router.json < requests.jsonl
//! ```

use std::error::Error;
use std::io::{BufRead, BufWriter, Write};

use weighbridge_router::{Request, Router, Scratch, decision_line};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os()
        .nth(1)
        .ok_or("usage: decide FILE.router.json < requests.jsonl")?;
    let router = Router::load(path)?;
    let mut scratch = Scratch::default();
    let mut output = BufWriter::new(std::io::stdout().lock());
    for (number, line) in (1..).zip(std::io::stdin().lock().lines()) {
        let request =
            Request::from_json(&line?).map_err(|error| format!("line {number}: {error}"))?;
        let line = decision_line(
            &router,
            &number.to_string(),
            &request.as_ref(),
            &mut scratch,
        );
        writeln!(output, "{line}")?;
    }
    output.flush()?;
    Ok(())
}
