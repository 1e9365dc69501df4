//! The operator's commands: offers, pools, lists, demand, audit.

use crate::command::args::{Args, wrong};
use crate::command::error::CommandError;
use crate::command::{Command, EveryShard, ListCursor};
use crate::offer_text;
use stampede_engine::core::{Request, StateFilter, Status};

type Parsed<'a> = Result<Command<'a>, CommandError>;

/// How long a page of a list is when the command does not say.
const PAGE_COUNT_DEFAULT: u32 = 100;

/// A container without its subcommand; [`find`](crate::command::find) and the arity leave nothing to do here.
pub fn no_subcommand(args: Args<'_>) -> Parsed<'_> {
    Err(args.missing("a subcommand"))
}

/// `OFFER PUT offer json`
pub fn offer_put(mut args: Args<'_>) -> Parsed<'_> {
    let offer = args.id("offer")?;
    let json = args.bytes("json")?;
    let definition = offer_text::parse_json(json).map_err(|error| CommandError::Offer(error.to_string()))?;
    Ok(Command::Shard(Request::OfferPut { offer, definition: Box::new(definition) }))
}

/// `OFFER GET offer`
pub fn offer_get(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::OfferGet { offer: args.id("offer")? }))
}

/// `OFFER PAUSE offer`
pub fn offer_pause(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::OfferPause { offer: args.id("offer")? }))
}

/// `OFFER RESUME offer`
pub fn offer_resume(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::OfferResume { offer: args.id("offer")? }))
}

/// `OFFER REMOVE offer`
pub fn offer_remove(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::OfferRemove { offer: args.id("offer")? }))
}

/// `OFFER CLOSE offer`
pub fn offer_close(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::OfferClose { offer: args.id("offer")? }))
}

/// `OFFER EXTEND offer duration ID op`
pub fn offer_extend(mut args: Args<'_>) -> Parsed<'_> {
    let (offer, by) = (args.id("offer")?, args.duration("duration")?);
    let op = operation(&mut args)?;
    Ok(Command::Shard(Request::OfferExtend { offer, by, op }))
}

/// `OFFER LIST [CURSOR c] [COUNT n]`
pub fn offer_list(mut args: Args<'_>) -> Parsed<'_> {
    let (mut cursor, mut count) = (ListCursor::default(), PAGE_COUNT_DEFAULT);
    while let Some(option) = args.option(&["CURSOR", "COUNT"])? {
        match option {
            "CURSOR" => {
                cursor = ListCursor::from_number(args.cursor("CURSOR")?).ok_or_else(|| {
                    wrong("CURSOR", "0 or the cursor of the answer before", b"a number of neither")
                })?;
            }
            _ => count = args.count("COUNT")?,
        }
    }
    Ok(Command::EveryShard(EveryShard::OfferList { cursor, count }))
}

/// `POOL ADD pool n ID op`
pub fn pool_add(mut args: Args<'_>) -> Parsed<'_> {
    let (pool, units) = (args.id("pool")?, args.signed("n")?);
    let op = operation(&mut args)?;
    Ok(Command::Shard(Request::PoolAdd { pool, units, op }))
}

/// `POOL GET pool`
pub fn pool_get(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::PoolGet { pool: args.id("pool")? }))
}

/// `REVOKE offer id reason`
pub fn revoke(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::Revoke {
        offer: args.id("offer")?,
        id: args.id("id")?,
        reason: args.free("reason")?,
    }))
}

/// `RESERVATIONS offer [STATE s] [CURSOR c] [COUNT n]`
pub fn reservations(mut args: Args<'_>) -> Parsed<'_> {
    let offer = args.id("offer")?;
    let (mut state, mut cursor, mut count) = (StateFilter::Any, 0, PAGE_COUNT_DEFAULT);
    while let Some(option) = args.option(&["STATE", "CURSOR", "COUNT"])? {
        match option {
            "STATE" => state = StateFilter::Is(status(&mut args)?),
            "CURSOR" => cursor = args.cursor("CURSOR")?,
            _ => count = args.count("COUNT")?,
        }
    }
    Ok(Command::Shard(Request::Reservations { offer, state, cursor, count }))
}

/// `DEMAND offer`
pub fn demand(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Shard(Request::Demand { offer: args.id("offer")? }))
}

/// `AUDIT [offer]`
pub fn audit(mut args: Args<'_>) -> Parsed<'_> {
    let Some(offer) = args.rest() else { return Ok(Command::EveryShard(EveryShard::Audit)) };
    let offer = stampede_engine::core::Text::id(offer)
        .map_err(|error| CommandError::Text { argument: "offer", error })?;
    args.end()?;
    Ok(Command::Shard(Request::Audit { offer: Some(offer) }))
}

/// `ID op`: the operation's own id, which must be there.
fn operation<'a>(args: &mut Args<'a>) -> Result<stampede_engine::core::Text<'a>, CommandError> {
    match args.option(&["ID"])? {
        Some(_) => args.id("ID"),
        None => Err(args.missing("ID")),
    }
}

fn status(args: &mut Args<'_>) -> Result<Status, CommandError> {
    let word = args.bytes("STATE")?;
    Status::ALL
        .into_iter()
        .find(|status| status.name().as_bytes().eq_ignore_ascii_case(word))
        .ok_or_else(|| wrong("STATE", "WAITING, HELD, PAID, WON, RELEASED, REFUNDED or FORFEITED", word))
}
