//! A table of prices: `model`, `input_usd_per_mtok`, `output_usd_per_mtok`, and where they are
//! known `cached_usd_per_mtok` and `provider`.

use std::collections::BTreeMap;
use std::path::Path;

use csv::{Position, ReaderBuilder, StringRecord};
use weighbridge_router::{Rates, Usd, printable};

use super::error::{SheetError, short};
use super::money::per_token;
use super::offer::{Offer, Pick, Prices, Sheet, Wish};

const MODEL: &str = "model";
const INPUT: &str = "input_usd_per_mtok";
const CACHED: &str = "cached_usd_per_mtok";
const OUTPUT: &str = "output_usd_per_mtok";
const PROVIDER: &str = "provider";

/// The places of the columns.
struct Columns {
    model: usize,
    input: usize,
    output: usize,
    cached: Option<usize>,
    provider: Option<usize>,
}

pub(super) fn read(file: &str, text: &str, pick: &Pick) -> Result<Sheet, SheetError> {
    let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| broken(file, &error))?;
    let names: Vec<String> = header
        .iter()
        .map(|name| name.trim_start_matches('\u{feff}').trim().to_owned())
        .collect();
    let (columns, unread) = columns(file, &names)?;
    let house = house(file);
    let mut sheet = Sheet {
        unread,
        ..Sheet::default()
    };
    let mut offers: Vec<Offer> = Vec::new();
    let mut lines: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut record = StringRecord::new();
    while reader
        .read_record(&mut record)
        .map_err(|error| broken(file, &error))?
    {
        let line = line(record.position());
        let offer = offer(file, line, &columns, &house, &record)?;
        let row = (offer.key.clone(), offer.provider.clone());
        if let Some(first) = lines.insert(row, line) {
            let key = printable(&offer.key);
            let message = format!("`{key}` stands on line {first} already; take one out");
            return Err(fault(file, line, MODEL, message));
        }
        offers.push(offer);
    }
    let rows: Vec<(&str, &str)> = offers
        .iter()
        .map(|offer| (offer.key.as_str(), offer.provider.as_str()))
        .collect();
    let wishes = pick.wishes(&rows)?;
    let wanted = offers.into_iter().zip(wishes);
    sheet.offers = wanted
        .filter(|(_, wish)| *wish != Wish::No)
        .map(|(offer, _)| offer)
        .collect();
    Ok(sheet)
}

fn columns(file: &str, names: &[String]) -> Result<(Columns, Vec<String>), SheetError> {
    if names.is_empty() {
        let message =
            format!("empty; the first row must name the columns: {MODEL}, {INPUT}, {OUTPUT}");
        return Err(SheetError::Fault {
            file: file.to_owned(),
            line: None,
            field: String::new(),
            message,
        });
    }
    let place = |wanted: &str| names.iter().position(|name| name == wanted);
    let needed = |wanted: &str| {
        place(wanted).ok_or_else(|| {
            let message = format!(
                "this column is missing; columns are: {}",
                printable(&names.join(", "))
            );
            fault(file, 1, wanted, message)
        })
    };
    let columns = Columns {
        model: needed(MODEL)?,
        input: needed(INPUT)?,
        output: needed(OUTPUT)?,
        cached: place(CACHED),
        provider: place(PROVIDER),
    };
    let known = [MODEL, INPUT, OUTPUT, CACHED, PROVIDER];
    let unread = names.iter().filter(|name| !known.contains(&name.as_str()));
    Ok((columns, unread.cloned().collect()))
}

/// Whose prices these are where no column says so: the file's, by its name.
fn house(file: &str) -> String {
    let stem = Path::new(file).file_stem().unwrap_or_default();
    match stem.to_string_lossy().as_ref() {
        "" | "-" => "sheet".to_owned(),
        stem => stem.to_owned(),
    }
}

fn offer(
    file: &str,
    line: usize,
    columns: &Columns,
    house: &str,
    record: &StringRecord,
) -> Result<Offer, SheetError> {
    let cell = |place: usize| record.get(place).unwrap_or_default().trim();
    let key = cell(columns.model);
    if key.is_empty() {
        return Err(fault(file, line, MODEL, "must not be empty"));
    }
    let mut rounded = 0;
    let mut price = |column: &str, place: usize| {
        let text = cell(place);
        let read = per_token(text, 6);
        let read = read.filter(|price| (Usd::ZERO..=Rates::MAX).contains(&price.usd));
        let price = read.ok_or_else(|| {
            let message = match text {
                "" => "must not be empty; take the row out where the price is not known".to_owned(),
                text => format!(
                    "`{}` is no price: write USD per million tokens, from 0 to 1073.741824, like 0.28",
                    short(text)
                ),
            };
            fault(file, line, column, message)
        })?;
        rounded += u64::from(!price.exact);
        Ok(price.usd)
    };
    let cached = columns.cached.filter(|&place| !cell(place).is_empty());
    let prices = Prices {
        input: price(INPUT, columns.input)?,
        cached: cached.map(|place| price(CACHED, place)).transpose()?,
        output: price(OUTPUT, columns.output)?,
    };
    let provider = columns.provider.map(cell).filter(|name| !name.is_empty());
    Ok(Offer {
        key: key.to_owned(),
        provider: provider.unwrap_or(house).to_owned(),
        named: true,
        prices,
        tiers: Vec::new(),
        rounded,
        context_tokens: None,
        max_output_tokens: None,
        can: Vec::new(),
        source: format!("row {key}"),
        note: None,
    })
}

fn fault(file: &str, line: usize, field: &str, message: impl Into<String>) -> SheetError {
    SheetError::Fault {
        file: file.to_owned(),
        line: Some(line),
        field: field.to_owned(),
        message: message.into(),
    }
}

fn broken(file: &str, error: &csv::Error) -> SheetError {
    let message = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => format!("{len} cells where the first row has {expected_len}; is a quote missing?"),
        _ => error.to_string(),
    };
    fault(file, line(error.position()), "", message)
}

fn line(position: Option<&Position>) -> usize {
    position.map_or(1, |position| {
        usize::try_from(position.line()).unwrap_or(usize::MAX)
    })
}
